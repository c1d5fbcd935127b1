// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// A stage fails because something is missing. Once that is there, a retry runs the action that failed, and the stage after it, and nothing else.
func TestTheSampleOfARetry(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createSamplePipeline(t, ns, "retry.yaml")
	first := createObject(t, builders.Execution(ns, "release"))
	waitForState(t, first, v1alpha1.ExecutionFailed)
	g.Expect(actionStates(first)).To(Equal(map[string]v1alpha1.ActionState{
		"compile": v1alpha1.ActionSucceeded, "copy": v1alpha1.ActionSucceeded, "roll-out": v1alpha1.ActionFailed, "mail": v1alpha1.ActionNotStarted,
	}))

	createObject(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "target"}, Data: map[string]string{"ready": "true"}})
	retry := builders.Execution(ns, "release")
	retry.Spec.RetryOf = &v1alpha1.RetryOf{PipelineExecutionID: string(first.UID), StageName: "Deploy", RetryMode: v1alpha1.RetryModeFailedActions}
	createObject(t, retry)
	waitForState(t, retry, v1alpha1.ExecutionSucceeded)
	g.Expect(listStartedActions(t, retry)).To(ConsistOf("roll-out", "mail"))
	g.Expect(readLogs(t, retry)).To(Equal([]string{"rolling out v1"}), "it has the output of an action that it did not run")
	waitForState(t, first, v1alpha1.ExecutionFailed)
	g.Expect(first.Status.RetriedBy).To(HaveValue(HaveField("PipelineExecutionID", string(retry.UID))))
	g.Expect(retry.Status.RetryOf).To(HaveValue(HaveField("PipelineExecutionID", string(first.UID))))
}

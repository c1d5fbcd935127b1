// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// An admission webhook that is down answers with an internal error. It keeps a start, and a stop that has to fence it.
func TestAWebhookThatIsDownHoldsAStartAndAStopUp(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline := createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	waitForCondition(t, pipeline, v1alpha1.ConditionReady, metav1.ConditionTrue)
	webhook := breakJobWebhook(t, ns)
	goesOn, stopped := createExecution(t, ns, "web"), createExecution(t, ns, "web")
	expectNotReady(t, goesOn, v1alpha1.ReasonStartBlocked, `"compile"`, "failed calling webhook")
	expectNotReady(t, stopped, v1alpha1.ReasonStartBlocked, `"compile"`, "failed calling webhook")

	sr := createObject(t, builders.StopAndWait(stopped))
	expectNotReady(t, stopped, v1alpha1.ReasonFencing, `"compile"`, "failed calling webhook")
	expectNotReady(t, sr, v1alpha1.ReasonFencing, `"compile"`, "failed calling webhook")
	g.Expect(findCondition(sr, v1alpha1.ConditionAccepted)).To(BeNil(), "no verdict while a start is not fenced")
	expectNoWrites(t, goesOn, stopped, sr)

	removeJobWebhook(t, webhook)
	expectAccepted(t, sr)
	waitForState(t, stopped, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(stopped)).To(Equal(states{"compile": actionNotStarted}))
	finishAction(t, goesOn, "compile", corev1.PodSucceeded)
	waitForState(t, goesOn, v1alpha1.ExecutionSucceeded)
}

// The same webhook keeps a Job that runs from being suspended.
func TestAWebhookThatIsDownHoldsAnAbandonUp(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	webhook := breakJobWebhook(t, execution.Namespace)
	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	message := waitForPendingReason(t, execution, v1alpha1.ReasonSuspendRefused)
	NewWithT(t).Expect(message).To(ContainSubstring("failed calling webhook"))
	expectNotReady(t, sr, string(v1alpha1.ExecutionStopping))
	removeJobWebhook(t, webhook)
	waitForStopped(t, sr)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
}

// A webhook that denies without a code answers with a bad request. One that takes only certain images denies the plain
// placeholder, and takes the one that looks like the Job of the action.
func TestAPlaceholderLikeTheActionIsTakenByAPolicyOnImages(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	denyJobs(t, ns, func(job *batchv1.Job) bool {
		return isNoPlaceholder(job) || strings.Contains(job.Spec.Template.Spec.Containers[0].Image, "placeholder")
	})
	execution := createExecution(t, ns, "web")
	expectNotReady(t, execution, v1alpha1.ReasonStartBlocked, `"compile"`, "not with this image")
	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	waitForStopped(t, sr)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(execution)).To(Equal(states{"compile": actionNotStarted}))
	placeholders := listJobs(t, execution)
	g.Expect(placeholders).To(HaveLen(1))
	g.Expect(isNoPlaceholder(&placeholders[0])).To(BeFalse())
	g.Expect(*placeholders[0].Spec.Suspend).To(BeTrue())
}

// A Pipeline whose Job a policy refused is looked at again: the policy may have been mended.
func TestAPipelineIsReadyOnceThePolicyIsMended(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	webhook := denyJobs(t, ns, isNoPlaceholder)
	pipeline := createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	expectNotReady(t, pipeline, v1alpha1.ReasonInvalidJobTemplate, `"compile"`, "not with this image")
	g.Expect(isConditionTrue(pipeline, v1alpha1.ConditionStalled)).To(BeTrue())
	expectNoWrites(t, pipeline)
	removeJobWebhook(t, webhook)
	waitForCondition(t, pipeline, v1alpha1.ConditionReady, metav1.ConditionTrue)
	g.Expect(findCondition(pipeline, v1alpha1.ConditionStalled)).To(BeNil())
}

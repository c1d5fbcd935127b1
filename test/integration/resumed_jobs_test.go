// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// Without the policy that refuses it, a queue may resume a Job that a stop has suspended.
func TestAJobThatIsResumedAfterItsExecutionStoppedRunsNothing(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	labelNamespace(t, execution.Namespace, labelUnchecked)
	expectAccepted(t, createObject(t, builders.StopAndAbandon(execution)))
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	expectNothingRunsWhenResumed(t, execution)
}

// A Job that waits in a queue is suspended already.
func TestAQueuedJobThatIsAbandonedRunsNothingWhenItsTurnComes(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createUncheckedNamespace(t)
	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile", builders.Suspended)))
	execution := createExecution(t, ns, "web")
	g.Eventually(func() int { return len(listJobs(t, execution)) }, timeout, interval).Should(Equal(1))
	expectAccepted(t, createObject(t, builders.StopAndAbandon(execution)))
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	expectNothingRunsWhenResumed(t, execution)
}

// expectNothingRunsWhenResumed resumes the Job of an execution, as a queue does, and watches for a while that no pod runs.
func expectNothingRunsWhenResumed(t *testing.T, execution *v1alpha1.PipelineExecution) {
	t.Helper()
	g := NewWithT(t)
	job := &listJobs(t, execution)[0]
	// The API server learns of the label of the namespace a little later.
	g.Eventually(func() error {
		return k8s.Patch(t.Context(), job, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"suspend":false}}`)))
	}, timeout, interval).Should(Succeed())
	g.Consistently(countRunning(t.Context(), execution, "compile"), 2*quietTime, interval).Should(BeZero())
}

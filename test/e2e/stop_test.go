// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// "... by completing in-progress actions without starting subsequent actions": of the same stage, and of the next.
func TestStopAndWait(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns,
		builders.Stage("Build", newAction("compile", scriptSucceedsLate), newAction("package", scriptSucceeds, builders.RunOrder(2))),
		builders.Stage("Deploy", newAction("roll-out", scriptSucceeds)))
	execution := createExecution(t, ns)
	followLog(t, execution, "compile")

	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	g.Expect(sr.Status.PipelineExecutionID).To(Equal(string(execution.UID)))
	g.Expect(refreshObject(t, execution).Status.State).To(Equal(v1alpha1.ExecutionStopping))
	g.Expect(pendingActions(execution)).To(Equal([]string{"compile"}))

	waitForStopped(t, execution)
	g.Expect(readLogs(t, execution)).To(Equal([]string{"compile starts", "compile is done"}))
	g.Expect(actionStates(execution)).To(Equal(map[string]v1alpha1.ActionState{
		"compile": v1alpha1.ActionSucceeded, "package": v1alpha1.ActionNotStarted, "roll-out": v1alpha1.ActionNotStarted,
	}))
	g.Expect(listStartedActions(t, execution)).To(Equal([]string{"compile"}))
	waitForDone(t, sr)
}

// "After all in-progress actions are completed or abandoned, the pipeline execution is in a Stopped state": all of
// those that run at the same time, also when one of them fails.
func TestStopAndWaitForSiblings(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns,
		builders.Stage("Build", newAction("compile", scriptSucceedsLate), newAction("lint", scriptFails)),
		builders.Stage("Deploy", newAction("roll-out", scriptSucceeds)))
	execution := createExecution(t, ns)
	followLog(t, execution, "compile")
	followLog(t, execution, "lint")

	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	waitForStopped(t, execution)
	g.Expect(readLogs(t, execution)).To(ConsistOf("compile starts", "compile is done", "lint starts", "lint gives up"))
	g.Expect(actionStates(execution)).To(Equal(map[string]v1alpha1.ActionState{
		"compile": v1alpha1.ActionSucceeded, "lint": v1alpha1.ActionFailed, "roll-out": v1alpha1.ActionNotStarted,
	}))
	g.Expect(listStartedActions(t, execution)).To(Equal([]string{"compile", "lint"}))
	waitForDone(t, sr)
}

// What is abandoned gets SIGTERM, and Stopped waits until it has ended.
func TestAbandonRespectsTheGracePeriod(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns,
		builders.Stage("Build", newAction("compile", scriptCleansUp), newAction("test", scriptCleansUp), newAction("package", scriptSucceeds, builders.RunOrder(2))),
		builders.Stage("Deploy", newAction("roll-out", scriptSucceeds)))
	execution := createExecution(t, ns)
	compile, test := followLog(t, execution, "compile"), followLog(t, execution, "test")

	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	waitForStopped(t, execution)
	g.Expect(compile.waitForEnd(t)).To(Equal("compile starts\ncompile was told to end\ncompile has cleaned up\n"))
	g.Expect(test.waitForEnd(t)).To(Equal("test starts\ntest was told to end\ntest has cleaned up\n"))
	g.Expect(actionStates(execution)).To(Equal(map[string]v1alpha1.ActionState{
		"compile": v1alpha1.ActionAbandoned, "test": v1alpha1.ActionAbandoned,
		"package": v1alpha1.ActionNotStarted, "roll-out": v1alpha1.ActionNotStarted,
	}))
	g.Expect(listStartedActions(t, execution)).To(Equal([]string{"compile", "test"}))
	waitForDone(t, sr)
	waitForNoPods(t, execution)
}

// A container that ignores SIGTERM is killed when its grace period is over.
func TestAbandonKillsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, builders.Stage("Build", newAction("compile", scriptIgnoresTerm, builders.GraceSeconds(3))), builders.Stage("Deploy", newAction("roll-out", scriptSucceeds)))
	execution := createExecution(t, ns)
	compile := followLog(t, execution, "compile")

	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	waitForStopped(t, execution)
	g.Expect(compile.waitForEnd(t)).To(Equal("compile starts\n"))
	g.Expect(actionStates(execution)).To(HaveKeyWithValue("compile", v1alpha1.ActionAbandoned))
	g.Expect(listStartedActions(t, execution)).To(Equal([]string{"compile"}))
	waitForDone(t, sr)
	waitForNoPods(t, execution)
}

// "If you already chose to stop and wait, you cannot make that request again. You can choose to stop and abandon now
// ... If you already chose to stop and abandon, you cannot make that request again."
func TestEscalationAndDuplicates(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	// It cleans up for so long that all requests come meanwhile.
	slow := `trap 'echo "told to end"; sleep 10; echo "cleaned up"; exit 0' TERM; echo "starts"; sleep 3600 & wait $!`
	createPipeline(t, ns, builders.Stage("Build", newAction("compile", slow)), builders.Stage("Deploy", newAction("roll-out", scriptSucceeds)))
	execution := createExecution(t, ns)
	compile := followLog(t, execution, "compile")

	wait := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, wait)
	expectVerdict(t, createObject(t, builders.StopAndWait(execution)), v1alpha1.ReasonDuplicatedStopRequest)
	g.Expect(compile.String()).To(Equal("starts\n"), "a wait ends nothing")
	abandon := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, abandon)
	expectVerdict(t, createObject(t, builders.StopAndAbandon(execution)), v1alpha1.ReasonDuplicatedStopRequest)
	expectVerdict(t, createObject(t, builders.StopAndWait(execution)), v1alpha1.ReasonDuplicatedStopRequest)

	waitForStopped(t, execution)
	g.Expect(compile.waitForEnd(t)).To(Equal("starts\ntold to end\ncleaned up\n"))
	g.Expect(execution.Status.Stop.Mode).To(Equal(v1alpha1.StopModeAbandon))
	g.Expect(execution.Status.Stop.Requests).To(HaveLen(2))
	g.Expect(execution.Status.Stop.Requests[0].UID).To(BeEquivalentTo(wait.UID))
	g.Expect(execution.Status.Stop.Requests[1].UID).To(BeEquivalentTo(abandon.UID))
	waitForDone(t, wait)
	waitForDone(t, abandon)
	g.Expect(listStartedActions(t, execution)).To(Equal([]string{"compile"}))
}

// "The execution might already be in a Stopped state, or it might no longer be in progress."
func TestNotStoppable(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, builders.Stage("Build", newAction("compile", scriptSucceedsLate)))
	succeeded, stopped := createExecution(t, ns), createExecution(t, ns)
	expectAccepted(t, createObject(t, builders.StopAndAbandon(stopped)))
	waitForStopped(t, stopped)
	waitForState(t, succeeded, v1alpha1.ExecutionSucceeded)

	for _, execution := range []*v1alpha1.PipelineExecution{succeeded, stopped} {
		expectVerdict(t, createObject(t, builders.StopAndWait(execution)), v1alpha1.ReasonNotStoppable)
		expectVerdict(t, createObject(t, builders.StopAndAbandon(execution)), v1alpha1.ReasonNotStoppable)
	}
	expectVerdict(t, createObject(t, builders.StopRequest(ns, "web", builders.UnknownID)), v1alpha1.ReasonNotStoppable)
	g.Expect(refreshObject(t, succeeded).Status.State).To(Equal(v1alpha1.ExecutionSucceeded))
	g.Expect(succeeded.Status.Stop).To(BeNil())
}

// "The pipeline was specified in an invalid format or cannot be found."
func TestPipelineNotFound(t *testing.T) {
	t.Parallel()
	ns, elsewhere := createNamespace(t), createNamespace(t)
	createPipeline(t, ns, builders.Stage("Build", newAction("compile", scriptSucceedsLate)))
	execution := createExecution(t, ns)
	followLog(t, execution, "compile")

	expectVerdict(t, createObject(t, builders.StopRequest(ns, "wbe", string(execution.UID))), v1alpha1.ReasonPipelineNotFound)
	expectVerdict(t, createObject(t, builders.StopRequest(elsewhere, "web", string(execution.UID))), v1alpha1.ReasonPipelineNotFound)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
}

// With onAbandon: Orphan an abandoned action's work goes on outside the execution, marked so that a person can find it.
func TestOrphanRunsOn(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns,
		builders.Stage("Build", newAction("compile", scriptCleansUp), newAction("migrate", scriptSucceedsLate, builders.Orphaned)),
		builders.Stage("Deploy", newAction("roll-out", scriptSucceeds)))
	execution := createExecution(t, ns)
	compile, migrate := followLog(t, execution, "compile"), followLog(t, execution, "migrate")

	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(listRunningActions(t, execution)).NotTo(ContainElement("compile"))
	g.Expect(compile.waitForEnd(t)).To(HaveSuffix("compile has cleaned up\n"))
	g.Expect(actionStates(execution)).To(HaveKeyWithValue("migrate", v1alpha1.ActionAbandoned))
	waitForDone(t, sr)

	// It outlives even the execution.
	g.Expect(k8s.Delete(t.Context(), execution, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
	g.Expect(migrate.waitForEnd(t)).To(Equal("migrate starts\nmigrate is done\n"))
	jobs := &batchv1.JobList{}
	g.Eventually(func() []batchv1.Job {
		g.Expect(k8s.List(t.Context(), jobs, client.InNamespace(ns))).To(Succeed())
		return jobs.Items
	}, timeout, interval).Should(HaveLen(1), "the Jobs of the execution go with it")
	g.Expect(jobs.Items[0].Labels).To(HaveKeyWithValue(v1alpha1.LabelOrphaned, "true"))
	g.Expect(jobs.Items[0].OwnerReferences).To(BeEmpty())
}

// A namespace can be deleted while something in it is being stopped: the clean-up of this test waits for that.
func TestNamespaceGoesWhileStopping(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	createPipeline(t, ns, builders.Stage("Build", newAction("compile", scriptCleansUp), newAction("test", scriptIgnoresTerm, builders.GraceSeconds(3)), newAction("migrate", scriptCleansUp, builders.Orphaned)))
	waiting, abandoned := createExecution(t, ns), createExecution(t, ns)
	followLog(t, waiting, "compile")
	followLog(t, abandoned, "compile")
	expectAccepted(t, createObject(t, builders.StopAndWait(waiting)))
	expectAccepted(t, createObject(t, builders.StopAndAbandon(abandoned)))
}

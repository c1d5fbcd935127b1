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
)

// "... by completing in-progress actions without starting subsequent actions": of the same stage, and of the next.
func TestStopAndWait(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	pipeline(t, ns,
		stage("Build", act("compile", 1, worksAWhile), act("package", 2, works)),
		stage("Deploy", act("roll-out", 1, works)))
	e := execution(t, ns)
	listen(t, e, "compile")

	r := request(t, e, false)
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	g.Expect(r.Status.PipelineExecutionID).To(Equal(string(e.UID)))
	g.Expect(refresh(t, e).Status.State).To(Equal(v1alpha1.ExecutionStopping))
	g.Expect(waitsFor(e)).To(Equal([]string{"compile"}))

	stops(t, e)
	g.Expect(said(t, e)).To(Equal([]string{"compile starts", "compile is done"}))
	g.Expect(states(e)).To(Equal(map[string]v1alpha1.ActionState{
		"compile": v1alpha1.ActionSucceeded, "package": v1alpha1.ActionNotStarted, "roll-out": v1alpha1.ActionNotStarted,
	}))
	g.Expect(started(t, e)).To(Equal([]string{"compile"}))
	concludes(t, r)
}

// "After all in-progress actions are completed or abandoned, the pipeline execution is in a Stopped state": all of
// those that run at the same time, also when one of them fails.
func TestStopAndWaitForSiblings(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	pipeline(t, ns,
		stage("Build", act("compile", 1, worksAWhile), act("lint", 1, fails)),
		stage("Deploy", act("roll-out", 1, works)))
	e := execution(t, ns)
	listen(t, e, "compile")
	listen(t, e, "lint")

	r := request(t, e, false)
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	stops(t, e)
	g.Expect(said(t, e)).To(ConsistOf("compile starts", "compile is done", "lint starts", "lint gives up"))
	g.Expect(states(e)).To(Equal(map[string]v1alpha1.ActionState{
		"compile": v1alpha1.ActionSucceeded, "lint": v1alpha1.ActionFailed, "roll-out": v1alpha1.ActionNotStarted,
	}))
	g.Expect(started(t, e)).To(Equal([]string{"compile", "lint"}))
	concludes(t, r)
}

// Work that is abandoned is told to end, and Stopped waits until it has.
func TestAbandonRespectsTheGracePeriod(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	pipeline(t, ns,
		stage("Build", act("compile", 1, worksOn), act("test", 1, worksOn), act("package", 2, works)),
		stage("Deploy", act("roll-out", 1, works)))
	e := execution(t, ns)
	compile, test := listen(t, e, "compile"), listen(t, e, "test")

	r := request(t, e, true)
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	stops(t, e)
	g.Expect(compile.whole(t)).To(Equal("compile starts\ncompile was told to end\ncompile has cleaned up\n"))
	g.Expect(test.whole(t)).To(Equal("test starts\ntest was told to end\ntest has cleaned up\n"))
	g.Expect(states(e)).To(Equal(map[string]v1alpha1.ActionState{
		"compile": v1alpha1.ActionAbandoned, "test": v1alpha1.ActionAbandoned,
		"package": v1alpha1.ActionNotStarted, "roll-out": v1alpha1.ActionNotStarted,
	}))
	g.Expect(started(t, e)).To(Equal([]string{"compile", "test"}))
	concludes(t, r)
	podsGo(t, e)
}

// A container that does not listen is killed when its grace period is over.
func TestAbandonKillsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	pipeline(t, ns, stage("Build", act("compile", 1, isDeaf, grace(3))), stage("Deploy", act("roll-out", 1, works)))
	e := execution(t, ns)
	compile := listen(t, e, "compile")

	r := request(t, e, true)
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	stops(t, e)
	g.Expect(compile.whole(t)).To(Equal("compile starts\n"))
	g.Expect(states(e)).To(HaveKeyWithValue("compile", v1alpha1.ActionAbandoned))
	g.Expect(started(t, e)).To(Equal([]string{"compile"}))
	concludes(t, r)
	podsGo(t, e)
}

// "If you already chose to stop and wait, you cannot make that request again. You can choose to stop and abandon now
// ... If you already chose to stop and abandon, you cannot make that request again."
func TestEscalationAndDuplicates(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	// Long enough to clean up for all requests to come in meanwhile.
	slow := `trap 'echo "told to end"; sleep 10; echo "cleaned up"; exit 0' TERM; echo "starts"; sleep 3600 & wait $!`
	pipeline(t, ns, stage("Build", act("compile", 1, slow)), stage("Deploy", act("roll-out", 1, works)))
	e := execution(t, ns)
	compile := listen(t, e, "compile")

	wait := request(t, e, false)
	g.Expect(verdict(t, wait)).To(Equal(v1alpha1.ReasonAccepted))
	g.Expect(verdict(t, request(t, e, false))).To(Equal(v1alpha1.ReasonDuplicatedStopRequest))
	g.Expect(compile.String()).To(Equal("starts\n"), "a wait ends nothing")
	abandon := request(t, e, true)
	g.Expect(verdict(t, abandon)).To(Equal(v1alpha1.ReasonAccepted))
	for _, again := range []bool{true, false} {
		g.Expect(verdict(t, request(t, e, again))).To(Equal(v1alpha1.ReasonDuplicatedStopRequest))
	}

	stops(t, e)
	g.Expect(compile.whole(t)).To(Equal("starts\ntold to end\ncleaned up\n"))
	g.Expect(e.Status.Stop.Mode).To(Equal(v1alpha1.StopModeAbandon))
	g.Expect(e.Status.Stop.Requests).To(HaveLen(2))
	g.Expect(e.Status.Stop.Requests[0].UID).To(BeEquivalentTo(wait.UID))
	g.Expect(e.Status.Stop.Requests[1].UID).To(BeEquivalentTo(abandon.UID))
	concludes(t, wait)
	concludes(t, abandon)
	g.Expect(started(t, e)).To(Equal([]string{"compile"}))
}

// "The execution might already be in a Stopped state, or it might no longer be in progress."
func TestNotStoppable(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	pipeline(t, ns, stage("Build", act("compile", 1, worksAWhile)))
	succeeded, stopped := execution(t, ns), execution(t, ns)
	g.Expect(verdict(t, request(t, stopped, true))).To(Equal(v1alpha1.ReasonAccepted))
	stops(t, stopped)
	reaches(t, succeeded, v1alpha1.ExecutionSucceeded)

	for _, e := range []*v1alpha1.PipelineExecution{succeeded, stopped} {
		for _, abandon := range []bool{false, true} {
			g.Expect(verdict(t, request(t, e, abandon))).To(Equal(v1alpha1.ReasonNotStoppable))
		}
	}
	g.Expect(verdict(t, ask(t, ns, "web", "00000000-0000-4000-8000-000000000000", false))).To(Equal(v1alpha1.ReasonNotStoppable))
	g.Expect(refresh(t, succeeded).Status.State).To(Equal(v1alpha1.ExecutionSucceeded))
	g.Expect(succeeded.Status.Stop).To(BeNil())
}

// "The pipeline was specified in an invalid format or cannot be found."
func TestPipelineNotFound(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns, elsewhere := namespace(t), namespace(t)
	pipeline(t, ns, stage("Build", act("compile", 1, worksAWhile)))
	e := execution(t, ns)
	listen(t, e, "compile")

	g.Expect(verdict(t, ask(t, ns, "wbe", string(e.UID), true))).To(Equal(v1alpha1.ReasonPipelineNotFound))
	g.Expect(verdict(t, ask(t, elsewhere, "web", string(e.UID), true))).To(Equal(v1alpha1.ReasonPipelineNotFound))
	reaches(t, e, v1alpha1.ExecutionSucceeded)
}

// With onAbandon: Orphan an abandoned action's work goes on outside the execution, marked so that a person can find it.
func TestOrphanRunsOn(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	pipeline(t, ns,
		stage("Build", act("compile", 1, worksOn), act("migrate", 1, worksAWhile, orphan)),
		stage("Deploy", act("roll-out", 1, works)))
	e := execution(t, ns)
	compile, migrate := listen(t, e, "compile"), listen(t, e, "migrate")

	r := request(t, e, true)
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	reaches(t, e, v1alpha1.ExecutionStopped)
	g.Expect(running(t, e)).NotTo(ContainElement("compile"))
	g.Expect(compile.whole(t)).To(HaveSuffix("compile has cleaned up\n"))
	g.Expect(states(e)).To(HaveKeyWithValue("migrate", v1alpha1.ActionAbandoned))
	concludes(t, r)

	// It outlives even the execution.
	g.Expect(k8s.Delete(t.Context(), e, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
	g.Expect(migrate.whole(t)).To(Equal("migrate starts\nmigrate is done\n"))
	jobs := &batchv1.JobList{}
	g.Eventually(func() []batchv1.Job {
		g.Expect(k8s.List(t.Context(), jobs, client.InNamespace(ns))).To(Succeed())
		return jobs.Items
	}, patience, tick).Should(HaveLen(1), "the Jobs of the execution go with it")
	g.Expect(jobs.Items[0].Labels).To(HaveKeyWithValue(v1alpha1.LabelOrphaned, "true"))
	g.Expect(jobs.Items[0].OwnerReferences).To(BeEmpty())
}

// A namespace can be deleted while something in it is being stopped: the clean-up of this test waits for that.
func TestNamespaceGoesWhileStopping(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	pipeline(t, ns, stage("Build", act("compile", 1, worksOn), act("test", 1, isDeaf, grace(3)), act("migrate", 1, worksOn, orphan)))
	waiting, abandoned := execution(t, ns), execution(t, ns)
	listen(t, waiting, "compile")
	listen(t, abandoned, "compile")
	g.Expect(verdict(t, request(t, waiting, false))).To(Equal(v1alpha1.ReasonAccepted))
	g.Expect(verdict(t, request(t, abandoned, true))).To(Equal(v1alpha1.ReasonAccepted))
}

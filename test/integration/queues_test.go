// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// createQueue creates a Pipeline of two stages, with a mode.
func createQueue(t *testing.T, ns string, mode v1alpha1.ExecutionMode) *v1alpha1.Pipeline {
	t.Helper()
	pipeline := builders.Pipeline(ns, "web", builders.Stage("Build", builders.Action("compile")), builders.Stage("Deploy", builders.Action("roll-out")))
	pipeline.Spec.ExecutionMode = mode
	return createObject(t, pipeline)
}

// startQueue creates a Pipeline with a mode, and an execution that is in its first stage.
func startQueue(t *testing.T, ns string, mode v1alpha1.ExecutionMode) (pipeline *v1alpha1.Pipeline, first *v1alpha1.PipelineExecution) {
	t.Helper()
	pipeline, first = createQueue(t, ns, mode), createExecution(t, ns, "web")
	waitForRunning(t, first, "compile")
	return pipeline, first
}

// changePipeline changes the spec of a Pipeline.
func changePipeline(t *testing.T, pipeline *v1alpha1.Pipeline, change func(*v1alpha1.PipelineSpec)) {
	t.Helper()
	NewWithT(t).Expect(replaceAs(t, k8s, pipeline, func(stored *v1alpha1.Pipeline) { change(&stored.Spec) })).To(Succeed())
}

// createWaiting creates an execution, and waits until it waits before a stage.
func createWaiting(t *testing.T, ns, stage string) *v1alpha1.PipelineExecution {
	t.Helper()
	execution := createExecution(t, ns, "web")
	waitBefore(t, execution, stage)
	return execution
}

func waitBefore(t *testing.T, execution *v1alpha1.PipelineExecution, stage string) {
	t.Helper()
	NewWithT(t).Eventually(func() *v1alpha1.StageWait { return refreshObject(t, execution).Status.WaitingForStage }, timeout, interval).
		Should(HaveField("Stage", stage), func() string { return fmt.Sprintf("%+v", execution.Status) })
}

// waitForSummary waits until the Pipeline tells in a line who is where.
func waitForSummary(t *testing.T, pipeline *v1alpha1.Pipeline, format string, args ...any) {
	t.Helper()
	NewWithT(t).Eventually(func() string { return refreshObject(t, pipeline).Status.StageSummary }, timeout, interval).
		Should(Equal(fmt.Sprintf(format, args...)))
}

func TestAQueueLetsOneExecutionAtATimeIntoAStage(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline, first := startQueue(t, ns, v1alpha1.ExecutionModeQueued)
	second := createWaiting(t, ns, "Build")
	expectNotReady(t, second, v1alpha1.ReasonWaitingForStage, `"Build"`, "kubectl get pipeline web -o wide")
	waitForSummary(t, pipeline, "Build: %s, 1 waiting", first.Name)
	third := createWaiting(t, ns, "Build")
	waitForSummary(t, pipeline, "Build: %s, 2 waiting", first.Name)
	g.Expect(pipeline.Status.Stages[0].Execution.PipelineExecutionID).To(Equal(string(first.UID)))
	g.Expect(pipeline.Status.Stages[0].Waiting).To(HaveLen(2))
	if pipeline.Status.Stages[0].Waiting[0].Name == third.Name {
		second, third = third, second // Of one second, the smaller id is first.
	}

	// The second one has the first stage when the first one has left it, not when that has ended.
	finishAction(t, first, "compile", corev1.PodSucceeded)
	waitForRunning(t, first, "roll-out")
	waitForSummary(t, pipeline, "Build: %s, 1 waiting; Deploy: %s", second.Name, first.Name)

	for _, execution := range []*v1alpha1.PipelineExecution{first, second, third} {
		if execution != first {
			waitForRunning(t, execution, "compile")
			finishAction(t, execution, "compile", corev1.PodSucceeded)
			waitForRunning(t, execution, "roll-out")
		}
		finishAction(t, execution, "roll-out", corev1.PodSucceeded)
		waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	}
	waitForSummary(t, pipeline, "")
	expectNoWrites(t, pipeline)
}

// "An execution that waits to enter a stage can be stopped; it never enters."
func TestAStopOfAnExecutionThatWaitsIsDoneAtOnce(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline, first := startQueue(t, ns, v1alpha1.ExecutionModeQueued)
	for _, ask := range []func(*v1alpha1.PipelineExecution) *v1alpha1.StopRequest{builders.StopAndWait, builders.StopAndAbandon} {
		waiting := createWaiting(t, ns, "Build")
		sr := createObject(t, ask(waiting))
		expectAccepted(t, sr)
		waitForState(t, waiting, v1alpha1.ExecutionStopped)
		g.Expect(actionStates(waiting)).To(HaveEach(actionNotStarted))
	}
	waitForSummary(t, pipeline, "Build: %s", first.Name)
	finishAction(t, first, "compile", corev1.PodFailed)
	waitForState(t, first, v1alpha1.ExecutionFailed)
	waitForSummary(t, pipeline, "")
}

func TestANewerExecutionSupersedesOneThatWaits(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	_, first := startQueue(t, ns, v1alpha1.ExecutionModeSuperseded)
	// Executions of one second are ordered by their ids.
	pair := map[string]*v1alpha1.PipelineExecution{}
	for range 2 {
		e := createExecution(t, ns, "web")
		pair[e.CreationTimestamp.UTC().String()+string(e.UID)] = e
	}
	var older, newer *v1alpha1.PipelineExecution
	last := ""
	for key, e := range pair {
		if key > last {
			older, newer, last = newer, e, key
		} else {
			older = e
		}
	}
	waitForState(t, older, v1alpha1.ExecutionSuperseded)
	g.Expect(older.Status.SupersededBy).To(Equal(newer.Name))
	g.Expect(findCondition(older, v1alpha1.ConditionFinished)).To(HaveField("Reason", "Superseded"))
	g.Expect(isConditionTrue(older, v1alpha1.ConditionStalled)).To(BeTrue())
	expectVerdict(t, createObject(t, builders.StopAndWait(older)), v1alpha1.ReasonNotStoppable)

	// Who is in the stage is not superseded.
	g.Expect(refreshObject(t, first).Status.State).To(Equal(v1alpha1.ExecutionInProgress))
	finishAction(t, first, "compile", corev1.PodSucceeded)
	waitForRunning(t, newer, "compile")
}

// A transition that is disabled for the stage that an execution is in lets that one go on, and keeps the others before it.
func TestADisabledTransitionHoldsExecutionsBeforeTheStage(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline := createQueue(t, ns, v1alpha1.ExecutionModeParallel)
	disable := func(spec *v1alpha1.PipelineSpec) {
		spec.Stages[1].Transition = &v1alpha1.StageTransition{Disabled: true, Reason: "release freeze"}
	}
	inside, outside, stopped := createExecution(t, ns, "web"), createExecution(t, ns, "web"), createExecution(t, ns, "web")
	finishAction(t, inside, "compile", corev1.PodSucceeded)
	waitForRunning(t, inside, "roll-out")
	changePipeline(t, pipeline, disable)
	waitForSummary(t, pipeline, "Deploy: disabled")
	g.Expect(pipeline.Status.Stages).To(HaveLen(1))
	g.Expect(pipeline.Status.Stages[0].DisabledTransition.Reason).To(Equal("release freeze"))

	for _, execution := range []*v1alpha1.PipelineExecution{outside, stopped} {
		finishAction(t, execution, "compile", corev1.PodSucceeded)
		expectNotReady(t, execution, v1alpha1.ReasonTransitionDisabled, `"Deploy"`, "release freeze")
	}
	finishAction(t, inside, "roll-out", corev1.PodSucceeded)
	waitForState(t, inside, v1alpha1.ExecutionSucceeded)
	expectAccepted(t, createObject(t, builders.StopAndWait(stopped)))
	waitForState(t, stopped, v1alpha1.ExecutionStopped)
	g.Expect(findAction(stopped, "roll-out").State).To(Equal(actionNotStarted))

	changePipeline(t, pipeline, func(spec *v1alpha1.PipelineSpec) { spec.Stages[1].Transition = nil })
	waitForRunning(t, outside, "roll-out")
	// A transition is not pinned.
	g.Expect(refreshObject(t, outside).Status.PipelineRevision).To(Equal(inside.Status.PipelineRevision))
	late := createExecution(t, ns, "web")
	waitForRunning(t, late, "compile")
	g.Expect(refreshObject(t, late).Status.PipelineRevision).To(Equal(inside.Status.PipelineRevision))
}

// Two modes are switched while ten executions wait: none is lost, and no two are in the stage.
func TestTheModeIsSwitchedWhileTenExecutionsWait(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline, first := startQueue(t, ns, v1alpha1.ExecutionModeQueued)
	var waiting []*v1alpha1.PipelineExecution
	for range 10 {
		waiting = append(waiting, createWaiting(t, ns, "Build"))
	}
	waitForSummary(t, pipeline, "Build: %s, 10 waiting", first.Name)
	g.Expect(pipeline.Status.Stages[0].Waiting).To(HaveLen(v1alpha1.MaxWaitingShown))
	changePipeline(t, pipeline, func(spec *v1alpha1.PipelineSpec) { spec.ExecutionMode = v1alpha1.ExecutionModeSuperseded })
	count := func(state v1alpha1.ExecutionState) func() int {
		return func() int {
			n := 0
			for _, e := range waiting {
				if refreshObject(t, e).Status.State == state {
					n++
				}
			}
			return n
		}
	}
	g.Eventually(count(v1alpha1.ExecutionSuperseded), timeout, interval).Should(Equal(9))
	waitForSummary(t, pipeline, "Build: %s, 1 waiting", first.Name)
	waiting = append(waiting, createExecution(t, ns, "web"))
	g.Eventually(count(v1alpha1.ExecutionSuperseded), timeout, interval).Should(Equal(10))
	changePipeline(t, pipeline, func(spec *v1alpha1.PipelineSpec) { spec.ExecutionMode = v1alpha1.ExecutionModeParallel })
	// Of those of one second, the one with the greatest id is the newest.
	last := waiting[slices.IndexFunc(waiting, func(e *v1alpha1.PipelineExecution) bool {
		return refreshObject(t, e).Status.State != v1alpha1.ExecutionSuperseded
	})]
	waitForRunning(t, last, "compile")
	g.Eventually(func() []v1alpha1.PipelineStageStatus { return refreshObject(t, pipeline).Status.Stages }, timeout, interval).Should(BeEmpty())

	// Two are in the stage by now. Nobody else enters it before both have left it.
	changePipeline(t, pipeline, func(spec *v1alpha1.PipelineSpec) { spec.ExecutionMode = v1alpha1.ExecutionModeQueued })
	waitForSummary(t, pipeline, "Build: %s", first.Name)
	late := createWaiting(t, ns, "Build")
	finishAction(t, first, "compile", corev1.PodFailed)
	waitForSummary(t, pipeline, "Build: %s, 1 waiting", last.Name)
	g.Expect(actionStates(refreshObject(t, late))).To(HaveEach(actionNotStarted))
	finishAction(t, last, "compile", corev1.PodFailed)
	waitForRunning(t, late, "compile")
}

func TestAnExecutionWaitsForAPipelineThatIsDeletedUntilItIsBackOrStopped(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline, first := startQueue(t, ns, v1alpha1.ExecutionModeQueued)
	second, third := createWaiting(t, ns, "Build"), createWaiting(t, ns, "Build")
	g.Expect(k8s.Delete(t.Context(), pipeline)).To(Succeed())
	expectNotReady(t, second, v1alpha1.ReasonWaitingForStage, "no Pipeline in this namespace", "Create it again")
	expectNotReady(t, third, v1alpha1.ReasonWaitingForStage, "no Pipeline in this namespace")
	expectAccepted(t, createObject(t, builders.StopAndAbandon(third)))
	waitForState(t, third, v1alpha1.ExecutionStopped)

	// The new one learns from the executions who is in the stage.
	createQueue(t, ns, v1alpha1.ExecutionModeQueued)
	expectNotReady(t, second, v1alpha1.ReasonWaitingForStage, "kubectl get pipeline")
	finishAction(t, first, "compile", corev1.PodFailed)
	waitForState(t, first, v1alpha1.ExecutionFailed)
	waitForRunning(t, second, "compile")
}

func TestSchemaTransition(t *testing.T) {
	t.Parallel()
	const field = "spec.stages[0].transition"
	disabled := func(reason any) map[string]any {
		transition := map[string]any{"disabled": true}
		if reason != nil {
			transition["reason"] = reason
		}
		return transition
	}
	testSchema(t, goodPipeline, []schemaCase{
		{name: "enabled", field: field, value: map[string]any{"disabled": false}},
		{name: "enabled, and the reason is kept", field: field, value: map[string]any{"disabled": false, "reason": "frozen"}},
		{name: "disabled", field: field, value: disabled("Freeze (until 3 p.m.) - ask ops@example.com!")},
		{name: "disabled without a reason", field: field, value: disabled(nil), at: field + ".reason", refused: "a transition that is disabled needs a reason"},
		{name: "an empty reason", field: field, value: disabled(""), at: field + ".reason", refused: "should be at least 1 chars long"},
		{name: "a reason of 300 characters", field: field, value: disabled(strings.Repeat("r", 300))},
		{name: "a reason of 301 characters", field: field, value: disabled(strings.Repeat("r", 301)), at: field + ".reason", refused: "may not be more than 300"},
		{name: "a reason with a newline", field: field, value: disabled("a\nb"), at: field + ".reason", refused: "should match"},
		{name: "a reason with a quote", field: field, value: disabled(`"`), at: field + ".reason", refused: "should match"},
	})
	testSchema(t, goodPipeline, []schemaCase{
		{name: "PARALLEL", field: "spec.executionMode", value: "PARALLEL"},
		{name: "QUEUED", field: "spec.executionMode", value: "QUEUED"},
		{name: "SUPERSEDED", field: "spec.executionMode", value: "SUPERSEDED"},
		{name: "in lower case", field: "spec.executionMode", value: "queued", refused: "Unsupported value"},
		{name: "history of superseded ones", field: "spec.history", value: map[string]any{"superseded": int64(0)}},
		{name: "a negative history", field: "spec.history", value: map[string]any{"superseded": int64(-1)}, at: "spec.history.superseded", refused: "should be greater than or equal to 0"},
	})
}

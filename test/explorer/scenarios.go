// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

const (
	accepted     = v1alpha1.ReasonAccepted
	duplicated   = v1alpha1.ReasonDuplicatedStopRequest
	notStoppable = v1alpha1.ReasonNotStoppable
	notFound     = v1alpha1.ReasonPipelineNotFound
	stopped      = string(v1alpha1.ExecutionStopped)
	inProgress   = string(v1alpha1.ExecutionInProgress)
	succeeded    = string(v1alpha1.ExecutionSucceeded)
	failed       = string(v1alpha1.ExecutionFailed)
	stopping     = string(v1alpha1.ExecutionStopping)
)

// setUpOneRun creates a Pipeline "web" and an execution "run" of it.
func setUpOneRun(stages ...v1alpha1.Stage) func(*Sim) {
	return func(s *Sim) {
		s.createPipeline(stages...)
		s.createExecution("run")
	}
}

// newStopAct asks to stop the execution "run".
func newStopAct(when When, name string, how func(*v1alpha1.StopRequestSpec)) Act {
	return Act{when, func(s *Sim) { s.createStopRequest(name, "run", how) }}
}

// isRefusedUntilStopped is a quota that refuses Jobs until a stop is recorded. It admits the placeholders that come then.
func isRefusedUntilStopped(s *Sim, c *simcluster.Call) bool {
	e, ok := s.Store.Find(simcluster.Execution, key("run")).(*v1alpha1.PipelineExecution)
	return c.Verb == "create" && c.Kind == simcluster.Job && ok && e.Status.Stop == nil
}

// Scenarios are all scripts that are explored.
func Scenarios() []*Scenario {
	var all []*Scenario
	all = append(all, runScenarios()...)
	all = append(all, stopScenarios()...)
	all = append(all, orderScenarios()...)
	all = append(all, deletedJobScenarios()...)
	all = append(all, retentionScenarios()...)
	all = append(all, stageScenarios()...)
	all = append(all, failingScenarios()...)
	all = append(all, graceScenarios()...)
	all = append(all, queueScenarios()...)
	all = append(all, outputScenarios()...)
	all = append(all, workspaceScenarios()...)
	all = append(all, approvalScenarios()...)
	all = append(all, timeoutScenarios()...)
	all = append(all, togetherScenarios()...)
	all = append(all, retryScenarios()...)
	return append(all, momentScenarios()...)
}

// runScenarios are executions that nobody stops.
func runScenarios() []*Scenario {
	return []*Scenario{
		{Name: "run", Small: true, Setup: setUpOneRun(newStage("Build", newAction("compile"))), Want: map[string]string{"run": succeeded}},
		{Name: "hanging", Setup: setUpOneRun(newStage("Build", newAction("compile").thatHangs())), Want: map[string]string{"run": inProgress}},
		{Name: "two-stages", Setup: setUpOneRun(newStage("Build", newAction("compile")), newStage("Deploy", newAction("roll-out"))),
			Want: map[string]string{"run": succeeded}},
		{Name: "parallel", Setup: setUpOneRun(newStage("Build", newAction("compile"), newAction("lint"), newAction("package").withRunOrder(2))),
			Want: map[string]string{"run": succeeded}},
		{Name: "failing", Setup: setUpOneRun(newStage("Build", newAction("compile").thatFails(), newAction("lint")), newStage("Deploy", newAction("roll-out"))),
			Want: map[string]string{"run": failed}},
		{Name: "two-executions", Setup: func(s *Sim) {
			setUpOneRun(newStage("Build", newAction("compile")))(s)
			s.createExecution("other")
		}, Acts: []Act{newStopAct(whenRunning(2), "stop", setAbandon)},
			Want: map[string]string{"run": stopped, "other": succeeded, "stop": accepted}},
		{Name: "two-executions-stopped", Setup: func(s *Sim) {
			setUpOneRun(newStage("Build", newAction("compile").thatHangs()))(s)
			s.createExecution("other")
		}, Acts: []Act{newStopAct(whenRunning(2), "stop", setWait), {whenRunning(2), func(s *Sim) { s.createStopRequest("stop-other", "other", setAbandon) }}},
			Want: map[string]string{"run": stopping, "other": stopped, "stop": accepted, "stop-other": accepted}},
		{Name: "stops-and-a-start", Small: true, Setup: func(s *Sim) {
			setUpOneRun(newStage("Build", newAction("compile").thatHangs()))(s)
			s.createExecution("other")
		}, Acts: []Act{{whenRunning(2), func(s *Sim) {
			s.createStopRequest("stop", "run", setAbandon)
			s.createExecution("late")
			s.createStopRequest("stop-other", "other", setAbandon)
		}}}, Want: map[string]string{"run": stopped, "other": stopped, "late": inProgress, "stop": accepted, "stop-other": accepted}},
		{Name: "late-pipeline", Setup: func(s *Sim) { s.createExecution("run") }, Acts: []Act{
			{whenState(v1alpha1.ExecutionInProgress), func(s *Sim) { s.createPipeline(newStage("Build", newAction("compile"))) }},
		}, Want: map[string]string{"run": succeeded}},
		newNameScenario(),
	}
}

// newNameScenario replaces a Pipeline while another, which was refused its name, is there. The execution waits for the new one: the
// action of the other one would fail.
func newNameScenario() *Scenario {
	return &Scenario{Name: "name-taken", Setup: func(s *Sim) {
		s.createPipeline(newStage("Build", newAction("compile")))
		s.createNamedPipeline("other", "web", newStage("Build", newAction("steal").thatFails()))
	}, Acts: []Act{
		{whenRefused("other"), func(s *Sim) {
			_ = s.Store.Delete(simcluster.Pipeline, key("web"), client.DeleteOptions{})
			s.createExecution("run")
		}},
		{whenState(v1alpha1.ExecutionInProgress), func(s *Sim) { s.createPipeline(newStage("Build", newAction("compile"))) }},
	}, Want: map[string]string{"run": succeeded}}
}

// stopScenarios are executions that one request stops while an action runs.
func stopScenarios() []*Scenario {
	return []*Scenario{
		{Name: "wait", Small: true, Setup: setUpOneRun(newStage("Build", newAction("compile")), newStage("Deploy", newAction("roll-out"))),
			Acts: []Act{newStopAct(whenRunning(1), "stop", setWait)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "abandon", Small: true, Setup: setUpOneRun(newStage("Build", newAction("compile").thatHangs())),
			Acts: []Act{newStopAct(whenRunning(1), "stop", setAbandon)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "abandon-parallel", Setup: setUpOneRun(newStage("Build", newAction("compile").thatHangs(), newAction("lint"), newAction("test").thatIsOrphaned())),
			Acts: []Act{newStopAct(whenRunning(3), "stop", setAbandon)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "abandon-two-pods", Small: true, Setup: setUpOneRun(newStage("Build", newAction("compile").thatHangs().withPods(2))),
			Acts: []Act{newStopAct(whenRunning(2), "stop", setAbandon)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "abandon-retry", Setup: setUpOneRun(newStage("Build", newAction("compile").thatFails().thatRetries())),
			Acts: []Act{newStopAct(whenTried(2), "stop", setAbandon)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "on-stop-abandon", Setup: setUpOneRun(newStage("Build", newAction("compile"), newAction("watch").thatHangs().thatIsAbandonedOnStop())),
			Acts: []Act{newStopAct(whenRunning(2), "stop", setWait)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "orphan", Small: true, Setup: setUpOneRun(newStage("Build", newAction("compile").thatIsOrphaned())),
			Acts: []Act{newStopAct(whenRunning(1), "stop", setAbandon)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "escalate", Setup: setUpOneRun(newStage("Build", newAction("compile").thatHangs())),
			Acts: []Act{newStopAct(whenRunning(1), "stop", setEscalation)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "escalate-parallel", Setup: setUpOneRun(newStage("Build", newAction("compile"), newAction("lint").thatHangs(), newAction("test").thatHangs().thatIsOrphaned()),
			newStage("Deploy", newAction("roll-out"))),
			Acts: []Act{newStopAct(whenRunning(3), "stop", setEscalation)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "fail-while-stopping", Setup: setUpOneRun(newStage("Build", newAction("compile").thatFails(), newAction("lint"))),
			Acts: []Act{newStopAct(whenRunning(2), "stop", setWait)}, Want: map[string]string{"run": stopped, "stop": accepted}},
	}
}

// momentScenarios are stops at each moment of the protocol.
func momentScenarios() []*Scenario {
	one := setUpOneRun(newStage("Build", newAction("compile")))
	two := setUpOneRun(newStage("Build", newAction("compile")), newStage("Deploy", newAction("roll-out")))
	return []*Scenario{
		{Name: "stop-before-first-reconcile", Small: true, Setup: one, Acts: []Act{newStopAct(whenStarted, "stop", setWait)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-between-intent-and-job", Small: true, Setup: one,
			Acts: []Act{newStopAct(beforeCall("create", simcluster.Job, 1), "stop", setAbandon)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-while-blocked", Small: true, Setup: one, Refuse: isRefusedUntilStopped,
			Acts: []Act{newStopAct(whenState(v1alpha1.ExecutionInProgress), "stop", setAbandon)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-while-second-is-blocked", Setup: setUpOneRun(newStage("Build", newAction("compile").thatHangs(), newAction("lint"))), Refuse: isRefusedUntilStopped,
			Acts: []Act{newStopAct(beforeCall("create", simcluster.Job, 2), "stop", setAbandon)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-between-second-intent-and-job", Setup: two,
			Acts: []Act{newStopAct(beforeCall("create", simcluster.Job, 2), "stop", setWait)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-between-job-and-proof", Setup: one,
			Acts: []Act{newStopAct(afterCall("create", simcluster.Job, 1), "stop", setAbandon)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-after-last-action", Small: true, Setup: one,
			Acts: []Act{newStopAct(whenPodEnded, "stop", setWait)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-too-late", Setup: one, // the end of the Job reaches the operator first
			Acts: []Act{newStopAct(whenFinished(1), "stop", setWait)}, Want: map[string]string{"run": succeeded, "stop": notStoppable}},
		{Name: "stop-between-stages", Setup: two,
			Acts: []Act{newStopAct(whenFinished(1), "stop", setAbandon)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-when-done", Small: true, Setup: one, Acts: []Act{newStopAct(whenState(v1alpha1.ExecutionSucceeded), "stop", setWait)},
			Want: map[string]string{"run": succeeded, "stop": notStoppable}},
		{Name: "stop-of-nothing", Setup: one, Acts: []Act{
			newStopAct(whenRunning(1), "no-pipeline", func(r *v1alpha1.StopRequestSpec) { r.PipelineName = "another" }),
			newStopAct(whenRunning(1), "no-execution", func(r *v1alpha1.StopRequestSpec) { r.PipelineExecutionID = "none" }),
		}, Want: map[string]string{"run": succeeded, "no-pipeline": notFound, "no-execution": notStoppable}},
		{Name: "stop-while-waiting-for-pipeline", Setup: func(s *Sim) { s.createExecution("run") },
			Acts: []Act{newStopAct(whenState(v1alpha1.ExecutionInProgress), "stop", setWait)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
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

// oneRun is one execution "run" of a pipeline "web".
func oneRun(stages ...v1alpha1.Stage) func(*Sim) {
	return func(s *Sim) {
		s.pipeline("web", stages...)
		s.execution("run")
	}
}

// ask is a person who asks to stop the execution "run".
func ask(when When, name string, how func(*v1alpha1.StopRequestSpec)) Act {
	return Act{when, func(s *Sim) { s.request(name, "run", how) }}
}

// untilStopped has a quota refuse Jobs until a stop is recorded; the placeholders that come then are let through.
func untilStopped(s *Sim, c *simcluster.Call) bool {
	e, ok := s.Store.Find(simcluster.Execution, key("run")).(*v1alpha1.PipelineExecution)
	return c.Verb == "create" && c.Kind == simcluster.Job && ok && e.Status.Stop == nil
}

// Scenarios are all scripts that are explored.
func Scenarios() []*Scenario {
	var all []*Scenario
	all = append(all, runs()...)
	all = append(all, stops()...)
	all = append(all, orders()...)
	return append(all, moments()...)
}

// runs are executions that nobody stops.
func runs() []*Scenario {
	return []*Scenario{
		{Name: "run", Small: true, Setup: oneRun(stage("Build", act("compile"))), Want: map[string]string{"run": succeeded}},
		{Name: "hanging", Setup: oneRun(stage("Build", act("compile").hangs())), Want: map[string]string{"run": inProgress}},
		{Name: "two-stages", Setup: oneRun(stage("Build", act("compile")), stage("Deploy", act("roll-out"))),
			Want: map[string]string{"run": succeeded}},
		{Name: "parallel", Setup: oneRun(stage("Build", act("compile"), act("lint"), act("package").at(2))),
			Want: map[string]string{"run": succeeded}},
		{Name: "failing", Setup: oneRun(stage("Build", act("compile").fails(), act("lint")), stage("Deploy", act("roll-out"))),
			Want: map[string]string{"run": failed}},
		{Name: "two-executions", Setup: func(s *Sim) {
			oneRun(stage("Build", act("compile")))(s)
			s.execution("other")
		}, Acts: []Act{ask(whenRunning(2), "stop", abandon)},
			Want: map[string]string{"run": stopped, "other": succeeded, "stop": accepted}},
		{Name: "two-executions-stopped", Setup: func(s *Sim) {
			oneRun(stage("Build", act("compile").hangs()))(s)
			s.execution("other")
		}, Acts: []Act{ask(whenRunning(2), "stop", wait), {whenRunning(2), func(s *Sim) { s.request("stop-other", "other", abandon) }}},
			Want: map[string]string{"run": stopping, "other": stopped, "stop": accepted, "stop-other": accepted}},
		{Name: "late-pipeline", Setup: func(s *Sim) { s.execution("run") }, Acts: []Act{
			{whenState(v1alpha1.ExecutionInProgress), func(s *Sim) { s.pipeline("web", stage("Build", act("compile"))) }},
		}, Want: map[string]string{"run": succeeded}},
	}
}

// stops are executions that one request stops while an action runs.
func stops() []*Scenario {
	return []*Scenario{
		{Name: "wait", Small: true, Setup: oneRun(stage("Build", act("compile")), stage("Deploy", act("roll-out"))),
			Acts: []Act{ask(whenRunning(1), "stop", wait)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "abandon", Small: true, Setup: oneRun(stage("Build", act("compile").hangs())),
			Acts: []Act{ask(whenRunning(1), "stop", abandon)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "abandon-parallel", Setup: oneRun(stage("Build", act("compile").hangs(), act("lint"), act("test").orphaned())),
			Acts: []Act{ask(whenRunning(3), "stop", abandon)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "on-stop-abandon", Setup: oneRun(stage("Build", act("compile"), act("watch").hangs().abandonedOnStop())),
			Acts: []Act{ask(whenRunning(2), "stop", wait)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "orphan", Small: true, Setup: oneRun(stage("Build", act("compile").orphaned())),
			Acts: []Act{ask(whenRunning(1), "stop", abandon)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "escalate", Setup: oneRun(stage("Build", act("compile").hangs())),
			Acts: []Act{ask(whenRunning(1), "stop", escalate)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "escalate-parallel", Setup: oneRun(stage("Build", act("compile"), act("lint").hangs(), act("test").hangs().orphaned()),
			stage("Deploy", act("roll-out"))),
			Acts: []Act{ask(whenRunning(3), "stop", escalate)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "fail-while-stopping", Setup: oneRun(stage("Build", act("compile").fails(), act("lint"))),
			Acts: []Act{ask(whenRunning(2), "stop", wait)}, Want: map[string]string{"run": stopped, "stop": accepted}},
	}
}

// moments are stops that come at a moment of their own.
func moments() []*Scenario {
	one := oneRun(stage("Build", act("compile")))
	two := oneRun(stage("Build", act("compile")), stage("Deploy", act("roll-out")))
	return []*Scenario{
		{Name: "stop-before-first-reconcile", Small: true, Setup: one, Acts: []Act{ask(atOnce, "stop", wait)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-between-intent-and-job", Small: true, Setup: one,
			Acts: []Act{ask(beforeCall("create", simcluster.Job, 1), "stop", abandon)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-while-blocked", Small: true, Setup: one, Refuse: untilStopped,
			Acts: []Act{ask(whenState(v1alpha1.ExecutionInProgress), "stop", abandon)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-while-second-is-blocked", Setup: oneRun(stage("Build", act("compile").hangs(), act("lint"))), Refuse: untilStopped,
			Acts: []Act{ask(beforeCall("create", simcluster.Job, 2), "stop", abandon)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-between-second-intent-and-job", Setup: two,
			Acts: []Act{ask(beforeCall("create", simcluster.Job, 2), "stop", wait)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-between-job-and-proof", Setup: one,
			Acts: []Act{ask(afterCall("create", simcluster.Job, 1), "stop", abandon)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-after-last-action", Small: true, Setup: one,
			Acts: []Act{ask(whenPodEnded, "stop", wait)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-too-late", Setup: one, // the end of the Job reaches the operator first
			Acts: []Act{ask(whenFinished(1), "stop", wait)}, Want: map[string]string{"run": succeeded, "stop": notStoppable}},
		{Name: "stop-between-stages", Setup: two,
			Acts: []Act{ask(whenFinished(1), "stop", abandon)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "stop-when-done", Small: true, Setup: one, Acts: []Act{ask(whenState(v1alpha1.ExecutionSucceeded), "stop", wait)},
			Want: map[string]string{"run": succeeded, "stop": notStoppable}},
		{Name: "stop-of-nothing", Setup: one, Acts: []Act{
			ask(whenRunning(1), "no-pipeline", func(r *v1alpha1.StopRequestSpec) { r.PipelineName = "another" }),
			ask(whenRunning(1), "no-execution", func(r *v1alpha1.StopRequestSpec) { r.PipelineExecutionID = "none" }),
		}, Want: map[string]string{"run": succeeded, "no-pipeline": notFound, "no-execution": notStoppable}},
		{Name: "stop-while-waiting-for-pipeline", Setup: func(s *Sim) { s.execution("run") },
			Acts: []Act{ask(whenState(v1alpha1.ExecutionInProgress), "stop", wait)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
	}
}

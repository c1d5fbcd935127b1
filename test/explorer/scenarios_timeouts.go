// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// timeoutScenarios are executions and starts that exceed their time limits, and stops that arrive there.
func timeoutScenarios() []*Scenario {
	hanging := newAction("compile").thatHangs()
	limited := setUpLimitedRun(newStage("Build", hanging), newStage("Deploy", newAction("roll-out")))
	queued := setUpOneRun(newStage("Build", newAction("compile").thatIsQueued().withStartTimeout(), newAction("lint")))
	return []*Scenario{
		{Name: "execution-times-out", Small: true, Setup: limited, Want: map[string]string{"run": failed}},
		{Name: "execution-times-out-parallel", Setup: setUpLimitedRun(newStage("Build", hanging, newAction("lint"), newAction("test").thatHangs().thatIsOrphaned())),
			Want: map[string]string{"run": failed}},
		{Name: "execution-times-out-blocked", Setup: setUpLimitedRun(newStage("Build", hanging)), Refuse: isRefusedUntilTimedOut, RetriesInTime: true,
			Want: map[string]string{"run": failed}},
		{Name: "execution-in-time", Setup: setUpLimitedRun(newStage("Build", newAction("compile"))), Want: map[string]string{"run": succeeded}},
		{Name: "wait-when-timed-out", Setup: limited, Acts: []Act{newStopAct(whenTimedOut, "stop", setWait)},
			Want: map[string]string{"run": stopped, "stop": accepted}, FromFirstStop: true},
		{Name: "abandon-when-timed-out", Small: true, Setup: limited, Acts: []Act{newStopAct(whenTimedOut, "stop", setAbandon)},
			Want: map[string]string{"run": stopped, "stop": accepted}, FromFirstStop: true},
		{Name: "times-out-while-stopping", Setup: limited, Acts: []Act{newStopAct(whenRunning(1), "stop", setWait)},
			Want: map[string]string{"run": stopping, "stop": accepted}, FromFirstStop: true},
		{Name: "start-times-out", Setup: queued, Want: map[string]string{"run": failed}},
		{Name: "start-times-out-blocked", Setup: setUpOneRun(newStage("Build", newAction("compile").withStartTimeout())), Refuse: isRefusedUntilTimedOut, RetriesInTime: true,
			Want: map[string]string{"run": failed}},
		{Name: "start-in-time", Setup: setUpOneRun(newStage("Build", hanging.withStartTimeout())), Want: map[string]string{"run": inProgress}},
		{Name: "wait-when-start-timed-out", Setup: queued, Acts: []Act{newStopAct(whenTimedOut, "stop", setWait)},
			Want: map[string]string{"run": stopped, "stop": accepted}, FromFirstStop: true},
	}
}

// setUpLimitedRun creates a Pipeline "web", and an execution "run" of it that fails after 20 seconds.
func setUpLimitedRun(stages ...v1alpha1.Stage) func(*Sim) {
	return func(s *Sim) {
		s.createPipeline(stages...)
		s.createObject(&v1alpha1.PipelineExecution{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "run"},
			Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "web", TimeoutSeconds: ptr.To[int64](20)},
		})
	}
}

// withStartTimeout fails the action if no pod of it runs within 20 seconds.
func (a action) withStartTimeout() action {
	return a.withChange(func(d *v1alpha1.Action) { d.StartTimeoutSeconds = ptr.To[int64](20) })
}

// whenTimedOut is when an action of the execution "run" has exceeded a time limit and its work has not ended.
func whenTimedOut(s *Sim, _ *simcluster.Call, _ bool) bool {
	e, ok := s.Store.Find(simcluster.Execution, key("run")).(*v1alpha1.PipelineExecution)
	if !ok {
		return false
	}
	for _, stage := range e.Status.Stages {
		for _, a := range stage.Actions {
			if a.TimedOut != nil && a.CompletionTime == nil {
				return true
			}
		}
	}
	return false
}

// isRefusedUntilTimedOut is a quota that refuses Jobs until a time limit is exceeded, or a stop is recorded. It admits the placeholders that come then.
func isRefusedUntilTimedOut(s *Sim, c *simcluster.Call) bool {
	return isRefusedUntilStopped(s, c) && !whenTimedOut(s, c, false)
}

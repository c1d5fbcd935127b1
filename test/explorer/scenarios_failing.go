// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"k8s.io/apimachinery/pkg/api/meta"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// failingScenarios are executions of which an action has failed while another runs, and stops that arrive there.
func failingScenarios() []*Scenario {
	failing := setUpOneRun(newStage("Build", newAction("compile").thatFails(), newAction("lint").thatHangs()), newStage("Deploy", newAction("roll-out")))
	return []*Scenario{
		{Name: "failing-early", Setup: failing, Want: map[string]string{"run": inProgress}},
		{Name: "wait-while-failing", Setup: failing, Acts: []Act{newStopAct(whenReadyReason(v1alpha1.ReasonFailing), "stop", setWait)},
			Want: map[string]string{"run": stopping, "stop": accepted}, FromFirstStop: true},
		{Name: "abandon-while-failing", Setup: failing, Acts: []Act{newStopAct(whenReadyReason(v1alpha1.ReasonFailing), "stop", setAbandon)},
			Want: map[string]string{"run": stopped, "stop": accepted}, FromFirstStop: true},
	}
}

// whenReadyReason is when the condition Ready of the execution "run" has a reason.
func whenReadyReason(reason string) When {
	return func(s *Sim, _ *simcluster.Call, _ bool) bool {
		e, ok := s.Store.Find(simcluster.Execution, key("run")).(*v1alpha1.PipelineExecution)
		if !ok {
			return false
		}
		ready := meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.Reason == reason
	}
}

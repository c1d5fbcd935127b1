// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"haltline.dev/haltline/api/v1alpha1"
)

// togetherScenarios are executions that wait in more than one way: for a person, for a stage, and for the end of a time limit.
func togetherScenarios() []*Scenario {
	release := []v1alpha1.Stage{newStage("Release", newApproval())}
	otherWaits := whenBoth(whenApprovalPending, whenWaitingBefore("other", "Release"))
	comesOther := Act{whenApprovalPending, func(s *Sim) { s.createLater("other") }}
	return []*Scenario{
		{Name: "approval-in-an-execution-that-times-out", Setup: setUpLimitedRun(newStage("Release", newApproval())), Want: map[string]string{"run": failed}},
		{Name: "approval-beside-a-job-that-times-out", Setup: setUpLimitedRun(newStage("Release", newApproval(), newAction("soak").thatHangs())),
			Want: map[string]string{"run": failed}},
		{Name: "approval-in-a-queue-abandoned", Setup: setUpRuns(v1alpha1.ExecutionModeQueued, release, "run"),
			Acts: []Act{comesOther, newStopAct(otherWaits, "stop", setAbandon)}, Want: map[string]string{"run": stopped, "other": inProgress, "stop": accepted}},
		{Name: "approval-in-a-queue-approved", Setup: setUpRuns(v1alpha1.ExecutionModeQueued, release, "run"),
			Acts: []Act{comesOther, newApproveAct(otherWaits, "yes")}, Want: map[string]string{"run": succeeded, "other": inProgress, "yes": accepted}},
		{Name: "time-limit-before-a-disabled-transition", Setup: func(s *Sim) {
			setUpLimitedRun(newStage("Build", newAction("compile")), newStage("Deploy", newAction("roll-out")))(s)
			s.changePipeline(disable(1))
		}, Want: map[string]string{"run": failed}},
	}
}

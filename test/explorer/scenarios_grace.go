// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// graceScenarios are stops that shorten the grace period of pods.
func graceScenarios() []*Scenario {
	hanging := setUpOneRun(newStage("Build", newAction("compile").thatHangs()))
	escalateWithGrace := func(spec *v1alpha1.StopRequestSpec) {
		setEscalation(spec)
		spec.GracePeriodSeconds = ptr.To[int64](5)
	}
	return []*Scenario{
		{Name: "abandon-at-once", Small: true, Setup: hanging, Acts: []Act{newStopAct(whenRunning(1), "stop", setGrace)},
			Want: map[string]string{"run": stopped, "stop": accepted}, FromFirstStop: true},
		{Name: "abandon-two-pods-at-once", Setup: setUpOneRun(newStage("Build", newAction("compile").thatHangs().withPods(2))),
			Acts: []Act{newStopAct(whenRunning(2), "stop", setGrace)}, Want: map[string]string{"run": stopped, "stop": accepted}, FromFirstStop: true},
		{Name: "escalate-with-grace", Setup: hanging, Acts: []Act{newStopAct(whenRunning(1), "stop", escalateWithGrace)},
			Want: map[string]string{"run": stopped, "stop": accepted}, FromFirstStop: true},
		{Name: "wait-then-abandon-at-once", Setup: hanging,
			Acts: []Act{newStopAct(whenRunning(1), "stop", setWait), newStopAct(whenAnswered("stop"), "more", setGrace)},
			Want: map[string]string{"run": stopped, "stop": accepted, "more": accepted}, FromFirstStop: true},
		{Name: "abandon-orphan-at-once", Setup: setUpOneRun(newStage("Build", newAction("compile").thatHangs().thatIsOrphaned())),
			Acts: []Act{newStopAct(whenRunning(1), "stop", setGrace)}, Want: map[string]string{"run": stopped, "stop": accepted}, FromFirstStop: true},
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// thatPutsOut makes the action declare an output, and its pod write a text into its termination message.
func (a action) thatPutsOut(namespace, output, written string) action {
	a = a.withChange(func(d *v1alpha1.Action) {
		d.Namespace, d.OutputVariables = namespace, []v1alpha1.OutputName{v1alpha1.OutputName(output)}
	})
	return a.withJob(`"annotations":{`, fmt.Sprintf(`"annotations":{%q:%q,`, simcluster.AnnotationWrites, written))
}

// thatRunsImage makes the container run an image.
func (a action) thatRunsImage(image string) action {
	return a.withJob(`"image":"i"`, fmt.Sprintf(`"image":%q`, image))
}

// outputScenarios are executions whose actions put something out, which a later action needs in its image. A sibling puts something
// out as well, which must not get into the Job of the other.
func outputScenarios() []*Scenario {
	compile := newAction("compile").thatPutsOut("BUILD", "TAG", "TAG=v1")
	two := setUpOneRun(newStage("Build", compile, newAction("lint").thatPutsOut("LINT", "REPORT", "REPORT=none")),
		newStage("Deploy", newAction("roll-out").thatRunsImage("app:$(BUILD_TAG)")))
	bad := setUpOneRun(newStage("Build", newAction("compile").thatPutsOut("BUILD", "TAG", "TAGS=v1")), newStage("Deploy", newAction("roll-out")))
	none := setUpOneRun(newStage("Build", newAction("compile").thatPutsOut("BUILD", "TAG", "TAG=5000/evil")),
		newStage("Deploy", newAction("roll-out").thatRunsImage("app:$(BUILD_TAG)")))
	return []*Scenario{
		{Name: "outputs", Small: true, Setup: two, Want: map[string]string{"run": succeeded}},
		{Name: "output-missing", Setup: bad, Want: map[string]string{"run": failed}},
		{Name: "output-no-image", Setup: none, Want: map[string]string{"run": failed}},
		{Name: "outputs-wait", Setup: two, Acts: []Act{newStopAct(whenPodEnded, "stop", setWait)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "outputs-abandon", Setup: two, Acts: []Act{newStopAct(whenPodEnded, "stop", setAbandon)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "outputs-stop-before-the-next", Setup: two,
			Acts: []Act{newStopAct(beforeCall("create", simcluster.Job, 3), "stop", setAbandon)}, Want: map[string]string{"run": stopped, "stop": accepted}},
	}
}

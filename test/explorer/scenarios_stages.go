// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

const superseded = string(v1alpha1.ExecutionSuperseded)

// setUpRuns creates a Pipeline "web" of a mode, and executions of it.
func setUpRuns(mode v1alpha1.ExecutionMode, stages []v1alpha1.Stage, names ...string) func(*Sim) {
	return func(s *Sim) {
		s.createObject(&v1alpha1.Pipeline{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"}, Spec: v1alpha1.PipelineSpec{ExecutionMode: mode, Stages: stages},
		})
		for _, name := range names {
			s.createLater(name)
		}
	}
}

// createLater creates an execution some seconds after the one before.
func (s *Sim) createLater(name string) {
	s.Store.Clock.SetTime(s.Store.Clock.Now().Add(2 * time.Second))
	s.createExecution(name)
}

// changePipeline changes the spec of the Pipeline, if it is there.
func (s *Sim) changePipeline(change func(*v1alpha1.PipelineSpec)) {
	s.Store.Mutate(simcluster.Pipeline, key("web"), func(o client.Object) { change(&o.(*v1alpha1.Pipeline).Spec) })
}

func disable(stage int) func(*v1alpha1.PipelineSpec) {
	return func(spec *v1alpha1.PipelineSpec) {
		spec.Stages[stage].Transition = &v1alpha1.StageTransition{Disabled: true, Reason: "frozen"}
	}
}

func enable(stage int) func(*v1alpha1.PipelineSpec) {
	return func(spec *v1alpha1.PipelineSpec) { spec.Stages[stage].Transition = nil }
}

func setMode(mode v1alpha1.ExecutionMode) func(*v1alpha1.PipelineSpec) {
	return func(spec *v1alpha1.PipelineSpec) { spec.ExecutionMode = mode }
}

// whenWaitingBefore is when an execution waits before a stage.
func whenWaitingBefore(name, stage string) When {
	return func(s *Sim, _ *simcluster.Call, _ bool) bool {
		e, ok := s.Store.Find(simcluster.Execution, key(name)).(*v1alpha1.PipelineExecution)
		return ok && e.Status.WaitingForStage != nil && e.Status.WaitingForStage.Stage == stage
	}
}

// whenBoth is when two times have come.
func whenBoth(a, b When) When {
	return func(s *Sim, c *simcluster.Call, after bool) bool { return a(s, c, after) && b(s, c, after) }
}

// whenHas is when the Pipeline gives a stage to an execution.
func whenHas(name, stage string) When {
	return func(s *Sim, _ *simcluster.Call, _ bool) bool {
		p, ok := s.Store.Find(simcluster.Pipeline, key("web")).(*v1alpha1.Pipeline)
		if !ok {
			return false
		}
		for _, st := range p.Status.Stages {
			if st.Name == stage && st.Execution != nil && st.Execution.Name == name {
				return true
			}
		}
		return false
	}
}

// stageScenarios are executions that wait before stages: for each other, and for a transition.
func stageScenarios() []*Scenario {
	const queued, supersede, parallel = v1alpha1.ExecutionModeQueued, v1alpha1.ExecutionModeSuperseded, v1alpha1.ExecutionModeParallel
	one := []v1alpha1.Stage{newStage("Build", newAction("compile"))}
	two := []v1alpha1.Stage{newStage("Build", newAction("compile")), newStage("Deploy", newAction("roll-out"))}
	hangs := []v1alpha1.Stage{newStage("Build", newAction("compile").thatHangs())}
	stopOther := func(when When, how func(*v1alpha1.StopRequestSpec)) Act {
		return Act{when, func(s *Sim) { s.createStopRequest("stop-other", "other", how) }}
	}
	comesOther := Act{whenHas("run", "Build"), func(s *Sim) { s.createLater("other") }}
	comesThird := Act{whenWaitingBefore("other", "Build"), func(s *Sim) { s.createLater("third") }}
	otherWaits := whenBoth(whenRunning(1), whenWaitingBefore("other", "Build"))
	return []*Scenario{
		{Name: "queued", Setup: setUpRuns(queued, one, "run", "other"), Want: map[string]string{"run": succeeded, "other": succeeded}},
		{Name: "queued-two-stages", Setup: setUpRuns(queued, two, "run", "other"), Want: map[string]string{"run": succeeded, "other": succeeded}},
		{Name: "queued-stop-waiting", Setup: setUpRuns(queued, hangs, "run"), Acts: []Act{comesOther, stopOther(otherWaits, setWait)},
			Want: map[string]string{"run": inProgress, "other": stopped, "stop-other": accepted}},
		{Name: "queued-abandon-waiting", Small: true, Setup: setUpRuns(queued, hangs, "run"), Acts: []Act{comesOther, stopOther(otherWaits, setAbandon)},
			Want: map[string]string{"run": inProgress, "other": stopped, "stop-other": accepted}},
		{Name: "queued-stop-as-it-gets-the-stage", Setup: setUpRuns(queued, one, "run"), Acts: []Act{newStopAct(whenHas("run", "Build"), "stop", setAbandon)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "queued-three-stop-the-first", Setup: setUpRuns(queued, hangs, "run"), Acts: []Act{comesOther, comesThird,
			newStopAct(whenBoth(otherWaits, whenWaitingBefore("third", "Build")), "stop", setAbandon),
		}, Want: map[string]string{"run": stopped, "other": inProgress, "third": inProgress, "stop": accepted}},
		{Name: "superseded", Setup: setUpRuns(supersede, hangs, "run"), Acts: []Act{
			{whenRunning(1), func(s *Sim) { s.createLater("second") }},
			{whenWaitingBefore("second", "Build"), func(s *Sim) { s.createLater("third") }},
		}, Want: map[string]string{"run": inProgress, "second": superseded, "third": inProgress}},
		{Name: "superseded-and-stopped", Small: true, Setup: setUpRuns(supersede, hangs, "run"), Acts: []Act{
			{whenRunning(1), func(s *Sim) { s.createLater("other") }},
			{whenWaitingBefore("other", "Build"), func(s *Sim) {
				s.createLater("third")
				s.createStopRequest("stop-other", "other", setWait)
			}},
		}, Want: map[string]string{"run": inProgress, "other": stopped, "third": inProgress, "stop-other": accepted}},
		{Name: "superseded-stop-too-late", Setup: setUpRuns(supersede, hangs, "run"), Acts: []Act{
			{whenRunning(1), func(s *Sim) { s.createLater("other") }},
			{whenWaitingBefore("other", "Build"), func(s *Sim) { s.createLater("third") }},
			stopOther(func(s *Sim, _ *simcluster.Call, _ bool) bool { return endOfExecution(s, "other") == superseded }, setAbandon),
		}, Want: map[string]string{"run": inProgress, "other": superseded, "third": inProgress, "stop-other": notStoppable}},
		{Name: "disabled", Setup: setUpRuns(parallel, two, "run"), Acts: []Act{
			{whenRunning(1), func(s *Sim) { s.changePipeline(disable(1)) }},
			{whenWaitingBefore("run", "Deploy"), func(s *Sim) { s.changePipeline(enable(1)) }},
		}, Want: map[string]string{"run": succeeded}},
		{Name: "disabled-and-stopped", Small: true, Setup: setUpRuns(parallel, two, "run"), Acts: []Act{
			{whenRunning(1), func(s *Sim) { s.changePipeline(disable(1)) }}, newStopAct(whenWaitingBefore("run", "Deploy"), "stop", setWait),
		}, Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "disabled-while-in-it", Setup: setUpRuns(queued, two, "run"), Acts: []Act{
			{whenRunning(1), func(s *Sim) { s.changePipeline(disable(0)) }},
		}, Want: map[string]string{"run": succeeded}},
		{Name: "mode-switched", Setup: setUpRuns(parallel, one, "run", "other"), Acts: []Act{
			{whenRunning(1), func(s *Sim) { s.changePipeline(setMode(queued)); s.createLater("third") }},
			{whenWaitingBefore("third", "Build"), func(s *Sim) { s.changePipeline(setMode(supersede)) }},
		}, Want: map[string]string{"run": succeeded, "other": succeeded, "third": succeeded}},
		{Name: "pipeline-deleted-while-waiting", Setup: setUpRuns(queued, hangs, "run"), Acts: []Act{
			comesOther, {otherWaits, func(s *Sim) { _ = s.Store.Delete(simcluster.Pipeline, key("web"), client.DeleteOptions{}) }},
		}, Want: map[string]string{"run": inProgress, "other": inProgress}},
	}
}

// endOfExecution returns the state of an execution, or nothing if it is not there.
func endOfExecution(s *Sim, name string) string {
	if e, ok := s.Store.Find(simcluster.Execution, key(name)).(*v1alpha1.PipelineExecution); ok {
		return string(e.Status.State)
	}
	return ""
}

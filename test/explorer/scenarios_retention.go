// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// gone is how an object ends that is deleted.
const gone = ""

// retentionScenarios are executions that are deleted as soon as they may be: a minute after their end.
func retentionScenarios() []*Scenario {
	hangs := newAction("compile").thatHangs()
	return []*Scenario{
		{Name: "retained-for-a-minute", Retains: true, Setup: setUpRetention(newAction("compile")), Want: map[string]string{"run": gone}},
		// Its request has a TTL of its own, and goes as well.
		{Name: "stopped-and-retained-for-a-minute", Retains: true, FromFirstStop: true, Setup: setUpRetention(hangs),
			Acts: []Act{newStopAct(whenRunning(1), "stop", setAbandonAndTTL)}, Want: map[string]string{"run": gone, "stop": gone}},
		// A stop arrives while another execution is deleted.
		{Name: "stop-beside-a-deletion", Retains: true, FromFirstStop: true, Setup: func(s *Sim) {
			setUpRetention(hangs)(s)
			s.createObject(newRetainingPipeline("short", newAction("compile")))
			s.createObject(&v1alpha1.PipelineExecution{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "other"}, Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "short"},
			})
		}, Acts: []Act{newStopAct(beforeCall("delete", simcluster.Execution, 1), "stop", setAbandon)},
			Want: map[string]string{"run": gone, "other": gone, "stop": accepted}},
		// A stop arrives for the execution that is deleted.
		{Name: "stop-of-what-is-deleted", Retains: true, FromFirstStop: true, Setup: setUpRetention(newAction("compile")),
			Acts: []Act{newStopAct(beforeCall("delete", simcluster.Execution, 1), "stop", setAbandon)},
			Want: map[string]string{"run": gone, "stop": notStoppable}},
	}
}

// setUpRetention creates a Pipeline "web" of one action that keeps no finished execution, and an execution "run" of it.
func setUpRetention(a action) func(*Sim) {
	return func(s *Sim) {
		s.createObject(newRetainingPipeline("web", a))
		s.createExecution("run")
	}
}

func newRetainingPipeline(name string, a action) *v1alpha1.Pipeline {
	return &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.PipelineSpec{
			ExecutionMode: v1alpha1.ExecutionModeParallel, Stages: []v1alpha1.Stage{newStage("Build", a)}, TTLSecondsAfterFinished: ptr.To[int32](0),
		},
	}
}

func setAbandonAndTTL(spec *v1alpha1.StopRequestSpec) {
	spec.Abandon, spec.TTLSecondsAfterFinished = true, ptr.To[int32](0)
}

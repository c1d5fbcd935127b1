// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// setUpWorkspace creates an execution whose actions share a claim of its own.
func setUpWorkspace(stages ...v1alpha1.Stage) func(*Sim) {
	return func(s *Sim) {
		s.createPipeline(stages...)
		for _, o := range s.Store.All(simcluster.Pipeline) {
			s.Store.Mutate(simcluster.Pipeline, client.ObjectKeyFromObject(o), func(o client.Object) {
				o.(*v1alpha1.Pipeline).Spec.Workspace = &v1alpha1.Workspace{MountPath: "/data", VolumeClaimTemplate: &v1alpha1.VolumeClaimTemplate{
					Spec: runtime.RawExtension{Raw: []byte(`{"accessModes":["ReadWriteOnce"]}`)},
				}}
			})
		}
		s.createExecution("run")
	}
}

// workspaceScenarios are executions that share a claim, which are stopped around its creation, or whose claim somebody deletes.
func workspaceScenarios() []*Scenario {
	two := setUpWorkspace(newStage("Build", newAction("compile")), newStage("Test", newAction("test")))
	deleteClaims := Act{whenPodEnded, func(s *Sim) {
		background := metav1.DeletePropagationBackground
		for _, o := range s.Store.All(simcluster.Claim) {
			_ = s.Store.Delete(simcluster.Claim, client.ObjectKeyFromObject(o), client.DeleteOptions{PropagationPolicy: &background})
		}
	}}
	// The first operator is paused before it creates the claim, and goes on when the second one has done all there is to do.
	takeOver := Act{beforeCall("create", simcluster.Claim, 1), func(s *Sim) { s.runSecondOperator(nil) }}
	stoppedOnce := map[string]string{"run": stopped, "stop": accepted}
	return []*Scenario{
		{Name: "workspace", Small: true, Setup: two, Want: map[string]string{"run": succeeded}},
		{Name: "workspace-stop-before-the-claim", Setup: two,
			Acts: []Act{newStopAct(beforeCall("create", simcluster.Claim, 1), "stop", setWait)}, Want: stoppedOnce},
		{Name: "workspace-stop-after-the-claim", Setup: two,
			Acts: []Act{newStopAct(afterCall("create", simcluster.Claim, 1), "stop", setAbandon)}, Want: stoppedOnce},
		{Name: "workspace-stop-before-the-job", Setup: two,
			Acts: []Act{newStopAct(beforeCall("create", simcluster.Job, 1), "stop", setAbandon)}, Want: stoppedOnce},
		{Name: "workspace-two-operators", Setup: two, Acts: []Act{takeOver}, Want: map[string]string{"run": succeeded}},
		{Name: "workspace-second-operator-stops", Setup: two,
			Acts: []Act{newStopAct(beforeCall("create", simcluster.Claim, 1), "stop", setWait), takeOver}, Want: stoppedOnce},
		{Name: "workspace-claim-deleted", Setup: two, Acts: []Act{deleteClaims}, Want: map[string]string{"run": failed}},
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"bytes"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/invariants"
	"haltline.dev/haltline/test/simcluster"
)

// deletedJobScenarios are stops of an execution whose Job somebody deletes in a way that does not end its pods.
func deletedJobScenarios() []*Scenario {
	hanging := setUpOneRun(newStage("Build", newAction("compile").thatHangs()))
	// A Job that has tries left is not Failed when its pod is deleted.
	retried := setUpOneRun(newStage("Build", newAction("compile").thatHangs().withChange(func(d *v1alpha1.Action) {
		d.Job.Spec.Raw = bytes.Replace(d.Job.Spec.Raw, []byte(`"backoffLimit":0`), []byte(`"backoffLimit":3`), 1)
	})))
	orphanPods := Act{whenRunning(1), func(s *Sim) { s.deleteJobs(metav1.DeletePropagationOrphan) }}
	deleteHeld := Act{whenRunning(1), func(s *Sim) {
		s.holdJobs()
		s.deleteJobs(metav1.DeletePropagationBackground)
		s.deletePods()
	}}
	return []*Scenario{
		{Name: "job-orphaned-abandon", FreesNames: true, Setup: hanging, Acts: []Act{orphanPods, newStopAct(whenPodIsLeft, "stop", setAbandon)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "job-held-abandon", FreesNames: true, Setup: retried, Acts: []Act{deleteHeld, newStopAct(whenRunning(1), "stop", setAbandon)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "job-held-wait", FreesNames: true, Setup: retried, Acts: []Act{deleteHeld, newStopAct(whenRunning(1), "stop", setWait)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
	}
}

// whenPodIsLeft is when there is a pod without an owner.
func whenPodIsLeft(s *Sim, _ *simcluster.Call, _ bool) bool {
	for _, o := range s.Store.All(simcluster.Pod) {
		if len(o.GetOwnerReferences()) == 0 {
			return true
		}
	}
	return false
}

func (s *Sim) deleteJobs(how metav1.DeletionPropagation) {
	for _, o := range s.Store.All(simcluster.Job) {
		_ = s.Store.Delete(simcluster.Job, client.ObjectKeyFromObject(o), client.DeleteOptions{PropagationPolicy: &how})
	}
}

// holdJobs gives every Job a finalizer that nobody removes.
func (s *Sim) holdJobs() {
	for _, o := range s.Store.All(simcluster.Job) {
		s.Store.Mutate(simcluster.Job, client.ObjectKeyFromObject(o), func(o client.Object) {
			o.SetFinalizers(append(o.GetFinalizers(), invariants.FinalizerOfOthers))
		})
	}
}

func (s *Sim) deletePods() {
	for _, o := range s.Store.All(simcluster.Pod) {
		_ = s.Store.Delete(simcluster.Pod, client.ObjectKeyFromObject(o), client.DeleteOptions{})
	}
}

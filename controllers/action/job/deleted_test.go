// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"slices"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// A Job that a finalizer keeps is over when nothing of it can run any more: no pod is left, its controller knows of none, and the
// deletion is so long ago that it creates none.
func TestADeletedJobThatAFinalizerKeeps(t *testing.T) {
	active := func(j *batchv1.Job) { asHeld(j); j.Status.Active = 1 }
	terminating := func(j *batchv1.Job) { asHeld(j); j.Status.Terminating = ptr.To[int32](1) }
	tests := []struct {
		name     string
		job      *batchv1.Job
		pods     []*corev1.Pod
		now      int
		wantsEnd bool
	}{
		{"just deleted", makeJob(asHeld), nil, 9, false},
		{"deleted for ten seconds", makeJob(asHeld), nil, 10, true},
		{"a pod is left", makeJob(asHeld), []*corev1.Pod{makePod(asDeletedPod)}, 60, false},
		{"a try that had ended is left", makeJob(asHeld), []*corev1.Pod{makePod(func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })}, 60, true},
		{"its controller knows of a pod", makeJob(active), nil, 60, false},
		{"its controller knows of a pod that ends", makeJob(terminating), nil, 60, false},
		{"it is gone in a moment", makeJob(asDeleting), nil, 60, false},
	}
	for _, tt := range tests {
		for operation, end := range map[plan.OperationType]plan.Phase{
			plan.OperationTerminate: plan.PhaseEnded, plan.OperationObserve: plan.PhaseFailed,
		} {
			t.Run(tt.name, func(t *testing.T) {
				cluster := newCluster(t, tt.job)
				for _, p := range tt.pods {
					cluster.add(p)
				}
				scope := makeScope()
				scope.Now = at(tt.now)
				o, err := cluster.execute(scope, makeConfirmed(operation))
				if want := (tt.wantsEnd && o.Phase == end) || (!tt.wantsEnd && o.Phase == plan.PhaseRunning && o.Reason != ""); err != nil || !want {
					t.Errorf("operation %d: got %+v, %v", operation, o, err)
				}
			})
		}
	}
}

// An abandon ends the pods of a Job that somebody deleted: those that were left without an owner, and those of one that a
// finalizer keeps. A stop that waits, and one that lets the work go on, leave them alone, and so is what is not of this Job.
func TestPodsThatADeletedJobLeft(t *testing.T) {
	left := makePod()
	owned := makePod(ofExecution(jobUID), func(p *corev1.Pod) { p.Name = "owned" })
	ending := makePod(asDeletedPod, func(p *corev1.Pod) { p.Name = "ending" })
	ended := makePod(func(p *corev1.Pod) { p.Name, p.Status.Phase = "ended", corev1.PodSucceeded })
	ofAnotherJob := makePod(func(p *corev1.Pod) { p.Name = "another"; p.Labels[batchv1.ControllerUidLabel] = "job-0" })
	ofAnotherExecution := makePod(func(p *corev1.Pod) { p.Name = "foreign"; p.Labels[v1alpha1.LabelExecutionID] = "other" })
	takenOver := makePod(ofExecution("other"), func(p *corev1.Pod) { p.Name = "taken" })
	tests := []struct {
		name      string
		job       *batchv1.Job
		operation plan.OperationType
		deleted   []string
	}{
		{"abandoned, and the Job is gone", nil, plan.OperationTerminate, []string{left.Name, "another", "owned"}},
		{"abandoned, and a finalizer keeps the Job", makeJob(asHeld), plan.OperationTerminate, []string{left.Name, "another", "owned"}},
		{"awaited, and the Job is gone", nil, plan.OperationObserve, nil},
		{"awaited, and a finalizer keeps the Job", makeJob(asHeld), plan.OperationObserve, nil},
		{"let go, and the Job is gone", nil, plan.OperationOrphan, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, tt.job)
			for _, p := range []*corev1.Pod{left, owned, ending, ended, ofAnotherJob, ofAnotherExecution, takenOver} {
				cluster.add(p)
			}
			o, err := cluster.execute(makeScope(), makeConfirmed(tt.operation))
			if err != nil || o.Phase != plan.PhaseRunning || o.Message == "" {
				t.Errorf("got %+v, %v", o, err)
			}
			var deleted []string
			list := &corev1.PodList{}
			cluster.must(cluster.raw.List(t.Context(), list))
			for _, p := range list.Items {
				if p.DeletionTimestamp != nil && p.Name != ending.Name {
					deleted = append(deleted, p.Name)
				}
			}
			slices.Sort(deleted)
			slices.Sort(tt.deleted)
			if !slices.Equal(deleted, tt.deleted) {
				t.Errorf("deleted %v, want %v", deleted, tt.deleted)
			}
		})
	}
	cluster := newCluster(t)
	cluster.add(left)
	cluster.failAlways["delete Pod"] = errQuota
	if o, err := cluster.execute(makeScope(), makeConfirmed(plan.OperationTerminate)); err == nil || o.Phase != plan.PhaseRunning || o.Reason != v1alpha1.ReasonWorkloadLost {
		t.Errorf("a deletion that is refused: %+v, %v", o, err)
	}
}

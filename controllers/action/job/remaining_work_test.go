// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
)

// Of an execution that was deleted its Jobs and their pods remain, whoever owns them. What an abandon left to go on and what a
// person made does not count.
func TestFindRemainingWork(t *testing.T) {
	both := []string{"live list Job", "live list Pod"}
	aPod := func(controller types.UID, options ...func(*corev1.Pod)) *corev1.Pod {
		return makePod(append([]func(*corev1.Pod){ofExecution(controller)}, options...)...)
	}
	leftPod := func(p *corev1.Pod) { p.OwnerReferences, p.Labels[batchv1.ControllerUidLabel] = nil, jobUID }
	asFailedPod := func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }
	withoutJobLabels := func(p *corev1.Pod) { delete(p.Labels, batchv1.ControllerUidLabel) }
	ofAnotherExecution := func(p *corev1.Pod) { p.Labels[v1alpha1.LabelExecutionID] = "another" }
	job, pod := `Job "`+jobName+`"`, `pod "`+makePod().Name+`"`
	tests := []struct {
		name                string
		objects             []client.Object
		ending, leftRunning []string
	}{
		{name: "nothing"},
		{name: "its Job", objects: []client.Object{makeJob()}, ending: []string{job}},
		{name: "its Job, which is being deleted", objects: []client.Object{makeJob(asDeleting)}, ending: []string{job}},
		{name: "its Job, which a finalizer keeps", objects: []client.Object{makeJob(asHeld)}},
		{name: "its Job, which a finalizer keeps, and its pod", objects: []client.Object{makeJob(asHeld), aPod(jobUID)}, ending: []string{pod}},
		{name: "a Job without an owner, which is being deleted", objects: []client.Object{makeJob(withoutOwner, asDeleting)}, ending: []string{job}},
		{name: "its placeholder", objects: []client.Object{makeJob(asPlaceholder)}, ending: []string{job}},
		{name: "a pod of its Job, which is gone", objects: []client.Object{aPod(jobUID)}, ending: []string{pod}},
		{name: "an orphan and its pod", objects: []client.Object{makeJob(asOrphan), aPod(jobUID)}},
		{name: "a Job that the deletion left without an owner, and its pod", objects: []client.Object{makeJob(withoutOwner), aPod(jobUID)}, leftRunning: []string{job}},
		{name: "a Job without an owner that is suspended", objects: []client.Object{makeJob(withoutOwner, asSuspended)}},
		{name: "a Job without an owner that is suspended, and its pod", objects: []client.Object{makeJob(withoutOwner, asSuspended), aPod(jobUID)}, ending: []string{pod}},
		{name: "a Job without an owner that has finished", objects: []client.Object{makeJob(withoutOwner, asComplete)}},
		{name: "a Job that somebody else took over, and its pod", objects: []client.Object{makeJob(asTakenOver), aPod(jobUID)}, leftRunning: []string{job}},
		{name: "an orphan, and a pod of a Job that is gone", objects: []client.Object{makeJob(asOrphan), aPod("job-2")}, ending: []string{pod}},
		{name: "a pod that a Job left", objects: []client.Object{aPod("", leftPod)}, leftRunning: []string{pod}},
		{name: "a pod that a Job left and that has ended", objects: []client.Object{aPod("", leftPod, asFailedPod)}},
		{name: "a pod without a controller", objects: []client.Object{aPod("", withoutJobLabels)}},
		{name: "a pod of another execution", objects: []client.Object{makePod(ofAnotherExecution)}},
		{name: "in another namespace", objects: []client.Object{aPod(jobUID, func(p *corev1.Pod) { p.Namespace = "other" })}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, tt.objects...)
			got, err := cluster.provider().FindRemainingWork(t.Context(), "team", executionUID, at(60))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(action.RemainingWork{Ending: tt.ending, LeftRunning: tt.leftRunning}, got); diff != "" {
				t.Errorf("work (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(both, cluster.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
	for _, operationCase := range both {
		cluster := newCluster(t)
		cluster.failAlways[operationCase] = errTimeout
		if _, err := cluster.provider().FindRemainingWork(t.Context(), "team", executionUID, at(60)); err == nil {
			t.Errorf("%s fails, and there is no error", operationCase)
		}
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// makeSuspended returns a Job that was suspended while it ran one pod, as its controller shows it then.
func makeSuspended(change func(*batchv1.Job)) *batchv1.Job {
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{UID: "job", Generation: 2},
		Spec:       batchv1.JobSpec{Suspend: ptr.To(true), Parallelism: ptr.To[int32](0)},
		Status: batchv1.JobStatus{
			Conditions:  []batchv1.JobCondition{{Type: batchv1.JobSuspended, Status: corev1.ConditionTrue}},
			Terminating: ptr.To[int32](1), UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{},
		},
	}
	if change != nil {
		change(job)
	}
	return job
}

func TestWhatIsKnown(t *testing.T) {
	for _, tt := range []struct {
		name             string
		change           func(*batchv1.Job)
		known, remaining int
		want             podsKnowledge
	}{
		{"its pod is gone", nil, 1, 0, podsGone},
		{"its pod ends", nil, 1, 1, podsRemain},
		{"its pod is gone, and its controller knows", func(j *batchv1.Job) { j.Status.Terminating = ptr.To[int32](0) }, 1, 0, podsGone},
		{"the cache lags behind: it knows of one pod of two", func(j *batchv1.Job) { j.Status.Terminating = ptr.To[int32](2) }, 1, 0, podsUnknown},
		{"a pod could not be deleted yet", func(j *batchv1.Job) { j.Status.Active = 1 }, 1, 0, podsUnknown},
		{"a try failed before, which the cache does not know of", func(j *batchv1.Job) { j.Status.Failed = 1 }, 1, 0, podsUnknown},
		{"a try failed before, and was deleted", func(j *batchv1.Job) { j.Status.Failed = 1 }, 2, 0, podsGone},
		{"a try failed before, and is kept", func(j *batchv1.Job) { j.Status.Failed = 1 }, 2, 1, podsUnknown},
		{"a success is not counted yet", func(j *batchv1.Job) {
			j.Status.UncountedTerminatedPods.Succeeded = []types.UID{"p"}
		}, 1, 0, podsUnknown},
		{"a failure is not counted yet", func(j *batchv1.Job) { j.Status.UncountedTerminatedPods.Failed = []types.UID{"p"} }, 1, 0, podsUnknown},
		{"a success is counted", func(j *batchv1.Job) { j.Status.Succeeded = 1 }, 1, 0, podsUnknown},
		{"no pod of it is known: one of an earlier Job of the name may be left", func(j *batchv1.Job) {
			j.Status.Terminating = ptr.To[int32](0)
		}, 0, 0, podsUnknown},
		{"its controller does not count the pods that end", func(j *batchv1.Job) { j.Status.Terminating = nil }, 1, 0, podsUnknown},
		{"pods may end without being counted", func(j *batchv1.Job) { j.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{} }, 1, 0, podsUnknown},
		{"its suspension is not confirmed", func(j *batchv1.Job) { j.Status.Conditions = nil }, 1, 0, podsUnknown},
		{"it was resumed", func(j *batchv1.Job) { j.Spec.Suspend = ptr.To(false) }, 1, 0, podsUnknown},
		{"it was suspended and resumed before: pods of then were not counted", func(j *batchv1.Job) { j.Generation = 4 }, 1, 0, podsUnknown},
		{"it keeps its parallelism, so that a queue can bring pods back", func(j *batchv1.Job) { j.Spec.Parallelism = ptr.To[int32](1) }, 1, 0, podsUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := whatIsKnown(makeSuspended(tt.change), tt.known, tt.remaining); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// The cache keeps of a Job what whatIsKnown looks at.
func TestWhatIsKnownOfAStrippedJob(t *testing.T) {
	for name, change := range map[string]func(*batchv1.Job){
		"":                         nil,
		"with a podFailurePolicy":  func(j *batchv1.Job) { j.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{} },
		"with an uncounted pod":    func(j *batchv1.Job) { j.Status.UncountedTerminatedPods.Failed = []types.UID{"p"} },
		"that was changed before":  func(j *batchv1.Job) { j.Generation = 3 },
		"that asks for pods still": func(j *batchv1.Job) { j.Spec.Parallelism = ptr.To[int32](3) },
	} {
		whole, stripped := makeSuspended(change), makeSuspended(change)
		stripJob(stripped)
		if want, got := whatIsKnown(whole, 1, 0), whatIsKnown(stripped, 1, 0); got != want {
			t.Errorf("a Job %s: %d is known of the stripped one, and %d of the whole", name, got, want)
		}
	}
}

func makePodMetadata(uid types.UID, deleted bool) *metav1.PartialObjectMetadata {
	pod := newPodMetadata()
	pod.Namespace, pod.Name, pod.UID = "team", string(uid), uid
	pod.Labels = map[string]string{batchv1.ControllerUidLabel: "job"}
	if deleted {
		pod.DeletionTimestamp = &metav1.Time{}
	}
	return pod
}

func TestKnownPods(t *testing.T) {
	twoPods := makeSuspended(func(j *batchv1.Job) { j.Status.Terminating = ptr.To[int32](2) })
	for _, tt := range []struct {
		name   string
		events func(*knownPods)
		want   podsKnowledge
	}{
		{"nothing has happened", func(*knownPods) {}, podsUnknown},
		{"both are there", func(k *knownPods) {
			k.Appeared(t.Context(), makePodMetadata("a", false))
			k.Appeared(t.Context(), makePodMetadata("b", false))
		}, podsRemain},
		{"one is seen twice, and gone", func(k *knownPods) {
			k.Appeared(t.Context(), makePodMetadata("a", false))
			k.Appeared(t.Context(), makePodMetadata("a", true))
			k.Vanished(t.Context(), makePodMetadata("a", true))
		}, podsUnknown},
		{"both are gone", func(k *knownPods) {
			for _, uid := range []types.UID{"a", "b"} {
				k.Appeared(t.Context(), makePodMetadata(uid, false))
				k.Vanished(t.Context(), makePodMetadata(uid, true))
			}
		}, podsGone},
		{"one is gone, and one has lost its label", func(k *knownPods) {
			for _, uid := range []types.UID{"a", "b"} {
				k.Appeared(t.Context(), makePodMetadata(uid, false))
				k.Vanished(t.Context(), makePodMetadata(uid, uid == "a"))
			}
		}, podsRemain},
		{"one that is gone is there once more, as in a list that is older", func(k *knownPods) {
			for _, uid := range []types.UID{"a", "b"} {
				k.Appeared(t.Context(), makePodMetadata(uid, false))
				k.Vanished(t.Context(), makePodMetadata(uid, true))
			}
			k.Appeared(t.Context(), makePodMetadata("a", false))
		}, podsGone},
		{"the Job is gone", func(k *knownPods) {
			for _, uid := range []types.UID{"a", "b"} {
				k.Appeared(t.Context(), makePodMetadata(uid, false))
			}
			k.forget(twoPods.UID)
		}, podsUnknown},
		{"a pod vanishes that never appeared", func(k *knownPods) { k.Vanished(t.Context(), makePodMetadata("a", true)) }, podsUnknown},
		{"a pod of no Job is there", func(k *knownPods) {
			pod := makePodMetadata("a", false)
			pod.Labels = nil
			k.Appeared(t.Context(), pod)
		}, podsUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			known := &knownPods{}
			tt.events(known)
			if got, _, _ := known.tell(twoPods); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// The cache loses a Job whose label somebody takes off. Of two pods one goes on to its end, and the Job controller counts the other alone
// from then on: the event of the first must not look like that of the only pod.
func TestKnownPodsOfAJobThatLostItsLabel(t *testing.T) {
	known := &knownPods{}
	for _, uid := range []types.UID{"a", "b"} {
		known.Appeared(t.Context(), makePodMetadata(uid, false))
	}
	known.forget("job")
	known.Appeared(t.Context(), makePodMetadata("a", true))
	known.Vanished(t.Context(), makePodMetadata("a", true))
	if got, _, _ := known.tell(makeSuspended(nil)); got != podsUnknown {
		t.Errorf("got %d, and one is known to be there", got)
	}
}

// What is remembered of a Job that is gone is forgotten with the last of its pods.
func TestKnownPodsOfAJobThatIsGone(t *testing.T) {
	known := &knownPods{}
	for _, uid := range []types.UID{"a", "b", "c"} {
		known.Appeared(t.Context(), makePodMetadata(uid, false))
	}
	known.Vanished(t.Context(), makePodMetadata("a", true))
	known.forget("job")
	known.Vanished(t.Context(), makePodMetadata("b", true))
	if len(known.jobs) != 1 {
		t.Error("a pod is there, and nothing is known of its Job")
	}
	known.Vanished(t.Context(), makePodMetadata("c", false))
	if len(known.jobs) > 0 {
		t.Errorf("%d Jobs are remembered that have no pods", len(known.jobs))
	}
}

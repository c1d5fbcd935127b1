// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// Terminate ends the pods of a Job within their grace period, and it has ended when no pod is left. Nothing is deleted: the name
// of the Job stays taken.
func TestTerminate(t *testing.T) {
	ending := plan.Observation{Phase: plan.PhaseRunning, UID: jobUID}
	ended := plan.Observation{Phase: plan.PhaseEnded, UID: jobUID}
	runningBecause := func(reason string) plan.Observation {
		return plan.Observation{Phase: plan.PhaseRunning, UID: jobUID, Reason: reason}
	}
	cached := []string{"get Job"}
	patched := []string{"get Job", "patch Job"}
	patchedTwice := []string{"get Job", "patch Job", "patch Job"}
	listed := []string{"get Job", "live list Pod"}
	gone := []string{"get Job", "live get Job", "live list Pod"}
	reserving := append(slices.Clone(gone), "create Job")
	readingHolder := append(slices.Clone(reserving), "live get Job")
	both, suspend, drain := `{"parallelism":0,"suspend":true}`, `{"suspend":true}`, `{"parallelism":0}`
	refused := func(errs ...error) map[string][]error { return map[string][]error{"patch Job": errs} }
	endedPod := makePod(func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })
	endedButDeleted := makePod(asDeletedPod, func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })
	done := makeJob(asSuspended, asEmpty, asConfirmedSuspended)
	tests := []operationCase{
		{name: "it runs", job: makeJob(), want: ending, calls: patched, suspended: true, specs: []string{both}},
		{name: "it was resumed by somebody else", job: makeJob(asResumed), want: ending, calls: patched, suspended: true, specs: []string{both}},
		{name: "it was emptied and resumed by somebody else", job: makeJob(asEmpty, asResumed), want: ending, calls: patched, suspended: true, specs: []string{both}},
		// Its condition is about an earlier suspension. It is left alone until the condition is False.
		{name: "it was just resumed by somebody else", job: makeJob(asConfirmedSuspended), want: ending, calls: cached},
		{name: "suspended, and the Job controller has not confirmed it", job: makeJob(asSuspended, asEmpty), want: ending, calls: cached},
		{name: "suspended again, and the condition is of the past", job: makeJob(asSuspended, asEmpty, asResumed), want: ending, calls: cached},
		// A queue that resumes it brings no pod back.
		{name: "suspended by somebody else", job: makeJob(asSuspended), want: ending, calls: patched, suspended: true, specs: []string{drain}},
		{name: "suspended by somebody else, and confirmed", job: makeJob(asSuspended, asConfirmedSuspended), want: ending, calls: patched, suspended: true, specs: []string{drain}},
		{
			name: "suspended by somebody else, of many pods", job: makeJob(asSuspended, func(j *batchv1.Job) { j.Spec.Parallelism = ptr.To[int32](3) }),
			want: ending, calls: patched, suspended: true, specs: []string{drain},
		},
		{
			// It was suspended before its startTime was recorded, and cannot become Complete.
			name: "its success is decided, and its pod has ended", job: makeJob(asSuspended, asEmpty, asDecided(batchv1.JobSuccessCriteriaMet)),
			pods: []*corev1.Pod{endedPod}, want: ended, calls: listed,
		},
		{
			name: "its failure is decided, and its pods are left", job: makeJob(asSuspended, asEmpty, asDecided(batchv1.JobFailureTarget)),
			pods: []*corev1.Pod{makePod(asDeletedPod)}, want: ending, calls: listed,
		},
		{
			name: "pods of an earlier Job of the name are left", job: done,
			pods: []*corev1.Pod{makePod(func(p *corev1.Pod) { p.Labels[batchv1.ControllerUidLabel] = "job-0" })},
			want: ending, calls: append(slices.Clone(listed), "delete Pod"),
		},
		{
			name: "the Job controller has confirmed it before the pods are gone", job: done, pods: []*corev1.Pod{makePod(asDeletedPod)},
			want: ending, calls: listed,
		},
		{
			name: "a pod that has ended and is being deleted is there", job: done, pods: []*corev1.Pod{endedButDeleted},
			want: ending, calls: listed,
		},
		{name: "its pods are gone", job: done, want: ended, calls: listed},
		{name: "a try that had ended stays", job: done, pods: []*corev1.Pod{endedPod}, want: ended, calls: listed},
		{name: "it finished by itself", job: makeJob(asComplete), want: ended, calls: cached},
		{name: "it failed by itself", job: makeJob(asFailed("R", "m")), want: ended, calls: cached},
		{name: "it finished before it was suspended", job: makeJob(asSuspended, asComplete), want: ended, calls: cached},
		{name: "somebody else deletes it", job: makeJob(asDeleting), want: runningBecause("JobDeleting"), messageParts: []string{"being deleted by somebody else"}, calls: cached},
		{
			name: "somebody else deletes it, and a finalizer keeps it", job: makeJob(asHeld), want: runningBecause("JobFinalizer"),
			messageParts: []string{"kept by finalizers", "example.com/hold"}, calls: listed,
		},
		{
			// I7: what is not ours is left alone.
			name: "another controller has it", job: makeJob(asTakenOver), want: runningBecause("JobTakenOver"), messageParts: []string{"taken over", "left alone"}, calls: cached,
		},
		{name: "nobody controls it", job: makeJob(withoutOwner), want: runningBecause("JobTakenOver"), messageParts: []string{"left alone"}, calls: cached},
		{name: "another controller has it, and deletes it", job: makeJob(asTakenOver, asDeleting), want: runningBecause("JobTakenOver"), messageParts: []string{"left alone"}, calls: cached},
		{name: "another controller has it, and it has finished", job: makeJob(asTakenOver, asComplete), want: ended, calls: cached},
		{name: "it is gone", want: ended, calls: reserving, created: true},
		{name: "it is gone, and its name is held", job: makeJob(withOtherUID, asPlaceholder), want: ended, calls: readingHolder},
		{name: "it is gone, and so is its namespace soon", failAlways: map[string]error{"create Job": errEnding}, want: ended, calls: reserving},
		{name: "it is gone, and the execution is being deleted", deleted: true, want: ended, calls: gone},
		{
			name: "it is gone, and its pods are not", pods: []*corev1.Pod{makePod()}, want: runningBecause(v1alpha1.ReasonWorkloadLost),
			messageParts: []string{"its pods have to end", jobName + "-x7k2p"}, calls: append(slices.Clone(gone), "delete Pod"),
		},
		{
			name: "it is gone, and its name cannot be held yet", failAlways: map[string]error{"create Job": errQuota},
			want: plan.Observation{Phase: plan.PhaseBlocked}, messageParts: []string{"Trying again", "exceeded quota"}, errorPart: "exceeded quota",
			calls: append(slices.Clone(reserving), "create Job"),
		},
		{name: "it is gone, and it is not known whether its name is held", failAlways: map[string]error{"create Job": errTimeout}, errorPart: "did not answer", calls: reserving},
		{name: "it is gone, and somebody else's has its name", job: makeJob(withOtherUID, withoutOwner), want: ended, calls: readingHolder},
		{
			// A paused operator did so.
			name: "it is gone, and was created again", job: makeJob(withOtherUID), want: plan.Observation{Phase: plan.PhaseRunning, UID: "job-2"},
			calls: append(slices.Clone(readingHolder), "patch Job"), suspended: true, specs: []string{both},
		},
		{
			name: "it was created again, and the pods of the first are left", job: makeJob(withOtherUID), pods: []*corev1.Pod{makePod()},
			want: runningBecause(v1alpha1.ReasonWorkloadLost), messageParts: []string{"its pods have to end"}, calls: append(slices.Clone(gone), "delete Pod"),
		},
		{
			name: "the patch is forbidden", job: makeJob(), failAlways: map[string]error{"patch Job": errQuota},
			want: runningBecause("SuspendRefused"), messageParts: []string{"Trying again", "exceeded quota"}, errorPart: "suspending Job", calls: patchedTwice, specs: []string{both, suspend},
		},
		{
			name: "the patch is invalid", job: makeJob(), failAlways: map[string]error{"patch Job": errInvalid},
			want: runningBecause("SuspendRefused"), messageParts: []string{"Trying again", "is invalid"}, errorPart: "suspending Job", calls: patchedTwice, specs: []string{both, suspend},
		},
		{
			// The API server takes a change of parallelism of such a Job only while it is suspended.
			name: "it may not be emptied while it runs", job: makeJob(), failFirst: refused(errInvalid),
			want: ending, calls: patchedTwice, suspended: true, specs: []string{both, suspend},
		},
		{
			name: "it may not be emptied while it runs, and there is no answer", job: makeJob(), failFirst: refused(errInvalid, errTimeout),
			want: ending, errorPart: "did not answer", calls: patchedTwice, specs: []string{both, suspend},
		},
		{
			name: "it may never be emptied, and the Job controller has not confirmed that it is suspended", job: makeJob(asSuspended, asStopped), failFirst: refused(errInvalid),
			want: ending, calls: patched, specs: []string{drain},
		},
		{
			name: "it may never be emptied, and its pods are left", job: makeJob(asSuspended, asStopped, asConfirmedSuspended), failFirst: refused(errQuota), pods: []*corev1.Pod{makePod(asDeletedPod)},
			want: ending, calls: append(slices.Clone(patched), "live list Pod"), specs: []string{drain},
		},
		{
			name: "it may never be emptied, and its pods are gone", job: makeJob(asSuspended, asStopped, asConfirmedSuspended), failFirst: refused(errInvalid),
			want: ended, calls: append(slices.Clone(patched), "live list Pod"), specs: []string{drain},
		},
		{
			// A queue must not resume it after the stop.
			name: "a queue suspended it, and it may not be emptied: it is marked", job: makeJob(asSuspended, asConfirmedSuspended), failFirst: refused(errQuota),
			want: ending, calls: patchedTwice, suspended: true, specs: []string{drain, suspend},
		},
		{
			name: "a queue suspended it, and it may not be marked", job: makeJob(asSuspended, asConfirmedSuspended), failAlways: map[string]error{"patch Job": errQuota},
			want: runningBecause("SuspendRefused"), messageParts: []string{"Trying again"}, errorPart: "suspending Job", calls: patchedTwice, specs: []string{drain, suspend},
		},
		{
			name: "no answer to the one that empties it", job: makeJob(asSuspended, asConfirmedSuspended), failFirst: refused(errTimeout),
			want: ending, errorPart: "did not answer", calls: patched, specs: []string{drain},
		},
		{name: "no answer to the patch", job: makeJob(), failAlways: map[string]error{"patch Job": errTimeout}, want: ending, errorPart: "did not answer", calls: patched, specs: []string{both}},
		{
			name: "it is gone before the patch", job: makeJob(), failAlways: map[string]error{"patch Job": apierrors.NewNotFound(jobs, jobName)},
			want: ending, calls: patched, specs: []string{both},
		},
		{
			name: "it is gone before the one that empties it", job: makeJob(asSuspended), failAlways: map[string]error{"patch Job": apierrors.NewNotFound(jobs, jobName)},
			want: ending, calls: patched, specs: []string{drain},
		},
		{name: "its pods cannot be listed", job: done, failAlways: map[string]error{"live list Pod": errTimeout}, errorPart: "did not answer", calls: listed},
		{name: "it is gone, and its pods cannot be listed", failAlways: map[string]error{"live list Pod": errTimeout}, errorPart: "did not answer", calls: gone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.check(t, makeConfirmed(plan.OperationTerminate)) })
	}
}

// A patch tests the uid, so that it meets no other Job of the name, and the generation, so that it meets none that was resumed since.
func TestTerminateGuardsAndPatchesOnce(t *testing.T) {
	ofGeneration := func(j *batchv1.Job) { j.Generation = 7 }
	cluster := newCluster(t, makeJob(ofGeneration))
	for range 3 {
		_, err := cluster.execute(makeScope(), makeConfirmed(plan.OperationTerminate))
		cluster.must(err)
	}
	guarded := `[{"op":"test","path":"/metadata/uid","value":"` + jobUID + `"},` +
		`{"op":"test","path":"/metadata/generation","value":7},` +
		`{"op":"test","path":"/metadata/deletionTimestamp","value":null},` +
		`{"op":"test","path":"/metadata/ownerReferences/0/uid","value":"` + executionUID + `"},` +
		`{"op":"test","path":"/metadata/ownerReferences/0/controller","value":true},` +
		`{"op":"add","path":"/metadata/labels/pipelines.haltline.dev~1stopped","value":"true"},` +
		`{"op":"add","path":"/spec/parallelism","value":0},{"op":"add","path":"/spec/suspend","value":true}]`
	if diff := cmp.Diff([]string{guarded}, cluster.patches); diff != "" {
		t.Errorf("patches (-want +got):\n%s", diff)
	}
	want := makeJob(ofGeneration, asSuspended, asEmpty)
	want.Labels[v1alpha1.LabelStopped] = "true"
	got := cluster.job()
	got.ResourceVersion, got.TypeMeta, got.ManagedFields = "", metav1.TypeMeta{}, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the Job (-want +got):\n%s", diff)
	}
}

// If the cache does not show what became of the Job since, nothing is changed.
func TestTerminateWithAStaleCache(t *testing.T) {
	cluster := newCluster(t, makeJob())
	cluster.stale = map[string]*batchv1.Job{jobName: cluster.job()}
	changed := cluster.job()
	asSuspended(changed)
	changed.Generation++
	cluster.must(cluster.raw.Update(t.Context(), changed))
	cluster.versions[jobName] = changed.ResourceVersion
	o, err := cluster.execute(makeScope(), makeConfirmed(plan.OperationTerminate))
	if want := (plan.Observation{Phase: plan.PhaseRunning, UID: jobUID}); !apierrors.IsConflict(err) || o != want {
		t.Errorf("got %+v, %v; want %+v and a conflict", o, err, want)
	}
	cluster.checkUntouched()
}

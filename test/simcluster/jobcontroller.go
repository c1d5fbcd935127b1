// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// StepJobs has the Job controller do one thing. It reports whether there was anything to do.
//
// It takes the steps of the real one in the same order: it claims pods, deletes or creates them, writes what it counted,
// takes off the finalizers of the pods that it has counted, and only then declares the Job finished. It tries again at once
// where the real one waits 10 s and more, and always reads what is stored, which the real one makes sure of.
func StepJobs(s *Store) bool {
	did := false
	s.As("job-controller", func() {
		for _, o := range s.All(Job) {
			if did = stepJob(s, o.(*batchv1.Job)); did {
				return
			}
		}
		did = stepOrphanPods(s)
	})
	return did
}

func stepJob(s *Store, job *batchv1.Job) bool {
	if jobFinished(job) {
		return false
	}
	pods, changed := claimPods(s, job)
	if changed {
		return true
	}
	end := endOf(job, pods)
	switch {
	case end != "":
		changed = deletePods(s, active(pods), false)
	case job.DeletionTimestamp == nil:
		changed = manage(s, job, pods)
	}
	if changed {
		return true
	}
	if end == "" && complete(job, pods) {
		end = batchv1.JobSuccessCriteriaMet
	}
	return track(s, job, pods, end)
}

// endOf returns the condition that says how the Job is about to end, or that it is to fail; it is empty where neither is so.
func endOf(job *batchv1.Job, pods []*corev1.Pod) batchv1.JobConditionType {
	switch _, failed := tries(job, pods); {
	case jobIs(job, batchv1.JobSuccessCriteriaMet):
		return batchv1.JobSuccessCriteriaMet
	case jobIs(job, batchv1.JobFailureTarget) || failed > *job.Spec.BackoffLimit:
		return batchv1.JobFailureTarget
	}
	return ""
}

// tries counts the pods that succeeded and that failed, those included that are not in the counters yet.
func tries(job *batchv1.Job, pods []*corev1.Pod) (succeeded, failed int32) {
	u := ptr.Deref(job.Status.UncountedTerminatedPods, batchv1.UncountedTerminatedPods{})
	succeeded = job.Status.Succeeded + int32(len(u.Succeeded))
	failed = job.Status.Failed + int32(len(u.Failed))
	for _, p := range pods {
		switch {
		case !hasFinalizer(p, batchv1.JobTrackingFinalizer):
		case p.Status.Phase == corev1.PodSucceeded && !slices.Contains(u.Succeeded, p.UID):
			succeeded++
		case podFailed(job, p) && !slices.Contains(u.Failed, p.UID):
			failed++
		}
	}
	return succeeded, failed
}

// podFailed reports whether a pod is one that failed. One that is deleted is, unless it is replaced only when it has ended.
func podFailed(job *batchv1.Job, pod *corev1.Pod) bool {
	if pod.Status.Phase == corev1.PodFailed || replacedWhenFailed(job) {
		return pod.Status.Phase == corev1.PodFailed
	}
	return pod.DeletionTimestamp != nil && pod.Status.Phase != corev1.PodSucceeded
}

func replacedWhenFailed(job *batchv1.Job) bool {
	return ptr.Deref(job.Spec.PodReplacementPolicy, batchv1.TerminatingOrFailed) == batchv1.Failed
}

// complete reports whether a Job has the successes that it asks for. A suspended one can be, and one that is deleted.
func complete(job *batchv1.Job, pods []*corev1.Pod) bool {
	succeeded, _ := tries(job, pods)
	return succeeded >= ptr.Deref(job.Spec.Completions, 1) && len(active(pods)) == 0
}

// manage deletes the pods that are too many, of which those of a suspended Job are, and creates those that are missing.
func manage(s *Store, job *batchv1.Job, pods []*corev1.Pod) bool {
	running := active(pods)
	want := wanted(job, pods)
	if len(running) > want {
		return deletePods(s, running[want:], true)
	}
	if replacedWhenFailed(job) {
		want -= len(terminating(pods))
	}
	if suspended(job) || len(running) >= want {
		return false
	}
	return s.Create(podOf(s, job)) == nil
}

// wanted is how many pods of a Job are to run.
func wanted(job *batchv1.Job, pods []*corev1.Pod) int {
	succeeded, _ := tries(job, pods)
	switch {
	case suspended(job):
		return 0
	case job.Spec.Completions != nil:
		return int(max(0, min(*job.Spec.Parallelism, *job.Spec.Completions-succeeded)))
	case succeeded > 0:
		return len(active(pods))
	}
	return int(*job.Spec.Parallelism)
}

// deletePods deletes the first of the pods. One whose end is not to be counted loses its finalizer before.
func deletePods(s *Store, pods []*corev1.Pod, uncounted bool) bool {
	if len(pods) == 0 {
		return false
	}
	key := client.ObjectKeyFromObject(pods[0])
	if uncounted && s.Mutate(Pod, key, removeFinalizer(batchv1.JobTrackingFinalizer)) {
		return true
	}
	return s.Delete(Pod, key, client.DeleteOptions{}) == nil
}

// track writes what is to be known of a Job, or else takes the finalizer off a pod that is counted.
func track(s *Store, job *batchv1.Job, pods []*corev1.Pod, end batchv1.JobConditionType) bool {
	next := job.DeepCopy()
	if next.Status.UncountedTerminatedPods == nil {
		next.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{}
	}
	now := metav1.NewTime(s.Clock.Now())
	begin(next, end, now)
	tally(next, pods)
	counted := note(next, pods, end)
	conclude(next, job, end, len(counted) > 0, now)
	if refused(next) {
		return false
	}
	was := job.Status
	// The time of the start alone is no reason to write.
	was.StartTime = next.Status.StartTime
	if !equality.Semantic.DeepEqual(next.Status, was) {
		return mutateJob(s, job, func(j *batchv1.Job) { j.Status = next.Status })
	}
	if len(counted) > 0 {
		return s.Mutate(Pod, client.ObjectKeyFromObject(counted[0]), removeFinalizer(batchv1.JobTrackingFinalizer))
	}
	return false
}

// refused reports whether the API server takes no such status: "startTime is required for finished job", but for a suspended one
// that asks for no completions. The Job controller tries again for ever.
func refused(job *batchv1.Job) bool {
	empty := suspended(job) && job.Spec.Completions != nil && *job.Spec.Completions == 0
	return jobFinished(job) && job.Status.StartTime == nil && !empty
}

// begin says when a Job started and whether it is suspended. Of one that ends or is deleted that does not change any more.
func begin(job *batchv1.Job, end batchv1.JobConditionType, now metav1.Time) {
	if job.Status.StartTime == nil && !suspended(job) {
		job.Status.StartTime = &now
	}
	switch said := jobIs(job, batchv1.JobSuspended); {
	case end != "" || job.DeletionTimestamp != nil || said == suspended(job):
	case said:
		setCondition(job, batchv1.JobSuspended, corev1.ConditionFalse, "JobResumed", now)
		job.Status.StartTime = &now
	default:
		setCondition(job, batchv1.JobSuspended, corev1.ConditionTrue, "JobSuspended", now)
		job.Status.StartTime = nil
	}
}

// tally counts the pods, and moves those that have lost their finalizer from the list of the uncounted to the counters.
func tally(job *batchv1.Job, pods []*corev1.Pod) {
	running := active(pods)
	ready := 0
	for _, p := range running {
		if p.Status.Phase == corev1.PodRunning {
			ready++
		}
	}
	is, u := &job.Status, job.Status.UncountedTerminatedPods
	is.Active, is.Ready, is.Terminating = int32(len(running)), ptr.To(int32(ready)), ptr.To(int32(len(terminating(pods))))
	left := uncountedOf(u.Succeeded, pods)
	is.Succeeded, u.Succeeded = is.Succeeded+int32(len(u.Succeeded)-len(left)), left
	left = uncountedOf(u.Failed, pods)
	is.Failed, u.Failed = is.Failed+int32(len(u.Failed)-len(left)), left
}

// note lists the pods that have ended and are not counted, and returns those that can lose their finalizer.
func note(job *batchv1.Job, pods []*corev1.Pod, end batchv1.JobConditionType) []*corev1.Pod {
	var counted []*corev1.Pod
	u := job.Status.UncountedTerminatedPods
	for _, p := range pods {
		succeeded, failed := p.Status.Phase == corev1.PodSucceeded, podFailed(job, p)
		over := succeeded || failed || end != "" || job.DeletionTimestamp != nil
		if !over || !hasFinalizer(p, batchv1.JobTrackingFinalizer) {
			continue
		}
		counted = append(counted, p)
		switch {
		case slices.Contains(u.Succeeded, p.UID) || slices.Contains(u.Failed, p.UID):
		case succeeded:
			u.Succeeded = append(u.Succeeded, p.UID)
		case failed || end == batchv1.JobFailureTarget:
			u.Failed = append(u.Failed, p.UID)
		}
	}
	return counted
}

// conclude says that a Job is about to end; and, when that is written, nothing is left to be counted and no pod is ending any
// more, that it has.
func conclude(next, job *batchv1.Job, end batchv1.JobConditionType, uncounted bool, now metav1.Time) {
	if end == "" {
		return
	}
	final, reason := batchv1.JobComplete, batchv1.JobReasonCompletionsReached
	if end == batchv1.JobFailureTarget {
		final, reason = batchv1.JobFailed, batchv1.JobReasonBackoffLimitExceeded
	}
	if !jobIs(job, end) {
		setCondition(next, end, corev1.ConditionTrue, reason, now)
		return
	}
	if uncounted || *next.Status.Terminating > 0 {
		return
	}
	setCondition(next, final, corev1.ConditionTrue, reason, now)
	if final == batchv1.JobComplete {
		next.Status.CompletionTime = &now
	}
}

func mutateJob(s *Store, job *batchv1.Job, change func(*batchv1.Job)) bool {
	return s.Mutate(Job, client.ObjectKeyFromObject(job), func(o client.Object) { change(o.(*batchv1.Job)) })
}

func setCondition(job *batchv1.Job, t batchv1.JobConditionType, status corev1.ConditionStatus, reason string, now metav1.Time) {
	c := batchv1.JobCondition{Type: t, Status: status, Reason: reason, LastTransitionTime: now}
	if i := conditionIndex(job, t); i >= 0 {
		job.Status.Conditions[i] = c
	} else {
		job.Status.Conditions = append(job.Status.Conditions, c)
	}
}

func conditionIndex(job *batchv1.Job, t batchv1.JobConditionType) int {
	return slices.IndexFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool { return c.Type == t })
}

func jobIs(job *batchv1.Job, t batchv1.JobConditionType) bool {
	i := conditionIndex(job, t)
	return i >= 0 && job.Status.Conditions[i].Status == corev1.ConditionTrue
}

func jobFinished(job *batchv1.Job) bool {
	return jobIs(job, batchv1.JobComplete) || jobIs(job, batchv1.JobFailed)
}

func suspended(job *batchv1.Job) bool { return job.Spec.Suspend != nil && *job.Spec.Suspend }

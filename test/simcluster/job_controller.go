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

// StepJobs takes one step of the Job controller. It reports whether there was anything to do.
//
// The steps are those of the real one, in the same order: it claims pods, deletes or creates them, writes what it counted,
// removes the finalizers of the pods that it has counted, and only then declares the Job finished. It tries again at once,
// when the real one waits for 10 s and more, and it always reads what is stored, which the real one makes sure of.
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
	if isJobFinished(job) {
		return false
	}
	pods, changed := claimPods(s, job)
	if changed {
		return true
	}
	end := findEnd(job, pods)
	switch {
	case end != "":
		changed = deletePods(s, activePods(pods), false)
	case job.DeletionTimestamp == nil:
		changed = managePods(s, job, pods)
	}
	if changed {
		return true
	}
	if end == "" && isComplete(job, pods) {
		end = batchv1.JobSuccessCriteriaMet
	}
	return trackPods(s, job, pods, end)
}

// findEnd returns the condition by which the Job is about to end, or nothing if it is not about to end.
func findEnd(job *batchv1.Job, pods []*corev1.Pod) batchv1.JobConditionType {
	switch _, failed := countTries(job, pods); {
	case hasCondition(job, batchv1.JobSuccessCriteriaMet):
		return batchv1.JobSuccessCriteriaMet
	case hasCondition(job, batchv1.JobFailureTarget) || failed > *job.Spec.BackoffLimit:
		return batchv1.JobFailureTarget
	}
	return ""
}

// countTries counts the pods that succeeded and those that failed, including those that are not in the counters yet.
func countTries(job *batchv1.Job, pods []*corev1.Pod) (succeeded, failed int32) {
	u := ptr.Deref(job.Status.UncountedTerminatedPods, batchv1.UncountedTerminatedPods{})
	succeeded = job.Status.Succeeded + int32(len(u.Succeeded))
	failed = job.Status.Failed + int32(len(u.Failed))
	for _, p := range pods {
		switch {
		case !hasFinalizer(p, batchv1.JobTrackingFinalizer):
		case p.Status.Phase == corev1.PodSucceeded && !slices.Contains(u.Succeeded, p.UID):
			succeeded++
		case hasPodFailed(job, p) && !slices.Contains(u.Failed, p.UID):
			failed++
		}
	}
	return succeeded, failed
}

// hasPodFailed reports whether a pod counts as failed. A deleted pod does, unless pods are replaced only when they have ended.
func hasPodFailed(job *batchv1.Job, pod *corev1.Pod) bool {
	if pod.Status.Phase == corev1.PodFailed || isReplacedWhenFailed(job) {
		return pod.Status.Phase == corev1.PodFailed
	}
	return pod.DeletionTimestamp != nil && pod.Status.Phase != corev1.PodSucceeded
}

func isReplacedWhenFailed(job *batchv1.Job) bool {
	return ptr.Deref(job.Spec.PodReplacementPolicy, batchv1.TerminatingOrFailed) == batchv1.Failed
}

// isComplete reports whether a Job has the successes that it asks for. A suspended or deleted Job can have them.
func isComplete(job *batchv1.Job, pods []*corev1.Pod) bool {
	succeeded, _ := countTries(job, pods)
	return succeeded >= ptr.Deref(job.Spec.Completions, 1) && len(activePods(pods)) == 0
}

// managePods deletes the pods that are too many, such as all pods of a suspended Job, and creates those that are missing.
func managePods(s *Store, job *batchv1.Job, pods []*corev1.Pod) bool {
	running := activePods(pods)
	want := wantedPods(job, pods)
	if len(running) > want {
		return deletePods(s, running[want:], true)
	}
	if isReplacedWhenFailed(job) {
		want -= len(terminatingPods(pods))
	}
	if isSuspended(job) || len(running) >= want {
		return false
	}
	return s.Create(newPod(s, job)) == nil
}

// wantedPods returns how many pods of a Job are to run.
func wantedPods(job *batchv1.Job, pods []*corev1.Pod) int {
	succeeded, _ := countTries(job, pods)
	switch {
	case isSuspended(job):
		return 0
	case job.Spec.Completions != nil:
		return int(max(0, min(*job.Spec.Parallelism, *job.Spec.Completions-succeeded)))
	case succeeded > 0:
		return len(activePods(pods))
	}
	return int(*job.Spec.Parallelism)
}

// deletePods deletes the first of the pods. If its end is not to be counted, it loses its finalizer before.
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

// trackPods writes the status of a Job, or removes the finalizer of a pod that is counted if the status is right already.
func trackPods(s *Store, job *batchv1.Job, pods []*corev1.Pod, end batchv1.JobConditionType) bool {
	next := job.DeepCopy()
	if next.Status.UncountedTerminatedPods == nil {
		next.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{}
	}
	now := metav1.NewTime(s.Clock.Now())
	setStart(next, end, now)
	countPods(next, pods)
	counted := noteEndedPods(next, pods, end)
	setEnd(next, job, end, len(counted) > 0, now)
	if isRefused(next) {
		return false
	}
	was := job.Status
	// If only the time of the start differs, nothing is written.
	was.StartTime = next.Status.StartTime
	if !equality.Semantic.DeepEqual(next.Status, was) {
		return mutateJob(s, job, func(j *batchv1.Job) { j.Status = next.Status })
	}
	if len(counted) > 0 {
		return s.Mutate(Pod, client.ObjectKeyFromObject(counted[0]), removeFinalizer(batchv1.JobTrackingFinalizer))
	}
	return false
}

// isRefused reports whether the API server refuses the status of a Job. A finished Job needs a startTime, except one that is
// suspended and asks for no completions. The Job controller tries again for ever.
func isRefused(job *batchv1.Job) bool {
	empty := isSuspended(job) && job.Spec.Completions != nil && *job.Spec.Completions == 0
	return isJobFinished(job) && job.Status.StartTime == nil && !empty
}

// setStart sets when a Job started and whether it is suspended. Neither changes any more once the Job ends or is deleted.
func setStart(job *batchv1.Job, end batchv1.JobConditionType, now metav1.Time) {
	if job.Status.StartTime == nil && !isSuspended(job) {
		job.Status.StartTime = &now
	}
	switch confirmed := hasCondition(job, batchv1.JobSuspended); {
	case end != "" || job.DeletionTimestamp != nil || confirmed == isSuspended(job):
	case confirmed:
		setCondition(job, batchv1.JobSuspended, corev1.ConditionFalse, "JobResumed", now)
		job.Status.StartTime = &now
	default:
		setCondition(job, batchv1.JobSuspended, corev1.ConditionTrue, "JobSuspended", now)
		job.Status.StartTime = nil
	}
}

// countPods counts the pods. Those that have lost their finalizer move from the list of the uncounted to the counters.
func countPods(job *batchv1.Job, pods []*corev1.Pod) {
	running := activePods(pods)
	ready := 0
	for _, p := range running {
		if p.Status.Phase == corev1.PodRunning {
			ready++
		}
	}
	is, u := &job.Status, job.Status.UncountedTerminatedPods
	is.Active, is.Ready, is.Terminating = int32(len(running)), ptr.To(int32(ready)), ptr.To(int32(len(terminatingPods(pods))))
	left := keepUncounted(u.Succeeded, pods)
	is.Succeeded, u.Succeeded = is.Succeeded+int32(len(u.Succeeded)-len(left)), left
	left = keepUncounted(u.Failed, pods)
	is.Failed, u.Failed = is.Failed+int32(len(u.Failed)-len(left)), left
}

// noteEndedPods lists the pods that have ended and are not counted, and returns those that can lose their finalizer.
func noteEndedPods(job *batchv1.Job, pods []*corev1.Pod, end batchv1.JobConditionType) []*corev1.Pod {
	var counted []*corev1.Pod
	u := job.Status.UncountedTerminatedPods
	for _, p := range pods {
		succeeded, failed := p.Status.Phase == corev1.PodSucceeded, hasPodFailed(job, p)
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

// setEnd shows that a Job is about to end. If that was written before, everything is counted and no pod is ending any more, it
// shows that the Job has ended.
func setEnd(next, job *batchv1.Job, end batchv1.JobConditionType, uncounted bool, now metav1.Time) {
	if end == "" {
		return
	}
	final, reason := batchv1.JobComplete, batchv1.JobReasonCompletionsReached
	if end == batchv1.JobFailureTarget {
		final, reason = batchv1.JobFailed, batchv1.JobReasonBackoffLimitExceeded
	}
	if !hasCondition(job, end) {
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

func hasCondition(job *batchv1.Job, t batchv1.JobConditionType) bool {
	i := conditionIndex(job, t)
	return i >= 0 && job.Status.Conditions[i].Status == corev1.ConditionTrue
}

func isJobFinished(job *batchv1.Job) bool {
	return hasCondition(job, batchv1.JobComplete) || hasCondition(job, batchv1.JobFailed)
}

func isSuspended(job *batchv1.Job) bool { return job.Spec.Suspend != nil && *job.Spec.Suspend }

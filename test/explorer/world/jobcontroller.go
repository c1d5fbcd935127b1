// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// StepJobs has the Job controller do one thing. It reports whether there was anything to do.
//
// What it keeps to, as the real one does: pods are created by nobody else; a Job that is suspended has its pods deleted
// before its condition Suspended is true, and none created after; a pod is accounted for before its finalizer is taken
// off; a Job is Complete or Failed when none of its pods is left that is not accounted for.
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

// stepOrphanPods takes the finalizer off a pod whose Job is gone.
func stepOrphanPods(s *Store) bool {
	for _, o := range s.All(Pod) {
		job := s.ByUID(types.UID(o.GetLabels()[batchv1.ControllerUidLabel]))
		if job == nil && hasFinalizer(o, batchv1.JobTrackingFinalizer) {
			return s.Mutate(Pod, client.ObjectKeyFromObject(o), removeFinalizer(batchv1.JobTrackingFinalizer))
		}
	}
	return false
}

func stepJob(s *Store, job *batchv1.Job) bool {
	pods := s.podsOf(job)
	if account(s, job, pods) {
		return true
	}
	if job.DeletionTimestamp != nil || jobFinished(job) {
		return false
	}
	return decide(s, job, pods) || manage(s, job, pods) || count(s, job, pods)
}

// account goes one step with a pod that has ended: first it is noted, then its finalizer goes, then it is counted.
func account(s *Store, job *batchv1.Job, pods []*corev1.Pod) bool {
	for _, pod := range pods {
		if !hasFinalizer(pod, batchv1.JobTrackingFinalizer) || (!podEnded(pod) && pod.DeletionTimestamp == nil && job.DeletionTimestamp == nil) {
			continue
		}
		if counts(job, pod) && !uncounted(job, pod.UID) {
			return mutateJob(s, job, func(j *batchv1.Job) {
				u := j.Status.UncountedTerminatedPods
				if pod.Status.Phase == corev1.PodSucceeded {
					u.Succeeded = append(u.Succeeded, pod.UID)
				} else {
					u.Failed = append(u.Failed, pod.UID)
				}
			})
		}
		return s.Mutate(Pod, client.ObjectKeyFromObject(pod), removeFinalizer(batchv1.JobTrackingFinalizer))
	}
	if u := job.Status.UncountedTerminatedPods; u != nil && len(u.Succeeded)+len(u.Failed) > 0 {
		return mutateJob(s, job, func(j *batchv1.Job) {
			j.Status.Succeeded += int32(len(u.Succeeded))
			j.Status.Failed += int32(len(u.Failed))
			j.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{}
		})
	}
	return false
}

// counts reports whether the end of a pod is one of a try: not where it was suspended, and not where nobody counts.
func counts(job *batchv1.Job, pod *corev1.Pod) bool {
	switch {
	case jobFinished(job) || job.Status.UncountedTerminatedPods == nil:
		return false
	case pod.Status.Phase == corev1.PodSucceeded:
		return true
	default:
		return !suspended(job)
	}
}

func uncounted(job *batchv1.Job, uid types.UID) bool {
	u := job.Status.UncountedTerminatedPods
	return slices.Contains(u.Succeeded, uid) || slices.Contains(u.Failed, uid)
}

// decide writes the conditions that say how the Job ends.
func decide(s *Store, job *batchv1.Job, pods []*corev1.Pod) bool {
	left := slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return !podEnded(p) })
	switch {
	case jobIs(job, batchv1.JobSuccessCriteriaMet) && !left:
		return setJob(s, job, batchv1.JobComplete, corev1.ConditionTrue, "CompletionsReached")
	case jobIs(job, batchv1.JobFailureTarget) && !left:
		return setJob(s, job, batchv1.JobFailed, corev1.ConditionTrue, batchv1.JobReasonBackoffLimitExceeded)
	case jobIs(job, batchv1.JobSuccessCriteriaMet) || jobIs(job, batchv1.JobFailureTarget):
		return deleteActive(s, pods)
	case job.Status.Failed > *job.Spec.BackoffLimit:
		return setJob(s, job, batchv1.JobFailureTarget, corev1.ConditionTrue, batchv1.JobReasonBackoffLimitExceeded)
	case !suspended(job) && job.Status.Succeeded >= *job.Spec.Completions:
		return setJob(s, job, batchv1.JobSuccessCriteriaMet, corev1.ConditionTrue, "CompletionsReached")
	}
	return false
}

// manage creates the pods of a Job that runs, and deletes those of one that is suspended.
func manage(s *Store, job *batchv1.Job, pods []*corev1.Pod) bool {
	switch {
	case jobIs(job, batchv1.JobSuccessCriteriaMet) || jobIs(job, batchv1.JobFailureTarget):
		return false
	case suspended(job):
		return deleteActive(s, pods) || setJob(s, job, batchv1.JobSuspended, corev1.ConditionTrue, "JobSuspended")
	case jobIs(job, batchv1.JobSuspended):
		return setJob(s, job, batchv1.JobSuspended, corev1.ConditionFalse, "JobResumed")
	case job.Status.StartTime == nil:
		return mutateJob(s, job, func(j *batchv1.Job) {
			now := metav1.NewTime(s.Clock.Now())
			j.Status.StartTime = &now
			j.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{}
		})
	}
	active := 0
	for _, p := range pods {
		if !podEnded(p) && p.DeletionTimestamp == nil {
			active++
		}
	}
	if active >= int(min(*job.Spec.Parallelism, *job.Spec.Completions-job.Status.Succeeded)) {
		return false
	}
	return s.Create(podOf(s, job)) == nil
}

func podOf(s *Store, job *batchv1.Job) *corev1.Pod {
	template := job.Spec.Template.DeepCopy()
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Namespace, pod.Name = job.Namespace, fmt.Sprintf("%s-%d", job.Name, len(s.History))
	pod.Finalizers = []string{batchv1.JobTrackingFinalizer}
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))}
	return pod
}

// deleteActive deletes one pod that has not ended.
func deleteActive(s *Store, pods []*corev1.Pod) bool {
	for _, pod := range pods {
		if !podEnded(pod) && pod.DeletionTimestamp == nil {
			return s.Delete(Pod, client.ObjectKeyFromObject(pod), client.DeleteOptions{}) == nil
		}
	}
	return false
}

// count writes how many pods there are, as far as that is not written.
func count(s *Store, job *batchv1.Job, pods []*corev1.Pod) bool {
	var active, ready, terminating int32
	for _, p := range pods {
		switch {
		case podEnded(p):
		case p.DeletionTimestamp != nil:
			terminating++
		default:
			active++
			if p.Status.Phase == corev1.PodRunning {
				ready++
			}
		}
	}
	if is := job.Status; is.Active == active && ptr.Deref(is.Ready, 0) == ready && ptr.Deref(is.Terminating, 0) == terminating {
		return false
	}
	return mutateJob(s, job, func(j *batchv1.Job) {
		j.Status.Active, j.Status.Ready, j.Status.Terminating = active, &ready, &terminating
	})
}

func mutateJob(s *Store, job *batchv1.Job, change func(*batchv1.Job)) bool {
	return s.Mutate(Job, client.ObjectKeyFromObject(job), func(o client.Object) { change(o.(*batchv1.Job)) })
}

func setJob(s *Store, job *batchv1.Job, t batchv1.JobConditionType, status corev1.ConditionStatus, reason string) bool {
	if i := conditionIndex(job, t); i >= 0 && job.Status.Conditions[i].Status == status {
		return false
	}
	return mutateJob(s, job, func(j *batchv1.Job) {
		now := metav1.NewTime(s.Clock.Now())
		c := batchv1.JobCondition{Type: t, Status: status, Reason: reason, LastTransitionTime: now}
		if i := conditionIndex(j, t); i >= 0 {
			j.Status.Conditions[i] = c
		} else {
			j.Status.Conditions = append(j.Status.Conditions, c)
		}
		if t == batchv1.JobComplete {
			j.Status.CompletionTime = &now
		}
		if t == batchv1.JobComplete || t == batchv1.JobFailed {
			j.Status.Active = 0
		}
	})
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

func podEnded(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

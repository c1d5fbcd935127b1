// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

func isOrphan(o client.Object) bool { return o.GetLabels()[v1alpha1.LabelOrphaned] == "true" }

func finalIsFinal(h *history, f *findings) {
	for _, e := range executions(h) {
		f.checked++
		stopping := e.when(published)
		for _, v := range e.versions {
			if stopping != nil && v.rv > stopping.rv && !published(v.object) {
				f.violate(string(e.uid), "the state at %d is %s, after %s", v.rv, ofExecution(v.object).Status.State, ofExecution(stopping.object).Status.State)
			}
		}
		first := e.when(final)
		if first == nil {
			f.violate(string(e.uid), "%s has no final state", e.last().object.GetName())
			continue
		}
		for _, v := range e.versions {
			if v.rv > first.rv && !equality.Semantic.DeepEqual(ofExecution(v.object).Status, ofExecution(first.object).Status) {
				f.violate(string(e.uid), "a final status was changed at %d", v.rv)
			}
		}
	}
}

// stoppedMeansStopped looks at what the execution says of its actions, and at every Job that it ever had, whether the
// execution knows of it or not.
func stoppedMeansStopped(h *history, f *findings) {
	for _, e := range executions(h) {
		v := e.when(final)
		if v == nil || ofExecution(v.object).Status.State != v1alpha1.ExecutionStopped {
			continue
		}
		for _, s := range ofExecution(v.object).Status.Stages {
			for _, a := range s.Actions {
				f.checked++
				h.actionEnded(f, string(e.uid), v, &a)
			}
		}
		for _, j := range h.jobsOf(string(e.uid)) {
			f.checked++
			h.jobEnded(f, string(e.uid), v, j)
		}
	}
}

// actionEnded looks whether an action had ended when its execution was Stopped, and its Job had finished where it was not
// abandoned.
func (h *history) actionEnded(f *findings, execution string, stopped *version, a *v1alpha1.ActionStatus) {
	if a.State == v1alpha1.ActionInProgress || a.State != v1alpha1.ActionNotStarted && a.CompletionTime == nil {
		f.violate(execution, "action %s is %s and has not ended, in a final status", a.Name, a.State)
		return
	}
	job := h.lives[types.UID(a.Workload.UID)]
	if job == nil || a.State == v1alpha1.ActionAbandoned {
		return
	}
	if !job.before(stopped.rv, finished) && !job.goneBefore(stopped.rv) {
		f.missing(h, job, execution, "Stopped at %d, and Job %s of the %s action %s had not finished", stopped.rv, a.Workload.Name, a.State, a.Name)
	}
}

// jobEnded looks whether a Job of an execution had ended when Stopped was written: it had finished, or could have no pod any
// more, and its pods had ended. What was orphaned on purpose goes on.
func (h *history) jobEnded(f *findings, execution string, stopped *version, job *life) {
	then := job.asOf(stopped.rv)
	if then == nil || isPlaceholder(then.object) || job.before(stopped.rv, isOrphan) && h.orphanedOnPurpose(job) {
		return
	}
	o := ofJob(then.object)
	if !finished(o) && !emptied(o) && !job.goneBefore(stopped.rv) {
		f.missing(h, job, execution, "Stopped at %d, and Job %s could run: %s", stopped.rv, o.Name, saysJob(o))
	}
	for _, pod := range h.podsOf(job.uid) {
		h.podEnded(f, execution, stopped, pod, finished(o))
	}
}

// podEnded looks whether a pod was gone, or had ended by itself, when Stopped was written.
func (h *history) podEnded(f *findings, execution string, stopped *version, pod *life, jobFinished bool) {
	name := pod.first().object.GetName()
	if pod.first().rv > stopped.rv {
		f.missing(h, pod, execution, "pod %s was created at %d, after Stopped at %d", name, pod.first().rv, stopped.rv)
		return
	}
	if p := ofPod(pod.asOf(stopped.rv).object); ended(p) && (p.DeletionTimestamp == nil || jobFinished) {
		return
	}
	switch {
	case pod.gone != nil && pod.gone.high <= stopped.rv:
	case pod.gone == nil || pod.gone.low >= stopped.rv:
		f.missing(h, pod, execution, "pod %s was there when Stopped was written at %d", name, stopped.rv)
	case h.deletedAfter(pod, stopped):
		f.violate(execution, "pod %s was deleted after Stopped was written at %d", name, stopped.rv)
	default:
		f.unproven(execution)
	}
}

func ended(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// deletedAfter reports whether the last deletion of a pod came after a write, by the clock of the API server. It is asked
// where the watch does not know which was first.
func (h *history) deletedAfter(pod *life, stopped *version) bool {
	var last time.Time
	for _, e := range h.entries {
		if e.Verb == "delete" && e.ok() && e.ObjectRef.Resource == "pods" && e.ObjectRef.Name == pod.first().object.GetName() {
			last = e.RequestReceivedTimestamp
		}
	}
	return stopped.entry != nil && last.After(stopped.entry.StageTimestamp)
}

func finished(o client.Object) bool {
	return slices.ContainsFunc(ofJob(o).Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
	})
}

// emptied reports whether a Job is suspended, and would have no pod if somebody resumed it.
func emptied(j *batchv1.Job) bool {
	return j.Spec.Suspend != nil && *j.Spec.Suspend && j.Spec.Parallelism != nil && *j.Spec.Parallelism == 0
}

// nothingLeft looks at what is there at the end, before the namespace is deleted.
func nothingLeft(h *history, f *findings) {
	orphans := map[string]bool{}
	for _, j := range jobs(h) {
		o := ofJob(j.last().object)
		orphans[string(o.UID)] = h.orphanedOnPurpose(j)
		if !controlledByExecution(j.first().object) {
			continue
		}
		f.checked++
		if j.when(isOrphan) != nil && !orphans[string(o.UID)] {
			f.violate(executionOf(o), "Job %s was orphaned, and its action does not ask for that", o.Name)
		}
		if j.gone == nil && !orphans[string(o.UID)] && !finished(o) && (o.Spec.Suspend == nil || !*o.Spec.Suspend) {
			f.violate(executionOf(o), "Job %s runs, and its execution is at its end", o.Name)
		}
		if e := h.execution(executionOf(o)); e != nil && len(e.last().object.GetFinalizers()) > 0 {
			f.violate(executionOf(o), "a finalizer is on the execution")
		}
	}
	for _, l := range pods(h) {
		p := ofPod(l.last().object)
		f.checked++
		if l.gone == nil && !ended(p) && !orphans[p.Labels["batch.kubernetes.io/controller-uid"]] {
			f.violate(executionOf(p), "pod %s is left and %s", p.Name, p.Status.Phase)
		}
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// checkOrphans is I6: "no orphan Job or pod that was not asked for", and "What was orphaned on purpose is marked, so that a
// person can find it."
func checkOrphans(h *History, r *Result) {
	for _, l := range h.Lives(simcluster.Job) {
		for _, c := range l.Versions {
			if !c.mayBeOperators() || c.Old == nil && !isControlledByExecution(c.New) {
				continue
			}
			r.Checked++
			h.checkOrphaned(r, l, c)
		}
	}
}

// checkOrphaned checks whether a change of a Job may give it up or mark it.
func (h *History) checkOrphaned(r *Result, l *Life, c *Change) {
	id := ExecutionOf(l.First().New)
	if c.Old == nil {
		if IsOrphan(c.New) {
			r.violateUnlessLost(h, l, c.Position, id, "Job %q is created as one that was orphaned", c.Key.Name)
		}
		return
	}
	from := controllerOf(c.Old)
	released := from != "" && controllerOf(c.New) != from
	switch {
	case !released && IsOrphan(c.New) == IsOrphan(c.Old):
	case released && !IsOrphan(c.New):
		r.violate(c.Position, id, "%s left Job %q to go on, and nothing marks it", formatWriter(c), c.Key.Name)
	case !released:
		r.violate(c.Position, id, "%s marked Job %q as orphaned, and an execution controls it", formatWriter(c), c.Key.Name)
	case !h.mayBeLeft(h.jobRecord(l.UID), from, c.Position):
		r.violateUnlessLost(h, h.Execution(from), c.Position, from, "%s left Job %q to go on, and no abandoned action asks for that", formatWriter(c), c.Key.Name)
	}
}

// FinalizerOfOthers is a finalizer that stands for one of somebody else's, who never removes it.
const FinalizerOfOthers = "example.com/hold"

// checkDeletions checks that what was deleted is gone at the end, unless somebody else keeps it.
func (h *History) checkDeletions(r *Result, end uint64) {
	for _, kind := range simcluster.Kinds {
		for _, l := range h.Lives(kind) {
			if o := l.ObjectAt(end); o != nil && o.GetDeletionTimestamp() != nil && !h.isHeldByOthers(l.First().New, end) && !h.isHeldByOthers(o, end) {
				r.violateUnlessLost(h, l, end, ExecutionOf(o), "%s %q is deleted and is still there, with finalizers %v", kind, l.Key.Name, o.GetFinalizers())
			}
		}
	}
}

// isHeldByOthers reports whether such a finalizer keeps an object; or the Job of a pod, whose controller then leaves the pod alone; or
// the Job of an execution whose deletion waits for it.
func (h *History) isHeldByOthers(o client.Object, at uint64) bool {
	if slices.Contains(o.GetFinalizers(), FinalizerOfOthers) {
		return true
	}
	return slices.ContainsFunc(h.Lives(simcluster.Job), func(l *Life) bool {
		job := l.ObjectAt(at)
		return job != nil && (l.UID == jobOf(o) || controllerOf(job) == o.GetUID()) && slices.Contains(job.GetFinalizers(), FinalizerOfOthers)
	})
}

// checkRemains is I6: "At rest nothing is left behind: no orphan Job or pod that was not asked for, no stuck finalizer; a
// namespace can always be deleted." The operator sets no finalizer at all.
func checkRemains(h *History, r *Result) {
	for i := range h.Changes {
		c := &h.Changes[i]
		if c.mayBeOperators() && isOurs(c.Kind) && c.Old != nil && c.New != nil && addsFinalizer(c) {
			r.violate(c.Position, ExecutionOf(c.New), "%s set a finalizer on %s %q", formatWriter(c), c.Kind, c.Key.Name)
		}
	}
	end := h.end()
	h.checkDeletions(r, end)
	for _, l := range h.Lives(simcluster.Execution) {
		execution, there := l.ObjectAt(end).(*v1alpha1.PipelineExecution)
		if !there || !execution.Status.State.IsFinal() || h.isWiped(l.UID, end, partStages) {
			continue
		}
		r.Checked++
		h.checkNothingRuns(r, execution)
	}
}

func isOurs(kind simcluster.Kind) bool {
	return kind == simcluster.Pipeline || kind == simcluster.Execution || kind == simcluster.StopRequest || kind == simcluster.ApprovalResult
}

func addsFinalizer(c *Change) bool {
	return slices.ContainsFunc(c.New.GetFinalizers(), func(f string) bool { return !slices.Contains(c.Old.GetFinalizers(), f) })
}

// checkNothingRuns checks that nothing of a final execution runs at the end.
func (h *History) checkNothingRuns(r *Result, execution *v1alpha1.PipelineExecution) {
	end := h.end()
	for _, l := range h.Lives(simcluster.Job) {
		if !h.isToEnd(l.UID, execution, end) {
			continue
		}
		if job, there := l.ObjectAt(end).(*batchv1.Job); there && !IsJobFinished(job) && !IsSuspended(job) && !isEmpty(job) && job.DeletionTimestamp == nil {
			r.violateUnlessLost(h, l, end, execution.UID, "execution %q is %s and its Job %q runs", execution.Name, execution.Status.State, l.Key.Name)
		}
		for _, p := range h.PodsOf(l.UID) {
			if pod, there := p.ObjectAt(end).(*corev1.Pod); there && jobOf(pod) == l.UID && !HasPodEnded(pod) {
				r.violateUnlessLost(h, p, end, execution.UID, "execution %q is %s and pod %q of it is %s", execution.Name, execution.Status.State, p.Key.Name, pod.Status.Phase)
			}
		}
	}
}

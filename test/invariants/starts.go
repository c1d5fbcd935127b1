// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// checkStarts is I3: "No workload of an execution is created or resumed after Accepted is published, nor after any final
// state." The state of the execution publishes it, before the request does. Placeholders are no exception, except that "a
// placeholder may take the name of a Job or a placeholder that somebody deleted since". What somebody else creates or resumes is
// theirs. If somebody else took every sign of the stop away, nobody knows of it any more.
func checkStarts(h *History, r *Result) {
	published, hidden := map[types.UID]string{}, map[types.UID]bool{}
	for i := range h.Changes {
		c := &h.Changes[i]
		switch o := c.New.(type) {
		case *v1alpha1.StopRequest:
			old, existed := c.Old.(*v1alpha1.StopRequest)
			if IsAccepted(o) && (!existed || FindVerdict(old) == nil) {
				r.Checked++
				if !hidden[ExecutionOf(o)] {
					published[ExecutionOf(o)] = "StopRequest " + o.Name + " was accepted"
				}
			}
		case *v1alpha1.PipelineExecution:
			if w, isWipe := h.wipeAt(o.UID, c.Position); isWipe && w.hidesStop {
				delete(published, o.UID)
				hidden[o.UID] = true
			}
			if ShowsStop(o) {
				hidden[o.UID] = false
			}
			if isPublished(o) {
				published[o.UID] = "its state was " + string(o.Status.State)
			}
		case *batchv1.Job:
			h.checkStart(r, c, o, published[ExecutionOf(o)])
		}
	}
}

// checkStart checks a change of a Job after its stop was published in the way that is given; nothing if it was not.
func (h *History) checkStart(r *Result, c *Change, job *batchv1.Job, published string) {
	if published == "" || !c.mayBeOperators() || !isStart(c, job) || h.holdsFreedName(c, job) {
		return
	}
	r.violateUnlessLost(h, h.findLife(simcluster.Job, job.UID), c.Position, ExecutionOf(job), "%s started Job %q of an execution after %s", formatWriter(c), job.Name, published)
}

func formatWriter(c *Change) string {
	if c.By == "" {
		return fmt.Sprintf("somebody (%d)", c.Position)
	}
	return c.By
}

// isStart reports whether a change creates a Job or resumes it.
func isStart(c *Change, job *batchv1.Job) bool {
	return c.Old == nil || IsSuspended(c.Old.(*batchv1.Job)) && !IsSuspended(job)
}

// holdsFreedName reports whether a change creates a placeholder under a name that somebody else freed: by deleting another
// placeholder, or a Job that the execution had in its status.
func (h *History) holdsFreedName(c *Change, placeholder *batchv1.Job) bool {
	execution := ExecutionOf(placeholder)
	if c.Old != nil || !IsPlaceholder(placeholder) || !IsSuspended(placeholder) {
		return false
	}
	return slices.ContainsFunc(h.Lives(simcluster.Job), func(l *Life) bool {
		return l.Key == c.Key && l.UID != placeholder.UID && l.mayBeGone(c.Position) && l.Removal.Writer != WriterOperator &&
			(IsPlaceholder(l.Last().New) || h.isWiped(execution, c.Position, partStages) ||
				h.jobRecord(l.UID).isRecorded(execution, c.Position-1))
	})
}

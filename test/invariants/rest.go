// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"k8s.io/apimachinery/pkg/api/meta"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// checkConvergence is I8: "When faults end, everything converges". Every execution has ended, unless it waits for a person, and
// every request is concluded, unless its execution waits.
func checkConvergence(h *History, r *Result) {
	at := h.Rest.Executions
	for _, l := range h.Lives(simcluster.Execution) {
		execution, there := l.ObjectAt(at).(*v1alpha1.PipelineExecution)
		if !there {
			continue
		}
		r.Checked++
		if !execution.Status.State.IsFinal() && !h.Rest.Waiting[l.UID] {
			r.violateUnlessLost(h, l, at, l.UID, "execution %q is %q and nothing goes on", l.Key.Name, execution.Status.State)
		}
	}
	at = h.Rest.StopRequests
	for _, l := range h.Lives(simcluster.StopRequest) {
		sr, there := l.ObjectAt(at).(*v1alpha1.StopRequest)
		if !there {
			continue
		}
		r.Checked++
		finished := meta.IsStatusConditionTrue(sr.Status.Conditions, v1alpha1.ConditionFinished)
		isStopping := IsAccepted(sr) && h.isStillStopping(sr, at)
		if !finished && !isStopping {
			r.violateUnlessLost(h, l, at, ExecutionOf(sr), "StopRequest %q has the verdict %q and is not concluded", l.Key.Name, VerdictOf(sr))
		}
	}
	h.checkResultsConverge(r, at)
}

// isStillStopping reports whether the execution of a request is there and has not ended.
func (h *History) isStillStopping(sr *v1alpha1.StopRequest, at uint64) bool {
	l := h.Execution(ExecutionOf(sr))
	if l == nil {
		return false
	}
	execution, there := l.ObjectAt(at).(*v1alpha1.PipelineExecution)
	return there && !execution.Status.State.IsFinal()
}

// checkQuiet is I8: "and then writes stop." At rest the operator asks for no write, not even for one that is refused.
func checkQuiet(h *History, r *Result) {
	r.Checked++
	for _, request := range h.Requests[min(h.Rest.Requests, len(h.Requests)):] {
		if !request.Excused {
			r.violate(request.At+1, request.Execution, "when all was done, the operator still asked for this: %s", request.Text)
			return
		}
	}
}

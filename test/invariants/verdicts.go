// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// FindVerdict returns the condition of a stop request that is its verdict, or nil.
func FindVerdict(sr *v1alpha1.StopRequest) *metav1.Condition {
	return meta.FindStatusCondition(sr.Status.Conditions, v1alpha1.ConditionAccepted)
}

// VerdictOf returns the reason of the verdict of a stop request, or nothing.
func VerdictOf(sr *v1alpha1.StopRequest) string {
	if c := FindVerdict(sr); c != nil {
		return c.Reason
	}
	return ""
}

// IsAccepted reports whether a stop request has the verdict that accepts it.
func IsAccepted(sr *v1alpha1.StopRequest) bool { return VerdictOf(sr) == v1alpha1.ReasonAccepted }

// checkOneVerdict is I1: "A StopRequest gets exactly one verdict, and it never changes." If somebody else took the verdict away,
// what was accepted is accepted again, as long as an execution is there that recorded it, and what was rejected is rejected again.
func checkOneVerdict(h *History, r *Result) {
	for _, l := range h.Lives(simcluster.StopRequest) {
		r.Checked++
		var given *metav1.Condition
		wiped := false
		for _, c := range l.Versions {
			sr := c.New.(*v1alpha1.StopRequest)
			verdict := FindVerdict(sr)
			wiped = wiped || verdict == nil && c.Writer == WriterOther
			isChanged := given != nil && !equality.Semantic.DeepEqual(verdict, given)
			if isChanged && (!wiped || !h.isLawfulAgain(sr, given, verdict, c.Position)) {
				r.violate(c.Position, ExecutionOf(sr), "the verdict on StopRequest %q was %s and is %s", sr.Name, formatVerdict(given), formatVerdict(verdict))
			}
			if verdict != nil {
				given, wiped = verdict, false
			}
		}
	}
}

func formatVerdict(c *metav1.Condition) string {
	if c == nil {
		return "nothing"
	}
	return c.Reason + " (" + c.Message + ")"
}

// isLawfulAgain reports whether a request may have a verdict after somebody else took another one away.
func (h *History) isLawfulAgain(sr *v1alpha1.StopRequest, given, verdict *metav1.Condition, position uint64) bool {
	switch {
	case verdict == nil:
		return true
	case given.Reason == v1alpha1.ReasonAccepted && h.pastOf(sr, position).exists:
		return verdict.Reason == given.Reason
	}
	return verdict.Reason != v1alpha1.ReasonAccepted || given.Reason == v1alpha1.ReasonAccepted
}

// checkTrueVerdicts is I1: "A verdict is true: it is what the rules of a stop give for what had happened when it was written."
// If somebody else overwrote the record of the stop, the verdict follows from what was left.
func checkTrueVerdicts(h *History, r *Result) {
	for _, l := range h.Lives(simcluster.StopRequest) {
		c := l.FindFirst(func(o client.Object) bool { return FindVerdict(o.(*v1alpha1.StopRequest)) != nil })
		if c == nil {
			continue
		}
		sr := c.New.(*v1alpha1.StopRequest)
		execution := ExecutionOf(sr)
		if h.isWiped(execution, c.Position, partStop) {
			continue
		}
		r.Checked++
		past := h.pastOf(sr, c.Position)
		past.seePipelines(h, h.startOfDecision(c, l), c.Position)
		if contradiction := past.contradicts(VerdictOf(sr)); contradiction != "" {
			r.violateUnlessLost(h, h.Execution(execution), c.Position, execution,
				"the verdict on StopRequest %q is %s, but %s", sr.Name, VerdictOf(sr), contradiction)
		}
	}
}

// past is what had happened to the execution of a request up to a position.
type past struct {
	request *v1alpha1.StopRequest
	// exists is true while the execution is there.
	exists bool
	// recorded is true once the execution has the request in its record, published once its state shows that too.
	recorded, published bool
	final               bool
	// endedBefore is true if the execution was final when the request was made.
	endedBefore bool
	// inForce is true once any stop is recorded, abandoned once one that abandons is.
	inForce, abandoned bool
	// pipelineSeen and pipelineMissing are true if there was a time, while the verdict was decided, when a Pipeline had the
	// pipelineName, and when none had it.
	pipelineSeen, pipelineMissing bool
}

func (h *History) pastOf(sr *v1alpha1.StopRequest, position uint64) past {
	p := past{request: sr}
	l := h.Execution(types.UID(sr.Spec.PipelineExecutionID))
	if l == nil {
		return p
	}
	made := h.lives[sr.UID].First().Position
	for _, c := range l.Versions {
		execution := c.New.(*v1alpha1.PipelineExecution)
		if c.Position > position || execution.Spec.PipelineName != sr.Spec.PipelineName {
			continue
		}
		p.see(execution)
		p.endedBefore = p.endedBefore || p.final && c.Position < made
	}
	p.exists = p.exists && !l.isGone(position)
	return p
}

// see takes the next version of the execution.
func (p *past) see(execution *v1alpha1.PipelineExecution) {
	p.exists = true
	p.final = p.final || execution.Status.State.IsFinal()
	stop := execution.Status.Stop
	if stop == nil {
		return
	}
	p.inForce = true
	p.abandoned = p.abandoned || stop.Mode == v1alpha1.StopModeAbandon
	if isRecorded(execution, p.request) {
		p.recorded = true
		p.published = p.published || isPublished(execution)
	}
}

// startOfDecision is the position since when a verdict can have been decided: when its reconciliation began, if that is known,
// or else when the request was made.
func (h *History) startOfDecision(c *Change, request *Life) uint64 {
	if c.Request != nil && c.Request.Reconciliation != nil {
		return c.Request.Reconciliation.Began
	}
	return request.First().Position
}

// seePipelines looks whether a Pipeline had the request's pipelineName between two positions.
func (p *past) seePipelines(h *History, from, to uint64) {
	var positions []uint64
	pipelines := h.Lives(simcluster.Pipeline)
	for _, l := range pipelines {
		for _, c := range l.Versions {
			positions = append(positions, c.Position)
		}
		if l.Removal != nil {
			positions = append(positions, l.Removal.Position)
		}
	}
	positions = slices.DeleteFunc(positions, func(at uint64) bool { return at <= from || at >= to })
	for _, at := range append(positions, from) {
		has := slices.ContainsFunc(pipelines, func(l *Life) bool {
			o, ok := l.ObjectAt(at).(*v1alpha1.Pipeline)
			return ok && o.EffectiveName() == p.request.Spec.PipelineName && o.DeletionTimestamp == nil
		})
		p.pipelineSeen, p.pipelineMissing = p.pipelineSeen || has, p.pipelineMissing || !has
	}
}

// contradicts returns why a verdict is not true, or nothing.
func (p *past) contradicts(verdict string) string {
	switch {
	case verdict == v1alpha1.ReasonAccepted && !p.recorded:
		return "its execution never recorded it"
	case verdict == v1alpha1.ReasonAccepted && !p.published:
		return "its execution was neither Stopping nor final"
	case verdict == v1alpha1.ReasonAccepted:
		return ""
	case p.recorded && p.exists:
		// If the execution is gone, its record is gone with it, and only rule 3 of a stop is left.
		return "its execution had recorded it"
	}
	return p.contradictsRejection(verdict)
}

func (p *past) contradictsRejection(verdict string) string {
	switch verdict {
	case v1alpha1.ReasonPipelineNotFound:
		if p.exists || !p.pipelineMissing {
			return "its execution or its Pipeline existed"
		}
	case v1alpha1.ReasonNotStoppable:
		if p.exists && !p.final {
			return "its execution existed and was not final"
		}
		if !p.exists && !p.final && !p.pipelineSeen {
			return "neither its execution nor its Pipeline existed"
		}
	case v1alpha1.ReasonDuplicatedStopRequest:
		return p.contradictsDuplicate()
	}
	return ""
}

func (p *past) contradictsDuplicate() string {
	switch {
	case !p.inForce:
		return "no stop was in force"
	case p.endedBefore:
		return "its execution was final when the request was made"
	case p.request.Spec.Abandon && !p.abandoned:
		return "the stop in force only waited, and an abandon escalates it"
	}
	return ""
}

func isRecorded(execution *v1alpha1.PipelineExecution, sr *v1alpha1.StopRequest) bool {
	return slices.ContainsFunc(AcceptedRequests(execution), func(a v1alpha1.AcceptedStopRequest) bool { return a.UID == string(sr.UID) })
}

// AcceptedRequests returns the stop requests that an execution has accepted.
func AcceptedRequests(execution *v1alpha1.PipelineExecution) []v1alpha1.AcceptedStopRequest {
	if execution.Status.Stop == nil {
		return nil
	}
	return execution.Status.Stop.Requests
}

// isPublished reports whether the state of an execution shows that nothing more starts.
func isPublished(execution *v1alpha1.PipelineExecution) bool {
	return execution.Status.State == v1alpha1.ExecutionStopping || execution.Status.State.IsFinal()
}

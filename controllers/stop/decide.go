// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
)

// Decide returns the verdict on a request for the execution. It is pending as long as the execution has yet to take the
// request, and until the execution's state shows that nothing more can start.
func Decide(execution *v1alpha1.PipelineExecution, sr *v1alpha1.StopRequest) verdict.Verdict {
	if execution.IsRestoredCopy() {
		// Its status is that of another execution, and is replaced soon.
		return verdict.NewPending("The execution has not taken the request yet.")
	}
	state := execution.Status.State
	switch applyRules(&execution.Status, sr) {
	case recorded:
		if state != v1alpha1.ExecutionStopping && !state.IsFinal() {
			return verdict.NewPending(describeFencing(&execution.Status))
		}
		return verdict.NewAcceptance("Execution %s is stopped by this request: %s.", execution.UID, describeMode(sr.Mode()))
	case notStoppable:
		return verdict.NewRejection(v1alpha1.ReasonNotStoppable,
			"Unable to stop the pipeline execution: execution %s is no longer in progress, its state is %s.", execution.UID, state)
	case duplicatedWait:
		return verdict.NewRejection(v1alpha1.ReasonDuplicatedStopRequest,
			"The pipeline execution is already in a Stopping state: %s chose to stop and wait. You cannot make "+
				"that request again; a StopRequest with abandon: true can stop and abandon now, but be aware that this can lead "+
				"to failed tasks or out of sequence tasks.%s", describeInForce(execution.Status.Stop, sr), describeLostEscalation(execution.Status.Stop, sr)+describeLostGrace(sr))
	case duplicatedAbandon:
		inForce := requestInForce(execution.Status.Stop)
		return verdict.NewRejection(v1alpha1.ReasonDuplicatedStopRequest,
			"The pipeline execution is already in a Stopping state: %s chose to stop and %s. You cannot make "+
				"another request.%s", describeInForce(execution.Status.Stop, sr), describeChoice(inForce), describeLostGrace(sr))
	default:
		return verdict.NewPending("The execution has not taken the request yet.")
	}
}

// DecideNotFound returns the verdict on a request that names no execution of its pipeline: PipelineNotFoundException if
// the namespace has no such Pipeline, else PipelineExecutionNotStoppableException. Only a live read may say so.
func DecideNotFound(sr *v1alpha1.StopRequest, pipelineFound bool) verdict.Verdict {
	return verdict.NewNotFound(sr.Namespace, sr.Spec.PipelineName, sr.Spec.PipelineExecutionID, pipelineFound, v1alpha1.ReasonNotStoppable)
}

// describeLostEscalation returns what becomes of the escalation that a duplicate asks for: nothing, since a stop escalates as the
// request that was accepted asked for. It returns nothing if the duplicate asks for none.
func describeLostEscalation(s *v1alpha1.StopStatus, sr *v1alpha1.StopRequest) string {
	if sr.Spec.EscalateAfterSeconds == nil {
		return ""
	}
	if at := EscalationTime(s); at != nil {
		return fmt.Sprintf(" spec.escalateAfterSeconds: %d has no effect: the stop escalates at %s, as the accepted request asked for; "+
			"to escalate sooner, create a StopRequest with abandon: true.", *sr.Spec.EscalateAfterSeconds, at.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf(" spec.escalateAfterSeconds: %d has no effect: the accepted request set none, so that the stop never escalates by itself; "+
		"to escalate, create a StopRequest with abandon: true when it is time.", *sr.Spec.EscalateAfterSeconds)
}

// describeFencing returns what the execution shows while it makes sure that nothing more starts: also what keeps it.
func describeFencing(status *v1alpha1.PipelineExecutionStatus) string {
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Reason != v1alpha1.ReasonFencing {
		return "The execution has taken the request and makes sure that nothing more starts."
	}
	return ready.Message
}

// describeInForce returns which request holds. A request can be deleted and made again under its name; the earlier one holds.
func describeInForce(s *v1alpha1.StopStatus, sr *v1alpha1.StopRequest) string {
	inForce := requestInForce(s)
	if inForce.Name == sr.Name {
		return fmt.Sprintf("an earlier StopRequest %q, which was deleted since,", inForce.Name)
	}
	return fmt.Sprintf("StopRequest %q", inForce.Name)
}

// describeChoice returns how a request that abandons came to do so.
func describeChoice(accepted v1alpha1.AcceptedStopRequest) string {
	if accepted.EscalatedTime != nil {
		return "wait, and then to abandon, which it now does"
	}
	return "abandon"
}

func describeMode(m v1alpha1.StopMode) string {
	if m == v1alpha1.StopModeAbandon {
		return "actions in progress are abandoned, and nothing further starts"
	}
	return "actions in progress finish, and nothing further starts"
}

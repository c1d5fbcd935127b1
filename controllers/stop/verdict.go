// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
)

// Verdict is the answer to a stop request. It is final once Decided is true.
type Verdict struct {
	// Decided is false while the execution has not taken the request, or still makes sure that nothing more starts.
	Decided bool
	// Accepted is the answer, where Decided.
	Accepted bool
	// Reason is ReasonAccepted or the name of an exception of the contract, where Decided.
	Reason string
	// Message says why, and what can be done.
	Message string
}

// Decide returns the verdict on a request that concerns the execution. It is undecided as long as the execution has
// yet to take the request, and until the execution's state shows that nothing more can start.
func Decide(e *v1alpha1.PipelineExecution, r *v1alpha1.StopRequest) Verdict {
	switch rule(&e.Status, r) {
	case recorded:
		if e.Status.State != v1alpha1.ExecutionStopping && !e.Status.State.Final() {
			return Verdict{Message: "The execution has taken the request and makes sure that nothing more starts."}
		}
		return Verdict{
			Decided: true, Accepted: true, Reason: v1alpha1.ReasonAccepted,
			Message: fmt.Sprintf("Execution %s is stopped by this request: %s.", e.UID, manner(r.Mode())),
		}
	case notStoppable:
		return rejected(v1alpha1.ReasonNotStoppable,
			"Unable to stop the pipeline execution: execution %s is no longer in progress, its state is %s.", e.UID, e.Status.State)
	case duplicatedWait:
		return rejected(v1alpha1.ReasonDuplicatedStopRequest,
			"The pipeline execution is already in a Stopping state: StopRequest %q chose to stop and wait. You cannot make "+
				"that request again; a StopRequest with abandon: true can stop and abandon now, but be aware that this can lead "+
				"to failed tasks or out of sequence tasks.", inForce(e.Status.Stop).Name)
	case duplicatedAbandon:
		return rejected(v1alpha1.ReasonDuplicatedStopRequest,
			"The pipeline execution is already in a Stopping state: StopRequest %q chose to stop and %s. You cannot make "+
				"another request.", inForce(e.Status.Stop).Name, chose(inForce(e.Status.Stop)))
	default:
		return Verdict{Message: "The execution has not taken the request yet."}
	}
}

// NotFound returns the verdict on a request that names no execution of its pipeline: PipelineNotFoundException where
// the namespace has no such Pipeline, else PipelineExecutionNotStoppableException. Only for what a live read did not find.
func NotFound(r *v1alpha1.StopRequest, pipelineFound bool) Verdict {
	if !pipelineFound {
		return rejected(v1alpha1.ReasonPipelineNotFound,
			"spec.pipelineName: no Pipeline in namespace %q has the pipelineName %q, and no execution %s of it exists.",
			r.Namespace, r.Spec.PipelineName, r.Spec.PipelineExecutionID)
	}
	return rejected(v1alpha1.ReasonNotStoppable,
		"spec.pipelineExecutionId: pipeline %q has no execution %s in namespace %q; `kubectl get pipelineexecutions` shows the ids.",
		r.Spec.PipelineName, r.Spec.PipelineExecutionID, r.Namespace)
}

func rejected(reason, format string, args ...any) Verdict {
	return Verdict{Decided: true, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// inForce is the request that gave the stop its mode: the last one accepted.
func inForce(s *v1alpha1.Stop) v1alpha1.AcceptedStop {
	if len(s.Requests) == 0 {
		return v1alpha1.AcceptedStop{}
	}
	return s.Requests[len(s.Requests)-1]
}

// chose says how a request that abandons came to do so.
func chose(a v1alpha1.AcceptedStop) string {
	if a.EscalatedTime != nil {
		return "wait, and then to abandon, which it now does"
	}
	return "abandon"
}

func manner(m v1alpha1.StopMode) string {
	if m == v1alpha1.StopModeAbandon {
		return "actions in progress are abandoned, and nothing further starts"
	}
	return "actions in progress finish, and nothing further starts"
}

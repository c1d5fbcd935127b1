// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	"slices"

	"haltline.dev/haltline/api/v1alpha1"
)

// ruling is what the rules say about a request, given what the execution has recorded so far.
type ruling int

const (
	// recorded: the execution accepted this very request, whatever happened since.
	recorded ruling = iota
	// notStoppable: "The execution might already be in a Stopped state, or it might no longer be in progress."
	notStoppable
	// acceptable: no stop is in force, or one that waits and "You can choose to stop and abandon now".
	acceptable
	// duplicatedWait: "If you already chose to stop and wait, you cannot make that request again."
	duplicatedWait
	// duplicatedAbandon: "If you already chose to stop and abandon, you cannot make that request again."
	duplicatedAbandon
)

// applyRules applies the rules in their order; the first that holds is the ruling.
func applyRules(status *v1alpha1.PipelineExecutionStatus, sr *v1alpha1.StopRequest) ruling {
	switch {
	case isRecorded(status.Stop, sr):
		return recorded
	case status.State.IsFinal():
		return notStoppable
	case status.Stop == nil:
		return acceptable
	case status.Stop.Mode == v1alpha1.StopModeAbandon:
		return duplicatedAbandon
	case sr.Mode() == v1alpha1.StopModeAbandon:
		return acceptable
	default:
		return duplicatedWait
	}
}

// HasTaken reports whether the execution accepted the request, whatever happened since.
func HasTaken(execution *v1alpha1.PipelineExecution, sr *v1alpha1.StopRequest) bool {
	return isRecorded(execution.Status.Stop, sr)
}

func isRecorded(s *v1alpha1.StopStatus, sr *v1alpha1.StopRequest) bool {
	return s != nil && slices.ContainsFunc(s.Requests, func(accepted v1alpha1.AcceptedStopRequest) bool {
		return accepted.UID == string(sr.UID)
	})
}

// requestInForce returns the request that gave the stop its mode: the last one accepted.
func requestInForce(s *v1alpha1.StopStatus) v1alpha1.AcceptedStopRequest {
	if len(s.Requests) == 0 {
		return v1alpha1.AcceptedStopRequest{}
	}
	return s.Requests[len(s.Requests)-1]
}

// ConcernsExecution reports whether the request is one to stop the execution: it names its id and its pipeline.
func ConcernsExecution(sr *v1alpha1.StopRequest, execution *v1alpha1.PipelineExecution) bool {
	return sr.Spec.PipelineExecutionID == string(execution.UID) && sr.Spec.PipelineName == execution.Spec.PipelineName
}

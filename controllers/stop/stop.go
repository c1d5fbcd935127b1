// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package stop holds the rules of StopPipelineExecution. It decides; it reads and writes nothing.
//
// Two callers share the rules. The reconciler of an execution accepts requests with Accept, and records them on the
// execution. The reconciler of a stop request derives its verdict from that record with Decide. Since the record only
// grows and final states are final, a request that is accepted once is accepted ever after, and one that is rejected is
// rejected ever after, also from an older copy of the execution. The reason of a rejection is kept by whoever writes it:
// a duplicate is no longer stoppable, either, when its execution has stopped.
package stop

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// ruling is what the rules say of a request, given what the execution has recorded so far.
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

// rule applies the rules in their order; the first that holds is the ruling.
func rule(status *v1alpha1.PipelineExecutionStatus, r *v1alpha1.StopRequest) ruling {
	switch {
	case isRecorded(status.Stop, r):
		return recorded
	case status.State.Final():
		return notStoppable
	case status.Stop == nil:
		return acceptable
	case status.Stop.Mode == v1alpha1.StopModeAbandon:
		return duplicatedAbandon
	case r.Mode() == v1alpha1.StopModeAbandon:
		return acceptable
	default:
		return duplicatedWait
	}
}

func isRecorded(s *v1alpha1.Stop, r *v1alpha1.StopRequest) bool {
	return s != nil && slices.ContainsFunc(s.Requests, func(a v1alpha1.AcceptedStop) bool {
		return a.UID == string(r.UID)
	})
}

// Accept returns the stop of an execution after it has taken each of the requests that the rules let it take, the
// oldest first: by creation time, then by name. It returns nil where no stop was in force and none was accepted. The
// status and the requests are not changed. Requests that name another execution must not be passed.
func Accept(status *v1alpha1.PipelineExecutionStatus, requests []v1alpha1.StopRequest, now metav1.Time) *v1alpha1.Stop {
	next := status.DeepCopy()
	for _, r := range oldestFirst(requests) {
		if rule(next, &r) != acceptable {
			continue
		}
		if next.Stop == nil {
			next.Stop = &v1alpha1.Stop{}
		}
		next.Stop.Mode = r.Mode()
		next.Stop.Requests = append(next.Stop.Requests, v1alpha1.AcceptedStop{
			UID: string(r.UID), Name: r.Name, Mode: r.Mode(), RequestedBy: r.Spec.RequestedBy, Reason: r.Spec.Reason,
			AcceptedTime: now, EscalateTime: escalateTime(&r, now),
		})
	}
	return escalate(next.Stop, now)
}

func oldestFirst(requests []v1alpha1.StopRequest) []v1alpha1.StopRequest {
	sorted := slices.Clone(requests)
	slices.SortFunc(sorted, func(a, b v1alpha1.StopRequest) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return sorted
}

// Concerns reports whether the request is one to stop the execution: it names its id and its pipeline.
func Concerns(r *v1alpha1.StopRequest, e *v1alpha1.PipelineExecution) bool {
	return r.Spec.PipelineExecutionID == string(e.UID) && r.Spec.PipelineName == e.Spec.PipelineName
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package stop holds the rules of StopPipelineExecution. It decides; it reads and writes nothing.
//
// Two reconcilers share the rules. That of an execution accepts requests with Accept, and records them on the execution.
// That of a stop request derives its verdict from that record with Decide. The record only grows and final states are
// final. So a request that is accepted once is accepted ever after, and one that is rejected is rejected ever after, also
// from an older copy of the execution. Whoever writes a rejection keeps its reason: when the execution has stopped, the
// rules give another reason for a duplicate.
package stop

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
)

// Accept returns the stop of an execution after it has taken each of the requests that the rules let it take, the
// oldest first: by creation time, then by name. It returns nil if no stop was in force and none was accepted. The
// status and the requests are not changed. Requests that name another execution must not be passed.
func Accept(status *v1alpha1.PipelineExecutionStatus, requests []v1alpha1.StopRequest, now metav1.Time) *v1alpha1.StopStatus {
	next := status.DeepCopy()
	for _, sr := range verdict.SortOldestFirst(requests) {
		if applyRules(next, &sr) != acceptable {
			continue
		}
		if next.Stop == nil {
			next.Stop = &v1alpha1.StopStatus{}
		}
		next.Stop.Mode = sr.Mode()
		next.Stop.Requests = append(next.Stop.Requests, v1alpha1.AcceptedStopRequest{
			UID: string(sr.UID), Name: sr.Name, Mode: sr.Mode(), RequestedBy: sr.Spec.RequestedBy, Reason: sr.Spec.Reason,
			AcceptedTime: now, EscalationTime: escalationTimeOf(&sr, now), GracePeriodSeconds: sr.Spec.GracePeriodSeconds,
		})
	}
	return escalateInTime(next.Stop, now)
}

// HasNew reports whether Accept would take one of the requests.
func HasNew(status *v1alpha1.PipelineExecutionStatus, requests []v1alpha1.StopRequest) bool {
	return slices.ContainsFunc(requests, func(sr v1alpha1.StopRequest) bool { return applyRules(status, &sr) == acceptable })
}

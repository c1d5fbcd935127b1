// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"slices"
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
)

// StartedBy returns who started an execution; empty if the cluster does not stamp that.
func StartedBy(execution *v1alpha1.PipelineExecution) string { return execution.Spec.StartedBy }

// StoppedBy returns who asked to stop an execution, in the order of their requests, and each once. It is empty if nobody did, or if the cluster
// does not stamp it.
func StoppedBy(execution *v1alpha1.PipelineExecution) string {
	if !IsSeen(execution) || execution.Status.Stop == nil {
		return ""
	}
	var names []string
	for _, r := range execution.Status.Stop.Requests {
		if r.RequestedBy != "" && (len(names) == 0 || names[len(names)-1] != r.RequestedBy) {
			names = append(names, r.RequestedBy)
		}
	}
	return strings.Join(names, ", ")
}

// WhyStopped returns how an execution was stopped, and the reason that was given last; empty if nobody stopped it. Of an abandon without a reason it tells
// that the reason is that of the wait before.
func WhyStopped(execution *v1alpha1.PipelineExecution) string {
	if !IsSeen(execution) || execution.Status.Stop == nil {
		return ""
	}
	stop := execution.Status.Stop
	how := strings.ToLower(string(stop.Mode))
	for _, r := range slices.Backward(stop.Requests) {
		switch {
		case r.Reason == "":
		case r.Mode == stop.Mode, r.EscalatedTime != nil:
			return how + ": " + r.Reason
		default:
			return how + "; " + strings.ToLower(string(r.Mode)) + ": " + r.Reason
		}
	}
	return how
}

// DescribeRequest returns in a line what a request asked for, who made it and why, without when.
func DescribeRequest(r *v1alpha1.AcceptedStopRequest) string {
	text := "stop and " + strings.ToLower(string(r.Mode))
	if r.RequestedBy != "" {
		text += " by " + r.RequestedBy
	}
	if r.Reason != "" {
		text += fmt.Sprintf(": %q", r.Reason)
	}
	if r.EscalatedTime != nil {
		text += ", escalated to abandon"
	}
	return text
}

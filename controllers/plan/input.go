// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// Input is all that the next status of an execution depends on.
type Input struct {
	// Execution as it was last read or written. It is not changed.
	Execution *v1alpha1.PipelineExecution
	// Revision is the name of the ControllerRevision that pins Definition; empty while there is none.
	Revision string
	// Definition is what the execution runs; nil if nothing is pinned, or if the revision is gone.
	Definition *v1alpha1.PipelineDefinition
	// Pipeline is the one that has the pipelineName of the execution, as old as a cache may be; nil if there is none. It has the mode, the
	// transitions, and who has each stage. It is not changed.
	Pipeline *v1alpha1.Pipeline
	// WorkloadKinds are the kinds of object that do the work of the actions of Definition.
	WorkloadKinds map[ActionKey]WorkloadKind
	// Problem is why Definition cannot be run; nil if it can.
	Problem *Problem
	// Original is the execution that this one retries, if it is to take it over now; it names this one as its retry. It is not changed.
	Original *v1alpha1.PipelineExecution
	// Refused is why the execution does not retry another; nil if it does, or if it is no retry.
	Refused *Problem
	// PinBlocked is what keeps the definition from being pinned, for a cause that can pass; empty if nothing does.
	PinBlocked string
	// Observed is what was seen of the actions in progress, and of the abandoned ones that have not ended.
	Observed map[ActionKey]Observation
	// WorkspaceUID is the metadata.uid of the claim of the execution's workspace, once it was found or created; else empty.
	WorkspaceUID string
	// Requests are the undecided stop requests for the execution, in any order.
	Requests []v1alpha1.StopRequest
	// Results are the undecided approval results for the execution, in any order.
	Results []v1alpha1.ApprovalResult
	// Nonce makes the names of the workloads that are to be created unforeseeable.
	Nonce string
	// Now is the time that is recorded.
	Now metav1.Time
}

// Problem is a reason why an execution fails before anything of it runs.
type Problem struct {
	Reason, Message string
}

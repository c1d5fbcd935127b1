// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package builders

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// UnknownID is the pipelineExecutionId of no execution.
const UnknownID = "00000000-0000-4000-8000-000000000000"

// StopReason is the reason of every StopRequest of this package.
const StopReason = "a test"

// Execution returns an execution of a Pipeline, whose name the API server completes.
func Execution(namespace, pipelineName string, variables ...v1alpha1.Variable) *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "run-"},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: pipelineName, Variables: variables},
	}
}

// StopAndWait returns a request to stop an execution when its actions in progress have finished.
func StopAndWait(execution *v1alpha1.PipelineExecution) *v1alpha1.StopRequest {
	return StopRequest(execution.Namespace, execution.Spec.PipelineName, string(execution.UID))
}

// StopAndAbandon returns a request to stop an execution by abandoning its actions in progress.
func StopAndAbandon(execution *v1alpha1.PipelineExecution) *v1alpha1.StopRequest {
	sr := StopAndWait(execution)
	sr.Spec.Abandon = true
	return sr
}

// StopAndEscalate returns a request to stop and wait, and to abandon after that many seconds.
func StopAndEscalate(execution *v1alpha1.PipelineExecution, seconds int64) *v1alpha1.StopRequest {
	sr := StopAndWait(execution)
	sr.Spec.EscalateAfterSeconds = &seconds
	return sr
}

// StopRequest returns a request to stop and wait for whatever has that id, whose name the API server completes.
func StopRequest(namespace, pipelineName, pipelineExecutionID string) *v1alpha1.StopRequest {
	return &v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "stop-"},
		Spec: v1alpha1.StopRequestSpec{
			PipelineName: pipelineName, PipelineExecutionID: pipelineExecutionID, Reason: StopReason,
		},
	}
}

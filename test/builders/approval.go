// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package builders

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// Approval returns an action that waits for a person.
func Approval(name string, runOrder int32, approval v1alpha1.Approval) v1alpha1.Action {
	return v1alpha1.Action{Name: name, RunOrder: runOrder, Approval: &approval}
}

// ApprovalResult returns a result for an action of an execution, whose name the API server completes.
func ApprovalResult(execution *v1alpha1.PipelineExecution, stage, action string, status v1alpha1.ApprovalDecision) *v1alpha1.ApprovalResult {
	return &v1alpha1.ApprovalResult{
		ObjectMeta: metav1.ObjectMeta{Namespace: execution.Namespace, GenerateName: "result-"},
		Spec: v1alpha1.ApprovalResultSpec{
			PipelineName: execution.Spec.PipelineName, PipelineExecutionID: string(execution.UID), StageName: stage, ActionName: action,
			Status: status, Summary: "a test",
		},
	}
}

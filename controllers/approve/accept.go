// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package approve holds the rules of PutApprovalResult. It decides; it reads and writes nothing.
//
// Two reconcilers share the rules, as those of package stop. That of an execution accepts a result with Accept, and records it on the
// action. That of an ApprovalResult derives its verdict from that record with Decide.
//
// An action that has not started may wait for approval later. So that a result which came too early, and was rejected, decides nothing
// then, an execution takes only results that are submitted: the reconciler of a result submits it once it has seen that the action
// has started. From then on each answer of the rules is final. One status holds either the submission or the rejection.
package approve

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
	"haltline.dev/haltline/internal/text"
)

// Accept records on each action that waits for approval the first of the results that the rules let it take: the oldest by creation
// time, then by name. It changes the status, and not the results. Results for another execution must not be passed.
func Accept(status *v1alpha1.PipelineExecutionStatus, startedBy string, results []v1alpha1.ApprovalResult, now metav1.Time) {
	for _, ar := range verdict.SortOldestFirst(results) {
		if ar.Status.SubmittedTime == nil {
			continue
		}
		ruling, a := applyRules(status, startedBy, &ar)
		if ruling != acceptable {
			continue
		}
		a.Approval.Result = &v1alpha1.AcceptedApprovalResult{
			UID: string(ar.UID), Name: ar.Name, Status: ar.Spec.Status, Summary: text.BoundSummary(ar.Spec.Summary), DecidedBy: ar.Spec.DecidedBy,
			DecidedTime: now,
		}
	}
}

// Candidates returns the results that Accept would take, or would if an older one were gone, in its order. Those for another execution
// are left out.
func Candidates(execution *v1alpha1.PipelineExecution, results []v1alpha1.ApprovalResult) []v1alpha1.ApprovalResult {
	return slices.DeleteFunc(verdict.SortOldestFirst(results), func(ar v1alpha1.ApprovalResult) bool {
		ruling, _ := applyRules(&execution.Status, execution.Spec.StartedBy, &ar)
		return ruling != acceptable || ar.Status.SubmittedTime == nil || !ConcernsExecution(&ar, execution)
	})
}

// IsForSameAction reports whether two results for an execution name the same action.
func IsForSameAction(a, b *v1alpha1.ApprovalResult) bool {
	return a.Spec.StageName == b.Spec.StageName && a.Spec.ActionName == b.Spec.ActionName
}

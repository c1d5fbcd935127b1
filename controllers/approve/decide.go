// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package approve

import (
	"fmt"
	"time"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
)

// Decide returns the verdict on a result for the execution. It is pending as long as the execution has yet to take the result. Only a
// live read may reject.
func Decide(execution *v1alpha1.PipelineExecution, ar *v1alpha1.ApprovalResult) verdict.Verdict {
	if execution.IsRestoredCopy() {
		// Its status is that of another execution, and is replaced soon.
		return verdict.NewPending("The execution has not taken the result yet.")
	}
	ruling, a := applyRules(&execution.Status, execution.Spec.StartedBy, ar)
	name := describeAction(ar)
	switch ruling {
	case recorded:
		return verdict.NewAcceptance("%s is %s by this result.", name, describeDecision(a.Approval.Result.Status))
	case stageNotFound:
		return verdict.NewRejection(v1alpha1.ReasonStageNotFound,
			"spec.stageName: execution %q has no stage %q; its status.stages lists them.", execution.Name, ar.Spec.StageName)
	case actionNotFound:
		return verdict.NewRejection(v1alpha1.ReasonActionNotFound,
			"spec.actionName: stage %q of execution %q has no action %q; status.stages lists them.", ar.Spec.StageName, execution.Name, ar.Spec.ActionName)
	case notStarted:
		return verdict.NewRejection(v1alpha1.ReasonApprovalNotPending, "%s", describeNotStarted(execution, name))
	case noApproval:
		return verdict.NewRejection(v1alpha1.ReasonApprovalNotPending,
			"spec.actionName: %s is no approval; it runs %s %q.", name, a.Workload.Kind, a.Workload.Name)
	case alreadyCompleted:
		return verdict.NewRejection(v1alpha1.ReasonApprovalAlreadyCompleted,
			"The approval action has already been approved or rejected: %s. Nothing changes that.", DescribeResult(a.Approval.Result))
	case ended:
		return verdict.NewRejection(v1alpha1.ReasonApprovalNotPending, "%s does not wait for approval any more: it is %s.", name, describeEnd(a))
	case late:
		return verdict.NewRejection(v1alpha1.ReasonApprovalNotPending,
			"%s does not wait for approval any more: its time was up at %s.", name, a.Approval.ExpirationTime.UTC().Format(time.RFC3339))
	case notAllowed:
		return verdict.NewRejection(v1alpha1.ReasonApproverNotAllowed, "%s", describeNotAllowed(execution, ar, name))
	default:
		return verdict.NewPending("The action waits for approval. Its execution has yet to take the result.")
	}
}

// IsWaitedFor reports whether the action of a result waits for one, so that the result can be submitted. What an older copy of the
// execution shows holds: an action that has started never goes back.
func IsWaitedFor(execution *v1alpha1.PipelineExecution, ar *v1alpha1.ApprovalResult) bool {
	ruling, _ := applyRules(&execution.Status, execution.Spec.StartedBy, ar)
	return ruling == acceptable && !execution.IsRestoredCopy()
}

// DecideNotFound returns the verdict on a result that names no execution of its pipeline: PipelineNotFoundException if the namespace
// has no such Pipeline, else PipelineExecutionNotFoundException. Only a live read may say so.
func DecideNotFound(ar *v1alpha1.ApprovalResult, pipelineFound bool) verdict.Verdict {
	return verdict.NewNotFound(ar.Namespace, ar.Spec.PipelineName, ar.Spec.PipelineExecutionID, pipelineFound, v1alpha1.ReasonPipelineExecutionNotFound)
}

// DescribeResult returns who decided what, and why. It quotes what people wrote, so that nobody takes it for the operator's words.
func DescribeResult(r *v1alpha1.AcceptedApprovalResult) string {
	message := describeDecision(r.Status)
	if r.DecidedBy != "" {
		message += fmt.Sprintf(" by %q", r.DecidedBy)
	}
	message += fmt.Sprintf(" with ApprovalResult %q", r.Name)
	if r.Summary != "" {
		message += fmt.Sprintf(" (%q)", r.Summary)
	}
	return message
}

func describeAction(ar *v1alpha1.ApprovalResult) string {
	return fmt.Sprintf("Action %q of stage %q", ar.Spec.ActionName, ar.Spec.StageName)
}

func describeDecision(d v1alpha1.ApprovalDecision) string {
	if d == v1alpha1.ApprovalApproved {
		return "approved"
	}
	return "rejected"
}

func describeNotStarted(execution *v1alpha1.PipelineExecution, name string) string {
	message := name + " does not wait for approval: it has not started"
	switch status := &execution.Status; {
	case status.State.IsFinal():
		return fmt.Sprintf("%s, and never will, since execution %q is %s.", message, execution.Name, status.State)
	case status.Stop != nil:
		return fmt.Sprintf("%s, and never will, since execution %q is being stopped.", message, execution.Name)
	}
	return message + ". Create another ApprovalResult when it waits; the condition Ready of the execution shows that."
}

func describeEnd(a *v1alpha1.ActionStatus) string {
	if a.Message == "" {
		return string(a.State)
	}
	return fmt.Sprintf("%s: %s", a.State, a.Message)
}

func describeNotAllowed(execution *v1alpha1.PipelineExecution, ar *v1alpha1.ApprovalResult, name string) string {
	const rule = "may not be approved by the user who started the execution (approval.forbidStarter)"
	switch {
	case execution.Spec.StartedBy == "":
		return fmt.Sprintf("%s %s, and nobody knows who that is: spec.startedBy of execution %q is empty. Somebody can reject it.", name, rule, execution.Name)
	case ar.Spec.DecidedBy == "":
		return fmt.Sprintf("%s %s, and nobody knows who approves: spec.decidedBy is empty. Create another ApprovalResult that has it.", name, rule)
	default:
		return fmt.Sprintf("%s %s, and %q did. Somebody else has to approve it.", name, rule, execution.Spec.StartedBy)
	}
}

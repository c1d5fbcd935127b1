// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tree derives from an execution what a person wants to see of its stages and actions, and renders that as a tree.
package tree

import (
	"fmt"
	"strings"
	"time"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// Tree is an execution with its stages.
type Tree struct {
	Name string
	Mark view.Mark
	// Notes are sentences about the whole: what it is of, who asked for what, and what it waits for.
	Notes  []string
	Stages []Stage
}

// Stage is a stage with its actions.
type Stage struct {
	Name string
	Mark view.Mark
	// Note is what the execution waits for before the stage; empty if it does not.
	Note    string
	Actions []Action
}

// Action is an action of a stage.
type Action struct {
	Name string
	Mark view.Mark
	// Took is how long it has been going on, or took; empty if it has not started.
	Took string
	// Note is why it is in its state, who decided it, or what it waits for; empty if there is nothing to say.
	Note string
	// IsActive is whether its work may still go on.
	IsActive bool
}

// Ended returns how many actions of the stage have ended, and how many it has.
func (s Stage) Ended() (ended, all int) {
	for _, a := range s.Actions {
		if !a.IsActive && a.Mark.Word != string(v1alpha1.ActionNotStarted) {
			ended++
		}
	}
	return ended, len(s.Actions)
}

// Build returns the tree of an execution. If it is wide, it has the ids and the workloads as well.
func Build(execution *v1alpha1.PipelineExecution, now time.Time, wide bool) Tree {
	t := Tree{Name: execution.Name, Mark: view.MarkExecution(execution), Notes: notes(execution, now, wide)}
	if !view.IsSeen(execution) {
		return t // The status is not about this execution.
	}
	for i := range execution.Status.Stages {
		t.Stages = append(t.Stages, buildStage(execution, &execution.Status.Stages[i], now, wide))
	}
	return t
}

func buildStage(execution *v1alpha1.PipelineExecution, stage *v1alpha1.StageStatus, now time.Time, wide bool) Stage {
	s := Stage{Name: stage.Name, Mark: view.MarkStage(stage.State)}
	if wait := execution.Status.WaitingForStage; wait != nil && wait.Stage == stage.Name {
		s.Mark = view.Mark{Symbol: "◆", Word: "Waiting", Tone: view.ToneWarn}
		s.Note = fmt.Sprintf("for %s: %s", view.Ago(wait.Since, now), view.Message(execution))
	}
	for i := range stage.Actions {
		a := &stage.Actions[i]
		action := Action{Name: a.Name, Mark: view.MarkAction(a), Note: noteOfAction(execution, a, now), IsActive: view.IsActive(a)}
		if a.StartTime != nil && a.TakenOverFrom == "" {
			action.Took = view.Duration(view.ActionTook(a, now))
		}
		if wide && a.Workload.Name != "" {
			action.Note = strings.TrimSuffix(fmt.Sprintf("%s/%s: %s", strings.ToLower(a.Workload.Kind), a.Workload.Name, action.Note), ": ")
		}
		s.Actions = append(s.Actions, action)
	}
	return s
}

// notes returns what is to be said about the whole execution.
func notes(execution *v1alpha1.PipelineExecution, now time.Time, wide bool) []string {
	all := []string{describeOrigin(execution, now)}
	if wide {
		all = append(all, "id "+string(execution.UID))
	}
	if !view.IsSeen(execution) {
		return append(all, "the operator has not looked at it yet")
	}
	status := &execution.Status
	if status.RetryOf != nil {
		all = append(all, "retries execution "+status.RetryOf.Name)
	}
	if status.Stop != nil {
		for i := range status.Stop.Requests {
			all = append(all, describeRequest(&status.Stop.Requests[i], status.Stop.Mode, now))
		}
	}
	if waits := view.WaitsFor(execution); waits != "" {
		all = append(all, fmt.Sprintf("waits for %s, for %s", waits, view.Ago(view.Since(execution), now)))
	}
	if tellsMore(execution) {
		all = append(all, view.Message(execution))
	}
	if status.RetriedBy != nil {
		all = append(all, "is retried by execution "+status.RetriedBy.Name)
	}
	if execution.DeletionTimestamp != nil {
		all = append(all, fmt.Sprintf("is being deleted, for %s", view.Ago(*execution.DeletionTimestamp, now)))
	}
	return all
}

// tellsMore reports whether the message of an execution that has ended tells more than its actions and the requests to stop it do.
func tellsMore(execution *v1alpha1.PipelineExecution) bool {
	switch execution.Status.State {
	case v1alpha1.ExecutionFailed:
		return view.Reason(execution) != v1alpha1.ReasonActionFailed
	case v1alpha1.ExecutionSuperseded:
		return true
	default:
		return false
	}
}

// describeOrigin returns of which pipeline the execution is, who created it, when, and how long it took.
func describeOrigin(execution *v1alpha1.PipelineExecution, now time.Time) string {
	text := fmt.Sprintf("pipeline %s, created %s ago", execution.Spec.PipelineName, view.Ago(execution.CreationTimestamp, now))
	if by := view.StartedBy(execution); by != "" {
		text += " by " + by
	}
	if view.IsFinished(execution) {
		text += ", took " + view.Duration(view.Took(execution, now))
	}
	return text
}

// describeRequest returns what a StopRequest asked for, by whom, why and when, and when the stop escalates if that is to come.
func describeRequest(r *v1alpha1.AcceptedStopRequest, mode v1alpha1.StopMode, now time.Time) string {
	text := fmt.Sprintf("%s ago: %s (StopRequest %s)", view.Ago(r.AcceptedTime, now), view.DescribeRequest(r), r.Name)
	if r.EscalationTime != nil && r.EscalatedTime == nil && mode == v1alpha1.StopModeWait && now.Before(r.EscalationTime.Time) {
		text += ", escalates in " + view.Duration(r.EscalationTime.Sub(now))
	}
	return text
}

// noteOfAction returns what is to be said about an action.
func noteOfAction(execution *v1alpha1.PipelineExecution, a *v1alpha1.ActionStatus, now time.Time) string {
	switch {
	case a.TakenOverFrom != "":
		return "taken over from execution " + nameOfOriginal(execution, a.TakenOverFrom)
	case a.Approval != nil && a.Approval.Result != nil:
		return describeResult(a.Approval.Result, now)
	case view.IsWaitingForApproval(a):
		return describeWait(a, now)
	case a.Reason != "" && a.Message != "":
		return a.Reason + ": " + a.Message
	case a.Reason+a.Message != "":
		return a.Reason + a.Message
	case view.IsUnconfirmed(a):
		return "is being started"
	case a.State == v1alpha1.ActionAbandoned && a.CompletionTime == nil:
		return "has to end"
	case execution.Status.State == v1alpha1.ExecutionStopping && view.IsActive(a):
		return "has to finish"
	default:
		return ""
	}
}

// nameOfOriginal returns the name of the execution that ran an action, or its id if that is an earlier one than the one that is retried.
func nameOfOriginal(execution *v1alpha1.PipelineExecution, id string) string {
	if of := execution.Status.RetryOf; of != nil && of.PipelineExecutionID == id {
		return of.Name
	}
	return id
}

// describeResult returns who approved or rejected, when, and why.
func describeResult(r *v1alpha1.AcceptedApprovalResult, now time.Time) string {
	text := strings.ToLower(string(r.Status))
	if r.DecidedBy != "" {
		text += " by " + r.DecidedBy
	}
	text += fmt.Sprintf(" %s ago", view.Ago(r.DecidedTime, now))
	if r.Summary != "" {
		text += fmt.Sprintf(": %q", r.Summary)
	}
	return text
}

// describeWait returns until when an approval waits, and what it asks.
func describeWait(a *v1alpha1.ActionStatus, now time.Time) string {
	text := "waits for approval, " + view.Duration(max(a.Approval.ExpirationTime.Sub(now), 0)) + " left"
	if asked := view.Question(a); asked != "" {
		text += ": " + asked
	}
	return text
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/follow"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// followPlainly prints a line for each thing that happens to an execution, until it has ended. It returns the execution as it was last seen.
func followPlainly(
	ctx context.Context, f *cli.Factory, c client.WithWatch, out io.Writer, execution *v1alpha1.PipelineExecution,
) (*v1alpha1.PipelineExecution, error) {
	target := follow.Target{
		Client: c, List: &v1alpha1.PipelineExecutionList{}, Key: client.ObjectKeyFromObject(execution), UID: execution.UID, OnTrouble: reportTrouble(f),
	}
	previous := &v1alpha1.PipelineExecution{}
	err := follow.Until(ctx, target, func(seen *v1alpha1.PipelineExecution) (bool, error) {
		for _, line := range describeChanges(previous, seen) {
			fmt.Fprintf(out, "%s  %s\n", f.Clock.Now().Format(time.TimeOnly), line)
		}
		previous = seen
		return seen.Status.State.IsFinal(), nil
	})
	return previous, err
}

// describeChanges returns a line for each action whose state has changed, for each that a stop begins to wait for or that it waits for because
// of something else, and for the state of the execution. An execution that was not seen before has no stages.
func describeChanges(before, after *v1alpha1.PipelineExecution) []string {
	var lines []string
	states := actionStates(before)
	for _, stage := range after.Status.Stages {
		for _, action := range stage.Actions {
			name := stage.Name + "/" + action.Name
			if was, known := states[name]; was != action.State && (known || action.State != v1alpha1.ActionNotStarted) {
				lines = append(lines, name+": "+describeAction(&action))
			}
		}
	}
	waits := pendingMessages(before)
	for name, message := range pendingInOrder(after) {
		if waits[name] != message {
			lines = append(lines, name+": "+message)
		}
	}
	if line := describeState(after); line != describeState(before) {
		lines = append(lines, line)
	}
	return lines
}

func actionStates(execution *v1alpha1.PipelineExecution) map[string]v1alpha1.ActionState {
	states := map[string]v1alpha1.ActionState{}
	for _, stage := range execution.Status.Stages {
		for _, action := range stage.Actions {
			states[stage.Name+"/"+action.Name] = action.State
		}
	}
	return states
}

func describeAction(action *v1alpha1.ActionStatus) string {
	switch {
	case action.TakenOverFrom != "":
		return string(action.State) + " in the execution that is retried"
	case action.Message != "":
		return string(action.State) + ": " + action.Message
	default:
		return string(action.State)
	}
}

// pendingInOrder yields what a stop waits for, as Stage/Action and the message.
func pendingInOrder(execution *v1alpha1.PipelineExecution) func(yield func(name, message string) bool) {
	return func(yield func(string, string) bool) {
		if execution.Status.Stop == nil {
			return
		}
		for _, pending := range execution.Status.Stop.WaitingFor {
			if !yield(pending.Stage+"/"+pending.Action, pending.Message) {
				return
			}
		}
	}
}

func pendingMessages(execution *v1alpha1.PipelineExecution) map[string]string {
	messages := map[string]string{}
	for name, message := range pendingInOrder(execution) {
		messages[name] = message
	}
	return messages
}

// describeState returns the state of an execution, with the message of its condition Ready if it waits for something, such as an approval, or
// has ended otherwise than Succeeded.
func describeState(execution *v1alpha1.PipelineExecution) string {
	state := execution.Status.State
	if state == "" {
		return ""
	}
	line := execution.Name + ": " + cli.MarkWord(view.MarkExecutionState(state))
	ready := meta.FindStatusCondition(execution.Status.Conditions, v1alpha1.ConditionReady)
	isAsUsual := ready == nil || ready.Reason == string(state) && !state.IsFinal() || state == v1alpha1.ExecutionSucceeded
	if isAsUsual || ready.Message == "" {
		return line
	}
	return line + ": " + ready.Message
}

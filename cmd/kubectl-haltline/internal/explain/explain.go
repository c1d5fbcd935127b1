// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package explain tells in a paragraph why an execution does not go on, or how it ended, and which command to type next. It decides from API
// objects alone, and reads nothing.
package explain

import (
	"fmt"
	"strings"
	"time"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// Input is all that an explanation depends on. Nothing of it is changed.
type Input struct {
	Execution *v1alpha1.PipelineExecution
	// Pipelines are those of its namespace that have its pipelineName: one at most has it, and the others were refused.
	Pipelines []v1alpha1.Pipeline
	// StopRequests are those of its namespace that name its id.
	StopRequests []v1alpha1.StopRequest
	// MayApprove is whether who asks may approve in its namespace; nil if that is not known.
	MayApprove *bool
	// User is the name of who asks; empty if that is not known.
	User string
	// Flags are added to every command, such as "-n team"; empty if it needs none.
	Flags string
	Now   time.Time
}

// Command is a command to type, and what for.
type Command struct {
	Line, Purpose string
}

// Explanation is why an execution does not go on, or how it ended.
type Explanation struct {
	// Text is a paragraph without line breaks.
	Text string
	// Commands are what to type next, the likeliest first.
	Commands []Command
}

// writer collects what an explanation consists of.
type writer struct {
	in Input
	// isLate is whether something is overdue that the operator does.
	isLate    bool
	sentences []string
	commands  []Command
}

// Execution explains an execution.
func Execution(in Input) Explanation {
	w := &writer{in: in}
	switch {
	case !view.IsSeen(in.Execution):
		w.explainPending()
	case in.Execution.Status.State.IsFinal():
		w.explainFinished()
	default:
		w.explainUnfinished()
	}
	return Explanation{Text: strings.Join(w.sentences, " "), Commands: w.commands}
}

// explainUnfinished explains an execution that the operator has looked at and that has not ended.
func (w *writer) explainUnfinished() {
	execution := w.in.Execution
	w.explainLateOperator()
	w.explainDeletion()
	w.explainOpenRequests()
	switch status := &execution.Status; {
	case status.State == v1alpha1.ExecutionStopping:
		w.explainStopping()
	case status.Stop != nil:
		w.explainFencing()
	case execution.DeletionTimestamp != nil:
		w.explainKept()
	default:
		w.explainProgress()
	}
}

// say adds a sentence. It gets a full stop if it has none.
func (w *writer) say(format string, args ...any) {
	sentence := strings.TrimSpace(fmt.Sprintf(format, args...))
	if sentence == "" {
		return
	}
	if !strings.HasSuffix(sentence, ".") {
		sentence += "."
	}
	w.sentences = append(w.sentences, sentence)
}

// plugin adds a command of the plugin.
func (w *writer) plugin(purpose, format string, args ...any) {
	w.command(purpose, "kubectl haltline "+format, args...)
}

// command adds a command in the namespace of the execution, unless it is there already.
func (w *writer) command(purpose, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if w.in.Flags != "" {
		line += " " + w.in.Flags
	}
	w.addCommand(Command{line, purpose})
}

func (w *writer) addCommand(c Command) {
	for _, known := range w.commands {
		if known.Line == c.Line {
			return
		}
	}
	w.commands = append(w.commands, c)
}

// suggestStop adds the command that stops the execution instead. A stop that waits is no help if it would wait for what needs somebody.
func (w *writer) suggestStop() {
	if w.needsSomebody() {
		w.plugin("end it", "stop %s --abandon", w.in.Execution.Name)
		return
	}
	w.plugin("do not wait any longer", "stop %s", w.in.Execution.Name)
}

// needsSomebody reports whether an action in progress does not end before somebody repairs or decides something.
func (w *writer) needsSomebody() bool {
	for _, a := range view.Actions(w.in.Execution) {
		if view.IsWaitingForApproval(a) || isKept(a) && !endsUnderWait(a.Reason) {
			return true
		}
	}
	return false
}

// name returns the name of the execution as sentences have it.
func (w *writer) name() string { return fmt.Sprintf("Execution %q", w.in.Execution.Name) }

// pipeline returns the Pipeline that has the pipelineName, or nil. One that was refused does not have it.
func (w *writer) pipeline() *v1alpha1.Pipeline {
	for i := range w.in.Pipelines {
		if readyReason(&w.in.Pipelines[i]) != v1alpha1.ReasonPipelineNameTaken {
			return &w.in.Pipelines[i]
		}
	}
	return nil
}

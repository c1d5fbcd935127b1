// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package listing makes tables of executions: those of "get" and "history". It reads nothing.
package listing

import (
	"cmp"
	"slices"
	"time"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// Options are which columns a table has.
type Options struct {
	// Namespaces is whether it has the namespaces.
	Namespaces bool
	// Wide is whether it has all columns, with nothing cut.
	Wide bool
}

// SortByCreation puts executions that have not finished first, and of both kinds the newest.
func SortByCreation(executions []*v1alpha1.PipelineExecution) {
	slices.SortStableFunc(executions, func(a, b *v1alpha1.PipelineExecution) int {
		return cmp.Or(compareFinished(a, b), b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Name, b.Name))
	})
}

func compareFinished(a, b *v1alpha1.PipelineExecution) int {
	switch is, other := view.IsFinished(a), view.IsFinished(b); {
	case is == other:
		return 0
	case is:
		return 1
	default:
		return -1
	}
}

// Executions returns the table of "get".
func Executions(executions []*v1alpha1.PipelineExecution, now time.Time, o Options) cli.Table {
	t := cli.Table{Headers: []string{"NAME", "PIPELINE", "STATE", "STAGE", "WAITS-FOR", "SINCE", "STARTED-BY"}}
	if o.Wide {
		t.Headers = append(t.Headers, "AGE", "ID", "RETRY-OF", "RETRIED-BY", "MESSAGE")
	}
	for _, e := range executions {
		row := []string{
			e.Name, e.Spec.PipelineName, cli.MarkWord(view.MarkExecution(e)), stageOf(e), view.WaitsFor(e), view.Ago(view.Since(e), now), view.StartedBy(e),
		}
		if o.Wide {
			row = append(row, view.Ago(e.CreationTimestamp, now), string(e.UID), retryOf(e), retriedBy(e), view.Message(e))
		}
		t.Rows = append(t.Rows, row)
	}
	return o.addNamespaces(t, executions)
}

// addNamespaces puts a column of namespaces in front, if that is wanted.
func (o Options) addNamespaces(t cli.Table, executions []*v1alpha1.PipelineExecution) cli.Table {
	if !o.Namespaces {
		return t
	}
	t.Headers = append([]string{"NAMESPACE"}, t.Headers...)
	for i := range t.Rows {
		t.Rows[i] = append([]string{executions[i].Namespace}, t.Rows[i]...)
	}
	return t
}

// stageOf returns the stage that an execution is in, or was in last.
func stageOf(e *v1alpha1.PipelineExecution) string {
	if !view.IsSeen(e) {
		return ""
	}
	return e.Status.CurrentStage
}

func retryOf(e *v1alpha1.PipelineExecution) string {
	switch {
	case e.Status.RetryOf != nil && view.IsSeen(e):
		return e.Status.RetryOf.Name
	case e.Spec.RetryOf != nil:
		return e.Spec.RetryOf.PipelineExecutionID
	default:
		return ""
	}
}

func retriedBy(e *v1alpha1.PipelineExecution) string {
	if !view.IsSeen(e) || e.Status.RetriedBy == nil {
		return ""
	}
	return e.Status.RetriedBy.Name
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package listing

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/golden"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/sample"
)

var now = sample.Start.Add(3 * time.Hour)

func executions() []*v1alpha1.PipelineExecution {
	var all []*v1alpha1.PipelineExecution
	for _, c := range sample.Cases() {
		all = append(all, c.Execution)
	}
	return all
}

func finished() []*v1alpha1.PipelineExecution {
	all := slices.DeleteFunc(executions(), func(e *v1alpha1.PipelineExecution) bool { return !Filter{}.Passes(e) })
	SortByEnd(all)
	return all
}

func format(t cli.Table) string {
	return ansi.Strip(strings.Join(t.Lines(true, 0), "\n")) + "\n"
}

// The tables of executions in every state. Read the files: they are what people get to see.
func TestTables(t *testing.T) {
	for name, table := range map[string]cli.Table{
		"get":            Executions(executions(), now, Options{}),
		"get-wide":       Executions(executions(), now, Options{Wide: true}),
		"get-namespaces": Executions(executions()[:3], now, Options{Namespaces: true}),
		"history":        History(finished(), now, Options{}),
		"history-wide":   History(finished(), now, Options{Wide: true, Namespaces: true}),
	} {
		t.Run(name, func(t *testing.T) {
			for i, row := range table.Rows {
				if len(row) != len(table.Headers) {
					t.Errorf("row %d has %d cells, and there are %d columns", i, len(row), len(table.Headers))
				}
			}
			golden.Compare(t, name, format(table))
		})
	}
}

func ended(name string, state v1alpha1.ExecutionState, created, completed time.Duration) *v1alpha1.PipelineExecution {
	at := metav1.NewTime(sample.Start.Add(completed))
	e := &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(sample.Start.Add(created))}}
	e.Status.State = state
	if state.IsFinal() {
		e.Status.CompletionTime = &at
	}
	return e
}

func names(executions []*v1alpha1.PipelineExecution) string {
	var all []string
	for _, e := range executions {
		all = append(all, e.Name)
	}
	return strings.Join(all, " ")
}

func TestOrders(t *testing.T) {
	list := func() []*v1alpha1.PipelineExecution {
		return []*v1alpha1.PipelineExecution{
			ended("old-ended-late", v1alpha1.ExecutionFailed, 0, 50*time.Minute),
			ended("running-old", v1alpha1.ExecutionInProgress, time.Minute, 0),
			ended("new-ended-soon", v1alpha1.ExecutionSucceeded, 30*time.Minute, 40*time.Minute),
			ended("running-new", v1alpha1.ExecutionStopping, 31*time.Minute, 0),
		}
	}
	got := list()
	SortByCreation(got)
	if want := "running-new running-old new-ended-soon old-ended-late"; names(got) != want {
		t.Errorf("by creation: %s, want %s", names(got), want)
	}
	got = slices.DeleteFunc(list(), func(e *v1alpha1.PipelineExecution) bool { return !Filter{}.Passes(e) })
	SortByEnd(got)
	if want := "old-ended-late new-ended-soon"; names(got) != want {
		t.Errorf("by end: %s, want %s", names(got), want)
	}
}

func TestFilter(t *testing.T) {
	tests := []struct {
		name      string
		execution *v1alpha1.PipelineExecution
		filter    Filter
		want      bool
	}{
		{"one that goes on", ended("a", v1alpha1.ExecutionInProgress, 0, 0), Filter{}, false},
		{"one that nobody has looked at", &v1alpha1.PipelineExecution{}, Filter{}, false},
		{"one that ended", ended("a", v1alpha1.ExecutionSucceeded, 0, time.Minute), Filter{}, true},
		{"one that succeeded is not stopped", ended("a", v1alpha1.ExecutionSucceeded, 0, time.Minute), Filter{Stopped: true}, false},
		{"one that was stopped", ended("a", v1alpha1.ExecutionStopped, 0, time.Minute), Filter{Stopped: true}, true},
		{"one that ended before", ended("a", v1alpha1.ExecutionStopped, 0, time.Minute), Filter{Since: sample.Start.Add(61 * time.Second)}, false},
		{"one that ended at that moment", ended("a", v1alpha1.ExecutionStopped, 0, time.Minute), Filter{Since: sample.Start.Add(time.Minute)}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.filter.Passes(tt.execution); got != tt.want {
				t.Errorf("it passes: %v, want %v", got, tt.want)
			}
		})
	}
}

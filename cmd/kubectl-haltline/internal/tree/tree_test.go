// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/golden"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/sample"
)

// The tree of an execution in every state. Read the file: it is what people get to see.
func TestEveryStateHasATree(t *testing.T) {
	var all strings.Builder
	for _, c := range sample.Cases() {
		all.WriteString("## " + c.Name + "\n" + ansi.Strip(Render(Build(c.Execution, c.Now, false), 0)) + "\n")
	}
	golden.Compare(t, "trees", all.String())
}

// A wide tree has the id and the Jobs as well.
func TestAWideTree(t *testing.T) {
	for _, c := range sample.Cases() {
		if c.Name != "an action failed" {
			continue
		}
		golden.Compare(t, "wide", ansi.Strip(Render(Build(c.Execution, c.Now, true), 0)))
	}
}

// No line is wider than the terminal, whatever colors and characters it has.
func TestATreeFitsTheTerminal(t *testing.T) {
	for _, width := range []int{20, 60, 80} {
		for _, c := range sample.Cases() {
			c.Execution.Spec.StartedBy = "停停停停停停停停停停停停停停停停停停停停"
			for line := range strings.Lines(Render(Build(c.Execution, c.Now, true), width)) {
				if got := lipgloss.Width(strings.TrimSuffix(line, "\n")); got > width {
					t.Fatalf("%s: a line has %d columns, and the terminal %d: %q", c.Name, got, width, line)
				}
			}
		}
	}
}

func TestEndedCountsWhatIsOver(t *testing.T) {
	at := metav1.NewTime(sample.Start)
	e := &v1alpha1.PipelineExecution{Status: v1alpha1.PipelineExecutionStatus{State: v1alpha1.ExecutionStopping, Stages: []v1alpha1.StageStatus{{
		Actions: []v1alpha1.ActionStatus{
			{State: v1alpha1.ActionSucceeded, CompletionTime: &at}, {State: v1alpha1.ActionFailed, CompletionTime: &at},
			{State: v1alpha1.ActionAbandoned, CompletionTime: &at}, {State: v1alpha1.ActionAbandoned}, {State: v1alpha1.ActionInProgress},
			{State: v1alpha1.ActionNotStarted},
		},
	}}}}
	if ended, all := Build(e, sample.Start.Add(time.Minute), false).Stages[0].Ended(); ended != 3 || all != 6 {
		t.Errorf("%d of %d have ended, want 3 of 6", ended, all)
	}
}

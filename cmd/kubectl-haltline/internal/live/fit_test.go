// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"fmt"
	"strings"
	"testing"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/tree"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// treeOf returns a tree of stages, each a state and how many actions it has; two of those of a stage in progress go on.
func treeOf(stages ...string) tree.Tree {
	t := tree.Tree{}
	for i, s := range stages {
		var state string
		var count int
		if _, err := fmt.Sscanf(s, "%s %d", &state, &count); err != nil {
			panic(err)
		}
		stage := tree.Stage{Name: fmt.Sprintf("s%d", i), Mark: view.MarkStage(v1alpha1.StageState(state))}
		for j := range count {
			a := tree.Action{Name: fmt.Sprintf("a%d", j), Mark: view.MarkAction(&v1alpha1.ActionStatus{State: v1alpha1.ActionSucceeded})}
			if state == "InProgress" && j < 2 {
				a.IsActive, a.Mark = true, view.MarkAction(&v1alpha1.ActionStatus{State: v1alpha1.ActionInProgress})
			}
			stage.Actions = append(stage.Actions, a)
		}
		t.Stages = append(t.Stages, stage)
	}
	return t
}

func formatRows(rows []row) string {
	var words []string
	for _, r := range rows {
		switch {
		case r.stage != nil:
			words = append(words, r.stage.Name)
		case r.action != nil:
			words = append(words, "."+r.action.Name)
		default:
			words = append(words, "("+r.omitted+")")
		}
	}
	return strings.Join(words, " ")
}

// What there is no room for is left out: what goes on last.
func TestFit(t *testing.T) {
	all := treeOf("Succeeded 2", "InProgress 4", "NotStarted 2")
	tests := []struct {
		name  string
		tree  tree.Tree
		lines int
		want  string
	}{
		{"there is room", all, 11, "s0 .a0 .a1 s1 .a0 .a1 .a2 .a3 s2 .a0 .a1"},
		{"only the actions of the stage in progress", all, 10, "s0 s1 .a0 .a1 .a2 .a3 s2"},
		{"only the actions that go on", all, 6, "s0 s1 .a0 .a1 (2 other actions) s2"},
		{"only the stage in progress", all, 5, "s1 .a0 .a1 (2 other actions) (2 other stages)"},
		{"hardly any room", all, 2, "s1 .a0"},
		{"no room", all, -3, "s1"},
		{"nothing to show", tree.Tree{}, 5, ""},
		{"nothing goes on", treeOf("Succeeded 2", "Succeeded 2"), 3, "s0 s1"},
		{"nothing goes on and no room", treeOf("Succeeded 2", "Succeeded 2"), 1, "(2 other stages)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := fit(tt.tree, tt.lines)
			if formatRows(got) != tt.want {
				t.Errorf("got  %s\nwant %s", formatRows(got), tt.want)
			}
			if len(got) > max(tt.lines, 1) {
				t.Errorf("it has %d rows for %d lines", len(got), tt.lines)
			}
		})
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/tree"
)

// row is a line of the view: a stage, an action of it, or how many of something are left out.
type row struct {
	stage   *tree.Stage
	action  *tree.Action
	omitted string
}

// fit returns the rows of a tree, so few that a terminal has room for them: what goes on is left out last. It returns at most as many as
// there are lines, and at least one.
func fit(t tree.Tree, lines int) []row {
	lines = max(lines, 1)
	layouts := []func(tree.Tree) []row{everything, openStages, activeActions, currentStages}
	for _, layout := range layouts {
		if rows := layout(t); len(rows) <= lines {
			return rows
		}
	}
	return currentStages(t)[:lines]
}

// everything shows all stages and all actions.
func everything(t tree.Tree) []row {
	return rowsOf(t, func(*tree.Stage) bool { return true }, func(*tree.Action) bool { return true })
}

// openStages shows all stages, and the actions of those that the execution is in or ended in.
func openStages(t tree.Tree) []row {
	return rowsOf(t, isOpen, func(*tree.Action) bool { return true })
}

// activeActions shows all stages, and the actions that go on or failed.
func activeActions(t tree.Tree) []row {
	return rowsOf(t, isOpen, isNotable)
}

// currentStages shows only the stages that the execution is in or ended in, and only the actions that go on or failed.
func currentStages(t tree.Tree) []row {
	var rows []row
	omitted := 0
	for i := range t.Stages {
		if !isOpen(&t.Stages[i]) {
			omitted++
			continue
		}
		rows = append(rows, rowsOf(tree.Tree{Stages: t.Stages[i : i+1]}, isOpen, isNotable)...)
	}
	if omitted > 0 {
		rows = append(rows, row{omitted: fmt.Sprintf("%d other stages", omitted)})
	}
	return rows
}

func rowsOf(t tree.Tree, shows func(*tree.Stage) bool, showsAction func(*tree.Action) bool) []row {
	var rows []row
	for i := range t.Stages {
		stage := &t.Stages[i]
		rows = append(rows, row{stage: stage})
		if !shows(stage) {
			continue
		}
		omitted := 0
		for j := range stage.Actions {
			if !showsAction(&stage.Actions[j]) {
				omitted++
				continue
			}
			rows = append(rows, row{action: &stage.Actions[j]})
		}
		if omitted > 0 {
			rows = append(rows, row{omitted: fmt.Sprintf("%d other actions", omitted)})
		}
	}
	return rows
}

// isOpen reports whether the execution is in a stage, waits before it, or ended in it otherwise than well.
func isOpen(s *tree.Stage) bool {
	return s.Mark.Word != string(v1alpha1.StageSucceeded) && s.Mark.Word != string(v1alpha1.StageNotStarted)
}

// isNotable reports whether an action goes on, or ended otherwise than well.
func isNotable(a *tree.Action) bool {
	return a.IsActive || a.Mark.Word == string(v1alpha1.ActionFailed) || a.Mark.Word == string(v1alpha1.ActionAbandoned)
}

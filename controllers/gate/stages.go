// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"cmp"
	"slices"
	"time"

	"haltline.dev/haltline/api/v1alpha1"
)

// listStages returns the names of the stages that have a status: those of the spec, and then those that only executions have which were
// started before the spec changed. There are MaxStageStatuses at most: the stages that somebody is in come first, then those before which
// somebody has waited longest. The others have their turn when these are empty.
func listStages(in Input) []string {
	var names []string
	known := map[string]bool{}
	for _, s := range in.Pipeline.Spec.Stages {
		names, known[s.Name] = append(names, s.Name), true
	}
	if !in.Pipeline.Spec.ExecutionMode.IsSerial() {
		return names
	}
	var others []oldStage
	for _, o := range listOldStages(in) {
		if !known[o.name] {
			others, known[o.name] = append(others, o), true
		}
	}
	for _, o := range others[:min(len(others), max(v1alpha1.MaxStageStatuses-len(names), 0))] {
		names = append(names, o.name)
	}
	return names
}

// oldStage is a stage that somebody is in or waits for.
type oldStage struct {
	name string
	// since is when the wait began; zero if somebody is in the stage.
	since time.Time
}

// listOldStages returns the stages of executions, in the order of their importance. A stage can be there several times.
func listOldStages(in Input) []oldStage {
	var all []oldStage
	for _, s := range in.Pipeline.Status.Stages {
		if keepHolder(in, s) != nil {
			all = append(all, oldStage{name: s.Name})
		}
	}
	for _, e := range in.Executions {
		switch wait := e.Status.WaitingForStage; {
		case in.Ended[e.UID]:
		case wait != nil && waitsBefore(e, wait.Stage):
			all = append(all, oldStage{wait.Stage, wait.Since.Time})
		case wait == nil && e.Status.CurrentStage != "" && !e.Status.State.IsFinal():
			all = append(all, oldStage{name: e.Status.CurrentStage})
		}
	}
	slices.SortFunc(all, func(a, b oldStage) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.name, b.name)) })
	return all
}

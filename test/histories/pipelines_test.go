// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// definition is a pipeline: as it is created, and as the model has it.
type definition struct {
	stages  []v1alpha1.Stage
	actions map[model.Key]v1alpha1.Action
	model   model.Pipeline
}

var stageNames = []string{"Build", "Deploy"}

var actionNames = map[string][]string{"Build": {"compile", "lint", "package"}, "Deploy": {"migrate", "roll-out", "verify"}}

// outcomes of an action. Half of them succeed, so that histories go on.
var outcomes = []model.Outcome{model.Succeeds, model.Succeeds, model.Hangs, model.Fails}

// annotations are how the simulated kubelet ends a pod.
var annotations = map[model.Outcome]string{model.Succeeds: simcluster.Succeed, model.Fails: simcluster.Fail, model.Hangs: simcluster.Never}

func drawDefinition(t *rapid.T, most size) *definition {
	d := &definition{actions: map[model.Key]v1alpha1.Action{}}
	for i, name := range stageNames[:drawNumber(t, "stages", 1, most.stages)] {
		stage := v1alpha1.Stage{Name: name}
		for _, action := range actionNames[name][:drawNumber(t, "actions", 1, most.actions)] {
			key, outcome := model.Key{Stage: name, Action: action}, drawOne(t, "outcome", outcomes...)
			a := drawAction(t, action, outcome)
			stage.Actions = append(stage.Actions, a)
			d.actions[key] = a
			d.model = append(d.model, model.Action{Key: key, StageIndex: i, RunOrder: int(a.RunOrder), Outcome: outcome})
		}
		d.stages = append(d.stages, stage)
	}
	return d
}

func drawAction(t *rapid.T, name string, outcome model.Outcome) v1alpha1.Action {
	options := []builders.ActionOption{builders.RunOrder(int32(drawNumber(t, "runOrder", 1, 2)))}
	if drawOneIn(t, 4, "onStop") {
		options = append(options, builders.AbandonedOnStop)
	}
	if drawOneIn(t, 4, "onAbandon") {
		options = append(options, builders.Orphaned)
	}
	return newAction(name, outcome, options...)
}

// newAction returns an action whose pods end as the outcome asks.
func newAction(name string, outcome model.Outcome, options ...builders.ActionOption) v1alpha1.Action {
	return builders.Action(name, append(options, builders.PodAnnotation(simcluster.AnnotationOutcome, annotations[outcome]))...)
}

func (d *definition) String() string {
	var actions []string
	for _, a := range d.model {
		words := fmt.Sprintf("%s/%s (runOrder %d) %s", a.Stage, a.Action, a.RunOrder, strings.ToLower(string(a.Outcome)))
		if d.actions[a.Key].OnStop == v1alpha1.OnStopAbandon {
			words += ", onStop: Abandon"
		}
		if d.actions[a.Key].OnAbandon == v1alpha1.OnAbandonOrphan {
			words += ", onAbandon: Orphan"
		}
		actions = append(actions, words)
	}
	return strings.Join(actions, "; ")
}

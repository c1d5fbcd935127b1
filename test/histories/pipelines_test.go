// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// definition is a pipeline: as it is created, and as the model has it.
type definition struct {
	// release is its place among all definitions of a history, from 1. It is the default of the variable RELEASE.
	release int
	stages  []v1alpha1.Stage
	actions map[model.Key]v1alpha1.Action
	model   model.Pipeline
	// queued are the actions whose Jobs are created suspended, until a queue admits them.
	queued map[model.Key]bool
	// written is what the actions that put something out write.
	written map[model.Key]string
	// workspace is what its actions share; nil if they share nothing.
	workspace *v1alpha1.Workspace
	// mode is that in which the Pipeline is created, and timeoutSeconds how long its executions may take; nil if there is no limit.
	mode           v1alpha1.ExecutionMode
	timeoutSeconds *int64
}

// clonedStages returns the stages as a Pipeline has them, which may get transitions.
func (d *definition) clonedStages() []v1alpha1.Stage { return slices.Clone(d.stages) }

func (d *definition) hasStage(name string) bool {
	return slices.ContainsFunc(d.stages, func(s v1alpha1.Stage) bool { return s.Name == name })
}

var stageNames = []string{"Build", "Deploy"}

var actionNames = map[string][]string{"Build": {"compile", "lint", "package"}, "Deploy": {"migrate", "roll-out", "verify"}}

// outcomes of an action. Half of them succeed, so that histories go on.
var outcomes = []model.Outcome{model.Succeeds, model.Succeeds, model.Hangs, model.Fails}

// annotations are how the simulated kubelet ends a pod.
var annotations = map[model.Outcome]string{model.Succeeds: simcluster.Succeed, model.Fails: simcluster.Fail, model.Hangs: simcluster.Never}

func drawDefinition(t *rapid.T, most size) *definition {
	d := &definition{actions: map[model.Key]v1alpha1.Action{}, written: map[model.Key]string{}, queued: map[model.Key]bool{}, mode: v1alpha1.ExecutionModeParallel}
	if most.waits || drawOneIn(t, 8, "mode") {
		d.mode = drawMode(t)
	}
	if drawOneIn(t, most.oneIn(6), "time limit") {
		d.timeoutSeconds = ptr.To(drawOne[int64](t, "timeoutSeconds", 60, 20))
	}
	d.workspace = drawWorkspace(t)
	for i, name := range stageNames[:drawNumber(t, "stages", 1, most.stages)] {
		stage := v1alpha1.Stage{Name: name}
		for _, action := range actionNames[name][:drawNumber(t, "actions", 1, most.actions)] {
			key, outcome := model.Key{Stage: name, Action: action}, drawOne(t, "outcome", outcomes...)
			var a v1alpha1.Action
			switch {
			case drawOneIn(t, most.oneIn(2), "approval"):
				a = drawApprovalAction(t, action)
			default:
				d.queued[key] = drawOneIn(t, most.oneIn(6), "queued")
				a = d.drawAction(t, key, outcome)
				if d.findOutputProblem(key) != "" {
					outcome = model.Fails
				}
				if d.workspace != nil && drawOneIn(t, 4, "without workspace") {
					a.Workspace = v1alpha1.WorkspaceNone
				}
			}
			stage.Actions = append(stage.Actions, a)
			d.actions[key] = a
			d.model = append(d.model, model.Action{Key: key, StageIndex: i, RunOrder: int(a.RunOrder), Outcome: outcome})
		}
		d.stages = append(d.stages, stage)
	}
	return d
}

func drawApprovalAction(t *rapid.T, name string) v1alpha1.Action {
	approval := v1alpha1.Approval{ForbidStarter: drawOneIn(t, 3, "forbidStarter")}
	if drawOneIn(t, 2, "timeout") {
		approval.TimeoutSeconds = ptr.To(drawOne[int64](t, "timeoutSeconds", 60, 120, 5, 20))
	}
	a := builders.Approval(name, int32(drawNumber(t, "runOrder", 1, 2)), approval)
	a.OnStop, a.OnAbandon = v1alpha1.OnStopFinish, v1alpha1.OnAbandonTerminate
	if drawOneIn(t, 4, "onStop") {
		a.OnStop = v1alpha1.OnStopAbandon
	}
	return a
}

func (d *definition) drawAction(t *rapid.T, k model.Key, outcome model.Outcome) v1alpha1.Action {
	name, queued := k.Action, d.queued[k]
	options := []builders.ActionOption{builders.RunOrder(int32(drawNumber(t, "runOrder", 1, 2)))}
	if drawOneIn(t, 4, "onStop") {
		options = append(options, builders.AbandonedOnStop)
	}
	if drawOneIn(t, 4, "onAbandon") {
		options = append(options, builders.Orphaned)
	}
	if queued {
		options = append(options, builders.Suspended)
	}
	a := newAction(name, outcome, options...)
	if outcome == model.Succeeds && drawOneIn(t, 4, "outputs") {
		a, d.written[k] = putOut(t, name, len(d.model), options)
	}
	if drawOneIn(t, 16, "start limit") || queued && drawOneIn(t, 2, "start limit of a queued one") {
		a.StartTimeoutSeconds = ptr.To(drawOne[int64](t, "startTimeoutSeconds", 60, 20))
	}
	return a
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
		if d.actions[a.Key].Workspace == v1alpha1.WorkspaceNone {
			words += ", workspace: None"
		}
		if written, puts := d.written[a.Key]; puts {
			words += fmt.Sprintf(", writes %q", written)
		}
		words += describeWaits(d.actions[a.Key], d.queued[a.Key])
		actions = append(actions, words)
	}
	return fmt.Sprintf("%s, timeoutSeconds %d, %s: %s", d.mode, ptr.Deref(d.timeoutSeconds, 0), d.describeWorkspace(), strings.Join(actions, "; "))
}

func (d *definition) describeWorkspace() string {
	switch {
	case d.workspace == nil:
		return "no workspace"
	case d.hasTemplate():
		return "a claim for each execution"
	default:
		return fmt.Sprintf("the claim %q", d.workspace.ClaimName)
	}
}

func describeWaits(a v1alpha1.Action, queued bool) string {
	words := ""
	if a.Approval != nil {
		words += fmt.Sprintf(", an approval, timeoutSeconds %d, forbidStarter %t", ptr.Deref(a.Approval.TimeoutSeconds, 0), a.Approval.ForbidStarter)
	}
	if queued {
		words += ", suspended until a queue admits it"
	}
	if a.StartTimeoutSeconds != nil {
		words += fmt.Sprintf(", startTimeoutSeconds %d", *a.StartTimeoutSeconds)
	}
	return words
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"

	"haltline.dev/haltline/api/v1alpha1"
)

// newWorkspaceInput returns the input of an execution with two actions after another, of which only the second mounts the workspace.
func newWorkspaceInput(w v1alpha1.Workspace) Input {
	definition := makeDefinition(makeStage("Notify", makeAction("notify", 1)), makeStage("Build", makeAction("compile", 1)))
	definition.Stages[0].Actions[0].Workspace = v1alpha1.WorkspaceNone
	definition.Stages[0].Actions[0].Job = &v1alpha1.JobTemplate{}
	definition.Stages[1].Actions[0].Job = &v1alpha1.JobTemplate{}
	w.MountPath = "/data"
	definition.Workspace = &w
	return Input{Execution: makeExecution(), Revision: "r", Definition: definition, Nonce: "n"}
}

// nextStep returns what follows when the actions that are in progress have been seen in a phase.
func nextStep(in *Input, phase Phase) *v1alpha1.PipelineExecutionStatus {
	in.Observed = map[ActionKey]Observation{}
	for key, a := range actions(&in.Execution.Status) {
		if a.State == v1alpha1.ActionInProgress {
			in.Observed[key] = Observation{Phase: phase, UID: "j"}
		}
	}
	in.Execution.Status = Next(*in)
	return &in.Execution.Status
}

// The name of the claim is recorded with the intent of the first action that mounts it, and its uid once.
func TestWorkspaceIsRecordedWithTheIntent(t *testing.T) {
	for name, w := range map[string]v1alpha1.Workspace{
		"of a template": {VolumeClaimTemplate: &v1alpha1.VolumeClaimTemplate{}}, "by name": {ClaimName: "data"},
	} {
		t.Run(name, func(t *testing.T) {
			in := newWorkspaceInput(w)
			if status := nextStep(&in, PhaseRunning); status.Workspace != nil {
				t.Fatalf("recorded before anything mounts it: %+v", status.Workspace)
			}
			status := nextStep(&in, PhaseSucceeded)
			if status.Workspace == nil || status.Workspace.ClaimName == "" || status.Workspace.UID != "" {
				t.Fatalf("recorded %+v", status.Workspace)
			}
			if w.ClaimName != "" && status.Workspace.ClaimName != w.ClaimName {
				t.Errorf("recorded %+v", status.Workspace)
			}
			ops := Operations(status, in.Definition)
			if len(ops) != 1 || ops[0].Workspace == nil || *ops[0].Workspace != (Mount{ClaimName: status.Workspace.ClaimName, Path: "/data"}) {
				t.Fatalf("operations %+v", ops)
			}
			in.WorkspaceUID = "u"
			if status := nextStep(&in, 0); status.Workspace.UID != "u" {
				t.Errorf("confirmed %+v", status.Workspace)
			}
			in.WorkspaceUID = "other"
			if status := nextStep(&in, 0); status.Workspace.UID != "u" {
				t.Errorf("replaced: %+v", status.Workspace)
			}
		})
	}
}

// Nobody can foresee the name of a claim of a template: it has the nonce.
func TestClaimNameHasTheNonce(t *testing.T) {
	names := map[string]bool{}
	for _, nonce := range []string{"a", "b"} {
		in := newWorkspaceInput(v1alpha1.Workspace{VolumeClaimTemplate: &v1alpha1.VolumeClaimTemplate{}})
		in.Nonce = nonce
		nextStep(&in, PhaseRunning)
		names[nextStep(&in, PhaseSucceeded).Workspace.ClaimName] = true
	}
	if len(names) != 2 {
		t.Errorf("names %v", names)
	}
}

// A stop that comes before the first action that mounts the claim lets nothing ask for it: neither an intent nor a start.
func TestAStoppedExecutionAsksForNoClaim(t *testing.T) {
	in := newWorkspaceInput(v1alpha1.Workspace{VolumeClaimTemplate: &v1alpha1.VolumeClaimTemplate{}})
	nextStep(&in, PhaseRunning)
	for _, stage := range []string{"before the intent", "after the intent"} {
		t.Run(stage, func(t *testing.T) {
			if stage == "after the intent" {
				nextStep(&in, PhaseSucceeded)
			}
			stopped := in
			stopped.Execution = in.Execution.DeepCopy()
			stopped.Execution.Status.Stop = &v1alpha1.StopStatus{Mode: v1alpha1.StopModeWait, Requests: []v1alpha1.AcceptedStopRequest{{UID: "s", Name: "s"}}}
			if stage == "before the intent" {
				if status := nextStep(&stopped, PhaseSucceeded); status.Workspace != nil {
					t.Errorf("recorded %+v", status.Workspace)
				}
			}
			if ops := Operations(&stopped.Execution.Status, in.Definition); HasStart(ops) {
				t.Errorf("operations %+v", ops)
			}
		})
	}
}

// A claim that took the place of the recorded one is another.
func TestTheUIDOfAClaimIsRecordedOnce(t *testing.T) {
	t.Parallel()
	status := &v1alpha1.PipelineExecutionStatus{}
	confirmWorkspace(status, "first")
	if status.Workspace != nil {
		t.Errorf("an execution without a claim has %+v", status.Workspace)
	}
	status.Workspace = &v1alpha1.WorkspaceStatus{ClaimName: "disk"}
	for _, uid := range []string{"first", "second"} {
		confirmWorkspace(status, uid)
		if status.Workspace.UID != "first" {
			t.Errorf("after a claim with the uid %q the uid is %q, not the first one", uid, status.Workspace.UID)
		}
	}
}

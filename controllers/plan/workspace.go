// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"haltline.dev/haltline/api/v1alpha1"
)

// Mount is what the containers of an action have of the workspace.
type Mount struct {
	// ClaimName is the name of the PersistentVolumeClaim.
	ClaimName string
	// UID is the metadata.uid of the claim; empty while it is not known to exist. Nothing that mounts it is created before.
	UID string
	// Path is where it is mounted.
	Path string
}

// trialClaim stands for the claim of an execution when a Job is only tried.
const trialClaim = "haltline-trial"

// mountsWorkspace reports whether the containers of an action have the workspace.
func mountsWorkspace(workspace *v1alpha1.Workspace, definition *v1alpha1.Action) bool {
	return workspace != nil && definition.Job != nil && definition.Workspace != v1alpha1.WorkspaceNone
}

// mountOf returns what the containers of an action mount; nil if they mount nothing, or if what the action runs is not known any more.
func mountOf(status *v1alpha1.PipelineExecutionStatus, definition *v1alpha1.PipelineDefinition, a *v1alpha1.Action) *Mount {
	if definition == nil || status.Workspace == nil || !mountsWorkspace(definition.Workspace, a) {
		return nil
	}
	return &Mount{ClaimName: status.Workspace.ClaimName, UID: status.Workspace.UID, Path: definition.Workspace.MountPath}
}

// TrialMount returns what the containers of an action would mount, whose start is only tried; nil if they would mount nothing.
func TrialMount(workspace *v1alpha1.Workspace, a *v1alpha1.Action) *Mount {
	switch {
	case !mountsWorkspace(workspace, a):
		return nil
	case workspace.ClaimName != "":
		return &Mount{ClaimName: workspace.ClaimName, Path: workspace.MountPath}
	}
	return &Mount{ClaimName: trialClaim, Path: workspace.MountPath}
}

// recordWorkspace records the name of the claim with the intent to start the first action that mounts it. Of a claim that the execution
// gets for itself, nobody can foresee the name: it has the nonce of the intent.
func recordWorkspace(status *v1alpha1.PipelineExecutionStatus, stage string, group []*v1alpha1.ActionStatus, in Input) {
	if status.Workspace != nil {
		return
	}
	for _, a := range group {
		definition := findDefinition(in.Definition, ActionKey{stage, a.Name})
		if !mountsWorkspace(in.Definition.Workspace, &definition) {
			continue
		}
		name := in.Definition.Workspace.ClaimName
		if name == "" {
			// No action has an empty name, so no workload has this one.
			name = WorkloadName(in.Execution, ActionKey{}, 0, in.Nonce)
		}
		status.Workspace = &v1alpha1.WorkspaceStatus{ClaimName: name}
		return
	}
}

// confirmWorkspace records the uid of the claim, once. A later claim of that name is another one.
func confirmWorkspace(status *v1alpha1.PipelineExecutionStatus, uid string) {
	if status.Workspace != nil && status.Workspace.UID == "" {
		status.Workspace.UID = uid
	}
}

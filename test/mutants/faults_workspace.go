// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// workspaceFaults break the claims that actions share.
var workspaceFaults = []Fault{
	{
		Name:   "workspace-lost-is-started",
		Breaks: "An action never gets an empty volume in place of one that had files.",
		Edits: []Edit{{
			Package: "controllers/workspace", Func: "Claims.Prepare",
			Find:    `why != ""`,
			Replace: `why == "-"`,
		}},
	},
	{
		Name:   "workspace-lost-without-fence",
		Breaks: "I5: a paused operator that saw the claim starts a Job of an action that has failed.",
		Edits: []Edit{{
			Package: "controllers/workspace", Func: "fenceStarts",
			Find:    `op.Type = plan.OperationFence`,
			Replace: ``,
		}},
	},
	{
		Name:   "workspace-any-uid",
		Breaks: "A claim of the name that somebody else created is not the one that the execution began with.",
		Edits: []Edit{{
			Package: "controllers/workspace", Func: "Claims.findLoss",
			Find:    `string(claim.UID) != mount.UID`,
			Replace: `claim.UID == ""`,
		}},
	},
	{
		Name:   "workspace-of-others",
		Breaks: "I7: a claim that is somebody else's is left alone.",
		Edits: []Edit{{
			Package: "controllers/workspace", Func: "Claims.adopt",
			Find:    `!metav1.IsControlledBy(claim, execution)`,
			Replace: `claim.Name == ""`,
		}},
	},
	{
		Name:   "workspace-without-owner",
		Breaks: "I6: the claim goes with its execution.",
		Edits: []Edit{{
			Package: "controllers/workspace", Func: "newMeta",
			Find:    `[]metav1.OwnerReference{*owner}`,
			Replace: `[]metav1.OwnerReference{*owner}[:0]`,
		}},
	},
	{
		Name:   "workspace-for-a-fence",
		Breaks: "No claim is created for what a stop keeps from starting.",
		Edits: []Edit{{
			Package: "controllers/workspace", Func: "isMountingStart",
			Find:    `op.Type == plan.OperationStart && op.Workspace != nil`,
			Replace: `op.Workspace != nil`,
		}},
	},
	{
		Name:   "workspace-starts-before-confirm",
		Breaks: "Nothing that mounts the claim starts before its uid is recorded.",
		Edits: []Edit{{
			Package: "controllers/workspace", Func: "holdStarts",
			Find:    `!isMountingStart(&op)`,
			Replace: `o.Phase == 0`,
		}},
	},
	{
		Name:   "workspace-uid-replaced",
		Breaks: "The recorded claim stays the same one.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "confirmWorkspace",
			Find:    `status.Workspace != nil && status.Workspace.UID == ""`,
			Replace: `status.Workspace != nil && uid != ""`,
		}},
	},
	{
		Name:   "workspace-name-foreseeable",
		Breaks: "Nobody can take the name of a claim beforehand.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "recordWorkspace",
			Find:    `in.Nonce`,
			Replace: `""`,
		}},
	},
	{
		Name:   "workspace-none-mounts",
		Breaks: "An action with workspace: None mounts nothing.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "mountsWorkspace",
			Find:    `definition.Workspace != v1alpha1.WorkspaceNone`,
			Replace: `definition.Workspace != "Never"`,
		}},
	},
	{
		Name:   "workspace-not-in-init-containers",
		Breaks: "Every container has the workspace, init containers included.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "mountWorkspace",
			Find:    `mountInto("initContainers", pod.InitContainers, mount)`,
			Replace: `mountInto("initContainers", nil, mount)`,
		}},
	},
	{
		Name:   "workspace-pending-fails",
		Breaks: "An action whose claim is not bound shows that.",
		Edits: []Edit{{
			Package: "controllers/workspace", Func: "Claims.describe",
			Find:    `claim.Status.Phase == corev1.ClaimBound`,
			Replace: `claim.Name != ""`,
		}},
	},
}

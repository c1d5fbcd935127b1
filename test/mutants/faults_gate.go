// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// gateFaults break who has a stage, and who may enter it.
var gateFaults = []Fault{
	{
		Name:   "stage-given-away-early",
		Breaks: "I11: a stage is given to the next execution while the one that has it is in it.",
		Edits: []Edit{{
			Package: "controllers/gate", Func: "keepHolder",
			Find:    `e != nil && HasLeft(e, present.Name)`,
			Replace: `e == nil || HasLeft(e, present.Name) || isIn(e, present.Name)`,
		}},
	},
	{
		Name:   "stage-left-before-it-was-entered",
		Breaks: "I11: an old status of an execution, from before it entered the stage, counts as one from after it left it.",
		Edits: []Edit{{
			Package: "controllers/gate", Func: "HasLeft",
			Find:    `is < current || is == current && status.WaitingForStage != nil`,
			Replace: `is != current || status.WaitingForStage != nil`,
		}},
	},
	{
		Name:   "last-in-first-out",
		Breaks: "QUEUED: the execution that has waited longest does not enter next.",
		Edits: []Edit{{
			Package: "controllers/gate", Func: "newQueue",
			Find:    `a.Status.WaitingForStage.Since.Compare(b.Status.WaitingForStage.Since.Time)`,
			Replace: `b.Status.WaitingForStage.Since.Compare(a.Status.WaitingForStage.Since.Time)`,
		}},
	},
	{
		Name:   "holder-superseded",
		Breaks: "SUPERSEDED: an execution that has the stage is marked as superseded.",
		Edits: []Edit{{
			Package: "controllers/gate", Func: "newQueue",
			Find:    `!isHolder && !in.Ended[e.UID]`,
			Replace: `(!isHolder || isHolder) && !in.Ended[e.UID]`,
		}},
	},
	{
		Name:   "enters-without-the-stage",
		Breaks: "I11: an execution enters a stage that the Pipeline has not given to it.",
		Edits: []Edit{{
			Package: "controllers/gate", Func: "CheckEntry",
			Find:    `hasStage || !pipeline.Spec.ExecutionMode.IsSerial()`,
			Replace: `hasStage || present.Execution == nil || !pipeline.Spec.ExecutionMode.IsSerial()`,
		}},
	},
	{
		Name:   "transition-ignored",
		Breaks: "A disabled transition does not keep an execution before the stage.",
		Edits: []Edit{{
			Package: "controllers/gate", Func: "findTransition",
			Find:    `!pipeline.Spec.Stages[i].Transition.Disabled`,
			Replace: `pipeline.Spec.ExecutionMode == v1alpha1.ExecutionModeParallel`,
		}},
	},
	{
		Name:   "superseded-despite-a-stop",
		Breaks: "A stop that was accepted first does not decide how an execution ends that was superseded.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "Next",
			Find:    `isStopInForce(&status)`,
			Replace: `isStopInForce(&status) && !(in.Pipeline != nil && in.Pipeline.Spec.ExecutionMode == v1alpha1.ExecutionModeSuperseded && status.WaitingForStage != nil)`,
		}},
	},
	{
		Name:   "transition-pinned",
		Breaks: "A transition is part of what an execution pins, so that a change of it makes another revision.",
		Edits: []Edit{{
			Package: "api/v1alpha1", Func: "PipelineSpec.Definition",
			Find:    `stages[i].Transition = nil`,
			Replace: `_ = i`,
		}},
	},
	{
		Name:   "stages-of-an-ended-pipeline-kept",
		Breaks: "I8: an execution that ended while the cache did not list it keeps its stage for ever.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineReconciler.lookAtUnsure",
			Find:    `cached != nil && cached.Status.State.IsFinal()`,
			Replace: `false`,
		}, {
			Package: "controllers", Func: "PipelineReconciler.lookAtUnsure",
			Find:    `live == nil || live.Status.State.IsFinal()`,
			Replace: `live == nil`,
		}},
	},
}

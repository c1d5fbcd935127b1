// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// retryFaults break how an execution retries a stage of another.
var retryFaults = []Fault{
	{
		Name:   "retry-without-a-claim",
		Breaks: "I5: a retry takes over an execution that does not name it, so that two can take over the same one.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.claimOriginal",
			Find:    `retry.IsClaimedBy(original, execution)`,
			Replace: `retry.IsClaimedBy(original, execution) || original.Status.RetriedBy == nil`,
		}},
	},
	{
		Name:   "retry-named-in-what-runs",
		Breaks: "I5: a retry is named in an execution whose state somebody else has overwritten, so that it has not ended.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.claimOriginal",
			Find:    `jsonpatch.New(claimed).Test("/status/version", claimed.Status.Version).Test("/status/state", claimed.Status.State)`,
			Replace: `jsonpatch.New(claimed).Test("/status/version", claimed.Status.Version)`,
		}},
	},
	{
		Name:   "retried-twice",
		Breaks: "docs/retrying.md: an execution that another one retries can be retried once more.",
		Edits: []Edit{{
			Package: "controllers/retry", Func: "checkLatest",
			Find:    `by != nil && !isVoid(in.Rival)`,
			Replace: `by != nil && in.Rival != nil && in.Rival.Status.State == "" && !isVoid(in.Rival)`,
		}},
	},
	{
		Name:   "claim-is-for-ever",
		Breaks: "docs/retrying.md: a retry that was stopped before it took over anything keeps the execution from being retried.",
		Edits: []Edit{{
			Package: "controllers/retry", Func: "isVoid",
			Find:    `rival.Status.RetryOf == nil`,
			Replace: `rival.Status.RetryOf == nil && rival.Status.StartTime != nil`,
		}},
	},
	{
		Name:   "retry-of-what-runs",
		Breaks: "docs/retrying.md: an execution that has not ended is retried.",
		Edits: []Edit{{
			Package: "controllers/retry", Func: "checkOriginal",
			Find:    `original.IsRestoredCopy() || !original.Status.State.IsFinal()`,
			Replace: `original.IsRestoredCopy()`,
		}},
	},
	{
		Name:   "retry-of-another-pipeline",
		Breaks: "docs/retrying.md: an execution of another pipeline is retried.",
		Edits: []Edit{{
			Package: "controllers/retry", Func: "checkOriginal",
			Find:    `original.Spec.PipelineName != pipelineName`,
			Replace: `pipelineName == ""`,
		}},
	},
	{
		Name:   "taken-over-with-its-workload",
		Breaks: "I4: what a retry took over has a workload of another execution.",
		Edits: []Edit{{
			Package: "controllers/retry", Func: "takeOverActions",
			Find:    `taken.RunOrder, taken.Attempt, taken.Workload = action.RunOrder, 0, v1alpha1.WorkloadReference{}`,
			Replace: `taken.RunOrder = action.RunOrder`,
		}},
	},
	{
		Name:   "retry-runs-all",
		Breaks: "docs/retrying.md: FAILED_ACTIONS runs the actions that have succeeded as well.",
		Edits: []Edit{{
			Package: "controllers/retry", Func: "TakeOver",
			Find:    `!isRetried || of.RetryMode == v1alpha1.RetryModeFailedActions`,
			Replace: `!isRetried`,
		}},
	},
	{
		Name:   "retry-of-an-older-release",
		Breaks: "docs/retrying.md: in a queue, an execution is retried although a later one had the stage.",
		Edits: []Edit{{
			Package: "controllers/retry", Func: "checkLatest",
			Find:    `latest != "" && latest != string(original.UID)`,
			Replace: `latest == "" && latest != string(original.UID)`,
		}},
	},
	{
		Name:   "latest-of-a-stage-forgotten",
		Breaks: "docs/retrying.md: who had a stage last is not known any more once that execution has ended.",
		Edits: []Edit{{
			Package: "controllers/gate", Func: "setExecutions",
			Find:    `stage.LatestExecutionID = present.LatestExecutionID`,
			Replace: `_ = present.LatestExecutionID`,
		}},
	},
	{
		Name:   "retry-reuses-a-marked-revision",
		Breaks: "I10: a revision that a retry is about to use stays marked as unused, and is deleted.",
		Edits: []Edit{{
			Package: "controllers/revision", Func: "Store.Reuse",
			Find:    `err = s.MarkUsed(ctx, known)`,
			Replace: `_ = s.MarkUsed`,
		}},
	},
	{
		Name:   "retry-refused-and-still-waiting",
		Breaks: "docs/retrying.md: a retry that is refused does not end.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "startNextGroup",
			Find:    `status.PipelineRevision == "" && in.Refused != nil`,
			Replace: `status.PipelineRevision != "" && in.Refused != nil`,
		}},
	},
	{
		Name:   "retry-with-variables-of-its-own",
		Breaks: "docs/retrying.md: a retry does not have the variables of the execution that it retries.",
		Edits: []Edit{{
			Package: "controllers/retry", Func: "Variables",
			Find:    `taken != nil`,
			Replace: `taken != nil && taken.Variables == nil`,
		}},
	},
}

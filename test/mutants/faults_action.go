// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// actionFaults break what is done to the work of an action.
var actionFaults = []Fault{
	{
		Name:   "foreign-job-adopted",
		Breaks: "I7: a Job of somebody else under the name of an action's Job is taken for that Job.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.existing",
			Find:    `!ours(job, run)`,
			Replace: `false`,
		}},
	},
	{
		Name:   "placeholder-taken-for-job",
		Breaks: "I4: an operator that was paused takes the placeholder for the Job that it was about to create.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.existing",
			Find:    `isTombstone(job)`,
			Replace: `false`,
		}},
	},
	{
		Name:   "fence-without-placeholder",
		Breaks: "I3: the fence does not take the name of a Job that is not there, so a paused operator creates the Job later.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.fence",
			Find: `never := plan.Observation{Phase: plan.NeverStarted}`,
			Replace: `
				never := plan.Observation{Phase: plan.NeverStarted}
				if job, err := get(ctx, r.Live, run, t); err == nil && job == nil {
					return never, nil
				}`,
		}},
	},
	{
		Name:   "placeholder-removed",
		Breaks: "I3: the placeholder is deleted, so a paused operator finds the name free.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.fence",
			Find: `
				case err == nil:
					return never, nil`,
			Replace: `
				case err == nil:
					return never, r.Client.Delete(ctx, tombstone(run, t))`,
		}},
	},
	{
		Name:   "fence-forgets-earlier-pods",
		Breaks: "I5: an action is fenced while a pod runs of a Job that was deleted before its uid was recorded.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.do",
			Find:    `r.fenceAll(ctx, run, t)`,
			Replace: `r.fence(ctx, run, t)`,
		}},
	},
	{
		Name:   "failure-taken-for-success",
		Breaks: "An action whose Job failed reads Succeeded, and the pipeline goes on.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "finishedAs",
			Find:    `plan.Failed`,
			Replace: `plan.Succeeded`,
		}},
	},
	{
		Name:   "job-found-by-name",
		Breaks: "I7: a Job is taken for the one that was started, since only the name is compared.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.find",
			Find:    `job != nil && string(job.UID) == t.JobUID`,
			Replace: `job != nil`,
		}},
	},
	{
		Name:   "ours-by-label",
		Breaks: "I7: a Job with our label is taken for one that the execution controls, since no uid is compared.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "ours",
			Find:    `metav1.IsControlledBy(job, run.Execution)`,
			Replace: `metav1.IsControlledBy(job, run.Execution) || job.Labels[v1alpha1.LabelExecutionID] == string(run.Execution.UID)`,
		}},
	},
	{
		Name:   "lost-job-recreated",
		Breaks: "I4: a Job that was seen and is gone is created again, so that its action runs twice.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.observe",
			Find: `
				if err != nil {
					return plan.Observation{}, err
				}`,
			Replace: `
				if err != nil {
					return plan.Observation{}, err
				}
				if job == nil {
					return r.start(ctx, run, t)
				}`,
		}},
	},
	{
		Name:   "lost-name-not-held",
		Breaks: "I4: no placeholder takes the name of a lost Job, so a paused operator creates the Job again.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.gone",
			Find:    `run.Execution.DeletionTimestamp != nil`,
			Replace: `true`,
		}},
	},
	{
		Name:   "foreign-job-suspended",
		Breaks: "I7: a Job that another controller took over is suspended.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.terminate",
			Find:    `!ours(job, run)`,
			Replace: `false`,
		}},
	},
	{
		Name:   "deleted-not-suspended",
		Breaks: "I10: the Job of an abandoned action is deleted, without a precondition, which frees its name.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.suspend",
			Find:    `r.patch(ctx, job, map[string]any{"suspend": true, "parallelism": 0})`,
			Replace: `r.Client.Delete(ctx, job)`,
		}},
	},
	{
		Name:   "suspend-without-parallelism",
		Breaks: "I5: a queue that resumes a suspended Job brings its pods back, since the Job still asks for pods.",
		Edits: []Edit{
			{
				Package: "controllers/action", Func: "Runner.terminate",
				Find:    `!isEmpty(job)`,
				Replace: `!isEmpty(job) && !isSuspended(job)`,
			},
			{
				Package: "controllers/action", Func: "Runner.suspend",
				Find: `"parallelism": 0`,
			},
		},
	},
	{
		Name:   "suspend-without-uid",
		Breaks: "I10: the patch that suspends a Job has no precondition, so it may change another Job of the name.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.patch",
			Find: `"metadata": map[string]any{"uid": job.UID, "resourceVersion": job.ResourceVersion}`,
		}},
	},
	{
		Name:   "suspend-without-version",
		Breaks: "I7, I10: the patch that suspends a Job may change one that was disowned or resumed since it was read.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.patch",
			Find: `"resourceVersion": job.ResourceVersion`,
		}},
	},
	{
		Name:   "suspension-not-confirmed",
		Breaks: "I5: a Job counts as suspended before the Job controller says so, which may be about to create a pod.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.terminate",
			Find:    `!saidSuspended && !isDecided(job)`,
			Replace: `false`,
		}},
	},
	{
		Name:   "decided-job-never-ends",
		Breaks: "I8: a stop waits for ever for a Job that succeeded when it was suspended, and that cannot become Complete.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.terminate",
			Find:    `!saidSuspended && !isDecided(job)`,
			Replace: `!saidSuspended`,
		}},
	},
	{
		Name:   "ended-without-pods",
		Breaks: "I5: an abandoned action has ended while its pods are in their grace period.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.endedWithPods",
			Find:    `len(pods) > 0`,
			Replace: `len(pods) > 0 && t.JobUID == ""`,
		}},
	},
	{
		Name:   "pods-of-earlier-job-forgotten",
		Breaks: "I5: an execution is Stopped while a pod is left of a Job that was deleted before its uid was recorded.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.podsLeft",
			Find:    `batchv1.JobNameLabel: t.JobName`,
			Replace: `batchv1.ControllerUidLabel: t.JobUID`,
		}},
	},
	{
		Name:   "orphan-keeps-its-owner",
		Breaks: "A Job that was left to go on is still owned by the execution, and is deleted with it.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.orphan",
			Find:    `o.UID == run.Execution.UID`,
			Replace: `false`,
		}},
	},
	{
		Name:   "orphan-unguarded",
		Breaks: "I10: the patch that lets a Job go has no resourceVersion, so it overwrites what somebody else changed.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.orphan",
			Find:    `client.MergeFromWithOptions(job, client.MergeFromWithOptimisticLock{})`,
			Replace: `client.MergeFrom(job)`,
		}},
	},
	{
		Name:   "orphan-without-pods",
		Breaks: "I5: an orphaned action whose Job somebody else deleted has ended while its pods still run.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Runner.orphan",
			Find: `
				if job == nil {
					return r.gone(ctx, run, t, nothing)
				}`,
			Replace: `
				if job == nil {
					return nothing, nil
				}`,
		}},
	},
	{
		Name:   "quantity-unguarded",
		Breaks: "I9: a field whose quantity is 1e-100000000 is decoded, which takes minutes or all memory.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "quantityFields",
			Find: `"divisor": true`,
		}},
	},
}

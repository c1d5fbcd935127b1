// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// controllerFaults break the reconcilers, and what feeds them.
var controllerFaults = []Fault{
	// The reconciler of executions.
	{
		Name:   "job-before-intent",
		Breaks: "I3: the Jobs of a group are created before the status write that a stop would make fail.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.step",
			Find: `e.Status = next`,
			Replace: `
				if started := plan.Tasks(&next, f.in.Pipeline); plan.Creates(started) {
					if _, err := r.carryOut(ctx, f.run, started); err != nil {
						return false, err
					}
				}
				e.Status = next`,
		}},
	},
	{
		Name:   "start-by-cache",
		Breaks: "I3: a Job is created for an execution that the cache shows as it was before a stop.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.step",
			Find:    `plan.Creates(asked) && len(*done) == 0`,
			Replace: `false`,
		}},
	},
	{
		Name:   "current-without-version",
		Breaks: "I3: an execution of the same uid counts as current, though it is older than a stop.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.isCurrent",
			Find:    `live.UID == e.UID && live.ResourceVersion == e.ResourceVersion`,
			Replace: `live.UID == e.UID`,
		}},
	},
	{
		Name:   "deleted-execution-starts",
		Breaks: "I6: an execution that is being deleted starts another Job.",
		Edits: []Edit{{
			Package: "controllers", Func: "tasks",
			Find:    `t.Verb == plan.Start && e.DeletionTimestamp != nil`,
			Replace: `false`,
		}},
	},
	{
		Name: "execution-status-unguarded",
		Breaks: "I10: the status of an execution is written with the newest resourceVersion, not with that which it was derived " +
			"from, so it overwrites a stop that came between.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.step",
			Find: `e.Status = next`,
			Replace: `
				newest := &v1alpha1.PipelineExecution{}
				if err := r.Live.Get(ctx, client.ObjectKeyFromObject(e), newest); err != nil {
					return false, err
				}
				e.Status, e.ResourceVersion = next, newest.ResourceVersion`,
		}},
	},
	{
		Name:   "event-before-write",
		Breaks: "I9: an event reports a transition that was not written, and may never be.",
		Edits: []Edit{
			{
				Package: "controllers", Func: "PipelineExecutionReconciler.step",
				Find: `e.Status = next`,
				Replace: `
					e.Status = next
					for _, event := range told {
						r.Recorder.Eventf(e, related(e, event), event.Type, event.Reason, event.Action, "%s", event.Note)
					}`,
			},
			{
				Package: "controllers", Func: "PipelineExecutionReconciler.step",
				Find: `
					for _, event := range told {
						r.Recorder.Eventf(e, related(e, event), event.Type, event.Reason, event.Action, "%s", event.Note)
					}`,
			},
		},
	},
	{
		Name:   "pinned-despite-stop",
		Breaks: "I3: an execution that was stopped before it had a Pipeline gets one, and its actions.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.takePipeline",
			Find:    `err == nil && len(f.in.Requests) == 0`,
			Replace: `err == nil`,
		}},
	},
	{
		Name:   "pipeline-not-pinned",
		Breaks: "An execution follows the changes of its Pipeline, so that it runs a mix of two definitions.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.gather",
			Find: `f.in.Pipeline, err = r.pinned(ctx, e.Namespace, e.Status.PipelineRevision)`,
			Replace: `
				var p *v1alpha1.Pipeline
				if p, err = holder(ctx, r.Client, e.Namespace, e.Spec.PipelineName); p != nil {
					f.in.Pipeline = &p.Spec
				}`,
		}},
	},
	{
		Name:   "pipeline-taken-by-name",
		Breaks: "An execution gets a Pipeline that the cache has not seen, since only the name is compared.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.livePipeline",
			Find:    `p.UID != cached.UID || p.DeletionTimestamp != nil`,
			Replace: `p.DeletionTimestamp != nil`,
		}},
	},

	// The reconciler of stop requests.
	{
		Name:   "not-found-by-cache",
		Breaks: "I1: a request is rejected because a cache that lags does not have its execution.",
		Edits: []Edit{{
			Package: "controllers", Func: "StopRequestReconciler.execution",
			Find: `e, err = r.liveExecution(ctx, s)`,
		}},
	},
	{
		Name:   "rejection-by-cache",
		Breaks: "I1: a request is rejected because of a state that only a cache that lags still shows.",
		Edits: []Edit{{
			Package: "controllers", Func: "StopRequestReconciler.execution",
			Find:    `rejects(stop.Decide(e, s))`,
			Replace: `false`,
		}},
	},
	{
		Name:   "execution-read-by-name",
		Breaks: "I1: an execution that was created again under the name is taken for the one that the request names.",
		Edits: []Edit{
			{
				Package: "controllers", Func: "StopRequestReconciler.execution",
				Find:    `!stop.Concerns(s, e)`,
				Replace: `e.Spec.PipelineName != s.Spec.PipelineName`,
			},
			{
				Package: "controllers", Func: "StopRequestReconciler.current",
				Find:    `err != nil || e.UID != of.GetUID()`,
				Replace: `err != nil`,
			},
		},
	},
	{
		Name:   "pipeline-found-by-cache",
		Breaks: "I1: a Pipeline that is gone counts as found because a cache that lags still has it.",
		Edits: []Edit{{
			Package: "controllers", Func: "StopRequestReconciler.pipelineExists",
			Find: `
				if err != nil {
					return false, err
				}`,
			Replace: `
				if err != nil {
					return false, err
				}
				if known != nil {
					return true, nil
				}`,
		}},
	},
	{
		Name:   "pipeline-not-found-by-cache",
		Breaks: "I1: PipelineNotFoundException is the answer because a cache that lags does not have the Pipeline.",
		Edits: []Edit{{
			Package: "controllers", Func: "StopRequestReconciler.pipelineExists",
			Find:    `return r.listsPipeline(ctx, s)`,
			Replace: `return false, nil`,
		}},
	},
	{
		Name:   "deleted-execution-concluded-at-once",
		Breaks: "I5: a request reads Stopped with the reason ExecutionDeleted while something that the execution ran is left.",
		Edits: []Edit{{
			Package: "controllers", Func: "StopRequestReconciler.Reconcile",
			Find:    `e == nil && isAccepted(s)`,
			Replace: `false`,
		}},
	},
	{
		Name: "request-status-unguarded",
		Breaks: "I1, I10: the status of a request is written with the newest resourceVersion, not with that which it was derived " +
			"from, so it overwrites a verdict that was given since.",
		Edits: []Edit{{
			Package: "controllers", Func: "StopRequestReconciler.Reconcile",
			Find: `s.Status = next`,
			Replace: `
				newest := &v1alpha1.StopRequest{}
				if err := r.Live.Get(ctx, client.ObjectKeyFromObject(s), newest); err != nil {
					return ctrl.Result{}, err
				}
				s.Status, s.ResourceVersion = next, newest.ResourceVersion`,
		}},
	},

	// Watches, handlers and indexes.
	{
		Name:   "request-events-misdirected",
		Breaks: "I8: an execution does not hear of the requests to stop it.",
		Edits: []Edit{{
			Package: "controllers", Func: "executionOfRequest",
			Find:    `r.Spec.PipelineExecutionID`,
			Replace: `r.Name`,
		}},
	},
	{
		Name:   "execution-updates-dropped",
		Breaks: "I8: a request does not hear that the status of its execution changes, which has no generation.",
		Edits: []Edit{{
			Package: "controllers", Func: "stopRequestWatches",
			Find: `Handler: first(requestsOfExecution(c))`,
			Replace: `
				Handler:    first(requestsOfExecution(c)),
				Predicates: []predicate.Predicate{predicate.GenerationChangedPredicate{}}`,
		}},
	},
	{
		Name:   "job-events-misdirected",
		Breaks: "I8: an execution does not hear of its Jobs.",
		Edits: []Edit{{
			Package: "controllers", Func: "executionOfLabel",
			Find:    `v1alpha1.LabelExecutionID`,
			Replace: `v1alpha1.LabelPipelineUID`,
		}},
	},
	{
		Name:   "pod-deletes-dropped",
		Breaks: "I8: an execution does not hear that the last pod of an abandoned action is gone.",
		Edits: []Edit{{
			Package: "controllers", Func: "onlyDeletes",
			Find:    `return true`,
			Replace: `return false`,
		}},
	},
	{
		Name:   "pipelines-of-same-name-missed",
		Breaks: "I8: a Pipeline whose name was taken does not hear that the other Pipeline is gone.",
		Edits: []Edit{{
			Package: "controllers", Func: "namesakes",
			Find:    `listed(ctx, c, &v1alpha1.PipelineList{}, p.Namespace, indexPipelineName, p.EffectiveName())`,
			Replace: `[]reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(p)}}`,
		}},
	},
	{
		Name:   "awaited-pipeline-misindexed",
		Breaks: "I8: an execution that waits for a Pipeline does not hear that there is one.",
		Edits: []Edit{{
			Package: "controllers", Func: "byAwaitedPipeline",
			Find:    `e.Spec.PipelineName`,
			Replace: `e.Name`,
		}},
	},
	{
		Name:   "open-requests-misindexed",
		Breaks: "I8: a request that was accepted never reads Stopped, since the index loses it.",
		Edits: []Edit{{
			Package: "controllers", Func: "byOpenRequest",
			Find:    `stop.Concluded(r)`,
			Replace: `stop.Concluded(r) || r.Status.PipelineExecutionID != ""`,
		}},
	},
}

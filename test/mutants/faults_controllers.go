// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// controllerFaults break the reconcilers, and what feeds them.
var controllerFaults = []Fault{
	// Sizes.
	{
		Name:   "definition-of-any-size",
		Breaks: "A Pipeline whose objects may not fit into etcd is refused.",
		Edits: []Edit{{
			Package: "controllers", Func: "findSizeProblem",
			Find:    `len(raw) <= maxDefinitionSize`,
			Replace: `true`,
		}},
	},
	{
		Name:   "variables-of-any-size",
		Breaks: "An execution whose variables would not leave room for its status is refused.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "ResolveVariables",
			Find:    `return values, findVariablesSizeProblem(values)`,
			Replace: `return values, nil`,
		}},
	},
	{
		Name:   "message-of-any-size",
		Breaks: "I9: a hundred messages of characters that JSON escapes do not fit into etcd.",
		Edits: []Edit{{
			Package: "internal/text", Func: "BoundMessage",
			Find:    `boundSize(Bound(message, MaxMessageLength), MaxMessageSize)`,
			Replace: `Bound(message, MaxMessageLength)`,
		}},
	},
	{
		Name:   "check-without-slices",
		Breaks: "The check of a large Pipeline keeps others only for a slice of it.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineReconciler.tryStarts",
			Find:    `p.passed == last`,
			Replace: `p.passed > last+maxAsked*maxAsked`,
		}},
	},
	// The reconciler of executions.
	{
		Name:   "job-before-intent",
		Breaks: "I3: the Jobs of a group are created before the status write that a stop would make fail.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.runStep",
			Find: `
				if writeErr := r.writeStatus(ctx, execution, next); writeErr != nil {
					r.noteBlockedStop(ctx, execution, f.in.Requests, writeErr)
					return false, errors.Join(err, writeErr)
				}`,
			Replace: `
				if started := plan.Operations(&next, f.in.Definition); plan.HasStart(started) {
					if _, err := r.executeOperations(ctx, f.scope, started); err != nil {
						return false, err
					}
				}
				if writeErr := r.writeStatus(ctx, execution, next); writeErr != nil {
					r.noteBlockedStop(ctx, execution, f.in.Requests, writeErr)
					return false, errors.Join(err, writeErr)
				}`,
		}},
	},
	{
		Name:   "start-by-cache",
		Breaks: "I3: a Job is created for an execution that the cache shows as it was before a stop.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.runStep",
			Find:    `first && plan.HasStart(operations)`,
			Replace: `false`,
		}},
	},
	{
		Name:   "current-without-version",
		Breaks: "I3: an execution of the same uid counts as current, though it is older than a stop.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.isCurrent",
			Find:    `live != nil && isSameState(live, execution)`,
			Replace: `live != nil`,
		}},
	},
	{
		Name:   "deleted-execution-starts",
		Breaks: "I6: an execution that is being deleted starts another Job.",
		Edits: []Edit{{
			Package: "controllers", Func: "listOperations",
			Find:    `op.Type == plan.OperationStart && execution.DeletionTimestamp != nil`,
			Replace: `false`,
		}},
	},
	{
		Name: "execution-status-unguarded",
		Breaks: "I10: the status of an execution is written with the newest version of it, not with that which it was derived " +
			"from, so it overwrites a stop that came between.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.writeStatus",
			Find: `execution.Status = next`,
			Replace: `
				newest := &v1alpha1.PipelineExecution{}
				if err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(execution), newest); err != nil {
					return err
				}
				execution.Status, execution.DeletionTimestamp = next, newest.DeletionTimestamp
				execution.Status.Version = newest.Status.Version`,
		}},
	},
	{
		Name:   "pinned-despite-stop",
		Breaks: "I3: an execution that was stopped before it had a Pipeline gets one, and its actions.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.bindPipeline",
			Find:    `err != nil || !f.canBind()`,
			Replace: `err != nil || f.pipeline == nil`,
		}},
	},
	{
		Name:   "expected-part-hides-an-error",
		Breaks: "What is expected is not an error: an error of another action beside a refusal is not reported, and nobody looks.",
		Edits: []Edit{{
			Package: "controllers", Func: "isExpected",
			Find:    `!isExpected(e)`,
			Replace: `e == nil`,
		}},
	},
	{
		Name:   "refusal-never-tried-again",
		Breaks: "I8: when what kept an operation is mended, nothing tries it again.",
		Edits: []Edit{{
			Package: "controllers", Func: "retryExpected",
			Find:    `return ctrl.Result{RequeueAfter: delay}, nil`,
			Replace: `return ctrl.Result{}, nil`,
		}},
	},
	{
		Name:   "refusal-reported-as-error",
		Breaks: "What is expected is not an error: a quota that is used up fills the log.",
		Edits: []Edit{{
			Package: "controllers", Func: "isExpected",
			Find:    `return apierrors.IsConflict(err) || action.IsPending(err)`,
			Replace: `return apierrors.IsConflict(err)`,
		}},
	},
	{
		Name:   "pipeline-not-pinned",
		Breaks: "An execution follows the changes of its Pipeline, so that it runs a mix of two definitions.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.gatherDefinition",
			Find: `in.Definition, err = r.Revisions.Load(ctx, execution.Namespace, execution.Status.PipelineRevision)`,
			Replace: `
				var pipeline *v1alpha1.Pipeline
				pipeline, err = pipelineByName(ctx, r.Client, execution.Namespace, execution.Spec.PipelineName)
				if pipeline != nil {
					in.Definition = pipeline.Spec.Definition()
				}`,
		}},
	},
	{
		Name:   "pipeline-taken-by-name",
		Breaks: "An execution gets a Pipeline that the cache has not seen, since only the name is compared.",
		Edits: []Edit{{
			Package: "controllers", Func: "livePipelineByName",
			Find:    `pipeline.UID != cached.UID`,
			Replace: `false`,
		}},
	},
	{
		Name:   "refused-pipeline-takes-over",
		Breaks: "A Pipeline that was refused a name gets it while the real one is replaced, and executions run something else.",
		Edits: []Edit{{
			Package: "controllers", Func: "claimOf",
			Find:    `ready.ObservedGeneration != p.Generation`,
			Replace: `true`,
		}},
	},
	{
		Name:   "own-name-ignored",
		Breaks: "A Pipeline of another name keeps the name of one that is replaced.",
		Edits: []Edit{{
			Package: "controllers", Func: "claimOf",
			Find:    `p.Name == p.EffectiveName()`,
			Replace: `false`,
		}},
	},
	{
		Name:   "each-action-asked-about",
		Breaks: "A Pipeline of 500 actions of one template has the API server asked 500 times.",
		Edits: []Edit{{
			Package: "controllers", Func: "listTemplates",
			Find:    `!seen[hash]`,
			Replace: `true`,
		}},
	},
	{
		Name:   "known-answer-asked-again",
		Breaks: "Whoever changes annotations has the API server asked each time about what it refused.",
		Edits: []Edit{{
			Package: "controllers", Func: "checkProgress.lastResult",
			Find:    `p.last == nil`,
			Replace: `true`,
		}},
	},
	{
		Name:   "pending-check-is-an-error",
		Breaks: "A Pipeline does not show that a webhook about its Jobs is down.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineReconciler.tryStarts",
			Find:    `action.IsPending(err)`,
			Replace: `false`,
		}},
	},

	// The revisions that pin what an execution runs.
	{
		Name: "revision-pins-more",
		Breaks: `"a ControllerRevision if these variables and stages of the Pipeline were not run before": the whole spec is pinned, so ` +
			"a change of executionMode makes another one.",
		Edits: []Edit{
			{
				Package: "controllers/revision", Func: "newRevision",
				Find:    `pipeline.Spec.Definition()`,
				Replace: `pipeline.Spec`,
			},
			{
				Package: "controllers/revision", Func: "marshalCanonical",
				Find:    `*v1alpha1.PipelineDefinition`,
				Replace: `any`,
			},
			{
				Package: "controllers/revision", Func: "unpackRevision",
				Find: `decoder.DisallowUnknownFields()`,
			},
		},
	},
	{
		Name:   "revision-not-checked",
		Breaks: "An execution runs what somebody else put into a ControllerRevision of the pinned name.",
		Edits: []Edit{{
			Package: "controllers/revision", Func: "unpackRevision",
			Find:    `revisionName(revision.Name[:cut], uid, revision.Data.Raw) != revision.Name`,
			Replace: `uid == ""`,
		}},
	},
	{
		Name:   "replaced-pipeline-written",
		Breaks: "I7: the check of a Pipeline that was replaced writes the status of the newer one.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineReconciler.check",
			Find:    `live == nil || live.UID != pipeline.UID`,
			Replace: `live == nil`,
		}},
	},
	{
		Name:   "foreign-revision-not-named",
		Breaks: "A ControllerRevision that somebody else put under the name of ours is taken for it, until nothing is found in it.",
		Edits: []Edit{{
			Package: "controllers/revision", Func: "Store.create",
			Find:    `unpackRevision(known) == nil`,
			Replace: `false`,
		}},
	},
	{
		Name:   "stop-blocked-silently",
		Breaks: "Nothing says that the API server refuses the status that records a stop.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.noteBlockedStop",
			Find:    `len(requests) == 0 || !action.IsAnswer(err) || action.IsPending(err)`,
			Replace: `true`,
		}},
	},
	{
		Name:   "any-labeled-pod-counts",
		Breaks: "I8: a pod that somebody gave our labels keeps a stop from ending.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "isOfJob",
			Find:    `isJob(owner) && owner.Name == name`,
			Replace: `true`,
		}},
	},
	{
		Name:   "revision-name-without-uid",
		Breaks: "A Pipeline that was created again shares the ControllerRevision of the first one, which is deleted with that.",
		Edits: []Edit{{
			Package: "controllers/revision", Func: "revisionName",
			Find:    `fmt.Appendf(nil, "%s %s", pipelineUID, data)`,
			Replace: `data`,
		}},
	},

	// The reconciler of stop requests.
	{
		Name:   "not-found-by-cache",
		Breaks: "I1: a request is rejected because a cache that lags does not have its execution.",
		Edits: []Edit{{
			Package: "controllers", Func: "unknownLookups.lookUp",
			Find: `execution, err = u.findExecution(ctx, namespace, id)`,
		}},
	},
	{
		Name:   "rejection-by-cache",
		Breaks: "I1: a request is rejected because of a state that only a cache that lags still shows.",
		Edits: []Edit{{
			Package: "controllers", Func: "StopRequestReconciler.findExecution",
			Find:    `stop.Decide(e, sr).IsRejection()`,
			Replace: `false`,
		}},
	},
	{
		Name:   "execution-read-by-name",
		Breaks: "I1: an execution that was created again under the name is taken for the one that the request names.",
		Edits: []Edit{
			{
				Package: "controllers", Func: "StopRequestReconciler.findExecution",
				Find:    `!stop.ConcernsExecution(sr, execution)`,
				Replace: `execution.Spec.PipelineName != sr.Spec.PipelineName`,
			},
			{
				Package: "controllers", Func: "getLiveExecution",
				Find:    `err != nil || execution.UID != known.GetUID()`,
				Replace: `err != nil`,
			},
		},
	},
	{
		Name:   "pipeline-found-by-cache",
		Breaks: "I1: a Pipeline that is gone counts as found because a cache that lags still has it.",
		Edits: []Edit{{
			Package: "controllers", Func: "livePipelineExists",
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
			Package: "controllers", Func: "livePipelineExists",
			Find:    `return findLivePipeline(ctx, apiReader, namespace, pipelineName)`,
			Replace: `return false, nil`,
		}},
	},
	{
		Name:   "looked-for-in-the-wrong-order",
		Breaks: "I1: a request is rejected because its execution comes to show its id between two lists.",
		Edits: []Edit{{
			Package: "controllers", Func: "findLiveExecution",
			Find:    `[]string{"", id}`,
			Replace: `[]string{id, ""}`,
		}},
	},
	{
		Name:   "pipelines-cached-whole",
		Breaks: "What a tenant sizes is held: the cache keeps the stages of every Pipeline, and each look-up copies them.",
		Edits: []Edit{{
			Package: "controllers", Func: "stripPipeline",
			Find:    `v1alpha1.Stage{Name: s.Name, Transition: s.Transition}`,
			Replace: `s`,
		}},
	},
	{
		Name:   "deleted-execution-concluded-at-once",
		Breaks: "I5: a request reads Stopped with the reason ExecutionDeleted while something that the execution ran is left.",
		Edits: []Edit{{
			Package: "controllers", Func: "StopRequestReconciler.Reconcile",
			Find:    `execution == nil && isAccepted(sr)`,
			Replace: `false`,
		}},
	},
	{
		Name: "request-status-unguarded",
		Breaks: "I1, I10: the status of a request is written with the newest version of it, not with that which it was derived " +
			"from, so it overwrites a verdict that was given since.",
		Edits: []Edit{{
			Package: "controllers", Func: "StopRequestReconciler.writeStatus",
			Find: `sr.Status = next`,
			Replace: `
				newest := &v1alpha1.StopRequest{}
				if err := r.unknown.apiReader.Get(ctx, client.ObjectKeyFromObject(sr), newest); err != nil {
					return ctrl.Result{}, err
				}
				sr.Status = next
				sr.Status.Version = newest.Status.Version`,
		}},
	},

	{
		Name: "versions-begin-again",
		Breaks: "I10: the versions of a status that somebody removed begin at 1 again, so that an operator that was paused all the while takes a " +
			"later status for the one that it read.",
		Edits: []Edit{{Package: "controllers", Func: "nextVersion", Find: `version > 0`, Replace: `true`}},
	},

	// What goes first.
	{
		Name:   "ending-before-accepting",
		Breaks: "What was stopped is ended while other stops wait to be accepted.",
		Edits:  holdOnlyIf(`execution.Status.Stop == nil`),
	},
	{
		Name:   "starting-before-accepting",
		Breaks: "Executions start while stops of others wait to be accepted.",
		Edits:  holdOnlyIf(`execution.Status.Stop != nil`),
	},
	{
		Name:   "stop-waits-for-a-slot",
		Breaks: "A stop waits until fewer executions start.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.Reconcile",
			Find:    `!r.Waiting.isAskedFor(execution.UID)`,
			Replace: `r.Waiting != nil`,
		}},
	},
	{
		Name:   "slot-not-given-back",
		Breaks: "After some starts nothing starts any more.",
		Edits: []Edit{{
			Package: "controllers", Func: "startSlots.leave",
			Find:    `s.free++`,
			Replace: ``,
		}},
	},
	{
		Name:   "slot-wakes-nobody",
		Breaks: "An execution that waits for a slot waits on when one is free.",
		Edits: []Edit{{
			Package: "controllers", Func: "startSlots.wakeNext",
			Find:    `len(s.woken) < s.free`,
			Replace: `false`,
		}},
	},
	{
		Name:   "slots-for-whoever-comes",
		Breaks: "In a storm of starts an execution that came first waits until no other comes any more.",
		Edits: []Edit{{
			Package: "controllers", Func: "startSlots.enter",
			Find:    `before > 0`,
			Replace: `before < 0`,
		}},
	},
	{
		Name:   "running-waits-behind-starts",
		Breaks: "What runs waits for its next action until all of a storm of starts have started.",
		Edits: []Edit{{
			Package: "controllers", Func: "startSlots.enter",
			Find:    `execution.Status.StartTime != nil`,
			Replace: `false`,
		}},
	},
	{
		Name:   "held-work-not-woken",
		Breaks: "What waited until all stops were accepted waits on.",
		Edits: []Edit{{
			Package: "controllers", Func: "waitingStops.remove",
			Find:    `w.wakeHeld()`,
			Replace: ``,
		}},
	},
	{
		Name:   "old-stop-waits-for-younger-ones",
		Breaks: "A stop that has waited for long is not recorded before those that came after it.",
		Edits: []Edit{{
			Package: "controllers", Func: "waitingStops.hasToWait",
			Find:    `own.accepted == own.open && w.holding() > own.holding`,
			Replace: `w.holding() > own.holding`,
		}},
	},
	{
		Name:   "accepting-first-for-seconds-alone",
		Breaks: "Of many stops at once, those whose turn has not come within ten seconds do not hold up the ends of others.",
		Edits: []Edit{{
			Package: "controllers", Func: "waitingStops.add",
			Find:    `r.enter(w.fresh)`,
			Replace: `r.seenAt = now; r.enter(w.seen)`,
		}},
	},
	{
		Name:   "writes-of-a-start-go-on",
		Breaks: "What has begun to start something goes on writing while a stop waits to be accepted.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.Reconcile",
			Find:    `if r.Starts != nil { ctx = r.Waiting.yielding(ctx, execution.UID) }`,
			Replace: ``,
		}},
	},
	{
		Name:   "start-waits-for-its-own-stop",
		Breaks: "What has begun to start something waits for a stop of another, also when somebody asks to stop it meanwhile.",
		Edits: []Edit{{
			Package: "controllers", Func: "waitingStops.add",
			Find:    `w.noteChange()`,
			Replace: ``,
		}},
	},
	{
		Name:   "no-priorities",
		Breaks: "Stops wait in the queue behind whatever came before them.",
		Edits:  []Edit{{Package: "controllers", Func: "enqueue", Find: `Priority: ptr.To(w.priority)`, Replace: `Priority: ptr.To(0 * w.priority)`}},
	},
	{
		Name:   "ending-like-starting",
		Breaks: "What was stopped waits in the queue behind what is to start.",
		Edits: []Edit{{
			Package: "controllers", Func: "priorityOfExecution",
			Find: `return endPriority`, Replace: `return 0 * endPriority`,
		}},
	},
	{
		Name:   "rejected-request-holds-others",
		Breaks: "A request that is rejected holds up the work of all other executions, since the cache does not keep its verdict.",
		Edits:  []Edit{{Package: "controllers", Func: "waitingStops.Appeared", Find: `isAtRest(sr)`, Replace: `false && isAtRest(sr)`}},
	},
	{
		Name:   "held-for-ever",
		Breaks: "A request that cannot be answered keeps every other execution from going on.",
		Edits: []Edit{{
			Package: "controllers", Func: "waitingStops.releaseExpired",
			Find:    `!ok || now.Sub(r.seenAt) < maxWait`,
			Replace: `!ok || now.After(r.seenAt) || maxWait > 0`,
		}},
	},
	{
		Name:   "started-before-recording",
		Breaks: "An action is started although a stop was asked for that only has to be recorded.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "BeforeRecording",
			Find:    `return true`,
			Replace: `return false`,
		}},
	},
	{
		Name:   "old-cache-decided-on",
		Breaks: "The operator decides again on what the cache shows from before its own write.",
		Edits: []Edit{{
			Package: "internal/ownwrites", Func: "Writes.IsAhead",
			Find:    `return true`,
			Replace: `return false`,
		}},
	},
	{
		Name:   "old-cache-for-ever",
		Breaks: "A status that somebody restored is taken for a cache that lags, and the execution stands still.",
		Edits: []Edit{{
			Package: "internal/ownwrites", Func: "Writes.IsAhead",
			Find:    `now.Sub(last.at) >= maxLag`,
			Replace: `false`,
		}},
	},
	// What is deleted when.
	{
		Name:   "running-execution-deleted",
		Breaks: "An execution that runs is deleted because of a TTL.",
		Edits: []Edit{{
			Package: "controllers/retention", Func: "canExpire",
			Find:    `e.Status.State.IsFinal() && e.Status.CompletionTime != nil`,
			Replace: `(e.Status.State.IsFinal() || e.Status.CompletionTime == nil)`,
		}, {
			Package: "controllers/retention", Func: "Expired",
			Find:    `after - now.Sub(e.Status.CompletionTime.Time)`,
			Replace: `after - now.Sub(ptr.Deref(e.Status.CompletionTime, metav1.Time{}).Time)`,
		}, {
			Package: "controllers/retention", Func: "Expired",
			Find:    `cmp.Or(b.Status.CompletionTime.Compare(a.Status.CompletionTime.Time), cmp.Compare(b.Name, a.Name))`,
			Replace: `cmp.Or(ptr.Deref(b.Status.CompletionTime, metav1.Time{}).Compare(ptr.Deref(a.Status.CompletionTime, metav1.Time{}).Time), cmp.Compare(b.Name, a.Name))`,
		}},
	},
	{
		Name:   "young-execution-deleted",
		Breaks: "An execution is deleted in the first minute after its end.",
		Edits: []Edit{{
			Package: "controllers/retention", Func: "keptFor",
			Find:    `return MinAge, true`,
			Replace: `return 0, true`,
		}},
	},
	{
		Name:   "newest-execution-deleted",
		Breaks: "The newest executions are deleted, and the oldest are kept.",
		Edits: []Edit{{
			Package: "controllers/retention", Func: "Expired",
			Find:    `b.Status.CompletionTime.Compare(a.Status.CompletionTime.Time)`,
			Replace: `a.Status.CompletionTime.Compare(b.Status.CompletionTime.Time)`,
		}},
	},
	{
		Name:   "kept-execution-deleted",
		Breaks: "An execution with the annotation that keeps it is deleted.",
		Edits: []Edit{{
			Package: "controllers", Func: "stripExecutionAtRest",
			Find:    `execution.Annotations = map[string]string{v1alpha1.AnnotationKeep: keep[:0]}`,
			Replace: `_ = keep`,
		}},
	},
	{
		Name:   "awaited-execution-deleted",
		Breaks: "An execution is deleted that a stop request waits on.",
		Edits: []Edit{{
			Package: "controllers", Func: "RetentionReconciler.isWaitedFor",
			Find:    `len(list.Items) > 0`,
			Replace: `len(list.Items) > 1`,
		}},
	},
	{
		Name:   "awaited-execution-deleted-by-the-cache",
		Breaks: "An execution is deleted that an accepted stop request waits on, which the cache does not show.",
		Edits: []Edit{{
			Package: "controllers", Func: "RetentionReconciler.isWaitedForLive",
			Find:    `!verdict.IsFinished(sr.Status.Conditions)`,
			Replace: `verdict.IsFinished(sr.Status.Conditions)`,
		}},
	},
	{
		Name:   "deleted-by-name",
		Breaks: "An execution that was created again under the name of a finished one is deleted.",
		Edits: []Edit{{
			Package: "controllers", Func: "deleteFinished",
			Find:    `client.Preconditions{UID: &uid, ResourceVersion: &version}`,
			Replace: `client.Preconditions{UID: map[bool]*types.UID{true: &uid}[uid == ""], ResourceVersion: &version}`,
		}},
	},
	{
		Name:   "deleted-as-the-cache-shows-it",
		Breaks: "An execution is deleted that has changed since the cache showed it.",
		Edits: []Edit{{
			Package: "controllers", Func: "deleteFinished",
			Find:    `client.Preconditions{UID: &uid, ResourceVersion: &version}`,
			Replace: `client.Preconditions{UID: &uid, ResourceVersion: map[bool]*string{true: &version}[version == ""]}`,
		}},
	},
	{
		Name:   "deleted-without-bound",
		Breaks: "All executions that have expired are deleted at once.",
		Edits: []Edit{{
			Package: "controllers", Func: "RetentionReconciler.Reconcile",
			Find:    `!r.Limiter.TryAccept()`,
			Replace: `!r.Limiter.TryAccept() && next < 0`,
		}},
	},
	{
		Name:   "deletions-of-one-pipeline-only",
		Breaks: "While the API server is slow, the executions of one pipeline are deleted until the reconciliation times out, and those of others are not.",
		Edits: []Edit{{
			Package: "controllers", Func: "RetentionReconciler.Reconcile",
			Find:    `tried == maxDeletions`,
			Replace: `tried < 0`,
		}},
	},
	{
		Name:   "requests-delay-executions",
		Breaks: "Executions that have expired stay as long as many requests are deleted whose TTL is over.",
		Edits: []Edit{{
			Package: "controllers", Func: "NewControllers",
			Find:    `executionDeletions, requestDeletions := newDeletionLimiter(d.Clock), newDeletionLimiter(d.Clock)`,
			Replace: `executionDeletions := newDeletionLimiter(d.Clock); requestDeletions := executionDeletions`,
		}},
	},
	{
		Name:   "execution-deleted-before-a-verdict",
		Breaks: "An execution is deleted for which an approval result has no verdict.",
		Edits: []Edit{{
			Package: "controllers", Func: "RetentionReconciler.isWaitedFor",
			Find:    `len(results.Items) > 0`,
			Replace: `len(results.Items) > 1`,
		}},
	},
	{
		Name:   "refused-deletion-repeated",
		Breaks: "A deletion that a policy refuses is tried in each round, and takes the place of the others.",
		Edits: []Edit{{
			Package: "controllers", Func: "RetentionReconciler.isKept",
			Find:    `r.Refused.Get(execution.UID)`,
			Replace: `r.Refused.Get(execution.Name)`,
		}},
	},
	{
		Name:   "retention-looks-at-each-deletion",
		Breaks: "All finished executions of a pipeline are listed each time that one of them is deleted.",
		Edits: []Edit{{
			Package: "controllers", Func: "retentionWatches",
			Find:    `enqueueAfter(retentionDelay, mapToPipelineName)`,
			Replace: `handler.EnqueueRequestsFromMapFunc(mapToPipelineName)`,
		}},
	},
	// Watches, handlers and indexes.
	{
		Name:   "request-events-misdirected",
		Breaks: "I8: an execution does not hear of the requests to stop it.",
		Edits: []Edit{{
			Package: "controllers", Func: "mapRequestToExecution",
			Find: `
				case *v1alpha1.StopRequest:
					id = o.Spec.PipelineExecutionID`,
			Replace: `
				case *v1alpha1.StopRequest:
					id = o.Name`,
		}},
	},
	{
		Name:   "execution-updates-dropped",
		Breaks: "I8: a request does not hear that the status of its execution changes, which has no generation.",
		Edits: []Edit{{
			Package: "controllers", Func: "stopRequestWatches",
			Find: `Handler: enqueueWork(withPriority(mapToOpenStopRequests(c), priorityOfVerdict))`,
			Replace: `
				Handler:    enqueueWork(withPriority(mapToOpenStopRequests(c), priorityOfVerdict)),
				Predicates: []predicate.Predicate{predicate.GenerationChangedPredicate{}}`,
		}},
	},
	{
		Name:   "job-events-misdirected",
		Breaks: "I8: an execution does not hear of its Jobs.",
		Edits: []Edit{{
			Package: "controllers", Func: "mapLabelToExecution",
			Find:    `v1alpha1.LabelExecutionID`,
			Replace: `v1alpha1.LabelPipelineUID`,
		}},
	},
	{
		Name:   "pod-deletes-dropped",
		Breaks: "I8: an execution does not hear that the last pod of an abandoned action is gone.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "OnlyDeletes",
			Find:    `return true`,
			Replace: `return false`,
		}},
	},
	{
		Name:   "pipelines-of-same-name-missed",
		Breaks: "I8: a Pipeline whose name was taken does not hear that the other Pipeline is gone.",
		Edits: []Edit{{
			Package: "controllers", Func: "mapToPipelinesOfSameName",
			Find:    `listRequests(ctx, c, &v1alpha1.PipelineList{}, pipeline.Namespace, indexPipelineName, pipeline.EffectiveName())`,
			Replace: `[]reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(pipeline)}}`,
		}},
	},
	{
		Name:   "awaited-pipeline-misindexed",
		Breaks: "I8: an execution that waits for a Pipeline does not hear that there is one.",
		Edits: []Edit{{
			Package: "controllers", Func: "byAwaitedPipeline",
			Find:    `execution.Spec.PipelineName`,
			Replace: `execution.Name`,
		}},
	},
	{
		Name:   "open-requests-misindexed",
		Breaks: "I8: a request that was accepted never reads Stopped, since the index loses it.",
		Edits: []Edit{{
			Package: "controllers", Func: "byOpenStopRequest",
			Find:    `verdict.IsFinished(sr.Status.Conditions)`,
			Replace: `verdict.IsFinished(sr.Status.Conditions) || sr.Status.PipelineExecutionID != ""`,
		}},
	},
	{
		Name:   "restored-copy-runs",
		Breaks: "What a restore made from another execution runs again.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.Reconcile",
			Find:    `execution.IsRestoredCopy()`,
			Replace: `false`,
		}},
	},
	{
		Name:   "restored-request-believed",
		Breaks: "I1: a request that a restore made reads the verdict on another one.",
		Edits: []Edit{{
			Package: "controllers", Func: "StopRequestReconciler.Reconcile",
			Find:    `sr.IsRestoredCopy()`,
			Replace: `false`,
		}},
	},
	{
		Name:   "restored-result-believed",
		Breaks: "I1: an approval result that a restore made reads the verdict on another one.",
		Edits: []Edit{{
			Package: "controllers", Func: "ApprovalResultReconciler.Reconcile",
			Find:    `ar.IsRestoredCopy()`,
			Replace: `false`,
		}},
	},
	{
		Name:   "renamed-copy-runs",
		Breaks: "What a restore made from another execution under another name runs again.",
		Edits: []Edit{{
			Package: "api/v1alpha1", Func: "PipelineExecution.IsRestoredCopy",
			Find:    `marked && id != string(e.UID)`,
			Replace: `marked && id != string(e.UID) && e.Annotations[AnnotationExecutionName] == e.Name`,
		}},
	},
	{
		Name:   "execution-not-marked",
		Breaks: "An execution bears no mark, so that a restore runs it again.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.ensureMark",
			Find:    `execution.DeletionTimestamp != nil`,
			Replace: `true`,
		}},
	},
	{
		Name:   "stop-waits-for-the-mark",
		Breaks: "A stop is not accepted while the API server refuses the labels of its execution.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.bindPipeline",
			Find:    `r.ensureMark(ctx, execution, f.canBind())`,
			Replace: `r.ensureMark(ctx, execution, true)`,
		}},
	},
	{
		Name:   "status-by-resource-version",
		Breaks: "Whoever changes annotations keeps a stop from being recorded: the status is written under the resourceVersion.",
		Edits: []Edit{{
			Package: "controllers", Func: "writeStatus",
			Find:    `jsonpatch.New(o)`,
			Replace: `jsonpatch.New(o).Test("/metadata/resourceVersion", o.GetResourceVersion())`,
		}},
	},
	{
		Name:   "version-of-a-new-status",
		Breaks: "A status that a restore brought is never replaced, since the version of it is not tested.",
		Edits: []Edit{{
			Package: "controllers", Func: "PipelineExecutionReconciler.writeStatus",
			Find:    `next.Version = before.Version`,
			Replace: `next.Version += 0`,
		}},
	},
	{
		Name:   "status-without-version",
		Breaks: "I10: a status overwrites one that was written since it was derived.",
		Edits: []Edit{{
			Package: "controllers", Func: "writeStatus",
			Find:    `jsonpatch.New(o).Test("/status/version", *version)`,
			Replace: `jsonpatch.New(o)`,
		}},
	},
	{
		Name:   "revision-deleted-by-the-cache",
		Breaks: "I10: a cache that lags has a revision deleted that an execution uses.",
		Edits: []Edit{{
			Package: "controllers", Func: "RevisionReconciler.Reconcile",
			Find:    `step == revision.StepMarkUnused || step == revision.StepDelete`,
			Replace: `false`,
		}},
	},
	{
		Name:   "used-revision-deleted",
		Breaks: "I10: a revision is deleted that an execution uses.",
		Edits: []Edit{{
			Package: "controllers", Func: "isUsed",
			Find:    `meta.LenList(list) > 0`,
			Replace: `false`,
		}},
	},
	{
		Name:   "revision-deleted-unguarded",
		Breaks: "I10: a revision is deleted after somebody took the mark off, since it is about to be used.",
		Edits: []Edit{{
			Package: "controllers/revision", Func: "Store.Delete",
			Find:    `ResourceVersion: &revision.ResourceVersion`,
			Replace: ``,
		}},
	},
	{
		Name:   "mark-of-a-revision-stays",
		Breaks: "A revision that is about to be used is deleted as unused.",
		Edits: []Edit{{
			Package: "controllers/revision", Func: "Store.MarkUsed",
			Find:    `!marked`,
			Replace: `marked || !marked`,
		}},
	},
	{
		Name:   "generation-not-followed",
		Breaks: "A finished object never catches up with its generation, so that Flux waits for ever.",
		Edits: []Edit{{
			Package: "controllers", Func: "observeGeneration",
			Find:    `*observed == generation`,
			Replace: `true`,
		}},
	},
	{
		Name:   "namespaces-ignored",
		Breaks: "An operator that is given some namespaces works in all of them.",
		Edits: []Edit{{
			Package: "controllers", Func: "InNamespaces",
			Find:    `len(namespaces) == 0`,
			Replace: `len(namespaces) >= 0`,
		}},
	},
	// What the cache keeps of what is finished.
	{
		Name:   "stripped-before-it-is-at-rest",
		Breaks: "An execution that has ended, and whose status is behind its generation, is in the cache without its stages, and written so.",
		Edits: []Edit{{
			Package: "controllers", Func: "isExecutionAtRest",
			Find:    `(status.ObservedGeneration == execution.Generation || execution.DeletionTimestamp != nil)`,
			Replace: `true`,
		}},
	},
	{
		Name:   "restored-copy-at-rest",
		Breaks: "What a restore made of a finished execution counts as finished, so that it never reads RestoredCopy.",
		Edits: []Edit{{
			Package: "controllers", Func: "isExecutionAtRest",
			Find:    `status.PipelineExecutionID == string(execution.UID)`,
			Replace: `true`,
		}},
	},
	{
		Name:   "verdict-by-stripped-execution",
		Breaks: "I1: a request that was accepted is rejected, since the live read leaves out the record of a stop that has ended.",
		Edits: []Edit{{
			Package: "controllers", Func: "getLiveExecution",
			Find:    `stripExecutionMetadata(execution)`,
			Replace: `_, _ = stripExecution(execution)`,
		}},
	},
	{
		Name:   "finished-reconciled-at-a-start",
		Breaks: "A start of the operator reconciles every object that has ever finished.",
		Edits: []Edit{{
			Package: "controllers", Func: "unlessAtRest",
			Find:    `return !isAtRest(e.Object)`,
			Replace: `return true`,
		}},
	},
	{
		Name:   "end-of-a-stop-not-seen",
		Breaks: "I8: a request is not told that its execution has ended, and never reads Stopped.",
		Edits: []Edit{{
			Package: "controllers", Func: "stopRequestWatches",
			Find: `{Object: &v1alpha1.PipelineExecution{}, Handler: enqueueWork(withPriority(mapToOpenStopRequests(c), priorityOfVerdict))}`,
			Replace: `{
				Object: &v1alpha1.PipelineExecution{}, Handler: enqueueWork(withPriority(mapToOpenStopRequests(c), priorityOfVerdict)),
				Predicates: []predicate.Predicate{unlessAtRest},
			}`,
		}},
	},
	{
		Name:   "id-of-the-same-hash",
		Breaks: "A request is answered by an execution whose id has the same hash.",
		Edits: []Edit{{
			Package: "controllers", Func: "peekExecution",
			Find:    `string(list.Items[i].UID) == id`,
			Replace: `true`,
		}},
	},
	// Shards.
	{
		Name:   "shard-serves-all",
		Breaks: "The operator of a shard works in the namespaces of the others.",
		Edits: []Edit{{
			Package: "controllers", Func: "Shard.Serves",
			Find:    `binary.BigEndian.Uint32(sum[:])%s.count == s.index`,
			Replace: `s.index < s.count && len(sum) > 0 && binary.BigEndian.Uint32(sum[:]) >= 0`,
		}},
	},
	{
		Name:   "shard-sees-others-events",
		Breaks: "The operator of a shard works on what another shard changes after its start.",
		Edits: []Edit{{
			Package: "controllers", Func: "filterWatch",
			Find:    `!isOfShard(e.Object, shard)`,
			Replace: `false`,
		}},
	},
	{
		Name:   "shard-lists-others",
		Breaks: "The operator of a shard works on what the others have when its list is not streamed.",
		Edits: []Edit{{
			Package: "controllers", Func: "filterList",
			Find:    `isOfShard(item, shard)`,
			Replace: `true`,
		}},
	},
	{
		Name:   "shard-without-bookmarks",
		Breaks: "The watch of a shard in which nothing happens is never told how far it is, and lists everything again and again.",
		Edits: []Edit{{
			Package: "controllers", Func: "filterWatch",
			Find:    `e.Type != watch.Bookmark && e.Type != watch.Error`,
			Replace: `e.Type != watch.Error`,
		}},
	},
	{
		Name:   "shards-share-a-lease",
		Breaks: "Of two shards only one is served.",
		Edits: []Edit{{
			Package: "controllers", Func: "LeaseName",
			Find:    `shard.IsSet()`,
			Replace: `shard.IsSet() && shard.index > shard.count`,
		}},
	},
	{
		Name:   "namespaces-share-a-lease",
		Breaks: "Of two operators with other namespaces only one works.",
		Edits: []Edit{{
			Package: "controllers", Func: "LeaseName",
			Find:    `len(namespaces) > 0`,
			Replace: `false`,
		}},
	},
	{
		Name:   "lease-of-namespaces-in-their-order",
		Breaks: "Two replicas whose flags list the namespaces in another order both work.",
		Edits: []Edit{{
			Package: "controllers", Func: "LeaseName",
			Find:    `slices.Sorted(slices.Values(namespaces))`,
			Replace: `slices.Collect(slices.Values(namespaces))`,
		}},
	},
	{
		Name:   "unread-node-is-ready",
		Breaks: "A pod that does not end is reported to be on a ready node, although the operator may not read nodes.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.describeNode",
			Find:    `return nodeUnknown, nil`,
			Replace: `return nodeReady, nil`,
		}},
	},
}

// holdOnlyIf has the work of an execution wait for stops that are to be accepted only under a condition.
func holdOnlyIf(condition string) []Edit {
	const hold = `if again, held := r.Waiting.hold(execution.UID, own); held`
	const wait = ` { return again, nil }`
	return []Edit{{
		Package: "controllers", Func: "PipelineExecutionReconciler.runSteps",
		Find: hold + wait, Replace: hold + ` && ` + condition + wait,
	}}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// actionFaults break what is done to the work of an action.
var actionFaults = []Fault{
	{
		Name:   "foreign-job-adopted",
		Breaks: "I7: a Job of somebody else under the name of an action's Job is taken for that Job.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "observeNameHolder",
			Find:    `!isOurs(holder, scope)`,
			Replace: `false`,
		}},
	},
	{
		Name:   "placeholder-taken-for-job",
		Breaks: "I4: an operator that was paused takes the placeholder for the Job that it was about to create.",
		Edits: []Edit{
			{
				Package: "controllers/action/job", Func: "observeNameHolder",
				Find:    `isPlaceholder(holder)`,
				Replace: `false`,
			},
		},
	},
	{
		Name:   "queued-job-left-unmarked",
		Breaks: "I3: a Job that a queue suspended and that may not be emptied is not marked, so that the queue resumes it after the stop.",
		Edits:  []Edit{{Package: "controllers/action/job", Func: "Provider.emptyJob", Find: `action.IsRefused(err) && !isMarkedStopped(job)`, Replace: `false`}},
	},
	{
		Name:   "waiting-pod-counts-as-run",
		Breaks: "startTimeoutSeconds: a pod that waits for a node or an image counts as one that runs.",
		Edits:  []Edit{{Package: "controllers/action/job", Func: "hasRun", Find: `ptr.Deref(status.Ready, 0) > 0`, Replace: `status.Active > 0 || ptr.Deref(status.Ready, 0) > 0`}},
	},
	{
		Name:   "preempted-job-has-never-run",
		Breaks: "Stop and wait: a Job that a queue resumed and suspended again, and that may have had pods, ends as NotStarted.",
		Edits:  []Edit{{Package: "controllers/action/job", Func: "hasNeverRun", Find: `job.Generation == createdGeneration && isSuspended(job)`, Replace: `isSuspended(job)`}},
	},
	{
		Name:   "never-ran-unconfirmed",
		Breaks: "I5: a Job ends as NotStarted before the Job controller has seen that it is suspended.",
		Edits:  []Edit{{Package: "controllers/action/job", Func: "hasNeverRun", Find: `isConditionTrue(job, batchv1.JobSuspended)`, Replace: `true`}},
	},
	{
		Name:   "kept-job-keeps-its-pods",
		Breaks: "I3: a Job that is kept from starting asks for pods, so that a queue that resumes it has them run.",
		Edits:  []Edit{{Package: "controllers/action/job", Func: "Provider.keepFromStarting", Find: `patch.Set("/spec/parallelism", 0)`, Replace: ``}},
	},
	{
		Name:   "kept-without-a-stop",
		Breaks: "A Job that waits in a queue is kept from starting although nobody stops its execution.",
		Edits:  []Edit{{Package: "controllers/action/job", Func: "shouldKeepFromStarting", Find: `op.KeepFromStarting && ours`, Replace: `ours`}},
	},
	{
		Name:   "queued-job-is-waited-for",
		Breaks: "Stop and wait: a Job that has never run starts after the stop, when its turn in the queue comes.",
		Edits:  []Edit{{Package: "controllers/plan", Func: "Operations", Find: `KeepFromStarting: t == OperationObserve && isStopInForce(status)`, Replace: `KeepFromStarting: false`}},
	},
	{
		Name:   "grace-of-zero",
		Breaks: "I5: a grace period of 0 removes a pod from the API server while its containers run, and the execution reads Stopped.",
		Edits:  []Edit{{Package: "controllers/action/job", Func: "minGraceSeconds", Find: `1`, Replace: `0`}},
	},
	{
		Name:   "grace-before-the-job-controller",
		Breaks: "I5: a pod is deleted that the Job controller has not ended; it would create another one in its place.",
		Edits:  []Edit{{Package: "controllers/action/job", Func: "Provider.shortenGraceOf", Find: `pod.DeletionTimestamp == nil || ptr.Deref(pod.DeletionGracePeriodSeconds, 0) <= seconds`, Replace: `pod.DeletionTimestamp != nil && ptr.Deref(pod.DeletionGracePeriodSeconds, 0) <= seconds`}},
	},
	{
		Name:   "grace-lengthened",
		Breaks: "gracePeriodSeconds never lengthens a grace period: a pod that a deleted Job left gets the longer one.",
		Edits:  []Edit{{Package: "controllers/action/job", Func: "graceOf", Find: `!asked || seconds >= ptr.Deref(pod.Spec.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds)`, Replace: `!asked`}},
	},
	{
		Name:   "grace-without-uid",
		Breaks: "I10: a second deletion meets another pod of the name.",
		Edits:  []Edit{{Package: "controllers/action/job", Func: "Provider.shortenGraceOf", Find: `client.Preconditions{UID: &pod.UID}, client.GracePeriodSeconds(seconds)`, Replace: `client.GracePeriodSeconds(seconds)`}},
	},
	{
		Name:   "fence-without-placeholder",
		Breaks: "I3: the fence does not take the name of a Job that is not there, so a paused operator creates the Job later.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.reserveName",
			Find: `placeholder, err := p.createPlaceholder(ctx, scope, op)`,
			Replace: `
				if job, err := getJob(ctx, p.APIReader, scope, op); err == nil && job == nil {
					return nil, nil
				}
				placeholder, err := p.createPlaceholder(ctx, scope, op)`,
		}},
	},
	{
		Name:   "placeholder-removed",
		Breaks: "I3: the placeholder is deleted, so a paused operator finds the name free.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.reserveName",
			Find:    `return placeholder, nil`,
			Replace: `return placeholder, p.Client.Delete(ctx, placeholder)`,
		}},
	},
	{
		Name:   "placeholder-like-job-runs",
		Breaks: "I3: the placeholder that has the template of the action's Job is not suspended, so the fence starts the work.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "newPlaceholderLikeJob",
			Find: `job.Spec.Suspend, job.Spec.Parallelism = ptr.To(true), ptr.To[int32](0)`,
		}},
	},
	{
		Name:   "fence-forgets-earlier-pods",
		Breaks: "I5: an action is fenced while a pod runs of a Job that was deleted before its uid was recorded.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.fence",
			Find:    `o.Phase != plan.PhaseNeverStarted`,
			Replace: `true`,
		}},
	},
	{
		Name:   "failure-taken-for-success",
		Breaks: "An action whose Job failed reads Succeeded, and the pipeline goes on.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "observeFinished",
			Find:    `plan.PhaseFailed`,
			Replace: `plan.PhaseSucceeded`,
		}},
	},
	{
		Name:   "job-found-by-name",
		Breaks: "I7: a Job is taken for the one that was started, since only the name is compared.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "findJobIn",
			Find:    `string(job.UID) != op.Workload.UID`,
			Replace: `false`,
		}},
	},
	{
		Name:   "ours-by-label",
		Breaks: "I7: a Job with our label is taken for one that the execution controls, since no uid is compared.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "isOurs",
			Find:    `metav1.IsControlledBy(job, scope.Execution)`,
			Replace: `metav1.IsControlledBy(job, scope.Execution) || job.Labels[v1alpha1.LabelExecutionID] == string(scope.Execution.UID)`,
		}},
	},
	{
		Name:   "lost-job-recreated",
		Breaks: "I4: a Job that was seen and is gone is created again, so that its action runs twice.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.Observe",
			Find: `
				if err != nil {
					return plan.Observation{}, err
				}`,
			Replace: `
				if err != nil {
					return plan.Observation{}, err
				}
				if job == nil {
					return p.Start(ctx, scope, op)
				}`,
		}},
	},
	{
		Name:   "lost-name-not-held",
		Breaks: "I4: no placeholder takes the name of a lost Job, so a paused operator creates the Job again.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.handleLostJob",
			Find:    `scope.Execution.DeletionTimestamp != nil`,
			Replace: `true`,
		}},
	},
	{
		Name:   "foreign-job-awaited",
		Breaks: "I8: an action whose Job was lost waits for a Job of somebody else that has taken the name.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.handleLostJob",
			Find:    `isOurs(holder, scope)`,
			Replace: `true`,
		}},
	},
	{
		Name:   "foreign-job-suspended",
		Breaks: "I7: a Job that another controller took over is suspended.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.endJob",
			Find:    `!isOurs(job, scope)`,
			Replace: `false`,
		}},
	},
	{
		Name:   "deleted-not-suspended",
		Breaks: "I10: the Job of an abandoned action is deleted, without a precondition, which frees its name.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.suspendJob",
			Find:    `p.patchSpec(ctx, scope, job, map[string]any{"suspend": true, "parallelism": 0})`,
			Replace: `p.Client.Delete(ctx, job)`,
		}},
	},
	{
		Name:   "suspend-without-parallelism",
		Breaks: "I5: a queue that resumes a suspended Job brings its pods back, since the Job still asks for pods.",
		Edits: []Edit{
			{
				Package: "controllers/action/job", Func: "Provider.endJob",
				Find:    `!isEmpty(job)`,
				Replace: `!isEmpty(job) && !isSuspended(job)`,
			},
			{
				Package: "controllers/action/job", Func: "Provider.suspendJob",
				Find: `"parallelism": 0`,
			},
		},
	},
	{
		Name:   "suspend-without-uid",
		Breaks: "I10: the patch that suspends a Job does not name its uid, so it may change a later Job of the name.",
		Edits: []Edit{{
			Package: "internal/jsonpatch", Func: "New",
			Find:    `p.Test("/metadata/uid", o.GetUID())`,
			Replace: `p.Test("/metadata/selfLink", nil)`,
		}},
	},
	{
		Name:   "suspend-without-mark",
		Breaks: "\"A Job that a stop ended has the label pipelines.haltline.dev/stopped\": a policy cannot keep others from resuming it.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.patchSpec",
			Find:    `setLabel(patch, job, v1alpha1.LabelStopped)`,
			Replace: `patch.Test("/metadata/selfLink", nil)`,
		}},
	},
	{
		Name:   "suspend-without-generation",
		Breaks: "I5, I10: the patch that suspends a Job may change one that was resumed since it was read.",
		Edits: []Edit{{
			Package: "internal/jsonpatch", Func: "New",
			Find:    `p.Test("/metadata/generation", o.GetGeneration())`,
			Replace: `p.Test("/metadata/selfLink", nil)`,
		}},
	},
	{
		Name:   "suspend-without-owner",
		Breaks: "I7, I10: the patch that suspends a Job may change one that was disowned since it was read.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "patchOfOurs",
			Find:    `jsonpatch.New(job).Test(reference+"/uid", scope.Execution.UID).Test(reference+"/controller", true)`,
			Replace: `jsonpatch.New(job)`,
		}},
	},
	{
		Name:   "forged-job-believed",
		Breaks: "Whatever lies under the name of an action's Job with the execution as its controller is taken for it.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "observeNameHolder",
			Find:    `why != ""`,
			Replace: `false`,
		}},
	},
	{
		Name:   "forged-placeholder-blocks",
		Breaks: "A Job of somebody else's that is marked as a placeholder keeps an action from starting, without a word.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.observeStarted",
			Find:    `observeDisbelief(op, "it is marked as a placeholder, and no stop is recorded"), nil`,
			Replace: `plan.Observation{}, action.Pending(fmt.Errorf("fenced"))`,
		}},
	},
	{
		Name:   "mirrored-image-not-believed",
		Breaks: "I5: a Job of ours whose image a webhook took from another registry counts as somebody else's, and runs on.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "runsTheSame",
			Find:    `baseOfImage(c.Image) == baseOfImage(wanted.Image)`,
			Replace: `c.Image == wanted.Image`,
		}},
	},
	{
		Name:   "suspension-not-confirmed",
		Breaks: "I5: a Job counts as suspended before the Job controller reports so, which may be about to create a pod.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.observeSuspended",
			Find:    `isConditionTrue(job, batchv1.JobSuspended) || isDecided(job)`,
			Replace: `true`,
		}},
	},
	{
		Name:   "decided-job-never-ends",
		Breaks: "I8: a stop waits for ever for a Job that succeeded when it was suspended, and that cannot become Complete.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.observeSuspended",
			Find:    `isConditionTrue(job, batchv1.JobSuspended) || isDecided(job)`,
			Replace: `isConditionTrue(job, batchv1.JobSuspended)`,
		}},
	},
	{
		Name:   "ended-without-pods",
		Breaks: "I5: an abandoned action has ended while its pods are in their grace period.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.observePodsEnd",
			Find:    `len(pods) == 0`,
			Replace: `len(pods) == 0 || op.Workload.UID != ""`,
		}},
	},
	{
		Name:   "ended-by-an-old-cache",
		Breaks: "I5: the pods of a Job count as gone although the cache does not know all of them.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "whatIsKnown",
			Find:    `known < countPods(status)`,
			Replace: `false`,
		}},
	},
	{
		Name:   "ended-by-a-removed-label",
		Breaks: "I5: a pod that lost our label counts as gone, and runs on.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "knownPods.Vanished",
			Find:    `pods == nil || o.GetDeletionTimestamp() == nil && !pods.jobVanished`,
			Replace: `pods == nil`,
		}},
	},
	{
		Name:   "ended-by-an-earlier-suspension",
		Breaks: "I5: pods of a Job that was suspended before were never counted, so those that are counted need not be known.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "wasSuspendedOnce",
			Find:    `job.Generation == created+1 && isSuspended(job)`,
			Replace: `created > 0 && isSuspended(job)`,
		}},
	},
	{
		Name:   "pod-remains-for-ever",
		Breaks: "I8: an event is lost, and the operator waits for a pod that is gone.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.tellPods",
			Find:    `apierrors.IsNotFound(err) || err == nil && pod.UID != uid`,
			Replace: `apierrors.IsInvalid(err) || pod.UID != "" && pod.UID != uid && false`,
		}},
	},
	{
		Name:   "pods-of-earlier-job-forgotten",
		Breaks: "I5: an execution is Stopped while a pod is left of a Job that was deleted before its uid was recorded.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.podsOfAction",
			Find:    `batchv1.JobNameLabel: op.Workload.Name`,
			Replace: `batchv1.ControllerUidLabel: op.Workload.UID`,
		}},
	},
	{
		Name:   "pods-read-all-at-once",
		Breaks: "What a tenant sizes is listed whole: all pods of an action are read at once, however many and large they are.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.readPage",
			Find:    `client.Limit(pageSize)`,
			Replace: `client.Limit(0)`,
		}},
	},
	{
		Name:   "large-job-created",
		Breaks: "A Job is created that is larger than 256 KiB with the variables that each of its containers gets.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "assembleJob",
			Find:    `checkJobSize(definition.Job, spec, env)`,
			Replace: `error(nil)`,
		}},
	},
	{
		Name:   "pods-forgotten-with-the-label",
		Breaks: "I5: a pod of a Job whose label somebody took off is taken for the only one when it goes, while another still ends.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "knownPods.forget",
			Find:    `pods == nil || pods.remaining == 0`,
			Replace: `true`,
		}},
	},
	{
		Name:   "orphan-keeps-its-owner",
		Breaks: "A Job that was left to go on is still owned by the execution, and is deleted with it.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.releaseJob",
			Find:    `patch.Remove(reference)`,
			Replace: `patch.Test(reference+"/uid", scope.Execution.UID)`,
		}},
	},
	{
		Name:   "orphan-without-its-ttl",
		Breaks: "A Job that was left to go on is kept for ever, although its definition gives it a TTL.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.releaseJob",
			Find:    `ttl != nil`,
			Replace: `ttl == nil && false`,
		}},
	},
	{
		Name:   "orphan-without-pods",
		Breaks: "I5: an orphaned action whose Job somebody else deleted has ended while its pods still run.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.Orphan",
			Find: `
				if job == nil {
					return p.handleLostJob(ctx, scope, op, nothing)
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
			Package: "internal/quantities", Func: "quantityFields",
			Find: `"divisor": true`,
		}},
	},

	// The registry of providers.
	{
		Name:   "definition-to-first-provider",
		Breaks: "The first provider gets every action, also one of another kind.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Registry.findByDefinition",
			Find:    `p.Handles(definition)`,
			Replace: `true`,
		}},
	},
	{
		Name:   "workload-to-wrong-provider",
		Breaks: "I7: a provider gets the workload of another one, since only the kind is compared and not the API group.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Registry.findByWorkload",
			Find:    `p.WorkloadKind() == (plan.WorkloadKind{APIVersion: workload.APIVersion, Kind: workload.Kind})`,
			Replace: `p.WorkloadKind().Kind == workload.Kind`,
		}},
	},
	{
		Name:   "workload-without-provider",
		Breaks: "I8: no provider takes a workload that was recorded, so its action never ends.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Registry.findByWorkload",
			Find:    `plan.WorkloadKind{APIVersion: workload.APIVersion, Kind: workload.Kind}`,
			Replace: `plan.WorkloadKind{Kind: workload.Kind}`,
		}},
	},
	{
		Name:   "remaining-work-of-first-provider",
		Breaks: "I5: a request reads Stopped with the reason ExecutionDeleted while a workload of a second kind is left.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "Registry.FindRemainingWork",
			Find:    `r.providers`,
			Replace: `r.providers[:min(1, len(r.providers))]`,
		}},
	},
	{
		Name:   "left-pod-deleted-by-name",
		Breaks: "I10: the deletion of a pod that a deleted Job left could hit another pod of its name.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.endLeftPod",
			Find:    `UID: &pod.UID`,
			Replace: ``,
		}},
	},
	{
		Name:   "left-pods-of-a-wait-deleted",
		Breaks: "A stop that waits ends the pods of a Job that somebody deleted.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.endLeftPods",
			Find:    `op.Type != plan.OperationTerminate`,
			Replace: `false`,
		}},
	},
	{
		Name:   "left-pods-not-ended",
		Breaks: "An abandon leaves the pods of a Job that somebody deleted.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.endLeftPods",
			Find:    `op.Type != plan.OperationTerminate`,
			Replace: `true`,
		}},
	},
	{
		Name:   "pods-of-another-controller-ended",
		Breaks: "I7: an abandon deletes a pod that somebody else has taken over.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.endLeftPod",
			Find:    `!isLeft(pod, jobUID)`,
			Replace: `false`,
		}},
	},
	{
		Name:   "deleted-job-over-while-pods-run",
		Breaks: "I5: a Job that a finalizer keeps counts as over while its pods run.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.observeDeleting",
			Find:    `len(pods) == 0`,
			Replace: `true`,
		}},
	},
	{
		Name:   "deleted-job-over-at-once",
		Breaks: "I5: a Job counts as over although its controller may still create a pod of it.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "isOver",
			Find:    `now.Sub(job.DeletionTimestamp.Time) >= deletionSlack`,
			Replace: `true`,
		}},
	},
	{
		Name:   "placeholder-fallback-for-refusals-only",
		Breaks: "A webhook that fails on the plain placeholder keeps a stop up, although it would take one that looks like the Job.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "Provider.createPlaceholder",
			Find:    `!action.IsAnswer(err)`,
			Replace: `!action.IsRefused(err)`,
		}},
	},
	{
		Name:   "late-answer-not-shown",
		Breaks: "A webhook that is down keeps an action from starting, and nothing says so.",
		Edits: []Edit{{
			Package: "controllers/action", Func: "IsLate",
			Find:    `now.Sub(due.Time) >= showAfter`,
			Replace: `false`,
		}},
	},
	{
		Name:   "grace-period-without-slack",
		Breaks: "A pod that ends in time on a healthy node is reported as one that does not end.",
		Edits: []Edit{{
			Package: "controllers/action/job", Func: "whyNotEnded",
			Find:    `now.Sub(pod.DeletionTimestamp.Time) <= endingSlack`,
			Replace: `now.Sub(pod.DeletionTimestamp.Time) <= 0`,
		}},
	},
}

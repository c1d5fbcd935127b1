// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// stopFaults break the rules of a stop and its verdict.
var stopFaults = []Fault{
	{
		Name:   "grace-while-waiting",
		Breaks: "gracePeriodSeconds of a stop that escalates counts only once it has: a wait that has not ends what is abandoned on stop sooner.",
		Edits:  []Edit{{Package: "controllers/stop", Func: "GracePeriodSeconds", Find: `s == nil || s.Mode != v1alpha1.StopModeAbandon`, Replace: `s == nil`}},
	},
	{
		Name:   "grace-not-recorded",
		Breaks: "I2: the record of an accepted request leaves out its gracePeriodSeconds.",
		Edits:  []Edit{{Package: "controllers/stop", Func: "Accept", Find: `GracePeriodSeconds: sr.Spec.GracePeriodSeconds,`, Replace: ``}},
	},
	{
		Name:   "request-for-other-pipeline",
		Breaks: "I1: a request stops an execution of a pipeline that it does not name.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "ConcernsExecution",
			Find:    `sr.Spec.PipelineExecutionID == string(execution.UID) && sr.Spec.PipelineName == execution.Spec.PipelineName`,
			Replace: `sr.Spec.PipelineExecutionID == string(execution.UID)`,
		}},
	},
	{
		Name:   "final-before-recorded",
		Breaks: "I1: a request that was accepted is rejected when its execution has stopped since.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "applyRules",
			Find: `
				case isRecorded(status.Stop, sr):
					return recorded
				case status.State.IsFinal():
					return notStoppable`,
			Replace: `
				case status.State.IsFinal():
					return notStoppable
				case isRecorded(status.Stop, sr):
					return recorded`,
		}},
	},
	{
		Name:   "final-execution-stopped",
		Breaks: `Contract: "The execution might already be in a Stopped state, or it might no longer be in progress."`,
		Edits: []Edit{{
			Package: "controllers/stop", Func: "applyRules",
			Find:    `status.State.IsFinal()`,
			Replace: `status.State == v1alpha1.ExecutionStopped`,
		}},
	},
	{
		Name:   "wait-after-wait",
		Breaks: `I2: "If you already chose to stop and wait, you cannot make that request again."`,
		Edits: []Edit{{
			Package: "controllers/stop", Func: "applyRules",
			Find: `
				default:
					return duplicatedWait`,
			Replace: `
				case len(status.Stop.Requests) > 2:
					return duplicatedWait
				default:
					return acceptable`,
		}},
	},
	{
		Name:   "abandon-after-wait-refused",
		Breaks: `Contract: "You can choose to stop and abandon now".`,
		Edits: []Edit{{
			Package: "controllers/stop", Func: "applyRules",
			Find:    `sr.Mode() == v1alpha1.StopModeAbandon`,
			Replace: `sr.Mode() == v1alpha1.StopModeAbandon && len(status.Stop.Requests) == 0`,
		}},
	},
	{
		Name:   "wait-after-abandon",
		Breaks: `I2: "If you already chose to stop and abandon, you cannot make that request again." A wait turns an abandon back.`,
		Edits: []Edit{{
			Package: "controllers/stop", Func: "applyRules",
			Find: `
				case status.Stop == nil:
					return acceptable`,
			Replace: `
				case status.Stop == nil:
					return acceptable
				case status.Stop.Mode == v1alpha1.StopModeAbandon && sr.Mode() == v1alpha1.StopModeWait:
					return acceptable`,
		}},
	},
	{
		Name:   "recorded-by-name",
		Breaks: "I1: a request that is deleted and created again gets the verdict of the first one, since only the name is compared.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "isRecorded",
			Find:    `accepted.UID == string(sr.UID)`,
			Replace: `accepted.Name == sr.Name`,
		}},
	},
	{
		Name:   "newest-request-first",
		Breaks: "I1: of several requests the newest is accepted and the oldest is a duplicate.",
		Edits: []Edit{{
			Package: "controllers/verdict", Func: "SortOldestFirst",
			Find:    `first, second := P(&a), P(&b)`,
			Replace: `first, second := P(&b), P(&a)`,
		}},
	},
	{
		Name:   "escalation-in-two-writes",
		Breaks: "I2: an abandon is recorded in one write and changes the mode in the next; between them a second abandon is accepted.",
		Edits: []Edit{
			{
				Package: "controllers/stop", Func: "Accept",
				Find: `next := status.DeepCopy()`,
				Replace: `
					next := status.DeepCopy()
					if next.Stop != nil && requestInForce(next.Stop).Mode == v1alpha1.StopModeAbandon {
						next.Stop.Mode = v1alpha1.StopModeAbandon
					}`,
			},
			{
				Package: "controllers/stop", Func: "Accept",
				Find:    `&v1alpha1.StopStatus{}`,
				Replace: `&v1alpha1.StopStatus{Mode: sr.Mode()}`,
			},
			{
				Package: "controllers/stop", Func: "Accept",
				Find: `next.Stop.Mode = sr.Mode()`,
			},
		},
	},
	{
		Name:   "escalation-ignored",
		Breaks: "I8: a stop that should abandon after a time waits for ever.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "Accept",
			Find:    `escalateInTime(next.Stop, now)`,
			Replace: `next.Stop`,
		}},
	},
	{
		Name:   "escalation-too-early",
		Breaks: "A stop abandons sooner than it was asked to, since the time is rounded down to a second.",
		Edits: []Edit{{
			Package: "internal/deadline", Func: "After",
			Find:    `time.Duration(seconds)*time.Second + time.Second - time.Nanosecond`,
			Replace: `time.Duration(seconds) * time.Second`,
		}},
	},
	{
		Name:   "verdict-before-publication",
		Breaks: "I3: a request reads Accepted before the state shows the stop, while an action may still start.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "Decide",
			Find:    `state != v1alpha1.ExecutionStopping && !state.IsFinal()`,
			Replace: `state == ""`,
		}},
	},
	{
		Name:   "missing-pipeline-not-stoppable",
		Breaks: "I1: PipelineNotFoundException is the answer when there is a Pipeline, and not when there is none.",
		Edits: []Edit{{
			Package: "controllers/verdict", Func: "NewNotFound",
			Find:    `!pipelineFound`,
			Replace: `pipelineFound`,
		}},
	},
	{
		Name:   "verdict-overwritten",
		Breaks: "I1: a verdict that was written changes. Both guards are gone, that of the reconciler and that of stop.NextStatus.",
		Edits: []Edit{
			{
				Package: "controllers/stop", Func: "NextStatus",
				Find:    `verdict.IsFinished(status.Conditions)`,
				Replace: `false`,
			},
			{
				Package: "controllers/stop", Func: "NextStatus",
				Find:    `given := verdict.FindGiven(status.Conditions)`,
				Replace: `var given *verdict.Verdict`,
			},
			{
				Package: "controllers", Func: "StopRequestReconciler.Reconcile",
				Find:    `verdict.IsFinished(sr.Status.Conditions)`,
				Replace: `false`,
			},
		},
	},
	{
		Name:   "left-running-reads-stopped",
		Breaks: "I5: a request reads Stopped although somebody left running what its execution ran.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "NextStatusOfDeleted",
			Find:    `len(leftRunning) > 0`,
			Replace: `false`,
		}},
	},
	{
		Name:   "restored-status-decides",
		Breaks: "I1: a verdict is made from the status of another execution, which a restore brought.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "Decide",
			Find:    `execution.IsRestoredCopy()`,
			Replace: `false`,
		}},
	},
	{
		Name:   "deleted-execution-never-concluded",
		Breaks: "I8: a request that was accepted never reads Stopped when its execution is deleted.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "NextStatusOfDeleted",
			Find: `status.State = v1alpha1.ExecutionStopped`,
			Replace: `
				status.State = v1alpha1.ExecutionStopping
				return status`,
		}},
	},
	{
		Name:   "rejected-without-finished",
		Breaks: `"Finished turns True when the execution has stopped, or when the request was rejected": a rejection is not shown so.`,
		Edits: []Edit{{
			Package: "controllers/verdict", Func: "Writer.SetRejected",
			Find: `w.Set(v1alpha1.ConditionFinished, metav1.ConditionTrue, v.Reason, v.Message)`,
		}},
	},
	{
		Name:   "accepted-is-finished",
		Breaks: "I5: a request is Finished when it is accepted, while its execution stops; so it never reads Stopped.",
		Edits: []Edit{{
			Package: "controllers/verdict", Func: "Writer.SetAccepted",
			Find: `w.Set(v1alpha1.ConditionAccepted, metav1.ConditionTrue, v.Reason, v.Message)`,
			Replace: `
				w.Set(v1alpha1.ConditionAccepted, metav1.ConditionTrue, v.Reason, v.Message)
				w.Set(v1alpha1.ConditionFinished, metav1.ConditionTrue, v.Reason, v.Message)`,
		}},
	},
}

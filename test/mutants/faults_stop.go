// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// stopFaults break the rules of a stop and its verdict.
var stopFaults = []Fault{
	{
		Name:   "request-for-other-pipeline",
		Breaks: "I1: a request stops an execution of a pipeline that it does not name.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "Concerns",
			Find:    `r.Spec.PipelineExecutionID == string(e.UID) && r.Spec.PipelineName == e.Spec.PipelineName`,
			Replace: `r.Spec.PipelineExecutionID == string(e.UID)`,
		}},
	},
	{
		Name:   "final-before-recorded",
		Breaks: "I1: a request that was accepted is rejected when its execution has stopped since.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "rule",
			Find: `
				case isRecorded(status.Stop, r):
					return recorded
				case status.State.Final():
					return notStoppable`,
			Replace: `
				case status.State.Final():
					return notStoppable
				case isRecorded(status.Stop, r):
					return recorded`,
		}},
	},
	{
		Name:   "final-execution-stopped",
		Breaks: `Contract: "The execution might already be in a Stopped state, or it might no longer be in progress."`,
		Edits: []Edit{{
			Package: "controllers/stop", Func: "rule",
			Find:    `status.State.Final()`,
			Replace: `status.State == v1alpha1.ExecutionStopped`,
		}},
	},
	{
		Name:   "wait-after-wait",
		Breaks: `I2: "If you already chose to stop and wait, you cannot make that request again."`,
		Edits: []Edit{{
			Package: "controllers/stop", Func: "rule",
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
			Package: "controllers/stop", Func: "rule",
			Find:    `r.Mode() == v1alpha1.StopModeAbandon`,
			Replace: `r.Mode() == v1alpha1.StopModeAbandon && len(status.Stop.Requests) == 0`,
		}},
	},
	{
		Name:   "wait-after-abandon",
		Breaks: `I2: "If you already chose to stop and abandon, you cannot make that request again." A wait turns an abandon back.`,
		Edits: []Edit{{
			Package: "controllers/stop", Func: "rule",
			Find: `
				case status.Stop == nil:
					return acceptable`,
			Replace: `
				case status.Stop == nil:
					return acceptable
				case status.Stop.Mode == v1alpha1.StopModeAbandon && r.Mode() == v1alpha1.StopModeWait:
					return acceptable`,
		}},
	},
	{
		Name:   "recorded-by-name",
		Breaks: "I1: a request that is deleted and created again gets the verdict of the first one, since only the name is compared.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "isRecorded",
			Find:    `a.UID == string(r.UID)`,
			Replace: `a.Name == r.Name`,
		}},
	},
	{
		Name:   "newest-request-first",
		Breaks: "I1: of several requests the newest is accepted and the oldest is a duplicate.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "oldestFirst",
			Find:    `a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name)`,
			Replace: `b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(b.Name, a.Name)`,
		}},
	},
	{
		Name:   "escalation-in-two-writes",
		Breaks: "I2: an abandon is recorded in one write and changes the mode in the next; between them another abandon is accepted.",
		Edits: []Edit{
			{
				Package: "controllers/stop", Func: "Accept",
				Find: `next := status.DeepCopy()`,
				Replace: `
					next := status.DeepCopy()
					if next.Stop != nil && inForce(next.Stop).Mode == v1alpha1.StopModeAbandon {
						next.Stop.Mode = v1alpha1.StopModeAbandon
					}`,
			},
			{
				Package: "controllers/stop", Func: "Accept",
				Find:    `&v1alpha1.Stop{}`,
				Replace: `&v1alpha1.Stop{Mode: r.Mode()}`,
			},
			{
				Package: "controllers/stop", Func: "Accept",
				Find: `next.Stop.Mode = r.Mode()`,
			},
		},
	},
	{
		Name:   "escalation-ignored",
		Breaks: "I8: a stop that should abandon after a time waits for ever.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "Accept",
			Find:    `escalate(next.Stop, now)`,
			Replace: `next.Stop`,
		}},
	},
	{
		Name:   "escalation-too-early",
		Breaks: "A stop abandons sooner than it was asked to, since the time is rounded down to a second.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "escalateTime",
			Find:    `time.Duration(*r.Spec.EscalateAfterSeconds)*time.Second + time.Second - time.Nanosecond`,
			Replace: `time.Duration(*r.Spec.EscalateAfterSeconds) * time.Second`,
		}},
	},
	{
		Name:   "verdict-before-publication",
		Breaks: "I3: a request reads Accepted before the state shows the stop, while an action may still start.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "Decide",
			Find:    `e.Status.State != v1alpha1.ExecutionStopping && !e.Status.State.Final()`,
			Replace: `e.Status.State == ""`,
		}},
	},
	{
		Name:   "missing-pipeline-not-stoppable",
		Breaks: "I1: PipelineNotFoundException is the answer when there is a Pipeline, and not when there is none.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "NotFound",
			Find:    `!pipelineFound`,
			Replace: `pipelineFound`,
		}},
	},
	{
		Name:   "verdict-overwritten",
		Breaks: "I1: a verdict that was written changes. Both guards are gone, that of the reconciler and that of stop.Status.",
		Edits: []Edit{
			{
				Package: "controllers/stop", Func: "Status",
				Find:    `Concluded(r)`,
				Replace: `false`,
			},
			{
				Package: "controllers/stop", Func: "Status",
				Find:    `meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionAccepted)`,
				Replace: `false`,
			},
			{
				Package: "controllers", Func: "StopRequestReconciler.Reconcile",
				Find:    `stop.Concluded(s)`,
				Replace: `false`,
			},
		},
	},
	{
		Name:   "deleted-execution-never-concluded",
		Breaks: "I8: a request that was accepted never reads Stopped when its execution is deleted.",
		Edits: []Edit{{
			Package: "controllers/stop", Func: "writer.progress",
			Find: `w.status.State = v1alpha1.ExecutionStopped`,
			Replace: `
				w.status.State = v1alpha1.ExecutionStopping
				return`,
		}},
	},
}

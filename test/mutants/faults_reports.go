// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// reportFaults break what is reported of what was written: events, log lines and metrics, and the bounds of their texts.
var reportFaults = []Fault{
	{
		Name:   "event-before-write",
		Breaks: `"Each transition is reported after the write that made it": an event reports one that may never be written.`,
		Edits: []Edit{
			{
				Package: "controllers", Func: "PipelineExecutionReconciler.writeStatus",
				Find: `transitions := plan.Transitions(&before, execution)`,
				Replace: `
					transitions := plan.Transitions(&before, execution)
					r.Reporter.reportExecution(ctx, execution, transitions)`,
			},
			{
				Package: "controllers", Func: "PipelineExecutionReconciler.writeStatus",
				Find: `r.Reporter.reportExecution(ctx, execution, transitions)`,
			},
		},
	},
	{
		Name:   "request-event-before-write",
		Breaks: `"Each transition is reported after the write that made it": a verdict is reported that may never be written.`,
		Edits: []Edit{
			{
				Package: "controllers", Func: "StopRequestReconciler.writeStatus",
				Find: `sr.Status = next`,
				Replace: `
					sr.Status = next
					r.Reporter.reportStopRequest(ctx, sr, "", verdict.Transitions(before.Conditions, next.Conditions, &sr.CreationTimestamp))`,
			},
			{
				Package: "controllers", Func: "StopRequestReconciler.writeStatus",
				Find:    `r.Reporter.reportStopRequest(ctx, sr, executionName, verdict.Transitions(before.Conditions, next.Conditions, &sr.CreationTimestamp))`,
				Replace: `_ = executionName`,
			},
		},
	},
	{
		Name:   "state-reported-twice",
		Breaks: `"a plain stop makes two events, Stopping and Stopped": every write of an execution reports its state again.`,
		Edits: []Edit{{
			Package: "controllers/plan", Func: "stateTransition",
			Find:    `is == readyReason(before)`,
			Replace: `false`,
		}},
	},
	{
		Name:   "verdict-reported-twice",
		Breaks: "A verdict is counted and reported again whenever the status of its request is written.",
		Edits: []Edit{{
			Package: "controllers/verdict", Func: "Transitions",
			Find:    `FindGiven(before) == nil`,
			Replace: `true`,
		}},
	},
	{
		Name:   "stopped-execution-ages",
		Breaks: `"age of the oldest stop that still waits; 0 if none waits": a stop that has ended counts, too.`,
		Edits: []Edit{{
			Package: "controllers/metrics", Func: "isStopping",
			Find:    `!execution.Status.State.IsFinal()`,
			Replace: `true`,
		}},
	},
	{
		Name:   "former-state-still-counted",
		Breaks: "haltline_executions counts an execution in every state that it was ever in.",
		Edits: []Edit{{
			Package: "controllers/metrics", Func: "Collector.change",
			Find:    `c.counts[stateOf(o)]--`,
			Replace: ``,
		}},
	},
	{
		Name:   "answered-request-ages",
		Breaks: `"age of the oldest stop request that has no verdict": one that was answered counts until it is deleted.`,
		Edits: []Edit{{
			Package: "controllers/metrics", Func: "isUndecided",
			Find:    `verdict.FindGiven(sr.Status.Conditions) == nil`,
			Replace: `true`,
		}},
	},
	{
		Name:   "finished-request-ages",
		Breaks: "Of a finished request the cache keeps no verdict, so it counts as one that waits when the operator is started.",
		Edits: []Edit{{
			Package: "controllers/metrics", Func: "isUndecided",
			Find:    `!verdict.IsFinished(sr.Status.Conditions)`,
			Replace: `true`,
		}},
	},
	{
		Name:   "queued-execution-starts-late",
		Breaks: `"not of one that waited before its first stage": an execution that waits in a queue counts as one that the operator starts late.`,
		Edits: []Edit{{
			Package: "controllers/plan", Func: "startDelayBegin",
			Find:    `before.WaitingForStage != nil`,
			Replace: `false`,
		}},
	},
	{
		Name:   "note-unbounded",
		Breaks: "I9: the note of an event is as long as its cause, and the API server refuses the event.",
		Edits: []Edit{{
			Package: "internal/text", Func: "BoundNote",
			Find:    `len(note) <= MaxNoteLength`,
			Replace: `true`,
		}},
	},
	{
		Name:   "message-unprintable",
		Breaks: "An escape sequence in the name of a user, or in the words of a webhook, reaches the terminal of whoever looks.",
		Edits: []Edit{{
			Package: "internal/text", Func: "Bound",
			Find:    `s = Printable(s)`,
			Replace: `_ = Printable`,
		}},
	},
	{
		Name:   "message-cut-inside-character",
		Breaks: "I9: a message is cut by bytes, so that it ends with a piece of a character.",
		Edits: []Edit{{
			Package: "internal/text", Func: "Bound",
			Find:    `string(runes[:n-1])`,
			Replace: `s[:n-1]`,
		}},
	},
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// planFaults break what an execution does next.
var planFaults = []Fault{
	{
		Name:   "final-state-goes-on",
		Breaks: "I5: a final state is left again.",
		Edits: []Edit{
			{
				Package: "controllers/plan", Func: "Next",
				Find:    `status.State.IsFinal()`,
				Replace: `status.State == v1alpha1.ExecutionSucceeded`,
			},
			{
				Package: "controllers", Func: "PipelineExecutionReconciler.runSteps",
				Find:    `execution.Status.State.IsFinal()`,
				Replace: `false`,
			},
		},
	},
	{
		Name:   "observed-generation-stale",
		Breaks: "kstatus: status.observedGeneration is not the generation that the status is about.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "Next",
			Find:    `in.Execution.Generation`,
			Replace: `max(status.ObservedGeneration, 0)`,
		}},
	},
	{
		Name:   "next-group-while-stopping",
		Breaks: `I3: "without starting subsequent actions": the next group starts when the last has ended, despite a stop.`,
		Edits: []Edit{{
			Package: "controllers/plan", Func: "Next",
			Find:    `isStopInForce(&status)`,
			Replace: `isStopInForce(&status) && anyAction(&status, isActive)`,
		}},
	},
	{
		Name:   "failing-not-shown",
		Breaks: "A failure is seen early: an execution of which an action has failed reads InProgress until the last sibling has ended.",
		Edits:  []Edit{{Package: "controllers/plan", Func: "isFailing", Find: `anyAction(status, hasFailed) && anyAction(status, isActive) || anyAction(status, hasTimedOut)`, Replace: `false`}},
	},
	{
		Name:   "failing-names-no-sibling",
		Breaks: "A failure is seen early: the message of Failing leaves out what still runs.",
		Edits:  []Edit{{Package: "controllers/plan", Func: "describeFailing", Find: `isActive(a)`, Replace: `hasEnded(a)`}},
	},
	{
		Name:   "failing-hides-a-stop",
		Breaks: "I3: an execution that makes sure that nothing more starts reads Failing, and its StopRequest does not report what keeps the stop.",
		Edits:  []Edit{{Package: "controllers/plan", Func: "describeProgress", Find: `status.Stop != nil`, Replace: `status.Stop != nil && !isFailing(status)`}},
	},
	{
		Name:   "timeout-of-an-execution-ignored",
		Breaks: "An execution that exceeds its timeoutSeconds goes on.",
		Edits:  []Edit{{Package: "controllers/plan", Func: "timeOut", Find: `isOver(status.DeadlineTime, now)`, Replace: `false`}},
	},
	{
		Name:   "timeout-without-requeue",
		Breaks: "I8: nobody looks at an execution when its time limit is over, unless something else happens to it.",
		Edits:  []Edit{{Package: "controllers/plan", Func: "RequeueAfter", Find: `min(next, untilLook(status, now), untilDeadline(status, now))`, Replace: `min(next, untilLook(status, now))`}},
	},
	{
		Name:   "timeout-ends-a-stop",
		Breaks: "A stop that waits is not escalated by a time limit of the execution: its work is ended nevertheless.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "Next",
			Find:    `abandonActions(&status, in.Definition, in.Now)`,
			Replace: `timeOut(&status, in.Now); abandonActions(&status, in.Definition, in.Now)`,
		}},
	},
	{
		Name:   "timeout-leaves-a-start-open",
		Breaks: "I5: an execution that exceeded its time limit starts what it had decided to start.",
		Edits:  []Edit{{Package: "controllers/plan", Func: "operationType", Find: `isUnconfirmed(a) && (stopped || a.TimedOut != nil)`, Replace: `isUnconfirmed(a) && stopped`}},
	},
	{
		Name:   "start-timeout-of-what-runs",
		Breaks: "startTimeoutSeconds ends an action of which a pod runs.",
		Edits:  []Edit{{Package: "controllers/plan", Func: "recordObservation", Find: `o.HasRun && a.TimedOut == nil`, Replace: `false`}},
	},
	{
		Name:   "timed-out-work-is-forgotten",
		Breaks: "I5: an execution that exceeded its time limit reads Failed while its work goes on.",
		Edits:  []Edit{{Package: "controllers/plan", Func: "endsByTimeout", Find: `o.Phase`, Replace: `max(o.Phase, PhaseSucceeded)`}},
	},
	{
		Name:   "run-order-ignored",
		Breaks: "All actions of a stage start together, whatever their runOrder.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "nextGroupOfStage",
			Find: `
				if len(group) > 0 && action.RunOrder < group[0].RunOrder {
					group = nil
				}
				if len(group) == 0 || action.RunOrder == group[0].RunOrder {
					group = append(group, action)
				}`,
			Replace: `group = append(group, action)`,
		}},
	},
	{
		Name:   "failure-ends-siblings",
		Breaks: "I5: an execution reads Failed while actions beside the failed one still run.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "startNextGroup",
			Find: `
				if status.PipelineRevision == "" || anyAction(status, isActive) || in.Execution.DeletionTimestamp != nil {
					return nil
				}
				if anyAction(status, hasFailed) || status.TimedOutTime != nil {
					setFinalState(status, v1alpha1.ExecutionFailed, in.Now)
					return nil
				}`,
			Replace: `
				if anyAction(status, hasFailed) || status.TimedOutTime != nil {
					setFinalState(status, v1alpha1.ExecutionFailed, in.Now)
					return nil
				}
				if status.PipelineRevision == "" || anyAction(status, isActive) || in.Execution.DeletionTimestamp != nil {
					return nil
				}`,
		}},
	},
	{
		Name:   "job-name-without-uid",
		Breaks: "I4: an execution that is deleted and created again finds the Jobs of the first one under its names.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "WorkloadName",
			Find:    `string(execution.UID)`,
			Replace: `execution.Name`,
		}},
	},
	{
		Name:   "job-name-foreseeable",
		Breaks: "Whoever can read an execution knows the names of its Jobs before they are needed, and can take them.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "recordIntent",
			Find:    `in.Nonce`,
			Replace: `""`,
		}},
	},
	{
		Name:   "job-name-without-attempt",
		Breaks: "I4: every attempt of an action has the same name, so a later one finds the Job of the first.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "WorkloadName",
			Find: `strconv.Itoa(int(attempt))`,
		}},
	},
	{
		Name:   "attempt-not-recorded",
		Breaks: "I4: the status does not show which attempt of an action its workload belongs to.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "recordIntent",
			Find: `a.Attempt++`,
		}},
	},
	{
		Name:   "job-uid-not-recorded",
		Breaks: "I4: a Job that ran and was lost looks like one that was never created, and runs again.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "recordObservation",
			Find:    `a.Workload.UID == ""`,
			Replace: `false`,
		}},
	},
	{
		Name:   "lost-record-undoes-stop",
		Breaks: "I3: an execution goes on when somebody else wipes the record of its stop, though its state shows the stop.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "isStopInForce",
			Find:    `status.Stop != nil || status.State == v1alpha1.ExecutionStopping`,
			Replace: `status.Stop != nil`,
		}},
	},
	{
		Name:   "abandon-waits",
		Breaks: `Contract: "abandoning, rather than finishing, in-progress actions".`,
		Edits: []Edit{{
			Package: "controllers/plan", Func: "abandonActions",
			Find:    `modeInForce(status) == v1alpha1.StopModeAbandon`,
			Replace: `modeInForce(status) == ""`,
		}},
	},
	{
		Name:   "wait-abandons",
		Breaks: `Contract: "completing in-progress actions": a stop that waits does not let them finish.`,
		Edits: []Edit{{
			Package: "controllers/plan", Func: "abandonActions",
			Find:    `modeInForce(status) == v1alpha1.StopModeAbandon`,
			Replace: `modeInForce(status) != ""`,
		}},
	},
	{
		Name:   "on-stop-ignored",
		Breaks: "A stop that waits waits for actions with onStop: Abandon, too.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "abandonActions",
			Find:    `findDefinition(definition, key).OnStop == v1alpha1.OnStopAbandon`,
			Replace: `abandonsAll && findDefinition(definition, key).OnStop == v1alpha1.OnStopAbandon`,
		}},
	},
	{
		Name:   "fence-after-publication",
		Breaks: "I3: the state shows the stop while an action may still start; the fence comes later.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "setStopState",
			Find:    `anyAction(status, isUnconfirmed)`,
			Replace: `false`,
		}},
	},
	{
		Name:   "stopped-too-early",
		Breaks: `I5: "After all in-progress actions are completed or abandoned": Stopped comes when they were told to end.`,
		Edits: []Edit{{
			Package: "controllers/plan", Func: "setStopState",
			Find:    `anyAction(status, isActive)`,
			Replace: `anyAction(status, func(a *v1alpha1.ActionStatus) bool { return a.State == v1alpha1.ActionInProgress })`,
		}},
	},
	{
		Name:   "start-instead-of-fence",
		Breaks: "I3: an action that was about to start starts, despite a stop: there is no fence.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "operationType",
			Find:    `isUnconfirmed(a) && (stopped || a.TimedOut != nil)`,
			Replace: `false`,
		}},
	},
	{
		Name:   "on-abandon-ignored",
		Breaks: "A stop that abandons ends actions with onAbandon: Orphan, too.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "operationType",
			Find:    `onAbandon == v1alpha1.OnAbandonOrphan`,
			Replace: `false`,
		}},
	},
	{
		Name:   "refusal-delays-escalation",
		Breaks: "A stop whose fence is refused escalates only when the refusal is tried again, long after its time.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "RetryAfter",
			Find:    `delay = min(delay, next)`,
			Replace: `_ = next`,
		}},
	},
	{
		Name:   "refusal-of-a-stop-tried-seldom",
		Breaks: "A stop that a refusal keeps is tried again as seldom as the start before it, which lasted long.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "lastAsked",
			Find:    `later(&execution.Status.Stop.Requests[i].AcceptedTime)`,
			Replace: `_ = i`,
		}},
	},
	{
		Name:   "escalation-not-awaited",
		Breaks: "I8: nothing looks at an execution when its stop has to escalate.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "untilStopCheck",
			Find: `
				if at := stop.EscalationTime(status.Stop); at != nil {
					next = min(next, max(at.Sub(now.Time), time.Millisecond))
				}`,
			Replace: `
				if stop.EscalationTime(status.Stop) != nil {
					return never
				}`,
		}},
	},
	{
		Name:   "message-unbounded",
		Breaks: "I9: a condition's message is as long as its cause, and the API server refuses the status.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "setConditions",
			Find:    `text.BoundMessage(o.message)`,
			Replace: `o.message`,
		}},
	},
	{
		Name:   "ready-while-stopping",
		Breaks: "kstatus: an execution is Ready while it is Stopping.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "describeOutcome",
			Find:    `v1alpha1.ConditionReady: no, v1alpha1.ConditionReconciling: yes, v1alpha1.ConditionStopping: yes`,
			Replace: `v1alpha1.ConditionReady: yes, v1alpha1.ConditionReconciling: yes, v1alpha1.ConditionStopping: yes`,
		}},
	},
	{
		Name:   "stopped-without-finished",
		Breaks: `"Finished is True at whatever end": whoever waits for it waits for ever for an execution that is Stopped.`,
		Edits: []Edit{{
			Package: "controllers/plan", Func: "describeOutcome",
			Find:    `v1alpha1.ConditionStopped: yes, v1alpha1.ConditionFinished: yes`,
			Replace: `v1alpha1.ConditionStopped: yes`,
		}},
	},
	{
		Name:   "finished-while-stopping",
		Breaks: "I5: an execution is Finished while its actions in progress have not ended.",
		Edits: []Edit{{
			Package: "controllers/plan", Func: "describeOutcome",
			Find:    `v1alpha1.ConditionStopping: yes`,
			Replace: `v1alpha1.ConditionStopping: yes, v1alpha1.ConditionFinished: yes`,
		}},
	},
	{
		Name:   "finished-without-its-end",
		Breaks: `"Finished is True at whatever end, and its reason is that end": the reason is the cause of the failure.`,
		Edits: []Edit{{
			Package: "controllers/plan", Func: "setConditions",
			Find: `c.Reason = string(status.State)`,
		}},
	},
}

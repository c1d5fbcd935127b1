// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/invariants"
	"haltline.dev/haltline/test/simcluster"
	"haltline.dev/haltline/test/simcluster/operator"
)

// checkCase is a breach of an invariant, and a deviation that comes close to it and is lawful.
type checkCase struct {
	name string
	// invariant is that of the check that finds the breach.
	invariant string
	// action is what the Pipeline has; if it has no name, one that never ends.
	action         action
	breach, lawful deviation
	// injections go wrong in the lawful history.
	injections []*Injection
}

// A check that finds nothing is worth nothing: each finds what is wrong with a history, and nothing in a lawful one.
func TestChecks(t *testing.T) {
	unproven := slices.Clone(ownChecks)
	for _, c := range allChecks() {
		unproven = append(unproven, c.Name)
	}
	for _, tt := range slices.Concat(
		verdictCases(), startCases(), finalStateCases(), remainsCases(), restCases(), writeCases(), stageCases(), approvalCases(), retryCases(),
		workspaceCases(),
	) {
		if tt.action.name == "" {
			tt.action = newAction("compile").thatHangs()
		}
		t.Run(tt.name, func(t *testing.T) {
			b := newHistoryBuilder(t, tt.action)
			b.build(tt.breach)
			found := Check(b.Sim)
			if !slices.ContainsFunc(found, func(v Violation) bool { return v.Invariant == tt.invariant }) {
				t.Errorf("found %v, not %s\n%s", found, tt.invariant, b.Trace(found))
			}
			for _, v := range found {
				unproven = slices.DeleteFunc(unproven, func(name string) bool { return name == v.Check })
			}
			b = newHistoryBuilder(t, tt.action, tt.injections...)
			b.build(tt.lawful)
			if found := Check(b.Sim); len(found) > 0 {
				t.Errorf("found in a lawful history:\n%s", b.Trace(found))
			}
		})
	}
	if len(unproven) > 0 {
		t.Errorf("no breach is found by %q", unproven)
	}
}

// verdictCases are those of I1 and I2.
func verdictCases() []checkCase {
	answered := func(how func(*v1alpha1.StopRequestSpec), reason string) func(*historyBuilder) {
		return func(b *historyBuilder) { b.requestStop("other", how); b.giveVerdict("other", reason) }
	}
	unpublished := func(b *historyBuilder) { b.recordStop("stop", v1alpha1.StopModeAbandon, v1alpha1.ExecutionInProgress) }
	forget := func(b *historyBuilder) { b.updateStatus(func(s *v1alpha1.PipelineExecutionStatus) { s.Stop = nil }) }
	unfinished := func(b *historyBuilder) {
		b.requestStop("other", setWait)
		b.writeConditions("other", metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionFalse, Reason: duplicated})
	}
	return []checkCase{
		{name: "a verdict changes", invariant: "I1",
			breach: deviation{before: "terminate", do: func(b *historyBuilder) { b.giveVerdict("stop", duplicated) }},
			lawful: deviation{before: "terminate", do: answered(setWait, duplicated)}},
		{name: "accepted before it is published", invariant: "I1",
			breach: deviation{instead: "publish", do: unpublished},
			lawful: deviation{before: "accept", do: func(*historyBuilder) {}}},
		{name: "accepted and never recorded", invariant: "I1",
			breach: deviation{before: "terminate", do: answered(setAbandon, accepted)},
			lawful: deviation{before: "terminate", do: answered(setAbandon, duplicated)}},
		{name: "a duplicate of nothing", invariant: "I1",
			breach: deviation{before: "request", do: answered(setWait, duplicated)},
			lawful: deviation{before: "terminate", do: answered(setWait, duplicated)}},
		{name: "not stoppable in progress", invariant: "I1",
			breach: deviation{before: "stop", do: answered(setWait, notStoppable)},
			lawful: deviation{before: "conclude", do: answered(setWait, notStoppable)}},
		{name: "a wrong verdict after a wipe of the stages", invariant: "I1",
			breach: deviation{before: "terminate", do: func(b *historyBuilder) { b.wipeStatus("stages"); answered(setWait, notStoppable)(b) }},
			lawful: deviation{before: "terminate", do: func(b *historyBuilder) { b.wipeStatus("stop"); answered(setWait, duplicated)(b) }}},
		{name: "a wait after an abandon", invariant: "I2",
			breach: deviation{before: "terminate", do: func(b *historyBuilder) {
				b.requestStop("other", setWait)
				b.publishStop("other", v1alpha1.StopModeWait)
			}},
			lawful: deviation{before: "publish", do: func(b *historyBuilder) {
				b.requestStop("other", setWait)
				b.publishStop("other", v1alpha1.StopModeWait)
				b.giveVerdict("other", accepted)
			}}},
		{name: "a stop is forgotten", invariant: "I2",
			breach: deviation{before: "terminate", do: forget},
			lawful: deviation{before: "terminate", do: func(b *historyBuilder) { b.wipeStatus("stop") }}},
		{name: "a stop is forgotten after a wipe of the state", invariant: "I2",
			breach: deviation{before: "terminate", do: func(b *historyBuilder) { b.wipeStatus("state"); forget(b) }},
			lawful: deviation{before: "terminate", do: func(b *historyBuilder) { b.wipeStatus("state") }}},
		{name: "rejected and not finished", invariant: "I1",
			breach: deviation{before: "terminate", do: unfinished},
			lawful: deviation{before: "terminate", do: answered(setWait, duplicated)}},
	}
}

// startCases are those of I3 and I4.
func startCases() []checkCase {
	lost := func(b *historyBuilder) { b.deleteObject(simcluster.Job, b.jobName()); b.settle() }
	return []checkCase{
		{name: "a Job after the stop", invariant: "I3",
			breach: deviation{before: "stop", do: func(b *historyBuilder) { b.createJob("late", setPlaceholder) }},
			lawful: deviation{before: "stop", do: func(b *historyBuilder) { b.recreateJob(setPlaceholder) }}},
		{name: "a Job that runs in the place of a lost one", invariant: "I3",
			breach: deviation{before: "stop", do: func(b *historyBuilder) { b.recreateJob(setRunnable) }},
			lawful: deviation{before: "stop", do: func(b *historyBuilder) {
				lost(b)
				b.Store.As(outsider, func() { b.createObject(b.newJob(b.jobName(), setPlaceholder)) })
			}}},
		{name: "a Job is resumed after the stop", invariant: "I3",
			breach: deviation{before: "stop", do: func(b *historyBuilder) { b.patchSpec(`{"suspend":false}`) }},
			lawful: deviation{before: "stop", do: func(b *historyBuilder) { b.actAsOutsider("resume.Job.0") }}},
		{name: "a Job after the stop and a wipe of the stop", invariant: "I3",
			breach: deviation{before: "stop", do: func(b *historyBuilder) { b.wipeStatus("stop"); b.createJob("late", setPlaceholder) }},
			lawful: deviation{before: "stop", do: func(b *historyBuilder) {
				b.wipeStatus("all")
				b.createJob("late", setPlaceholder)
				b.writeStates(v1alpha1.ExecutionStopping, v1alpha1.ActionAbandoned)
			}}},
		{name: "two Jobs run", invariant: "I4",
			breach: deviation{before: "request", do: func(b *historyBuilder) { b.recreateJob(setRunnable); b.settle() }},
			lawful: deviation{before: "confirm", do: func(b *historyBuilder) { b.settle(); b.job = b.recreateJob(setRunnable) }}},
		{name: "a placeholder gets a pod", invariant: "I4",
			breach: deviation{instead: "create", do: func(b *historyBuilder) { b.job = b.createJob(b.jobName(), setRunnablePlaceholder) }},
			lawful: deviation{before: "work", do: func(b *historyBuilder) { b.actAsOutsider("placeholder.Job.0") }}},
		{name: "a Job under a name of its own", invariant: "I4",
			breach: deviation{instead: "create", do: func(b *historyBuilder) { b.job = b.createJob("a-name-of-its-own", setRunnable) }},
			lawful: deviation{instead: "create", do: func(b *historyBuilder) { b.job = b.createJob(b.jobName(), setRunnable) }}},
		{name: "the workload of another attempt", invariant: "I4",
			breach: deviation{before: "request", do: func(b *historyBuilder) { b.writeAttempt(2) }},
			lawful: deviation{before: "request", do: func(b *historyBuilder) { b.writeMessage("the first attempt", executionController) }}},
	}
}

// finalStateCases are those of I5.
func finalStateCases() []checkCase {
	orphan, terminate := newAction("compile").thatHangs().thatIsOrphaned(), newAction("compile").thatHangs()
	begun := func(b *historyBuilder) { b.writeStates(v1alpha1.ExecutionStopping, v1alpha1.ActionAbandoned) }
	release := func(b *historyBuilder) { b.orphanJob(true, true) }
	return []checkCase{
		{name: "a final state changes", invariant: "I5",
			breach: deviation{before: "conclude", do: func(b *historyBuilder) { b.endExecution(v1alpha1.ExecutionFailed) }},
			lawful: deviation{before: "conclude", do: func(b *historyBuilder) { b.actAsOutsider("touch.PipelineExecution.0") }}},
		{name: "a final status changes", invariant: "I5",
			breach: deviation{before: "conclude", do: func(b *historyBuilder) { b.writeMessage("later", executionController) }},
			lawful: deviation{before: "stop", do: func(b *historyBuilder) { b.writeMessage("sooner", executionController) }}},
		{name: "a stop is taken back", invariant: "I5",
			breach: deviation{before: "terminate", do: func(b *historyBuilder) { b.writeStates(v1alpha1.ExecutionInProgress, v1alpha1.ActionAbandoned) }},
			lawful: deviation{before: "publish", do: func(b *historyBuilder) { b.writeMessage("still in progress", executionController) }}},
		{name: "a stop ends in Succeeded", invariant: "I5",
			breach: deviation{instead: "stop", do: func(b *historyBuilder) { b.endExecution(v1alpha1.ExecutionSucceeded) }},
			lawful: deviation{instead: "stop", do: (*historyBuilder).stopExecution}},
		{name: "stopped while a Job may run", invariant: "I5",
			breach: deviation{before: "terminate", do: (*historyBuilder).stopExecution},
			lawful: deviation{before: "stop", do: (*historyBuilder).settle}},
		{name: "stopped while a pod ends", invariant: "I5",
			breach: deviation{before: "end", do: (*historyBuilder).stopExecution},
			lawful: deviation{instead: "stop", do: (*historyBuilder).stopExecution}},
		{name: "stopped while a pod ends, after a wipe of the state", invariant: "I5",
			breach: deviation{before: "end", do: func(b *historyBuilder) { b.wipeStatus("state"); b.stopExecution() }},
			lawful: deviation{before: "end", do: func(b *historyBuilder) { b.wipeStatus("stages"); begun(b) }}},
		{name: "stopped before the action has ended", invariant: "I5",
			breach: deviation{before: "stop", do: func(b *historyBuilder) { b.writeStates(v1alpha1.ExecutionStopped, v1alpha1.ActionAbandoned) }},
			lawful: deviation{before: "stop", do: func(b *historyBuilder) { b.writeMessage("nearly", executionController) }}},
		{name: "left behind by a Pipeline that terminates", invariant: "I5", action: terminate,
			breach: deviation{instead: "terminate", do: release},
			lawful: deviation{instead: "terminate", do: func(b *historyBuilder) { b.patchSpec(`{"suspend":true,"parallelism":0}`) }}},
		{name: "left behind before it is abandoned", invariant: "I6", action: orphan,
			breach: deviation{before: "publish", do: release},
			lawful: deviation{instead: "terminate", do: release}},
		{name: "stopped while a Job runs that somebody else took away", invariant: "I5",
			breach: deviation{instead: "terminate", do: func(b *historyBuilder) { b.actAsOutsider("unown.Job.0") }},
			lawful: deviation{before: "end", do: func(b *historyBuilder) { b.actAsOutsider("unown.Job.0") }}},
		{name: "stopped and not finished", invariant: "I5",
			breach: deviation{before: "conclude", do: func(b *historyBuilder) { b.writeFinished("") }},
			lawful: deviation{before: "stop", do: func(b *historyBuilder) { b.writeReady(stopping) }}},
		{name: "finished before it has stopped", invariant: "I5",
			breach: deviation{before: "stop", do: func(b *historyBuilder) { b.writeFinished(stopped) }},
			lawful: deviation{before: "stop", do: func(b *historyBuilder) { b.writeReady(stopping) }}},
		{name: "a request reads Stopped too early", invariant: "I5",
			breach: deviation{before: "stop", do: (*historyBuilder).concludeRequests},
			lawful: deviation{instead: "conclude", do: (*historyBuilder).concludeRequests}},
		{name: "a request reads Stopped while a Job of a deleted execution runs", invariant: "I5",
			breach: deviation{until: "terminate", do: func(b *historyBuilder) {
				b.deleteObject(simcluster.Execution, "run")
				b.concludeRequests()
			}},
			lawful: deviation{until: "terminate", do: func(b *historyBuilder) {
				b.deleteObject(simcluster.Execution, "run")
				b.settle()
				b.concludeRequests()
			}}},
		{name: "a stop that waits abandons", invariant: "I5",
			breach: deviation{instead: "publish", do: func(b *historyBuilder) {
				b.publishStop("stop", v1alpha1.StopModeWait)
				b.abandonAction()
			}},
			lawful: deviation{instead: "publish", do: func(b *historyBuilder) { b.publishStop("stop", v1alpha1.StopModeAbandon) }}},
	}
}

// remainsCases are those of I6.
func remainsCases() []checkCase {
	orphan := newAction("compile").thatHangs().thatIsOrphaned()
	return []checkCase{
		{name: "left behind without a mark", invariant: "I6", action: orphan,
			breach: deviation{instead: "terminate", do: func(b *historyBuilder) { b.orphanJob(true, false) }},
			lawful: deviation{instead: "terminate", do: func(b *historyBuilder) { b.orphanJob(true, true) }}},
		{name: "marked and owned", invariant: "I6", action: orphan,
			breach: deviation{instead: "terminate", do: func(b *historyBuilder) { b.orphanJob(false, true) }},
			lawful: deviation{instead: "terminate", do: func(b *historyBuilder) { b.orphanJob(true, true) }}},
		{name: "resumed after all", invariant: "I6",
			breach: deviation{before: "conclude", do: func(b *historyBuilder) { b.patchSpec(`{"parallelism":1}`); b.actAsOutsider("resume.Job.0"); b.settle() }},
			lawful: deviation{before: "conclude", do: func(b *historyBuilder) { b.actAsOutsider("resume.Job.0"); b.settle() }}},
		{name: "the operator sets a finalizer", invariant: "I6",
			breach: deviation{before: "request", do: (*historyBuilder).writeFinalizer},
			lawful: deviation{before: "request", do: (*historyBuilder).addFinalizer}},
		{name: "a finalizer is stuck", invariant: "I6",
			breach: deviation{before: "rest", do: func(b *historyBuilder) { b.addFinalizer(); b.deleteObject(simcluster.Execution, "run"); b.settle() }},
			lawful: deviation{before: "rest", do: func(b *historyBuilder) { b.deleteObject(simcluster.Execution, "run"); b.settle() }}},
		{name: "a namespace cannot be deleted", invariant: "I6",
			breach: deviation{before: "rest", do: func(b *historyBuilder) { b.addFinalizer(); b.actAsOutsider("terminate"); b.settle() }},
			lawful: deviation{before: "rest", do: func(b *historyBuilder) { b.actAsOutsider("terminate"); b.settle() }}},
	}
}

// restCases are those of I8.
func restCases() []checkCase {
	waits := func(escalates *metav1.Time) func(*historyBuilder) {
		return func(b *historyBuilder) {
			b.publishStop("stop", v1alpha1.StopModeWait)
			b.giveVerdict("stop", accepted)
			if escalates != nil {
				b.updateStatus(func(s *v1alpha1.PipelineExecutionStatus) { s.Stop.Requests[0].EscalationTime = escalates })
			}
		}
	}
	abandons := func(b *historyBuilder) {
		b.publishStop("stop", v1alpha1.StopModeAbandon)
		b.giveVerdict("stop", accepted)
	}
	late := func(b *historyBuilder) { b.restartAtRest(b.concludeRequests) }
	same := func(b *historyBuilder) {
		b.restartAtRest(func() { b.updateStatus(func(*v1alpha1.PipelineExecutionStatus) {}) })
	}
	return []checkCase{
		{name: "an abandon never ends", invariant: "I8",
			breach: deviation{until: "publish", do: abandons},
			lawful: deviation{until: "publish", do: waits(nil)}},
		{name: "an escalation never comes", invariant: "I8",
			breach: deviation{until: "publish", do: waits(&metav1.Time{Time: time.Date(2026, 1, 1, 0, 0, 20, 0, time.UTC)})},
			lawful: deviation{until: "publish", do: waits(nil)}},
		{name: "onStop: Abandon never ends", invariant: "I8", action: newAction("compile").thatHangs().thatIsAbandonedOnStop(),
			breach: deviation{until: "publish", do: waits(nil)},
			lawful: deviation{until: "publish", do: func(b *historyBuilder) { b.deleteObject(simcluster.Revision, "web-1"); waits(nil)(b) }}},
		{name: "a request is never answered", invariant: "I8",
			breach: deviation{until: "publish", do: func(*historyBuilder) {}},
			lawful: deviation{until: "request", do: func(*historyBuilder) {}}},
		{name: "a request is concluded by a restart alone", invariant: "I8",
			breach:     deviation{until: "conclude", do: late},
			lawful:     deviation{until: "conclude", do: late},
			injections: []*Injection{{What: "drop.1"}}},
		{name: "a write after all", invariant: "I8",
			breach: deviation{until: "rest", do: func(b *historyBuilder) { b.restartAtRest(func() { b.writeMessage("later", executionController) }) }},
			lawful: deviation{until: "rest", do: func(b *historyBuilder) { b.restartAtRest(func() {}) }}},
		{name: "a restarted operator writes what is there", invariant: "I8",
			breach: deviation{until: "rest", do: same},
			lawful: deviation{until: "rest", do: func(b *historyBuilder) { b.restartAtRest(func() { b.findExecution() }) }}},
		{name: "a write of what is there", invariant: "I8",
			breach: deviation{before: "terminate", do: func(b *historyBuilder) { b.updateStatus(func(*v1alpha1.PipelineExecutionStatus) {}) }},
			lawful: deviation{before: "terminate", do: func(b *historyBuilder) { b.rewriteStatus("1") }}},
		{name: "the cluster does not come to rest", invariant: "I8",
			breach: deviation{before: "rest", do: func(b *historyBuilder) { b.Stuck = true }},
			lawful: deviation{before: "rest", do: func(*historyBuilder) {}}},
	}
}

// writeCases are those of I7, I9 and I10.
func writeCases() []checkCase {
	suspend := map[string]any{"spec": map[string]any{"suspend": true}}
	writeOften := func(n int) func(*historyBuilder) {
		return func(b *historyBuilder) {
			for i := range n {
				b.writeMessage(strconv.Itoa(i), executionController)
			}
		}
	}
	recordEvents := func(n int) func(*historyBuilder) {
		return func(b *historyBuilder) {
			b.Op.Events = append(b.Op.Events, make([]operator.RecordedEvent, n)...)
		}
	}
	return []checkCase{
		{name: "a Job of somebody else's is written", invariant: "I7",
			breach: deviation{before: "terminate", do: func(b *historyBuilder) { b.actAsOutsider("adopt.Job.0"); b.patchSpec(`{"suspend":true}`) }},
			lawful: deviation{before: "terminate", do: func(b *historyBuilder) { b.actAsOutsider("touch.Job.0"); b.patchSpec(`{"suspend":true}`) }}},
		{name: "a Job is written for another execution of the name", invariant: "I7",
			breach: deviation{before: "terminate", do: func(b *historyBuilder) {
				b.actAsOutsider("recreate.PipelineExecution.0")
				b.patchJob(b.withVersion(suspend))
			}},
			lawful: deviation{before: "terminate", do: func(b *historyBuilder) {
				b.patchJob(b.withVersion(suspend))
			}}},
		{name: "an execution is written by another controller", invariant: "I7",
			breach: deviation{before: "request", do: func(b *historyBuilder) { b.writeMessage("by another controller", stopRequestController) }},
			lawful: deviation{before: "request", do: func(b *historyBuilder) { b.writeMessage("by its own", executionController) }}},
		{name: "a spec is changed", invariant: "I7",
			breach: deviation{before: "request", do: func(b *historyBuilder) { b.writeSpec("mallory") }},
			lawful: deviation{before: "request", do: func(b *historyBuilder) { b.writeMessage("started by ada", executionController) }}},
		{name: "a revision is deleted that an execution uses", invariant: "I10",
			breach: deviation{before: "request", do: (*historyBuilder).deleteRevision},
			lawful: deviation{before: "intent", do: func(b *historyBuilder) { b.deleteRevision(); b.createRevision() }}},
		{name: "an execution is deleted that has just ended", invariant: "I10",
			breach: deviation{until: "rest", do: func(b *historyBuilder) { b.retain(time.Minute - time.Second) }},
			lawful: deviation{until: "rest", do: func(b *historyBuilder) { b.retain(time.Minute) }}},
		{name: "an object is written again and again", invariant: "I9",
			breach: deviation{before: "request", do: writeOften(maxWritesOfRun)},
			lawful: deviation{before: "request", do: writeOften(invariants.MaxWritesOfObject / 2)}},
		{name: "too many events", invariant: "I9",
			breach: deviation{before: "request", do: recordEvents(invariants.MaxEventsOfReconciliation + 1)},
			lawful: deviation{before: "request", do: recordEvents(invariants.MaxEventsOfReconciliation)}},
		{name: "too many writes", invariant: "I9",
			breach: deviation{before: "request", do: func(b *historyBuilder) { b.writeMessages(invariants.MaxWritesOfReconciliation + 1) }},
			lawful: deviation{before: "request", do: func(b *historyBuilder) { b.writeMessages(invariants.MaxWritesOfReconciliation) }}},
		{name: "a status that grows", invariant: "I9",
			breach: deviation{before: "request", do: func(b *historyBuilder) {
				b.writeMessage(strings.Repeat("x", invariants.MaxStatusBytes), executionController)
			}},
			lawful: deviation{before: "request", do: func(b *historyBuilder) {
				b.writeMessage(strings.Repeat("x", invariants.MaxStatusBytes/2), executionController)
			}}},
		{name: "a rejection on the execution", invariant: "I9",
			breach: deviation{before: "request", do: func(b *historyBuilder) { b.writeReady(duplicated) }},
			lawful: deviation{before: "request", do: func(b *historyBuilder) { b.writeReady(v1alpha1.ReasonFencing) }}},
		{name: "a delete without a uid", invariant: "I10",
			breach: deviation{instead: "terminate", do: func(b *historyBuilder) { b.deleteJob(nil) }},
			lawful: deviation{instead: "terminate", do: func(b *historyBuilder) { b.deleteObject(simcluster.Job, b.jobName()) }}},
		{name: "a delete with a uid", invariant: "I10",
			breach: deviation{instead: "terminate", do: func(b *historyBuilder) { b.deleteJob(&b.job.UID) }},
			lawful: deviation{before: "terminate", do: func(b *historyBuilder) { b.patchJob(b.withVersion(suspend)) }}},
		{name: "a patch without a resourceVersion", invariant: "I10",
			breach: deviation{before: "terminate", do: func(b *historyBuilder) { b.patchJob(suspend) }},
			lawful: deviation{before: "terminate", do: func(b *historyBuilder) { b.patchJob(b.withVersion(suspend)) }}},
		{name: "a status without a resourceVersion", invariant: "I10",
			breach: deviation{before: "terminate", do: func(b *historyBuilder) { b.rewriteStatus("") }},
			lawful: deviation{before: "terminate", do: func(b *historyBuilder) { b.rewriteStatus("1") }}},
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// check is a breach of an invariant, and what comes close to it and is none: the lawful history with one change or with another.
type check struct {
	name string
	// invariant is what the breach is found by.
	invariant string
	// action is what the Pipeline has; one that terminates where it has no name.
	action         action
	breach, lawful change
	// trouble is injected into the lawful one.
	trouble []*Injection
}

// A check that finds nothing is worth nothing: each finds what is wrong with a history, and nothing in a lawful one.
func TestChecks(t *testing.T) {
	for _, tt := range slices.Concat(
		checksOfVerdicts(), checksOfStarts(), checksOfFinalStates(), checksOfRemains(), checksOfRest(), checksOfWrites(),
	) {
		if tt.action.name == "" {
			tt.action = act("compile").hangs()
		}
		t.Run(tt.name, func(t *testing.T) {
			b := newTale(t, tt.action)
			b.tell(tt.breach)
			if found := Check(b.Sim); !slices.ContainsFunc(found, func(v Violation) bool { return v.Invariant == tt.invariant }) {
				t.Errorf("found %v, not %s\n%s", found, tt.invariant, b.Trace(found))
			}
			b = newTale(t, tt.action, tt.trouble...)
			b.tell(tt.lawful)
			if found := Check(b.Sim); len(found) > 0 {
				t.Errorf("found in a lawful history:\n%s", b.Trace(found))
			}
		})
	}
}

// checksOfVerdicts are those of I1 and I2.
func checksOfVerdicts() []check {
	answered := func(how func(*v1alpha1.StopRequestSpec), reason string) func(*tale) {
		return func(b *tale) { b.asks("other", how); b.answer("other", reason) }
	}
	unpublished := func(b *tale) { b.record("stop", v1alpha1.StopModeAbandon, v1alpha1.ExecutionInProgress) }
	forget := func(b *tale) { b.update(func(s *v1alpha1.PipelineExecutionStatus) { s.Stop = nil }) }
	return []check{
		{name: "a verdict changes", invariant: "I1",
			breach: change{before: "end", do: func(b *tale) { b.answer("stop", duplicated) }},
			lawful: change{before: "end", do: answered(wait, duplicated)}},
		{name: "accepted before it is published", invariant: "I1",
			breach: change{instead: "accept", do: unpublished},
			lawful: change{before: "answer", do: func(*tale) {}}},
		{name: "accepted and never recorded", invariant: "I1",
			breach: change{before: "end", do: answered(abandon, accepted)},
			lawful: change{before: "end", do: answered(abandon, duplicated)}},
		{name: "a duplicate of nothing", invariant: "I1",
			breach: change{before: "ask", do: answered(wait, duplicated)},
			lawful: change{before: "end", do: answered(wait, duplicated)}},
		{name: "not stoppable in progress", invariant: "I1",
			breach: change{before: "stop", do: answered(wait, notStoppable)},
			lawful: change{before: "conclude", do: answered(wait, notStoppable)}},
		{name: "a wrong verdict after a wipe of the stages", invariant: "I1",
			breach: change{before: "end", do: func(b *tale) { b.wipes("stages"); answered(wait, notStoppable)(b) }},
			lawful: change{before: "end", do: func(b *tale) { b.wipes("stop"); answered(wait, duplicated)(b) }}},
		{name: "a wait after an abandon", invariant: "I2",
			breach: change{before: "end", do: func(b *tale) { b.asks("other", wait); b.accept("other", v1alpha1.StopModeWait) }},
			lawful: change{before: "accept", do: func(b *tale) {
				b.asks("other", wait)
				b.accept("other", v1alpha1.StopModeWait)
				b.answer("other", accepted)
			}}},
		{name: "a stop is forgotten", invariant: "I2",
			breach: change{before: "end", do: forget},
			lawful: change{before: "end", do: func(b *tale) { b.wipes("stop") }}},
		{name: "a stop is forgotten after a wipe of the state", invariant: "I2",
			breach: change{before: "end", do: func(b *tale) { b.wipes("state"); forget(b) }},
			lawful: change{before: "end", do: func(b *tale) { b.wipes("state") }}},
	}
}

// checksOfStarts are those of I3 and I4.
func checksOfStarts() []check {
	lost := func(b *tale) { b.deletes(simcluster.Job, "job"); b.moves() }
	return []check{
		{name: "a Job after the stop", invariant: "I3",
			breach: change{before: "stop", do: func(b *tale) { b.create("late", placeholder) }},
			lawful: change{before: "stop", do: func(b *tale) { b.again(placeholder) }}},
		{name: "a Job that runs in the place of a lost one", invariant: "I3",
			breach: change{before: "stop", do: func(b *tale) { b.again(marks) }},
			lawful: change{before: "stop", do: func(b *tale) { lost(b); b.user(func() { b.Sim.create(b.newJob("job", placeholder)) }) }}},
		{name: "a Job is resumed after the stop", invariant: "I3",
			breach: change{before: "stop", do: func(b *tale) { b.spec(`{"suspend":false}`) }},
			lawful: change{before: "stop", do: func(b *tale) { b.outside("resume.Job.0") }}},
		{name: "a Job after the stop and a wipe of the stop", invariant: "I3",
			breach: change{before: "stop", do: func(b *tale) { b.wipes("stop"); b.create("late", placeholder) }},
			lawful: change{before: "stop", do: func(b *tale) {
				b.wipes("all")
				b.create("late", placeholder)
				b.action(v1alpha1.ExecutionStopping, v1alpha1.ActionAbandoned)
			}}},
		{name: "two Jobs run", invariant: "I4",
			breach: change{before: "ask", do: func(b *tale) { b.again(marks); b.moves() }},
			lawful: change{before: "prove", do: func(b *tale) { b.moves(); b.job = b.again(marks) }}},
	}
}

// checksOfFinalStates are those of I5.
func checksOfFinalStates() []check {
	orphan, terminate := act("compile").hangs().orphaned(), act("compile").hangs()
	begun := func(b *tale) { b.action(v1alpha1.ExecutionStopping, v1alpha1.ActionAbandoned) }
	release := func(b *tale) { b.release(true, true) }
	return []check{
		{name: "a final state changes", invariant: "I5",
			breach: change{before: "conclude", do: func(b *tale) { b.ends(v1alpha1.ExecutionFailed) }},
			lawful: change{before: "conclude", do: func(b *tale) { b.outside("touch.PipelineExecution.0") }}},
		{name: "a final status changes", invariant: "I5",
			breach: change{before: "conclude", do: func(b *tale) { b.message("later", "pipelineexecution") }},
			lawful: change{before: "stop", do: func(b *tale) { b.message("sooner", "pipelineexecution") }}},
		{name: "a stop is taken back", invariant: "I5",
			breach: change{before: "end", do: func(b *tale) { b.action(v1alpha1.ExecutionInProgress, v1alpha1.ActionAbandoned) }},
			lawful: change{before: "accept", do: func(b *tale) { b.message("still in progress", "pipelineexecution") }}},
		{name: "a stop ends in Succeeded", invariant: "I5",
			breach: change{instead: "stop", do: func(b *tale) { b.ends(v1alpha1.ExecutionSucceeded) }},
			lawful: change{instead: "stop", do: (*tale).stops}},
		{name: "stopped while a Job may run", invariant: "I5",
			breach: change{before: "end", do: (*tale).stops},
			lawful: change{before: "stop", do: (*tale).moves}},
		{name: "stopped while a pod ends", invariant: "I5",
			breach: change{before: "gone", do: (*tale).stops},
			lawful: change{instead: "stop", do: (*tale).stops}},
		{name: "stopped while a pod ends, after a wipe of the state", invariant: "I5",
			breach: change{before: "gone", do: func(b *tale) { b.wipes("state"); b.stops() }},
			lawful: change{before: "gone", do: func(b *tale) { b.wipes("stages"); begun(b) }}},
		{name: "stopped before the action has ended", invariant: "I5",
			breach: change{before: "stop", do: func(b *tale) { b.action(v1alpha1.ExecutionStopped, v1alpha1.ActionAbandoned) }},
			lawful: change{before: "stop", do: func(b *tale) { b.message("nearly", "pipelineexecution") }}},
		{name: "left behind by a Pipeline that terminates", invariant: "I5", action: terminate,
			breach: change{instead: "end", do: release},
			lawful: change{instead: "end", do: func(b *tale) { b.spec(`{"suspend":true,"parallelism":0}`) }}},
		{name: "left behind before it is abandoned", invariant: "I5", action: orphan,
			breach: change{before: "accept", do: release},
			lawful: change{instead: "end", do: release}},
		{name: "stopped while a Job runs that another took away", invariant: "I5",
			breach: change{instead: "end", do: func(b *tale) { b.outside("unown.Job.0") }},
			lawful: change{before: "gone", do: func(b *tale) { b.outside("unown.Job.0") }}},
	}
}

// checksOfRemains are those of I6.
func checksOfRemains() []check {
	orphan := act("compile").hangs().orphaned()
	return []check{
		{name: "left behind without a mark", invariant: "I6", action: orphan,
			breach: change{instead: "end", do: func(b *tale) { b.release(true, false) }},
			lawful: change{instead: "end", do: func(b *tale) { b.release(true, true) }}},
		{name: "marked and owned", invariant: "I6", action: orphan,
			breach: change{instead: "end", do: func(b *tale) { b.release(false, true) }},
			lawful: change{instead: "end", do: func(b *tale) { b.release(true, true) }}},
		{name: "resumed after all", invariant: "I6",
			breach: change{before: "conclude", do: func(b *tale) { b.spec(`{"parallelism":1}`); b.outside("resume.Job.0"); b.moves() }},
			lawful: change{before: "conclude", do: func(b *tale) { b.outside("resume.Job.0"); b.moves() }}},
		{name: "a finalizer is stuck", invariant: "I6",
			breach: change{before: "rest", do: func(b *tale) { b.finalizer(); b.deletes(simcluster.Execution, "run"); b.moves() }},
			lawful: change{before: "rest", do: func(b *tale) { b.deletes(simcluster.Execution, "run"); b.moves() }}},
		{name: "a namespace cannot be deleted", invariant: "I6",
			breach: change{before: "rest", do: func(b *tale) { b.finalizer(); b.outside("terminate"); b.moves() }},
			lawful: change{before: "rest", do: func(b *tale) { b.outside("terminate"); b.moves() }}},
	}
}

// checksOfRest are those of I8.
func checksOfRest() []check {
	waits := func(escalates *metav1.Time) func(*tale) {
		return func(b *tale) {
			b.accept("stop", v1alpha1.StopModeWait)
			b.answer("stop", accepted)
			if escalates != nil {
				b.update(func(s *v1alpha1.PipelineExecutionStatus) { s.Stop.Requests[0].EscalationTime = escalates })
			}
		}
	}
	abandons := func(b *tale) { b.accept("stop", v1alpha1.StopModeAbandon); b.answer("stop", accepted) }
	late := func(b *tale) { b.restart(b.conclude) }
	same := func(b *tale) { b.restart(func() { b.update(func(*v1alpha1.PipelineExecutionStatus) {}) }) }
	return []check{
		{name: "an abandon never ends", invariant: "I8",
			breach: change{until: "accept", do: abandons},
			lawful: change{until: "accept", do: waits(nil)}},
		{name: "an escalation never comes", invariant: "I8",
			breach: change{until: "accept", do: waits(&metav1.Time{Time: time.Date(2026, 1, 1, 0, 0, 20, 0, time.UTC)})},
			lawful: change{until: "accept", do: waits(nil)}},
		{name: "onStop: Abandon never ends", invariant: "I8", action: act("compile").hangs().abandonedOnStop(),
			breach: change{until: "accept", do: waits(nil)},
			lawful: change{until: "accept", do: func(b *tale) { b.deletes(simcluster.Revision, "web-1"); waits(nil)(b) }}},
		{name: "a request is never answered", invariant: "I8",
			breach: change{until: "accept", do: func(*tale) {}},
			lawful: change{until: "ask", do: func(*tale) {}}},
		{name: "a request is concluded by a restart alone", invariant: "I8",
			breach:  change{until: "conclude", do: late},
			lawful:  change{until: "conclude", do: late},
			trouble: []*Injection{{What: "drop.1"}}},
		{name: "a write after all", invariant: "I8",
			breach: change{until: "rest", do: func(b *tale) { b.restart(func() { b.message("later", "pipelineexecution") }) }},
			lawful: change{until: "rest", do: func(b *tale) { b.restart(func() {}) }}},
		{name: "a restarted operator writes what is there", invariant: "I8",
			breach: change{until: "rest", do: same},
			lawful: change{until: "rest", do: func(b *tale) { b.restart(func() { b.execution() }) }}},
		{name: "a write of what is there", invariant: "I8",
			breach: change{before: "end", do: func(b *tale) { b.update(func(*v1alpha1.PipelineExecutionStatus) {}) }},
			lawful: change{before: "end", do: func(b *tale) { b.rewrites("1") }}},
	}
}

// checksOfWrites are those of I7, I9 and I10.
func checksOfWrites() []check {
	suspend := map[string]any{"spec": map[string]any{"suspend": true}}
	return []check{
		{name: "a Job of somebody else's is written", invariant: "I7",
			breach: change{before: "end", do: func(b *tale) { b.outside("adopt.Job.0"); b.spec(`{"suspend":true}`) }},
			lawful: change{before: "end", do: func(b *tale) { b.outside("touch.Job.0"); b.spec(`{"suspend":true}`) }}},
		{name: "a Job is written for another execution of the name", invariant: "I7",
			breach: change{before: "end", do: func(b *tale) {
				b.outside("recreate.PipelineExecution.0")
				b.patch(b.current(suspend))
			}},
			lawful: change{before: "end", do: func(b *tale) {
				b.patch(b.current(suspend))
			}}},
		{name: "an execution is written by another controller", invariant: "I7",
			breach: change{before: "ask", do: func(b *tale) { b.message("by another", "stoprequest") }},
			lawful: change{before: "ask", do: func(b *tale) { b.message("by its own", "pipelineexecution") }}},
		{name: "too many writes", invariant: "I9",
			breach: change{before: "ask", do: func(b *tale) { b.messages(maxWritesOfReconcile + 1) }},
			lawful: change{before: "ask", do: func(b *tale) { b.messages(maxWritesOfReconcile) }}},
		{name: "a status that grows", invariant: "I9",
			breach: change{before: "ask", do: func(b *tale) { b.message(strings.Repeat("x", maxStatusBytes), "pipelineexecution") }},
			lawful: change{before: "ask", do: func(b *tale) { b.message(strings.Repeat("x", maxStatusBytes/2), "pipelineexecution") }}},
		{name: "a rejection on the execution", invariant: "I9",
			breach: change{before: "ask", do: func(b *tale) { b.shows(duplicated) }},
			lawful: change{before: "ask", do: func(b *tale) { b.shows(v1alpha1.ReasonFencing) }}},
		{name: "a delete without a uid", invariant: "I10",
			breach: change{instead: "end", do: func(b *tale) { b.removes(nil) }},
			lawful: change{instead: "end", do: func(b *tale) { b.removes(&b.job.UID) }}},
		{name: "a patch without a resourceVersion", invariant: "I10",
			breach: change{before: "end", do: func(b *tale) { b.patch(suspend) }},
			lawful: change{before: "end", do: func(b *tale) { b.patch(b.current(suspend)) }}},
		{name: "a status without a resourceVersion", invariant: "I10",
			breach: change{before: "end", do: func(b *tale) { b.rewrites("") }},
			lawful: change{before: "end", do: func(b *tale) { b.rewrites("1") }}},
	}
}

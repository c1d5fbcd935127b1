// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haltline.dev/haltline/api/v1alpha1"
)

// requests counts the requests of the operator, by "verb Kind". An event is one.
type requests map[string]int

// countRequests returns what the operator asks the API server for in an undisturbed run, until it comes to rest.
func countRequests(setup func(*Sim), acts ...Act) requests {
	return countRequestsOf(NewSim(&Scenario{Setup: setup, Acts: acts}))
}

// countRequestsOf returns what countRequests does, of a run that has not begun.
func countRequestsOf(s *Sim) requests {
	s.Run()
	counted := requests{}
	last := 0
	for _, c := range s.Op.Calls[:s.RestartedAt] {
		if !c.Cached {
			counted[fmt.Sprintf("%s %s", c.Verb, c.Kind)]++
		}
		last = c.Reconciliation.Number
	}
	for _, e := range s.Op.Events {
		if e.Reconciliation <= last {
			counted["create Event"]++
		}
	}
	return counted
}

// less returns the requests without those of another run.
func (r requests) less(other requests) requests {
	left := maps.Clone(r)
	for what, n := range other {
		if left[what] -= n; left[what] == 0 {
			delete(left, what)
		}
	}
	return left
}

func (r requests) total() int {
	sum := 0
	for _, n := range r {
		sum += n
	}
	return sum
}

// requestRow is a step, and what it costs: what a run with it asks for that the other run does not.
type requestRow struct {
	name        string
	with, basis requests
	// most is how many requests the page allows.
	most int
	want requests
}

func checkRequests(t *testing.T, rows []requestRow) {
	t.Helper()
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.with.less(tt.basis)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if got.total() > tt.most {
				t.Errorf("%d requests, and %d at most are allowed", got.total(), tt.most)
			}
		})
	}
}

// "What a step costs" (docs/architecture.md). A request more is one that each execution pays for, on any machine.
func TestRequests(t *testing.T) {
	hangs := setUpOneRun(newStage("Build", newAction("compile").thatHangs()))
	ends := setUpOneRun(newStage("Build", newAction("compile")))
	endsTwice := setUpOneRun(newStage("Build", newAction("compile")), newStage("Deploy", newAction("roll-out")))
	startOther := Act{whenRunning(1), func(s *Sim) { s.createExecution("other") }}
	nameNoExecution := func(r *v1alpha1.StopRequestSpec) { r.PipelineExecutionID = "none" }
	nameNoPipeline := func(r *v1alpha1.StopRequestSpec) { r.PipelineName = "another" }
	orphaned := setUpOneRun(newStage("Build", newAction("compile").thatHangs().thatIsOrphaned()))
	running, ending, endingTwice, none := countRequests(hangs), countRequests(ends), countRequests(endsTwice), requests{}
	approves := setUpOneRun(newStage("Release", newApproval()))
	waits, queue := countRequests(approves), func(acts ...Act) requests {
		return countRequests(setUpRuns(v1alpha1.ExecutionModeQueued, []v1alpha1.Stage{newStage("Build", newAction("compile"))}, "run"), acts...)
	}
	approved := countRequests(approves, newApproveAct(whenApprovalPending, "yes"))
	puts := setUpOneRun(newStage("Build", newAction("compile").thatPutsOut("BUILD", "TAG", "TAG=v1")))
	stop := func(name string, how func(*v1alpha1.StopRequestSpec)) Act {
		return newStopAct(whenRunning(1), name, how)
	}
	fails := setUpOneRun(newStage("Deploy", newAction("roll-out").thatFails()))
	failed := countRequests(fails)
	retried := countRequests(fails, newRetryAct(whenState(v1alpha1.ExecutionFailed), "retry"))
	refused := countRequests(fails, newRetryAct(whenState(v1alpha1.ExecutionFailed), "retry"), newRetryAct(whenRetried, "again"))
	abandoned := countRequests(hangs, stop("stop", setAbandon))
	escalated := countRequests(hangs, stop("stop", setWait), newStopAct(whenAnswered("stop"), "more", setAbandon))

	checkRequests(t, []requestRow{
		{"the first start of a pipeline", running, none, 11, requests{
			// Once for each content of a Pipeline: its status, whether its action could start, and the revision that pins it.
			"patch-status Pipeline": 1, "get Pipeline": 2, "try Job": 1, "create ControllerRevision": 1, "get ControllerRevision": 1,
			// Once for each execution: the definition that it runs, which is a get Pipeline as well, its mark, and an event.
			"patch PipelineExecution": 1, "create Event": 1,
			// Once for each action: the intent, the Job, the confirmation.
			"patch-status PipelineExecution": 2, "create Job": 1,
		}},
		{"a start of it once more", countRequests(hangs, startOther), running, 6, requests{
			"get Pipeline": 1, "patch PipelineExecution": 1, "create Event": 1, "patch-status PipelineExecution": 2, "create Job": 1,
		}},
		{"the start of the next action, and the end of that", endingTwice, ending, 4, requests{
			"patch-status PipelineExecution": 2, "create Job": 1,
		}},
		{"the outputs of an action", countRequests(puts), ending, 1, requests{"list Pod": 1}},
		// The intent is the start: nothing is created, and nothing confirmed.
		{"an approval that waits", waits, none, 9, requests{
			"patch-status Pipeline": 1, "get Pipeline": 2, "create ControllerRevision": 1, "get ControllerRevision": 1,
			"patch PipelineExecution": 1, "create Event": 2, "patch-status PipelineExecution": 1,
		}},
		{"a result that approves, and the end", approved, waits, 7, requests{
			"patch-status ApprovalResult": 2, "get ApprovalResult": 1, "patch-status PipelineExecution": 1, "create Event": 2,
			// The cache does not show yet that the approval waits.
			"get PipelineExecution": 1,
		}},
		{"a second result", countRequests(approves, newApproveAct(whenApprovalPending, "yes"), newRejectAct(whenAnswered("yes"))), approved, 3, requests{
			"get PipelineExecution": 1, "patch-status ApprovalResult": 1, "create Event": 1,
		}},
		{"an execution of a queue that enters at once, beside one of none", queue(), ending, 5, requests{
			"patch-status Pipeline": 2, "list PipelineExecution": 2, "patch-status PipelineExecution": 1,
		}},
		{"an execution that waits for its turn, enters and ends", queue(Act{whenHas("run", "Build"), func(s *Sim) { s.createLater("other") }}), queue(), 11, requests{
			"get Pipeline": 1, "patch PipelineExecution": 1, "create Event": 2, "create Job": 1, "patch-status PipelineExecution": 4, "patch-status Pipeline": 2,
		}},
		{"a retry of one action, and its end", retried, failed, 14, requests{
			// What it is decided on is read live: the Pipeline, the first execution, its revision, and the retry. The first execution names the retry.
			"get Pipeline": 1, "get PipelineExecution": 2, "get ControllerRevision": 1, "patch PipelineExecution": 1, "patch-status PipelineExecution": 4,
			// The Job, why it failed, and that: the start, the end of the action and of the execution.
			"create Job": 1, "list Pod": 1, "create Event": 3,
		}},
		{"a second retry of it, which is refused", refused, retried, 6, requests{
			"get Pipeline": 1, "get PipelineExecution": 2, "patch PipelineExecution": 1, "patch-status PipelineExecution": 1, "create Event": 1,
		}},
		{"a stop and abandon", abandoned, running, 6, requests{
			"patch-status PipelineExecution": 2, "patch-status StopRequest": 2, "patch Job": 1, "create Event": 1,
		}},
		{"a stop and wait, of which the end is paid for anyway", countRequests(ends, stop("stop", setWait)), ending, 6, requests{
			"patch-status PipelineExecution": 1, "patch-status StopRequest": 2, "create Event": 1,
		}},
		{"a stop and wait that another request escalates", escalated, running, 11, requests{
			"patch-status PipelineExecution": 3, "patch-status StopRequest": 4, "patch Job": 1, "create Event": 3,
		}},
		{"a stop that leaves the work running", countRequests(orphaned, stop("stop", setAbandon)), countRequests(orphaned), 6, requests{
			"patch-status PipelineExecution": 2, "patch-status StopRequest": 2, "patch Job": 1, "create Event": 1,
		}},
		{"a duplicate", countRequests(hangs, stop("stop", setAbandon), newStopAct(whenAnswered("stop"), "again", setAbandon)), abandoned, 3, requests{
			"get PipelineExecution": 1, "patch-status StopRequest": 1, "create Event": 1,
		}},
		{"a stop of an execution that has ended", countRequests(ends, newStopAct(whenState(v1alpha1.ExecutionSucceeded), "late", setWait)), ending, 3, requests{
			"get PipelineExecution": 1, "patch-status StopRequest": 1, "create Event": 1,
		}},
		// What the cache does not know is looked for live: by the two fields that an execution can be found by, and its pipeline.
		{"a stop of no execution", countRequests(hangs, stop("none", nameNoExecution)), running, 5, requests{
			"list PipelineExecution": 2, "get Pipeline": 1, "patch-status StopRequest": 1, "create Event": 1,
		}},
		{"a stop of no pipeline", countRequests(hangs, stop("none", nameNoPipeline)), running, 4, requests{
			"list Pipeline": 2, "patch-status StopRequest": 1, "create Event": 1,
		}},
	})
}

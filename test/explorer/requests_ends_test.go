// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

func TestRequestsOfTimeLimits(t *testing.T) {
	compile, test := newAction("compile").thatHangs(), newAction("test").thatHangs()
	one, two := countRequests(setUpOneRun(newStage("Build", compile))), countRequests(setUpOneRun(newStage("Build", compile, test)))
	checkRequests(t, []requestRow{
		{"the first pod of an action with a limit", countRequests(setUpOneRun(newStage("Build", compile.withStartTimeout()))), one, 1, requests{
			"patch-status PipelineExecution": 1,
		}},
		// A status write and an event of each are those of the end.
		{"an execution that exceeds its limit", countRequests(setUpLimitedRun(newStage("Build", compile))), one, 5, requests{
			"patch-status PipelineExecution": 2, "patch Job": 1, "create Event": 2,
		}},
		{"one of two actions", countRequests(setUpLimitedRun(newStage("Build", compile, test))), two, 8, requests{
			"patch-status PipelineExecution": 3, "patch Job": 2, "create Event": 3,
		}},
	})
}

func TestRequestsOfStopsThatTakeMore(t *testing.T) {
	hangs, hangsTwice := setUpOneRun(newStage("Build", newAction("compile").thatHangs())), setUpOneRun(newStage("Build", newAction("compile").thatHangs().withPods(2)))
	queued, both := setUpOneRun(newStage("Build", newAction("compile").thatIsQueued())), setUpOneRun(newStage("Build", newAction("compile").thatHangs(), newAction("test").thatHangs()))
	running := countRequests(hangs)
	// The pods of the simulated cluster have 30 seconds.
	setLongGrace := func(spec *v1alpha1.StopRequestSpec) {
		spec.Abandon, spec.GracePeriodSeconds = true, ptr.To[int64](30)
	}
	checkRequests(t, []requestRow{
		{"a stop and abandon of two actions", countRequests(both, newStopAct(whenRunning(2), "stop", setAbandon)), countRequests(both), 8, requests{
			"patch-status PipelineExecution": 3, "patch-status StopRequest": 2, "patch Job": 2, "create Event": 1,
		}},
		{"a stop and abandon with a shorter grace period", countRequests(hangs, newStopAct(whenRunning(1), "stop", setGrace)), running, 8, requests{
			"patch-status PipelineExecution": 2, "patch-status StopRequest": 2, "patch Job": 1, "create Event": 1, "list Pod": 1, "delete Pod": 1,
		}},
		{"of two pods", countRequests(hangsTwice, newStopAct(whenRunning(2), "stop", setGrace)), countRequests(hangsTwice), 9, requests{
			"patch-status PipelineExecution": 2, "patch-status StopRequest": 2, "patch Job": 1, "create Event": 1, "list Pod": 1, "delete Pod": 2,
		}},
		{"with a grace period that the pods have anyway", countRequests(hangs, newStopAct(whenRunning(1), "stop", setLongGrace)), running, 7, requests{
			"patch-status PipelineExecution": 2, "patch-status StopRequest": 2, "patch Job": 1, "create Event": 1, "list Pod": 1,
		}},
		// The third event tells why the action waits.
		{"a stop and wait of a Job in a queue", countRequests(queued, newStopAct(whenQueued, "stop", setWait)), countRequests(queued), 8, requests{
			"patch-status PipelineExecution": 2, "patch-status StopRequest": 2, "patch Job": 1, "create Event": 3,
		}},
	})
}

// Work that goes on under a stop is looked at every 10 seconds, however long that is.
func TestRequestsOfAStopThatTakesLong(t *testing.T) {
	lasts := func(patience time.Duration) requests {
		s := NewSim(&Scenario{Setup: setUpOneRun(newStage("Build", newAction("compile").thatHangs())), Acts: []Act{newStopAct(whenRunning(1), "stop", setWait)}})
		s.patience = patience
		return countRequestsOf(s)
	}
	checkRequests(t, []requestRow{
		{"ten minutes of it", lasts(12 * time.Minute), lasts(2 * time.Minute), 60, requests{"list Pod": 60}},
	})
}

func TestRequestsOfAPipelineThatBecomesQueued(t *testing.T) {
	hangs := setUpRunning(3, newAction("compile").thatHangs())
	change := func(mode v1alpha1.ExecutionMode) requests {
		return countRequests(hangs, Act{whenRunning(3), func(s *Sim) {
			s.Store.Mutate(simcluster.Pipeline, key("web"), func(o client.Object) { o.(*v1alpha1.Pipeline).Spec.ExecutionMode = mode })
		}})
	}
	want := requests{"get Pipeline": 1, "list PipelineExecution": 2, "patch-status Pipeline": 1}
	checkRequests(t, []requestRow{
		{"QUEUED", change(v1alpha1.ExecutionModeQueued), countRequests(hangs), 4, want},
		{"SUPERSEDED", change(v1alpha1.ExecutionModeSuperseded), countRequests(hangs), 4, want},
	})
}

func TestRequestsOfDeletions(t *testing.T) {
	// The revision stays, because the execution "other" uses it.
	setUp := func(a action, ttl *int32) func(*Sim) {
		return func(s *Sim) {
			s.createPipeline(newStage("Build", a))
			s.createExecution("other")
			s.createObject(&v1alpha1.PipelineExecution{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "run"},
				Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "web", TTLSecondsAfterFinished: ttl},
			})
		}
	}
	ends, hangs, expired := newAction("compile"), newAction("compile").thatHangs(), ptr.To[int32](0)
	stop, more := newStopAct(whenRunning(2), "stop", setWait), newStopAct(whenAnswered("stop"), "more", setAbandon)
	alone, approves := setUpOneRun(newStage("Build", ends)), setUpOneRun(newStage("Release", newApproval()))
	approve := func(ttl *int32) Act {
		return Act{whenApprovalPending, func(s *Sim) { s.createResultWithTTL("yes", "ada", v1alpha1.ApprovalApproved, ttl) }}
	}
	deleteRun := Act{whenState(v1alpha1.ExecutionSucceeded), func(s *Sim) {
		_ = s.Store.Delete(simcluster.Execution, key("run"), client.DeleteOptions{})
	}}
	checkRequests(t, []requestRow{
		{"a finished execution", countRequests(setUp(ends, expired)), countRequests(setUp(ends, nil)), 1, requests{"delete PipelineExecution": 1}},
		{"one that two requests stopped", countRequests(setUp(hangs, expired), stop, more), countRequests(setUp(hangs, nil), stop, more), 4, requests{
			"get PipelineExecution": 1, "get StopRequest": 2, "delete PipelineExecution": 1,
		}},
		{"a finished StopRequest", countRequests(setUp(hangs, nil), newStopAct(whenRunning(2), "stop", setAbandonAndTTL)),
			countRequests(setUp(hangs, nil), newStopAct(whenRunning(2), "stop", setAbandon)), 1, requests{"delete StopRequest": 1}},
		{"a finished ApprovalResult", countRequests(approves, approve(expired)), countRequests(approves, approve(nil)), 1, requests{
			"delete ApprovalResult": 1,
		}},
		// It is marked, and deleted if nothing has used it since. What it pins is known the first time: it was just run.
		{"the revision that only a deleted execution used", countRequests(alone, deleteRun), countRequests(alone), 5, requests{
			"list PipelineExecution": 2, "get ControllerRevision": 1, "patch ControllerRevision": 1, "delete ControllerRevision": 1,
		}},
	})
}

// setUpRunning creates a Pipeline "web" of one action, and executions "run-0", "run-1" and so on of it.
func setUpRunning(n int, a action) func(*Sim) {
	return func(s *Sim) {
		s.createPipeline(newStage("Build", a))
		for i := range n {
			s.createExecution(fmt.Sprintf("run-%d", i))
		}
	}
}

// newStormAct stops n executions at once.
func newStormAct(n int, how func(*v1alpha1.StopRequestSpec)) Act {
	return Act{whenRunning(n), func(s *Sim) {
		for i := range n {
			s.createStopRequest(fmt.Sprintf("stop-%d", i), fmt.Sprintf("run-%d", i), how)
		}
	}}
}

// A storm of stops costs what the same stops cost one by one.
func TestRequestsOfAStorm(t *testing.T) {
	const n = 40
	hangs := setUpRunning(n, newAction("compile").thatHangs())
	checkRequests(t, []requestRow{
		{"forty stops at once", countRequests(hangs, newStormAct(n, setAbandon)), countRequests(hangs), n * 6, requests{
			"patch-status PipelineExecution": n * 2, "patch-status StopRequest": n * 2, "patch Job": n, "create Event": n,
		}},
	})
}

// An operator that starts beside finished executions asks for nothing, except the lists of its caches. Nor does it reconcile any of them.
func TestRequestsOfARestart(t *testing.T) {
	restart := func(n int, a action, acts ...Act) (live, cached int) {
		s := NewSim(&Scenario{Setup: setUpRunning(n, a), Acts: acts})
		s.Run()
		for _, c := range s.Op.Calls[s.RestartedAt:] {
			if c.Cached {
				cached++
			} else {
				live++
				t.Logf("it asks for %s", c)
			}
		}
		return live, cached
	}
	for name, run := range map[string]func(n int) (live, cached int){
		"succeeded": func(n int) (live, cached int) { return restart(n, newAction("compile")) },
		"failed":    func(n int) (live, cached int) { return restart(n, newAction("compile").thatFails()) },
		"stopped": func(n int) (live, cached int) {
			return restart(n, newAction("compile").thatHangs(), newStormAct(n, setAbandon))
		},
	} {
		t.Run(name, func(t *testing.T) {
			live, cached := run(20)
			if _, ofOne := run(1); live > 0 || cached != ofOne {
				t.Errorf("%d requests, and %d reads of the cache, which are %d beside one execution", live, cached, ofOne)
			}
		})
	}
}

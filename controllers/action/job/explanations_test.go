// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"slices"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// In a storm everything takes long. Lists of pods would take what it needs to go on. What is not looked at keeps its explanation.
func TestFewExplanationsAtOnce(t *testing.T) {
	ending := makeJob(asSuspended, asEmpty, asConfirmedSuspended, func(j *batchv1.Job) { j.Generation, j.Status.Terminating = 2, ptr.To[int32](1) })
	for name, tt := range map[string]struct {
		of  plan.OperationType
		job *batchv1.Job
		// listed is how many lists of pods there are for so many looks.
		listed int
	}{
		"stops that take long":                        {plan.OperationTerminate, ending, explanationBurst},
		"stops on which the Job controller is to act": {plan.OperationTerminate, makeJob(asSuspended, asEmpty), 0},
		"starts that take long":                       {plan.OperationObserve, makeJob(), explanationBurst},
	} {
		t.Run(name, func(t *testing.T) {
			clock := testingclock.NewFakeClock(at(60).Time)
			cluster := newCluster(t, tt.job, makePod(asDeletedPod))
			p := cluster.provider()
			p.Explanations = NewExplanations(clock)
			p.pods.Appeared(t.Context(), makePod(asDeletedPod))
			look := func() (lists int, o plan.Observation) {
				scope, op := makeScope(), makeConfirmed(tt.of)
				scope.Now, scope.Explain, op.StartTime = at(60), tt.of == plan.OperationTerminate, timeAt(0)
				op.Reason, op.Message = "Known", "what is known"
				cluster.calls = nil
				o, err := action.NewRegistry(p).Execute(t.Context(), scope, op)
				if err != nil && !action.IsPending(err) {
					t.Fatal(err)
				}
				return len(slices.DeleteFunc(cluster.calls, func(c string) bool { return c != "live list Pod" })), o
			}
			lists, kept := 0, 0
			for range 10 * explanationBurst {
				n, o := look()
				lists += n
				if o.Reason == "Known" && o.Message == "what is known" {
					kept++
				}
			}
			if lists != tt.listed || kept != 9*explanationBurst {
				t.Errorf("%d lists and %d explanations kept, want %d and %d", lists, kept, tt.listed, 9*explanationBurst)
			}
			clock.Step(time.Second)
			if _, o := look(); o.Message == "what is known" {
				t.Errorf("a second later nothing is looked at: %+v", o)
			}
		})
	}
}

// The pods of an end that nothing else proves are listed each time. What explains them costs other reads, and they are as few.
func TestFewReadsForThePodsOfAnEnd(t *testing.T) {
	clock := testingclock.NewFakeClock(at(60).Time)
	cluster := newCluster(t, makeJob(asSuspended, asEmpty, asConfirmedSuspended), makePod(asDeletedPod))
	p := cluster.provider()
	p.Explanations = NewExplanations(clock)
	for range 2 * explanationBurst {
		scope, op := makeScope(), makeConfirmed(plan.OperationTerminate)
		scope.Now, scope.Explain = at(600), true
		if _, err := action.NewRegistry(p).Execute(t.Context(), scope, op); err != nil {
			t.Fatal(err)
		}
	}
	calls := map[string]int{}
	for _, c := range cluster.calls {
		calls[c]++
	}
	if calls["live list Pod"] != 2*explanationBurst || calls["live get Node"] != explanationBurst {
		t.Errorf("%v", calls)
	}
}

// Work that takes long, and is not looked at now, is looked at later.
func TestAnExplanationComesLater(t *testing.T) {
	clock := testingclock.NewFakeClock(at(60).Time)
	cluster := newCluster(t, makeJob())
	p := cluster.provider()
	p.Explanations = NewExplanations(clock)
	for p.Explanations.TryAccept() {
	}
	scope, op := makeScope(), makeConfirmed(plan.OperationObserve)
	scope.Now, op.StartTime = at(60), timeAt(0)
	if o, err := action.NewRegistry(p).Execute(t.Context(), scope, op); !action.IsPending(err) || o.Phase != plan.PhaseRunning {
		t.Errorf("got %+v, %v", o, err)
	}
}

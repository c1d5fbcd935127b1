// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
)

// history is the life of an execution: each element is the execution after one more thing happened.
type history []*v1alpha1.PipelineExecution

// randomHistory lets an execution take requests and change its state, as the operator would.
func randomHistory(rnd *rand.Rand, requests []v1alpha1.StopRequest) history {
	execution := makeExecution("", nil)
	h := history{execution.DeepCopy()}
	for range 30 {
		if rnd.Intn(2) == 0 {
			some := slices.Clone(requests[:rnd.Intn(len(requests)+1)])
			rnd.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
			execution.Status.Stop = Accept(&execution.Status, some, at(len(h)))
		} else {
			execution.Status.State = randomNextState(rnd, &execution.Status)
		}
		h = append(h, execution.DeepCopy())
	}
	return h
}

// randomNextState returns the state as it is, or one that may follow it.
func randomNextState(rnd *rand.Rand, s *v1alpha1.PipelineExecutionStatus) v1alpha1.ExecutionState {
	follow := []v1alpha1.ExecutionState{s.State}
	switch {
	case s.State.IsFinal():
	case s.State == "":
		follow = append(follow, v1alpha1.ExecutionInProgress)
	case s.Stop != nil:
		follow = append(follow, v1alpha1.ExecutionStopping, v1alpha1.ExecutionStopped)
	case rnd.Intn(3) == 0:
		follow = append(follow, v1alpha1.ExecutionSucceeded, v1alpha1.ExecutionFailed)
	}
	return follow[rnd.Intn(len(follow))]
}

func randomRequests(rnd *rand.Rand) []v1alpha1.StopRequest {
	requests := make([]v1alpha1.StopRequest, 1+rnd.Intn(6))
	for i := range requests {
		requests[i] = makeRequest(fmt.Sprintf("r%d", i), []v1alpha1.StopMode{wait, abandon}[rnd.Intn(2)], rnd.Intn(4))
	}
	return requests
}

func walkHistories(t *testing.T, check func(t *testing.T, h history, requests []v1alpha1.StopRequest)) {
	for seed := range int64(500) {
		rnd := rand.New(rand.NewSource(seed))
		requests := randomRequests(rnd)
		h := randomHistory(rnd, requests)
		check(t, h, requests)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// I1: once Decide has a verdict, the request stays accepted, or stays rejected, whatever happens. Rule 5 comes before
// rules 7 and 8, so a duplicate without a written verdict becomes NotStoppable when the execution has ended meanwhile.
func TestVerdictIsStable(t *testing.T) {
	walkHistories(t, func(t *testing.T, h history, requests []v1alpha1.StopRequest) {
		for _, sr := range requests {
			var given verdict.Verdict
			for _, execution := range h {
				answer := Decide(execution, &sr)
				switch {
				case !given.Decided:
					given = answer
				case !answer.Decided || answer.Accepted != given.Accepted:
					t.Errorf("%s: %+v became %+v", sr.Name, given, answer)
				case answer.Reason != given.Reason && (given.Reason != dup || answer.Reason != no || !execution.Status.State.IsFinal()):
					t.Errorf("%s: reason %s became %s in state %s", sr.Name, given.Reason, answer.Reason, execution.Status.State)
				}
			}
		}
	})
}

// I1 as a client sees it: the condition Accepted is written once, and not a letter of it changes.
func TestWrittenVerdictNeverChanges(t *testing.T) {
	walkHistories(t, func(t *testing.T, h history, requests []v1alpha1.StopRequest) {
		for _, sr := range requests {
			var writeStatuses any
			for i, execution := range h {
				sr.Status = NextStatus(&sr, execution, Decide(execution, &sr), at(i))
				c := findCondition(&sr.Status, v1alpha1.ConditionAccepted)
				if writeStatuses == nil && c != nil {
					writeStatuses = *c
				}
				if writeStatuses != nil {
					if diff := cmp.Diff(writeStatuses, any(*c)); diff != "" {
						t.Errorf("%s: the verdict changed (-written +now):\n%s", sr.Name, diff)
					}
				}
			}
		}
	})
}

// I2: a wait, then an abandon. The record is append-only.
func TestAtMostOneWaitAndOneAbandon(t *testing.T) {
	walkHistories(t, func(t *testing.T, h history, _ []v1alpha1.StopRequest) {
		for i, execution := range h {
			var modes []v1alpha1.StopMode
			if s := execution.Status.Stop; s != nil {
				for _, sr := range s.Requests {
					modes = append(modes, sr.Mode)
				}
			}
			legal := [][]v1alpha1.StopMode{nil, {wait}, {abandon}, {wait, abandon}}
			if !slices.ContainsFunc(legal, func(l []v1alpha1.StopMode) bool { return slices.Equal(l, modes) }) {
				t.Errorf("accepted %v", modes)
			}
			if before := acceptedNames(h[max(i-1, 0)].Status.Stop); !slices.Equal(before, acceptedNames(execution.Status.Stop)[:len(before)]) {
				t.Errorf("the record %v became %v", before, acceptedNames(execution.Status.Stop))
			}
		}
	})
}

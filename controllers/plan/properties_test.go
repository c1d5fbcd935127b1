// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haltline.dev/haltline/api/v1alpha1"
)

func pickOneOf[T any](rnd *rand.Rand, values ...T) T { return values[rnd.Intn(len(values))] }

// randomStatus returns any status, also one that no operator writes: names repeat, parts are missing or do not fit.
func randomStatus(rnd *rand.Rand, states ...v1alpha1.ExecutionState) v1alpha1.PipelineExecutionStatus {
	status := v1alpha1.PipelineExecutionStatus{
		State: pickOneOf(rnd, states...), PipelineRevision: pickOneOf(rnd, "", revisionName), CurrentStage: pickOneOf(rnd, "", "s0", "gone"),
	}
	for range rnd.Intn(3) {
		st := v1alpha1.StageStatus{
			Name:  pickOneOf(rnd, "s0", "s1", ""),
			State: pickOneOf(rnd, "", v1alpha1.StageNotStarted, v1alpha1.StageInProgress, v1alpha1.StageSucceeded, v1alpha1.StageState("Odd")),
		}
		for range rnd.Intn(4) {
			st.Actions = append(st.Actions, randomAction(rnd))
		}
		status.Stages = append(status.Stages, st)
	}
	status.Stop = pickOneOf(rnd, nil, &v1alpha1.StopStatus{}, &v1alpha1.StopStatus{Mode: v1alpha1.StopModeAbandon}, &v1alpha1.StopStatus{
		Mode: v1alpha1.StopModeWait, Requests: []v1alpha1.AcceptedStopRequest{{UID: "uid-of-w", Name: "w", Mode: v1alpha1.StopModeWait}},
	})
	return status
}

func randomAction(rnd *rand.Rand) v1alpha1.ActionStatus {
	ended := at(1)
	return v1alpha1.ActionStatus{
		Name: pickOneOf(rnd, "a0", "a0", "a1", ""), RunOrder: int32(rnd.Intn(4) - 1), Workload: v1alpha1.WorkloadReference{UID: pickOneOf(rnd, "", "job")},
		State: pickOneOf(rnd, "", v1alpha1.ActionNotStarted, v1alpha1.ActionInProgress, v1alpha1.ActionSucceeded,
			v1alpha1.ActionFailed, v1alpha1.ActionAbandoned, v1alpha1.ActionState("Odd")),
		CompletionTime: pickOneOf(rnd, nil, &ended), Reason: pickOneOf(rnd, "", "Odd"), Message: pickOneOf(rnd, "", "odd"),
	}
}

// randomInput returns any input of an execution.
func randomInput(rnd *rand.Rand, execution *v1alpha1.PipelineExecution) Input {
	in := Input{Execution: execution, Revision: pickOneOf(rnd, "", revisionName), Now: at(rnd.Intn(60)), Problem: pickOneOf(rnd, nil, &Problem{"Odd", "odd"})}
	in.Definition = pickOneOf(rnd, nil, makeDefinition(), makeDefinition(makeStage("s0", makeAction("a0", 0), makeAction("a0", 2)), makeStage("s1")))
	in.Observed = map[ActionKey]Observation{}
	for range rnd.Intn(4) {
		key := ActionKey{pickOneOf(rnd, "s0", "s1", ""), pickOneOf(rnd, "a0", "a1", "")}
		in.Observed[key] = Observation{Phase: Phase(rnd.Intn(8)), UID: pickOneOf(rnd, "", "job", "other"), Message: pickOneOf(rnd, "", "odd")}
	}
	for i := range rnd.Intn(3) {
		in.Requests = append(in.Requests, makeRequest(fmt.Sprintf("r%d", i), rnd.Intn(2) == 0))
	}
	return in
}

// I5: "Final states are final." Whatever comes, the status is returned unchanged and asks for nothing.
func TestFinalStatesAreFinal(t *testing.T) {
	for seed := range int64(1000) {
		rnd := rand.New(rand.NewSource(seed))
		execution := makeExecution()
		execution.Generation = 3
		execution.Status = randomStatus(rnd, v1alpha1.ExecutionStopped, v1alpha1.ExecutionSucceeded, v1alpha1.ExecutionFailed)
		got := nextStatus(t, randomInput(rnd, execution))
		if diff := cmp.Diff(execution.Status, got); diff != "" {
			t.Fatalf("seed %d: a final status changed (-before +after):\n%s", seed, diff)
		}
		if operations := Operations(&got, nil); operations != nil {
			t.Fatalf("seed %d: a final status asks for %+v", seed, operations)
		}
	}
}

// No input makes the operator panic, or write what the API server would refuse (see nextStatus).
func TestNextTakesAnything(t *testing.T) {
	for seed := range int64(3000) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewSource(seed))
			execution := makeExecution()
			execution.Status = randomStatus(rnd, "", v1alpha1.ExecutionInProgress, v1alpha1.ExecutionStopping, "Odd")
			defer func() {
				if panicked := recover(); panicked != nil {
					t.Errorf("status %s, stop %+v: panic: %v", summarizeStates(&execution.Status), execution.Status.Stop, panicked)
				}
			}()
			in := randomInput(rnd, execution)
			status := nextStatus(t, in)
			Operations(&status, in.Definition)
			if !status.State.IsFinal() && status.Stop != nil && HasStart(Operations(&status, in.Definition)) {
				t.Errorf("a stopped execution starts something: %s", summarizeStates(&status))
			}
		})
		if t.Failed() {
			return
		}
	}
}

// I8: everything converges. If nothing happens, the next status is the same, whatever the time.
func TestNextSettles(t *testing.T) {
	for seed := range int64(1000) {
		rnd := rand.New(rand.NewSource(seed))
		s := newSimulation(t, seed)
		for range rnd.Intn(20) {
			s.step()
		}
		in := Input{Execution: s.execution, Definition: s.definition, Revision: revisionName, Now: at(100), Requests: s.openRequests()}
		s.execution.Status = nextStatus(t, in)
		in.Now = at(200)
		if diff := cmp.Diff(s.execution.Status, nextStatus(t, in)); diff != "" {
			t.Fatalf("seed %d: nothing happened (-before +after):\n%s", seed, diff)
		}
	}
}

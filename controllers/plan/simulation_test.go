// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/stop"
	"haltline.dev/haltline/controllers/verdict"
)

// simulation is a whole run: an execution, the Jobs it has in a cluster, the requests to stop it, and an operator whose
// every step can fail or be lost. All of it is drawn from a seed.
type simulation struct {
	t          *testing.T
	rnd        *rand.Rand
	definition *v1alpha1.PipelineDefinition
	execution  *v1alpha1.PipelineExecution
	jobs       map[string]*fakeJob
	requests   []v1alpha1.StopRequest
	// paused are operations that a paused operator does later: it read them from a status that may be old by then.
	paused []Operation
	// now counts the steps.
	now int
	// isAccepted is set once a request reads Accepted.
	isAccepted bool
}

// fakeJob is a Job of an action, or the placeholder that holds its name.
type fakeJob struct {
	uid                                                 string
	placeholder, succeeded, failed, suspended, orphaned bool
}

func (j *fakeJob) isRunning() bool {
	return !j.placeholder && !j.succeeded && !j.failed && !j.suspended
}

const maxSteps = 400

// TestSimulatedRuns does what Operations asks for, gives what is observed to Next, and checks the invariants in every step.
func TestSimulatedRuns(t *testing.T) {
	ends := map[v1alpha1.ExecutionState]int{}
	for seed := range int64(1500) {
		s := newSimulation(t, seed)
		for !s.execution.Status.State.IsFinal() && s.now < maxSteps {
			s.step()
		}
		s.checkEnd()
		ends[s.execution.Status.State]++
		if t.Failed() {
			t.Fatalf("seed %d, after %d steps: %s, stop %+v", seed, s.now, summarizeStates(&s.execution.Status), s.execution.Status.Stop)
		}
	}
	// Otherwise the seeds would show little.
	for _, state := range []v1alpha1.ExecutionState{v1alpha1.ExecutionSucceeded, v1alpha1.ExecutionFailed, v1alpha1.ExecutionStopped} {
		if ends[state] < 100 {
			t.Errorf("only %d runs ended %s: %v", ends[state], state, ends)
		}
	}
}

func newSimulation(t *testing.T, seed int64) *simulation {
	rnd := rand.New(rand.NewSource(seed))
	s := &simulation{t: t, rnd: rnd, execution: makeExecution(), jobs: map[string]*fakeJob{}, definition: &v1alpha1.PipelineDefinition{}}
	for i := range 1 + rnd.Intn(3) {
		st := makeStage(fmt.Sprintf("s%d", i))
		for j := range 1 + rnd.Intn(4) {
			a := makeAction(fmt.Sprintf("a%d", j), int32(rnd.Intn(3)))
			a.OnStop = []v1alpha1.OnStop{v1alpha1.OnStopFinish, v1alpha1.OnStopAbandon}[rnd.Intn(2)]
			a.OnAbandon = []v1alpha1.OnAbandon{v1alpha1.OnAbandonTerminate, v1alpha1.OnAbandonOrphan}[rnd.Intn(2)]
			st.Actions = append(st.Actions, a)
		}
		s.definition.Stages = append(s.definition.Stages, st)
	}
	return s
}

// step is one step of the operator, while the cluster and people do what they do.
func (s *simulation) step() {
	s.now++
	s.endSomeJobs()
	if s.happensOneIn(12) {
		s.requests = append(s.requests, makeRequest(fmt.Sprintf("r%d", len(s.requests)), s.happensOneIn(2)))
	}
	operations := Operations(&s.execution.Status, s.definition)
	observed := map[ActionKey]Observation{}
	for _, op := range operations {
		switch s.rnd.Intn(8) {
		case 0: // The API server does not answer.
		case 1: // It is done, but nobody learns of it.
			s.execute(op)
		default:
			if o := s.execute(op); o.Phase != 0 {
				observed[op.Key] = o
			}
		}
	}
	if s.happensOneIn(4) {
		s.paused = operations
	}
	in := Input{Execution: s.execution, Observed: observed, Requests: s.openRequests(), Now: at(s.now)}
	if s.execution.Status.PipelineRevision != "" || s.happensOneIn(3) {
		in.Definition, in.Revision = s.definition, revisionName
	}
	status := nextStatus(s.t, in)
	if s.happensOneIn(8) {
		return // The operator dies before it writes, or its write meets a conflict.
	}
	s.checkWrite(&s.execution.Status, &status)
	s.execution.Status = status
	for i := range s.requests {
		s.requests[i].Status = stop.NextStatus(&s.requests[i], s.execution, stop.Decide(s.execution, &s.requests[i]), at(s.now))
		s.isAccepted = s.isAccepted || s.requests[i].Status.PipelineExecutionID != ""
	}
	// A paused operator goes on, and does what it read long ago.
	for _, op := range s.paused {
		if s.happensOneIn(4) && op.Type == OperationStart {
			s.execute(op)
		}
	}
}

func (s *simulation) happensOneIn(n int) bool { return s.rnd.Intn(n) == 0 }

// endSomeJobs lets Jobs end by themselves.
func (s *simulation) endSomeJobs() {
	for _, name := range sortedNames(s.jobs) {
		if j := s.jobs[name]; j.isRunning() && s.happensOneIn(4) {
			j.failed = s.happensOneIn(8)
			j.succeeded = !j.failed
		}
	}
}

func sortedNames(jobs map[string]*fakeJob) []string {
	var n []string
	for name := range jobs {
		n = append(n, name)
	}
	slices.Sort(n)
	return n
}

// execute does an operation as package action does, with a cluster in memory.
func (s *simulation) execute(op Operation) Observation {
	j := s.jobs[op.Workload.Name]
	switch {
	case op.Type == OperationStart && j == nil:
		if s.isAccepted {
			s.t.Errorf("I3: a Job of %v was created after a request read Accepted", op.Key)
		}
		j = &fakeJob{uid: fmt.Sprintf("job-%d", len(s.jobs))}
		s.jobs[op.Workload.Name] = j
	case op.Type == OperationStart && j.placeholder:
		return Observation{}
	case op.Type == OperationFence && j == nil:
		s.jobs[op.Workload.Name] = &fakeJob{placeholder: true}
		return Observation{Phase: PhaseNeverStarted}
	case op.Type == OperationFence && j.placeholder:
		return Observation{Phase: PhaseNeverStarted}
	case op.Type == OperationOrphan:
		j.orphaned = true
		return Observation{Phase: PhaseEnded, UID: op.Workload.UID}
	case op.Type == OperationTerminate && j.isRunning() && s.happensOneIn(2):
		j.suspended = true
	case op.Type == OperationTerminate && !j.isRunning():
		return Observation{Phase: PhaseEnded, UID: op.Workload.UID}
	}
	switch {
	case j.succeeded:
		return Observation{Phase: PhaseSucceeded, UID: j.uid}
	case j.failed:
		return Observation{Phase: PhaseFailed, UID: j.uid, Reason: "Failed", Message: "it failed"}
	}
	return Observation{Phase: PhaseRunning, UID: j.uid}
}

// openRequests returns the requests that the cache shows as not finished. It may still show one that the execution has taken.
func (s *simulation) openRequests() []v1alpha1.StopRequest {
	var open []v1alpha1.StopRequest
	for _, sr := range s.requests {
		if !verdict.IsFinished(sr.Status.Conditions) {
			open = append(open, *sr.DeepCopy())
		}
	}
	s.rnd.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
	return open
}

// checkWrite compares the status before a write with the one after it.
func (s *simulation) checkWrite(before, after *v1alpha1.PipelineExecutionStatus) {
	s.checkStop(before.Stop, after.Stop)
	for i, st := range after.Stages {
		for j, a := range st.Actions {
			was := v1alpha1.ActionStatus{State: v1alpha1.ActionNotStarted}
			if len(before.Stages) > 0 {
				was = before.Stages[i].Actions[j]
			}
			starts := was.State == v1alpha1.ActionNotStarted && a.State != v1alpha1.ActionNotStarted
			if starts && after.Stop != nil {
				s.t.Errorf("%s/%s turned %s after a stop was accepted", st.Name, a.Name, a.State)
			}
			if starts && !hasEarlierSucceeded(after, i, a.RunOrder) {
				s.t.Errorf("%s/%s turned %s before what comes first has succeeded", st.Name, a.Name, a.State)
			}
			if !isLegalChange(&was, &a) {
				s.t.Errorf("%s/%s turned from %+v to %+v", st.Name, a.Name, was, a)
			}
		}
	}
	if after.State == v1alpha1.ExecutionStopped && after.Stop == nil {
		s.t.Error("Stopped, and nobody asked")
	}
	if after.Stop != nil && (after.State == v1alpha1.ExecutionSucceeded || after.State == v1alpha1.ExecutionFailed) {
		s.t.Errorf("%s after a stop was accepted", after.State)
	}
}

// checkStop checks I2: a wait, then an abandon.
func (s *simulation) checkStop(before, after *v1alpha1.StopStatus) {
	if before == nil && after == nil {
		return
	}
	if after == nil {
		s.t.Error("I2: a stop was undone")
		return
	}
	var modes []v1alpha1.StopMode
	for _, sr := range after.Requests {
		modes = append(modes, sr.Mode)
	}
	const wait, abandon = v1alpha1.StopModeWait, v1alpha1.StopModeAbandon
	ok := slices.ContainsFunc([][]v1alpha1.StopMode{{wait}, {abandon}, {wait, abandon}}, func(m []v1alpha1.StopMode) bool {
		return slices.Equal(m, modes)
	})
	if !ok || after.Mode != modes[len(modes)-1] {
		s.t.Errorf("I2: accepted %v, in force %s", modes, after.Mode)
	}
	if before != nil && (len(before.Requests) > len(after.Requests) || !slices.Equal(before.Requests, after.Requests[:len(before.Requests)])) {
		s.t.Errorf("I2: the record %v became %v", before.Requests, after.Requests)
	}
}

// hasEarlierSucceeded reports whether everything of the earlier stages, and of the smaller runOrders of this one, has succeeded.
func hasEarlierSucceeded(s *v1alpha1.PipelineExecutionStatus, stage int, runOrder int32) bool {
	for i, st := range s.Stages[:stage+1] {
		for _, a := range st.Actions {
			if (i < stage || a.RunOrder < runOrder) && a.State != v1alpha1.ActionSucceeded {
				return false
			}
		}
	}
	return true
}

// isLegalChange reports whether an action may go from one status to the other in one write.
func isLegalChange(was, is *v1alpha1.ActionStatus) bool {
	const (
		notStarted = v1alpha1.ActionNotStarted
		inProgress = v1alpha1.ActionInProgress
		abandoned  = v1alpha1.ActionAbandoned
	)
	switch {
	case was.CompletionTime != nil:
		return was.State == is.State && was.CompletionTime.Equal(is.CompletionTime)
	case was.Workload.UID != "" && is.Workload.UID != was.Workload.UID:
		return false
	case was.State == notStarted:
		return is.State == notStarted || is.State == inProgress
	case was.State == abandoned:
		return is.State == abandoned
	case is.State == notStarted:
		return was.Workload.UID == ""
	default:
		return true
	}
}

// checkEnd checks what is left at the end.
func (s *simulation) checkEnd() {
	status := &s.execution.Status
	if !status.State.IsFinal() {
		s.t.Errorf("I8: no end after %d steps", s.now)
		return
	}
	for _, st := range status.Stages {
		for _, a := range st.Actions {
			j := s.jobs[a.Workload.Name]
			if a.State == v1alpha1.ActionInProgress || (a.State == v1alpha1.ActionAbandoned && a.CompletionTime == nil) {
				s.t.Errorf("I5: %s, and %s/%s is %s", status.State, st.Name, a.Name, a.State)
			}
			if j != nil && j.isRunning() && !j.orphaned {
				s.t.Errorf("I5: %s, and the Job of %s/%s runs", status.State, st.Name, a.Name)
			}
			if (a.State == v1alpha1.ActionNotStarted) != (j == nil || j.placeholder) {
				s.t.Errorf("%s/%s is %s, its Job %+v", st.Name, a.Name, a.State, j)
			}
		}
	}
	// The fence has left no name free: a start that comes now creates nothing.
	for _, op := range s.paused {
		if op.Type == OperationStart && s.jobs[op.Workload.Name] == nil {
			s.t.Errorf("I3: a paused operator could still start %v", op.Key)
		}
	}
	for _, sr := range s.requests {
		if v := stop.Decide(s.execution, &sr); !v.Decided {
			s.t.Errorf("I1: request %s has no verdict: %s", sr.Name, v.Message)
		}
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/metrics"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/controllers/stop"
	"haltline.dev/haltline/controllers/verdict"
)

// FuzzHistory: whatever is observed of an execution that its schema let through, and whoever stops it, each status that is
// written is one that the schema lets through, a final one is the last, and so are the statuses of the requests.
func FuzzHistory(f *testing.F) {
	fuzzSeeds(f, 3000)
	executions, requests := statusSchema(f, "pipelineexecutions"), statusSchema(f, "stoprequests")
	f.Fuzz(func(t *testing.T, data []byte) {
		var d fuzzDice
		fuzzFiller(data).Fill(&d)
		h := newFuzzHistory(d)
		for range 14 {
			h.step(t)
			checkSchema(t, executions, h.execution.Status)
			for i := range h.requests {
				checkSchema(t, requests, h.requests[i].Status)
			}
		}
	})
}

// fuzzHistory is an execution with the requests to stop it.
type fuzzHistory struct {
	dice       fuzzDice
	execution  *v1alpha1.PipelineExecution
	definition *v1alpha1.PipelineDefinition
	requests   []v1alpha1.StopRequest
	now        metav1.Time
}

func newFuzzHistory(d fuzzDice) *fuzzHistory {
	h := &fuzzHistory{dice: d, definition: &v1alpha1.PipelineDefinition{}, now: metav1.NewTime(time.Unix(1e9, 0))}
	h.execution = &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: fuzzPick(d.Continue, "run-1", "r.2", strings.Repeat("n", 253)), UID: fuzzUID, Generation: 1},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: fuzzPick(d.Continue, "web", strings.Repeat("@", 100))},
		Status:     v1alpha1.PipelineExecutionStatus{ObservedGeneration: -1},
	}
	long := fuzzPick(d.Continue, "", strings.Repeat("n", 98))
	for s := range 1 + d.Intn(3) {
		st := v1alpha1.Stage{Name: fmt.Sprint("s", s, long)}
		for a := range 1 + d.Intn(4) {
			st.Actions = append(st.Actions, v1alpha1.Action{
				Name: fmt.Sprint("a", a, long), RunOrder: int32(d.Intn(3)),
				OnStop:    fuzzPick(d.Continue, "", v1alpha1.OnStopFinish, v1alpha1.OnStopAbandon),
				OnAbandon: fuzzPick(d.Continue, "", v1alpha1.OnAbandonTerminate, v1alpha1.OnAbandonOrphan), Job: &v1alpha1.JobTemplate{},
			})
		}
		h.definition.Stages = append(h.definition.Stages, st)
	}
	return h
}

func (h *fuzzHistory) step(t *testing.T) {
	t.Helper()
	h.now = metav1.NewTime(h.now.Add(time.Duration(h.dice.Intn(20)) * time.Second))
	if h.dice.Intn(5) == 0 && len(h.requests) < 4 {
		h.requests = append(h.requests, h.makeRequest())
	}
	in := plan.Input{Execution: h.execution, Now: h.now, Observed: map[plan.ActionKey]plan.Observation{}}
	if h.dice.Intn(3) > 0 {
		in.Revision, in.Definition = fuzzPick(h.dice.Continue, "web-1", strings.Repeat("n", 221)), h.definition
		in.WorkloadKinds = newRegistry(nil, nil, nil).WorkloadKinds(h.definition)
	}
	if h.dice.Intn(8) == 0 {
		in.Problem = &plan.Problem{Reason: v1alpha1.ReasonInvalidJobTemplate, Message: fuzzWord(h.dice.Continue)}
	}
	for _, op := range plan.Operations(&h.execution.Status, in.Definition) {
		o := plan.Observation{Phase: plan.Phase(h.dice.Intn(8)), UID: op.Workload.UID, Reason: fuzzWord(h.dice.Continue), Message: fuzzWord(h.dice.Continue)}
		if o.UID == "" && h.dice.Intn(2) == 0 {
			o.UID = fuzzUID
		}
		if o.Phase != 0 {
			in.Observed[op.Key] = o
		}
	}
	for _, r := range h.requests {
		if !verdict.IsFinished(r.Status.Conditions) {
			in.Requests = append(in.Requests, r)
		}
	}
	before := h.execution.Status
	h.execution.Status = plan.Next(in)
	if before.State.IsFinal() && !equality.Semantic.DeepEqual(before, h.execution.Status) {
		t.Errorf("a final status changed (-before +after):\n%s", cmp.Diff(before, h.execution.Status))
	}
	reporter := &Reporter{Recorder: fuzzRecorder{t}, Metrics: metrics.New(), Clock: testclock.NewFakePassiveClock(h.now.Time)}
	reporter.reportExecution(t.Context(), h.execution, plan.Transitions(&before, h.execution))
	for i := range h.requests {
		r := &h.requests[i]
		before := r.Status
		r.Status = stop.NextStatus(r, h.execution, stop.Decide(h.execution, r), h.now)
		transitions := verdict.Transitions(before.Conditions, r.Status.Conditions, &r.CreationTimestamp)
		reporter.reportStopRequest(t.Context(), r, h.execution.Name, transitions)
	}
}

func (h *fuzzHistory) makeRequest() v1alpha1.StopRequest {
	d := h.dice.Continue
	r := v1alpha1.StopRequest{ObjectMeta: metav1.ObjectMeta{
		Namespace: "team", Name: fuzzPick(d, "stop", strings.Repeat("n", 252)) + fmt.Sprint(len(h.requests)), Generation: 1,
		UID: types.UID(fmt.Sprint(fuzzUID[:35], len(h.requests))), CreationTimestamp: h.now,
	}}
	r.Spec = v1alpha1.StopRequestSpec{
		PipelineName: h.execution.Spec.PipelineName, PipelineExecutionID: fuzzUID, Abandon: d.Bool(),
		Reason: fuzzCut(fuzzWord(d), 200), RequestedBy: fuzzCut(fuzzWord(d), 256),
	}
	if seconds := int64(1 + d.Intn(30)); !r.Spec.Abandon && d.Bool() {
		r.Spec.EscalateAfterSeconds = &seconds
	}
	return r
}

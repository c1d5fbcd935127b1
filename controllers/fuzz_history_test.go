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
	"haltline.dev/haltline/controllers/approve"
	"haltline.dev/haltline/controllers/metrics"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/controllers/stop"
	"haltline.dev/haltline/controllers/verdict"
)

// FuzzHistory: whatever is observed of an execution that its schema let through, whoever stops it, and whoever decides its approvals, each
// status that is written is one that the schema lets through, a final one is the last, and so are the statuses of the requests.
func FuzzHistory(f *testing.F) {
	fuzzSeeds(f, 3000)
	executions, requests, results := statusSchema(f, "pipelineexecutions"), statusSchema(f, "stoprequests"), statusSchema(f, "approvalresults")
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
			for i := range h.results {
				checkSchema(t, results, h.results[i].Status)
			}
		}
	})
}

// fuzzHistory is an execution with the requests to stop it, and the results that decide its approvals.
type fuzzHistory struct {
	dice       fuzzDice
	execution  *v1alpha1.PipelineExecution
	definition *v1alpha1.PipelineDefinition
	requests   []v1alpha1.StopRequest
	results    []v1alpha1.ApprovalResult
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
			if d.Intn(4) == 0 {
				st.Actions = append(st.Actions, makeFuzzApproval(d, fmt.Sprint("a", a, long)))
				continue
			}
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
	if h.dice.Intn(3) == 0 && len(h.results) < 6 {
		h.results = append(h.results, h.makeResult())
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
	for _, ar := range h.results {
		if !verdict.IsFinished(ar.Status.Conditions) {
			in.Results = append(in.Results, ar)
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
	for i := range h.results {
		h.answerResult(t, reporter, &h.results[i])
	}
}

// answerResult writes the next status of an approval result. A verdict is the last.
func (h *fuzzHistory) answerResult(t *testing.T, reporter *Reporter, ar *v1alpha1.ApprovalResult) {
	t.Helper()
	before := ar.Status
	if verdict.IsFinished(before.Conditions) {
		return
	}
	ar.Status = approve.NextStatus(ar, approve.Decide(h.execution, ar), h.now)
	reporter.reportApprovalResult(t.Context(), ar, h.execution.Name, verdict.Transitions(before.Conditions, ar.Status.Conditions, &ar.CreationTimestamp))
}

func makeFuzzApproval(d fuzzDice, name string) v1alpha1.Action {
	approval := &v1alpha1.Approval{
		Message: fuzzCut(fuzzWord(d.Continue), 1000), URL: fuzzPick(d.Continue, "", "https://"+strings.Repeat("u", 2040)), ForbidStarter: d.Bool(),
	}
	if seconds := int64(1 + d.Intn(60)); d.Bool() {
		approval.TimeoutSeconds = &seconds
	}
	return v1alpha1.Action{
		Name: name, RunOrder: int32(d.Intn(3)), Approval: approval, OnStop: fuzzPick(d.Continue, "", v1alpha1.OnStopFinish, v1alpha1.OnStopAbandon),
	}
}

// makeResult returns a result for any action of the execution.
func (h *fuzzHistory) makeResult() v1alpha1.ApprovalResult {
	d := h.dice.Continue
	stage := h.definition.Stages[d.Intn(len(h.definition.Stages))]
	return v1alpha1.ApprovalResult{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "team", Name: fuzzPick(d, "result", strings.Repeat("n", 252)) + fmt.Sprint(len(h.results)), Generation: 1,
			UID: types.UID(fmt.Sprint(fuzzUID[:34], "r", len(h.results))), CreationTimestamp: h.now,
		},
		Spec: v1alpha1.ApprovalResultSpec{
			PipelineName: h.execution.Spec.PipelineName, PipelineExecutionID: fuzzUID, StageName: stage.Name,
			ActionName: fuzzPick(d, stage.Actions[d.Intn(len(stage.Actions))].Name, "nothing"),
			Status:     fuzzPick(d, v1alpha1.ApprovalApproved, v1alpha1.ApprovalRejected), Summary: fuzzCut(fuzzWord(d), 512), DecidedBy: fuzzCut(fuzzWord(d), 256),
		},
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

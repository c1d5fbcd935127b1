// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

const (
	theUID   = "0b9c2f4e-52a1-4d0c-9a57-3f1f6f1d2c11"
	revision = "deploy-1"
)

// at returns a time that many seconds after a fixed one.
func at(seconds int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 3, 1, 12, 0, seconds, 0, time.UTC))
}

func execution() *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "run-1", UID: theUID, Generation: 1},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "deploy"},
		Status:     v1alpha1.PipelineExecutionStatus{ObservedGeneration: -1},
	}
}

func pipeline(stages ...v1alpha1.Stage) *v1alpha1.PipelineSpec {
	return &v1alpha1.PipelineSpec{Stages: stages}
}

func stage(name string, actions ...v1alpha1.Action) v1alpha1.Stage {
	return v1alpha1.Stage{Name: name, Actions: actions}
}

func action(name string, runOrder int32) v1alpha1.Action {
	return v1alpha1.Action{Name: name, RunOrder: runOrder}
}

func onStopAbandon(a v1alpha1.Action) v1alpha1.Action {
	a.OnStop = v1alpha1.OnStopAbandon
	return a
}

func request(name string, abandon bool) v1alpha1.StopRequest {
	return v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, UID: types.UID("uid-of-" + name)},
		Spec:       v1alpha1.StopRequestSpec{PipelineName: "deploy", PipelineExecutionID: theUID, Abandon: abandon},
	}
}

var (
	waits    = []v1alpha1.StopRequest{request("w", false)}
	abandons = []v1alpha1.StopRequest{request("a", true)}
)

// seen is what is observed, by "stage/action".
type seen map[string]Phase

func (s seen) observed() map[ActionKey]Observation {
	m := map[ActionKey]Observation{}
	for name, phase := range s {
		o := Observation{Phase: phase, UID: "job-of-" + name}
		switch phase {
		case PhaseFailed:
			o.Reason, o.Message = "BackoffLimitExceeded", "Job has reached the specified backoff limit"
		case PhaseBlocked:
			o.UID, o.Message = "", "exceeded quota"
		case PhaseNeverStarted:
			o.UID = ""
		}
		m[key(name)] = o
	}
	return m
}

func key(name string) ActionKey {
	s, a, _ := strings.Cut(name, "/")
	return ActionKey{s, a}
}

// step is one call of Next, with the status that it must return as show writes it.
type step struct {
	see  seen
	ask  []v1alpha1.StopRequest
	want string
}

// play takes an execution of the pipeline through the steps and returns it. The pipeline is nil while it is awaited.
func play(t *testing.T, p *v1alpha1.PipelineSpec, steps ...step) *v1alpha1.PipelineExecution {
	t.Helper()
	e := execution()
	for i, s := range steps {
		in := Input{Execution: e, Pipeline: p, Observed: s.see.observed(), Requests: s.ask, Now: at(i + 1)}
		if p != nil {
			in.Revision = revision
		}
		e.Status = next(t, in)
		if diff := cmp.Diff(s.want, show(&e.Status)); diff != "" {
			t.Fatalf("step %d (-want +got):\n%s", i+1, diff)
		}
	}
	return e
}

// kindsOf says that every action is done by a Job.
func kindsOf(p *v1alpha1.PipelineSpec) map[ActionKey]WorkloadKind {
	kinds := map[ActionKey]WorkloadKind{}
	if p == nil {
		return kinds
	}
	for _, s := range p.Stages {
		for _, a := range s.Actions {
			kinds[ActionKey{s.Name, a.Name}] = WorkloadKind{APIVersion: "batch/v1", Kind: "Job"}
		}
	}
	return kinds
}

// next calls Next and checks what must hold of every call.
func next(t *testing.T, in Input) v1alpha1.PipelineExecutionStatus {
	t.Helper()
	in.WorkloadKinds = kindsOf(in.Pipeline)
	before := in
	before.Execution = in.Execution.DeepCopy()
	if in.Pipeline != nil {
		before.Pipeline = in.Pipeline.DeepCopy()
	}
	before.Requests, before.Observed = slices.Clone(in.Requests), maps.Clone(in.Observed)
	status := Next(in)
	if !equality.Semantic.DeepEqual(before, in) { // The simulation calls this often, and cmp takes its time.
		t.Fatalf("Next changed its input (-before +after):\n%s", cmp.Diff(before, in))
	}
	for _, c := range status.Conditions {
		if c.Reason == "" || c.Message == "" || utf8.RuneCountInString(c.Message) > 1024 || !utf8.ValidString(c.Message) {
			t.Fatalf("condition %s would be refused or says nothing: reason %q, message %q", c.Type, c.Reason, c.Message)
		}
	}
	return status
}

// show writes a status in a line: the state; each stage with its state; each action. An action that is InProgress
// without a Job is "open", an Abandoned one whose work may go on is "ending". What contradicts itself is marked "?!".
func show(s *v1alpha1.PipelineExecutionStatus) string {
	var b strings.Builder
	b.WriteString(string(s.State))
	for _, st := range s.Stages {
		fmt.Fprintf(&b, " | %s %s:", st.Name, st.State)
		for _, a := range st.Actions {
			fmt.Fprintf(&b, " %s=%s", a.Name, showAction(&a))
		}
	}
	return b.String()
}

func showAction(a *v1alpha1.ActionStatus) string {
	switch {
	case a.State == v1alpha1.ActionInProgress && a.Workload.UID == "":
		return "open"
	case a.State == v1alpha1.ActionAbandoned && a.CompletionTime == nil:
		return "ending"
	case a.State == v1alpha1.ActionNotStarted && (a.StartTime != nil || a.Workload.UID != ""):
		return "NotStarted?!"
	case (a.State == v1alpha1.ActionNotStarted || a.State == v1alpha1.ActionInProgress) != (a.CompletionTime == nil):
		return string(a.State) + "?!"
	default:
		return string(a.State)
	}
}

// summary is each condition as "Status/Reason".
func summary(s *v1alpha1.PipelineExecutionStatus) map[string]string {
	m := map[string]string{}
	for _, c := range s.Conditions {
		m[c.Type] = string(c.Status) + "/" + c.Reason
	}
	return m
}

// message is what all conditions say.
func message(t *testing.T, s *v1alpha1.PipelineExecutionStatus) string {
	t.Helper()
	if len(s.Conditions) == 0 {
		t.Fatal("no conditions")
	}
	for _, c := range s.Conditions {
		if c.Message != s.Conditions[0].Message {
			t.Fatalf("%s says %q, %s says %q", s.Conditions[0].Type, s.Conditions[0].Message, c.Type, c.Message)
		}
	}
	return s.Conditions[0].Message
}

func contains(t *testing.T, s string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(s, p) {
			t.Errorf("%q does not have %q", s, p)
		}
	}
}

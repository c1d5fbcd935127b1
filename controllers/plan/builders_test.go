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
	executionUID = "0b9c2f4e-52a1-4d0c-9a57-3f1f6f1d2c11"
	revisionName = "deploy-1"
)

// at returns a time that many seconds after a fixed one.
func at(seconds int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 3, 1, 12, 0, seconds, 0, time.UTC))
}

func makeExecution() *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "run-1", UID: executionUID, Generation: 1},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "deploy"},
		Status:     v1alpha1.PipelineExecutionStatus{ObservedGeneration: -1},
	}
}

func makeDefinition(stages ...v1alpha1.Stage) *v1alpha1.PipelineDefinition {
	return &v1alpha1.PipelineDefinition{Stages: stages}
}

func makeStage(name string, actions ...v1alpha1.Action) v1alpha1.Stage {
	return v1alpha1.Stage{Name: name, Actions: actions}
}

func makeAction(name string, runOrder int32) v1alpha1.Action {
	return v1alpha1.Action{Name: name, RunOrder: runOrder}
}

func withOnStopAbandon(a v1alpha1.Action) v1alpha1.Action {
	a.OnStop = v1alpha1.OnStopAbandon
	return a
}

func makeRequest(name string, abandon bool) v1alpha1.StopRequest {
	return v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, UID: types.UID("uid-of-" + name)},
		Spec:       v1alpha1.StopRequestSpec{PipelineName: "deploy", PipelineExecutionID: executionUID, Abandon: abandon},
	}
}

var (
	waitRequests    = []v1alpha1.StopRequest{makeRequest("w", false)}
	abandonRequests = []v1alpha1.StopRequest{makeRequest("a", true)}
)

// phases are what is observed, by "stage/action".
type phases map[string]Phase

// observations returns the phases with what else is observed in them.
func (p phases) observations() map[ActionKey]Observation {
	m := map[ActionKey]Observation{}
	for name, phase := range p {
		o := Observation{Phase: phase, UID: "job-of-" + name}
		switch phase {
		case PhaseFailed:
			o.Reason, o.Message = "BackoffLimitExceeded", "Job has reached the specified backoff limit"
		case PhaseBlocked:
			o.UID, o.Message = "", "exceeded quota"
		case PhaseNeverStarted:
			o.UID = ""
		}
		m[parseKey(name)] = o
	}
	return m
}

func parseKey(name string) ActionKey {
	s, a, _ := strings.Cut(name, "/")
	return ActionKey{s, a}
}

// step is one call of Next, with the status that it must return as summarizeStates writes it.
type step struct {
	observed phases
	requests []v1alpha1.StopRequest
	want     string
}

// runSteps takes an execution of the definition through the steps and returns it. The definition is nil while the Pipeline
// is awaited.
func runSteps(t *testing.T, definition *v1alpha1.PipelineDefinition, steps ...step) *v1alpha1.PipelineExecution {
	t.Helper()
	execution := makeExecution()
	for i, s := range steps {
		in := Input{Execution: execution, Definition: definition, Observed: s.observed.observations(), Requests: s.requests, Now: at(i + 1)}
		if definition != nil {
			in.Revision = revisionName
		}
		execution.Status = nextStatus(t, in)
		if diff := cmp.Diff(s.want, summarizeStates(&execution.Status)); diff != "" {
			t.Fatalf("step %d (-want +got):\n%s", i+1, diff)
		}
	}
	return execution
}

// workloadKinds returns that every action is done by a Job.
func workloadKinds(definition *v1alpha1.PipelineDefinition) map[ActionKey]WorkloadKind {
	kinds := map[ActionKey]WorkloadKind{}
	if definition == nil {
		return kinds
	}
	for _, s := range definition.Stages {
		for _, a := range s.Actions {
			kinds[ActionKey{s.Name, a.Name}] = WorkloadKind{APIVersion: "batch/v1", Kind: "Job"}
		}
	}
	return kinds
}

// makeJob returns the Job that does the first attempt of an action. Its uid is empty while that is unconfirmed.
func makeJob(execution *v1alpha1.PipelineExecution, key ActionKey, uid string) v1alpha1.WorkloadReference {
	return v1alpha1.WorkloadReference{APIVersion: "batch/v1", Kind: "Job", Name: WorkloadName(execution, key, 1, ""), UID: uid}
}

// nextStatus calls Next and checks what must hold of every call.
func nextStatus(t *testing.T, in Input) v1alpha1.PipelineExecutionStatus {
	t.Helper()
	in.WorkloadKinds = workloadKinds(in.Definition)
	before := in
	before.Execution = in.Execution.DeepCopy()
	if in.Definition != nil {
		before.Definition = in.Definition.DeepCopy()
	}
	before.Requests, before.Observed = slices.Clone(in.Requests), maps.Clone(in.Observed)
	status := Next(in)
	if !equality.Semantic.DeepEqual(before, in) { // The simulation calls this often, and cmp takes its time.
		t.Fatalf("Next changed its input (-before +after):\n%s", cmp.Diff(before, in))
	}
	for _, c := range status.Conditions {
		if c.Reason == "" || c.Message == "" || utf8.RuneCountInString(c.Message) > 1024 || !utf8.ValidString(c.Message) {
			t.Fatalf("condition %s would be refused, or has no text: reason %q, message %q", c.Type, c.Reason, c.Message)
		}
	}
	return status
}

// summarizeStates writes a status in a line: the state; each stage with its state; each action. An action that is
// InProgress without a Job is "unconfirmed", an Abandoned one whose work may go on is "ending". What contradicts itself is
// marked "?!".
func summarizeStates(s *v1alpha1.PipelineExecutionStatus) string {
	var b strings.Builder
	b.WriteString(string(s.State))
	for _, st := range s.Stages {
		fmt.Fprintf(&b, " | %s %s:", st.Name, st.State)
		for _, a := range st.Actions {
			fmt.Fprintf(&b, " %s=%s", a.Name, summarizeAction(&a))
		}
	}
	return b.String()
}

func summarizeAction(a *v1alpha1.ActionStatus) string {
	switch {
	case a.State == v1alpha1.ActionInProgress && a.Workload.UID == "":
		return "unconfirmed"
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

// summarizeConditions returns each condition as "Status/Reason".
func summarizeConditions(s *v1alpha1.PipelineExecutionStatus) map[string]string {
	m := map[string]string{}
	for _, c := range s.Conditions {
		m[c.Type] = string(c.Status) + "/" + c.Reason
	}
	return m
}

// sharedMessage returns the message of the conditions, which all have the same.
func sharedMessage(t *testing.T, s *v1alpha1.PipelineExecutionStatus) string {
	t.Helper()
	if len(s.Conditions) == 0 {
		t.Fatal("no conditions")
	}
	for _, c := range s.Conditions {
		if c.Message != s.Conditions[0].Message {
			t.Fatalf("%s has %q, %s has %q", s.Conditions[0].Type, s.Conditions[0].Message, c.Type, c.Message)
		}
	}
	return s.Conditions[0].Message
}

func checkContains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not have %q", text, part)
		}
	}
}

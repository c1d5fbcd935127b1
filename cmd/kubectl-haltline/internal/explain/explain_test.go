// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/golden"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/sample"
)

func inputOf(c sample.Case) Input {
	return Input{Execution: c.Execution, Pipelines: c.Pipelines, StopRequests: c.StopRequests, Now: c.Now, Flags: "-n team"}
}

func format(e Explanation) string {
	var b strings.Builder
	b.WriteString(e.Text + "\n")
	for _, c := range e.Commands {
		fmt.Fprintf(&b, "  %s  # %s\n", c.Line, c.Purpose)
	}
	return b.String()
}

// What is told about an execution in every state. Read the file: it is what people get to read.
func TestEveryStateIsExplained(t *testing.T) {
	var all strings.Builder
	for _, c := range sample.Cases() {
		e := Execution(inputOf(c))
		fmt.Fprintf(&all, "## %s\n%s\n", c.Name, format(e))
		switch {
		case e.Text == "" || len(e.Commands) == 0:
			t.Errorf("%s: no text or no command: %s", c.Name, format(e))
		case strings.Contains(e.Text, "\n") || strings.Contains(e.Text, "%!") || strings.Contains(e.Text, "..") || strings.Contains(e.Text, "  "):
			t.Errorf("%s: no plain paragraph: %q", c.Name, e.Text)
		}
	}
	golden.Compare(t, "explain", all.String())
}

// Who may approve is told as far as it is known, and only what one may do is suggested.
func TestWhoMayApprove(t *testing.T) {
	yes, no := true, false
	tests := []struct {
		name, of   string
		mayApprove *bool
		user       string
		says       string
		suggests   []string
	}{
		{"not known", "waits for approval", nil, "", "the roles admin and haltline-approver have it.", []string{"approve", "reject"}},
		{"who may", "waits for approval", &yes, "grace@example.com", "; you may.", []string{"approve", "reject"}},
		{"who may not", "waits for approval", &no, "eve@example.com", "you may not: ask somebody", []string{"auth can-i", "stop"}},
		{"who started it", "waits for approval by somebody else", &yes, "ada@example.com", "that is you, so you may not approve it.", []string{"reject"}},
		{"another than who started it", "waits for approval by somebody else", &yes, "grace@example.com", "; you may.", []string{"approve", "reject"}},
		{"who may, too late", "one action failed and another waits for approval", &yes, "grace@example.com", "is failing.", []string{"logs", "reject", "stop"}},
		{"who may not, too late", "one action failed and another waits for approval", &no, "eve@example.com", "is failing.", []string{"logs", "stop"}},
		{"nobody", "waits for approval that nobody can give", &yes, "grace@example.com", "nobody may approve it", []string{"reject"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := inputOf(caseOf(t, tt.of))
			in.MayApprove, in.User = tt.mayApprove, tt.user
			e := Execution(in)
			if !strings.Contains(e.Text, tt.says) {
				t.Errorf("it does not say %q:\n%s", tt.says, e.Text)
			}
			if len(e.Commands) != len(tt.suggests) {
				t.Fatalf("it suggests %v, want %v", e.Commands, tt.suggests)
			}
			for i, c := range e.Commands {
				if !strings.Contains(c.Line, " "+tt.suggests[i]+" ") {
					t.Errorf("command %d is %q, want %s", i, c.Line, tt.suggests[i])
				}
			}
		})
	}
}

func caseOf(t *testing.T, name string) sample.Case {
	t.Helper()
	for _, c := range sample.Cases() {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no case %q", name)
	return sample.Case{}
}

// A Pipeline that cannot be run is named if something keeps the actions of an execution of it.
func TestAPipelineThatIsNotReadyIsNamed(t *testing.T) {
	c := caseOf(t, "the API server refuses a Job")
	c.Pipelines[0].Status.Conditions = []metav1.Condition{{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonInvalidJobTemplate, Message: "spec.stages: no.",
	}}
	want := `Pipeline "web" is not Ready (InvalidJobTemplate): spec.stages: no.`
	if e := Execution(inputOf(c)); !strings.Contains(e.Text, want) {
		t.Errorf("%q is not in:\n%s", want, e.Text)
	}
	c.Pipelines[0].Status.Conditions[0].Status = metav1.ConditionTrue
	if e := Execution(inputOf(c)); strings.Contains(e.Text, "not Ready") {
		t.Errorf("a Pipeline that is Ready is named:\n%s", e.Text)
	}
}

// A stop that waits is suggested only if what it waits for ends without help.
func TestTheStopThatIsSuggestedEnds(t *testing.T) {
	tests := map[string]string{
		"":                                  "stop web-1 -n team",
		"ContainerCreating":                 "stop web-1 -n team",
		"CrashLoopBackOff":                  "stop web-1 -n team",
		v1alpha1.ReasonInitContainerRunning: "stop web-1 -n team",
		v1alpha1.ReasonJobSuspended:         "stop web-1 -n team",
		"ImagePullBackOff":                  "stop web-1 --abandon -n team",
		"InvalidImageName":                  "stop web-1 --abandon -n team",
		"Unschedulable":                     "stop web-1 --abandon -n team",
		"FailedMount":                       "stop web-1 --abandon -n team",
		"SomethingNew":                      "stop web-1 --abandon -n team",
		v1alpha1.ReasonNoPod:                "stop web-1 --abandon -n team",
		v1alpha1.ReasonContainerRunsOn:      "stop web-1 --abandon -n team",
	}
	for reason, want := range tests {
		t.Run(reason, func(t *testing.T) {
			c := caseOf(t, "the API server refuses a Job")
			c.Execution.Status.Stages[0].Actions[0].Reason = reason
			e := Execution(inputOf(c))
			if last := e.Commands[len(e.Commands)-1].Line; last != "kubectl haltline "+want {
				t.Errorf("got %q, want %q", last, want)
			}
		})
	}
}

// Of many actions that do not go on, the first are explained and the others are counted.
func TestManyKeptActionsAreCounted(t *testing.T) {
	c := caseOf(t, "nothing of it runs")
	stage := &c.Execution.Status.Stages[0]
	for i := range 4 {
		a := *stage.Actions[0].DeepCopy()
		a.Name = fmt.Sprintf("more-%d", i)
		stage.Actions = append(stage.Actions, a)
	}
	e := Execution(inputOf(c))
	if !strings.Contains(e.Text, "3 more actions do not go on either.") || strings.Contains(e.Text, "more-1") {
		t.Errorf("got:\n%s", format(e))
	}
}

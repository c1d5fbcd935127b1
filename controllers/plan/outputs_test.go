// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"haltline.dev/haltline/api/v1alpha1"
)

func TestParseOutputs(t *testing.T) {
	const missing, invalid = v1alpha1.ReasonOutputMissing, v1alpha1.ReasonOutputInvalid
	long := strings.Repeat("é", 1000)
	tests := []struct {
		name, written string
		declared      string
		// want is NAME=value of each output in a line; or reason is that of the problem, and parts are in its message.
		want, reason string
		parts        []string
	}{
		{name: "one", written: "TAG=v1\n", declared: "TAG", want: "TAG=v1"},
		{name: "without a newline at the end", written: "TAG=v1", declared: "TAG", want: "TAG=v1"},
		{name: "in the order of their declaration", written: "B=2\nA=1\n", declared: "A B", want: "A=1\nB=2"},
		{name: "= in the value", written: "URL=https://x/?a=b==\n", declared: "URL", want: "URL=https://x/?a=b=="},
		{name: "an empty value", written: "TAG=\n", declared: "TAG", want: "TAG="},
		{name: "spaces are kept", written: "TAG= v 1 \n", declared: "TAG", want: "TAG= v 1 "},
		{name: "a line that ends as on Windows", written: "TAG=v1\r\nX=1\r\n", declared: "TAG X", want: "TAG=v1\nX=1"},
		{name: "what is not declared is left out", written: "hello\nOTHER=1\nTAG=v1\n=\n", declared: "TAG", want: "TAG=v1"},
		{name: "the later line counts", written: "TAG=v1\nTAG=v2\n", declared: "TAG", want: "TAG=v2"},
		{name: "blank lines", written: "\n\nTAG=v1\n\n", declared: "TAG", want: "TAG=v1"},
		{name: "what a shell would replace", written: "TAG=$(id) `id` \"\n", declared: "TAG", want: "TAG=$(id) `id` \""},
		{name: "1000 characters", written: "TAG=" + long, declared: "TAG", want: "TAG=" + long},

		{name: "nothing", written: "", declared: "TAG", reason: missing, parts: []string{`"TAG"`, "found 0 lines", "/dev/termination-log"}},
		{name: "only others", written: "A=1\nB=2\n", declared: "A TAG", reason: missing, parts: []string{`"TAG"`, "found 2 lines", "TAG="}},
		{name: "another case", written: "tag=v1", declared: "TAG", reason: missing},
		{name: "a space before =", written: "TAG =v1", declared: "TAG", reason: missing},
		{name: "no =", written: "TAG", declared: "TAG", reason: invalid, parts: []string{`"TAG"`, "without ="}},
		{name: "the later line has no =", written: "TAG=v1\nTAG", declared: "TAG", reason: invalid, parts: []string{"without ="}},
		{name: "1001 characters", written: "TAG=" + long + "x", declared: "TAG", reason: invalid, parts: []string{`"TAG"`, "1001 characters", "at most 1000"}},
		{name: "no UTF-8", written: "TAG=a\xff", declared: "TAG", reason: invalid, parts: []string{"not valid UTF-8"}},
		{name: "no UTF-8, as the API server shows it", written: "TAG=a\ufffd", declared: "TAG", reason: invalid, parts: []string{"not valid UTF-8"}},
		{name: "no UTF-8 in what is not declared", written: "X=\xff\nTAG=v1", declared: "TAG", want: "TAG=v1"},
		{name: "a zero byte", written: "TAG=a\x00b", declared: "TAG", reason: invalid, parts: []string{"zero byte"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			outputs, problem := parseOutputs(tt.written, parseNames(tt.declared))
			if problem != nil {
				if problem.Reason != tt.reason || outputs != nil {
					t.Errorf("problem %+v, outputs %v; want the reason %q", problem, outputs, tt.reason)
				}
				checkContains(t, problem.Message, tt.parts...)
				return
			}
			if diff := cmp.Diff(tt.want, joinOutputs(outputs)); diff != "" || tt.reason != "" {
				t.Errorf("outputs (-want +got), want the reason %q:\n%s", tt.reason, diff)
			}
		})
	}
}

func parseNames(names string) []v1alpha1.OutputName {
	var parsed []v1alpha1.OutputName
	for _, n := range strings.Fields(names) {
		parsed = append(parsed, v1alpha1.OutputName(n))
	}
	return parsed
}

func joinOutputs(outputs []v1alpha1.Variable) string {
	var lines []string
	for _, o := range outputs {
		lines = append(lines, o.Name+"="+o.Value)
	}
	return strings.Join(lines, "\n")
}

// FuzzParseOutputs: whatever a container writes, an output is one that the schema takes and that a line shows.
func FuzzParseOutputs(f *testing.F) {
	f.Add("TAG=v1\nURL=https://x/?a=b\n")
	f.Add("TAG\nURL==\x00\xff\r\n")
	f.Add(strings.Repeat("TAG=", 1500) + "\nURL=")
	f.Fuzz(func(t *testing.T, written string) {
		declared := parseNames("TAG URL")
		outputs, problem := parseOutputs(written, declared)
		if problem != nil {
			if outputs != nil || !validReason.MatchString(problem.Reason) || problem.Message == "" {
				t.Errorf("outputs %v, problem %+v", outputs, problem)
			}
			return
		}
		for i, o := range outputs {
			if o.Name != string(declared[i]) || !utf8.ValidString(o.Value) || utf8.RuneCountInString(o.Value) > 1000 ||
				strings.ContainsAny(o.Value, "\n\x00") || !strings.Contains("\n"+written, "\n"+o.Name+"="+o.Value) {
				t.Errorf("output %+v of %q", o, written)
			}
		}
		if len(outputs) != len(declared) {
			t.Errorf("%d outputs, and %d are declared", len(outputs), len(declared))
		}
	})
}

func makeOutputAction(name string, runOrder int32, namespace, outputs string) v1alpha1.Action {
	a := makeAction(name, runOrder)
	a.Namespace, a.OutputVariables = namespace, parseNames(outputs)
	return a
}

// nextWritten calls Next with what an action is seen to have written when it succeeded.
func nextWritten(t *testing.T, execution *v1alpha1.PipelineExecution, definition *v1alpha1.PipelineDefinition, written map[string]string, requests ...v1alpha1.StopRequest) {
	t.Helper()
	observed := map[ActionKey]Observation{}
	for name, w := range written {
		observed[parseKey(name)] = Observation{Phase: PhaseSucceeded, UID: "job-of-" + name, Written: w}
	}
	execution.Status = nextStatus(t, Input{
		Execution: execution, Definition: definition, Revision: revisionName, Observed: observed, Requests: requests, Now: at(30),
	})
}

func TestOutputsAreKeptOnTheAction(t *testing.T) {
	definition := makeDefinition(makeStage("Build", makeOutputAction("compile", 1, "BUILD", "TAG")), makeStage("Deploy", makeAction("roll-out", 1)))
	execution := runSteps(t, definition,
		step{nil, nil, "InProgress | Build InProgress: compile=unconfirmed | Deploy NotStarted: roll-out=NotStarted"},
		step{phases{"Build/compile": PhaseRunning}, nil, "InProgress | Build InProgress: compile=InProgress | Deploy NotStarted: roll-out=NotStarted"})
	nextWritten(t, execution, definition, map[string]string{"Build/compile": "TAG=v1"})
	want := []v1alpha1.Variable{{Name: "TAG", Value: "v1"}}
	if diff := cmp.Diff(want, execution.Status.Stages[0].Actions[0].Outputs); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	operations := Operations(&execution.Status, definition)
	if len(operations) != 1 || operations[0].Type != OperationStart {
		t.Fatalf("operations %+v", operations)
	}
	if diff := cmp.Diff([]v1alpha1.Variable{{Name: "BUILD_TAG", Value: "v1"}}, operations[0].Outputs); diff != "" {
		t.Errorf("outputs of the next action (-want +got):\n%s", diff)
	}
}

func TestBadOutputsFailTheAction(t *testing.T) {
	definition := makeDefinition(makeStage("Build", makeOutputAction("compile", 1, "BUILD", "TAG"), makeAction("lint", 1)), makeStage("Deploy", makeAction("roll-out", 1)))
	execution := runSteps(t, definition, step{nil, nil, "InProgress | Build InProgress: compile=unconfirmed lint=unconfirmed | Deploy NotStarted: roll-out=NotStarted"})
	nextWritten(t, execution, definition, map[string]string{"Build/compile": "TAGS=v1", "Build/lint": ""})
	if got, want := summarizeStates(&execution.Status), "Failed | Build Failed: compile=Failed lint=Succeeded | Deploy NotStarted: roll-out=NotStarted"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	compile := execution.Status.Stages[0].Actions[0]
	if compile.Reason != v1alpha1.ReasonOutputMissing || compile.Outputs != nil {
		t.Errorf("got %+v", compile)
	}
	checkContains(t, sharedMessage(t, &execution.Status), "OutputMissing", `"TAG"`)
}

// An abandoned action has no outputs. One that succeeds under a stop that waits keeps them.
func TestOutputsUnderAStop(t *testing.T) {
	definition := makeDefinition(makeStage("Build", makeOutputAction("compile", 1, "BUILD", "TAG")))
	for name, tt := range map[string]struct {
		requests []v1alpha1.StopRequest
		written  string
		want     string
		outputs  int
	}{
		"wait":                                 {waitRequests, "TAG=v1", "Stopped | Build Stopped: compile=Succeeded", 1},
		"wait, and it is missing":              {waitRequests, "", "Stopped | Build Stopped: compile=Failed", 0},
		"abandon":                              {abandonRequests, "TAG=v1", "Stopped | Build Stopped: compile=Abandoned", 0},
		"abandon, and its output is no output": {abandonRequests, "", "Stopped | Build Stopped: compile=Abandoned", 0},
	} {
		t.Run(name, func(t *testing.T) {
			stopping := "Stopping | Build Stopping: compile=InProgress"
			if tt.requests[0].Spec.Abandon {
				stopping = "Stopping | Build Stopping: compile=ending"
			}
			execution := runSteps(t, definition,
				step{nil, nil, "InProgress | Build InProgress: compile=unconfirmed"},
				step{phases{"Build/compile": PhaseRunning}, tt.requests, stopping})
			nextWritten(t, execution, definition, map[string]string{"Build/compile": tt.written})
			if got := summarizeStates(&execution.Status); got != tt.want || len(execution.Status.Stages[0].Actions[0].Outputs) != tt.outputs {
				t.Errorf("got %s, %+v; want %s", got, execution.Status.Stages[0].Actions[0].Outputs, tt.want)
			}
		})
	}
}

// The first actions whose outputs fit keep them, and the one that brings too many fails.
func TestOutputsOfAnExecutionAreBounded(t *testing.T) {
	definition := makeDefinition(v1alpha1.Stage{Name: "Build"})
	written := map[string]string{}
	names := strings.Fields("A B C D E F G H I J K L M N O")
	var lines strings.Builder
	for _, n := range names {
		lines.WriteString(n + "=" + strings.Repeat("é", 1000) + "\n")
	}
	for _, n := range []string{"a", "b", "c"} {
		definition.Stages[0].Actions = append(definition.Stages[0].Actions, makeOutputAction(n, 1, "NS_"+n, strings.Join(names, " ")))
		written["Build/"+n] = lines.String()
	}
	execution := makeExecution()
	nextWritten(t, execution, definition, nil)
	nextWritten(t, execution, definition, written)
	if got, want := summarizeStates(&execution.Status), "Failed | Build Failed: a=Succeeded b=Succeeded c=Failed"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	last := execution.Status.Stages[0].Actions[2]
	if last.Reason != v1alpha1.ReasonOutputsTooLarge || last.Outputs != nil || sizeOfOutputs(&execution.Status) > MaxOutputs {
		t.Errorf("%d bytes are kept, and the last action is %+v", sizeOfOutputs(&execution.Status), last)
	}
	checkContains(t, last.Message, "65536 bytes", "4816 are left", "put out 30360")
}

// An action gets the outputs of the actions before it: not those of its siblings, which may come while its Job is built again.
func TestOutputsBefore(t *testing.T) {
	definition := makeDefinition(
		makeStage("Build", makeOutputAction("compile", 1, "C", "X"), makeOutputAction("package", 2, "P", "X"), makeOutputAction("sign", 2, "S", "X"), makeOutputAction("push", 3, "PUSH", "X")),
		makeStage("Deploy", makeOutputAction("roll-out", 1, "R", "X")))
	status := &v1alpha1.PipelineExecutionStatus{}
	initStages(status, Input{Execution: makeExecution(), Definition: definition, Revision: revisionName})
	for key, a := range actions(status) {
		a.Outputs = []v1alpha1.Variable{{Name: "X", Value: key.Action}}
	}
	for name, want := range map[string]string{
		"Build/compile": "", "Build/package": "C_X=compile", "Build/sign": "C_X=compile", "Build/push": "C_X=compile\nP_X=package\nS_X=sign",
		"Deploy/roll-out": "C_X=compile\nP_X=package\nS_X=sign\nPUSH_X=push",
	} {
		key := parseKey(name)
		if got := joinOutputs(outputsBefore(status, definition, key, findDefinition(definition, key).RunOrder)); got != want {
			t.Errorf("%s gets\n%s\nand should get\n%s", name, got, want)
		}
	}
}

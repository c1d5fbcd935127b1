// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
)

// nameWorkload returns the name of the workload of an attempt of an action.
func nameWorkload(name, uid, stage, action string, attempt int32) string {
	execution := makeExecution()
	execution.Name, execution.UID = name, types.UID(uid)
	return WorkloadName(execution, ActionKey{stage, action}, attempt, "")
}

// Nobody who does not know the nonce knows the name.
func TestWorkloadNameDependsOnTheNonce(t *testing.T) {
	execution, key := makeExecution(), ActionKey{"build", "compile"}
	first, other := WorkloadName(execution, key, 1, "nonce"), WorkloadName(execution, key, 1, "another")
	if first == other || first != WorkloadName(execution, key, 1, "nonce") {
		t.Errorf("%q and %q", first, other)
	}
}

func TestWorkloadNameIsALabel(t *testing.T) {
	tests := map[string]string{
		"short":                      "r",
		"a prefix of just 40":        strings.Repeat("n", 40),
		"as long as names can be":    strings.Repeat("n", 253),
		"dots":                       "nightly.2026.03.01",
		"a cut behind a dash":        strings.Repeat("n", 39) + "-" + strings.Repeat("m", 30),
		"a cut behind dots and dash": strings.Repeat("n", 36) + "-.-.m.m",
		"digits":                     "0123456789",
	}
	for name, execution := range tests {
		t.Run(name, func(t *testing.T) {
			got := nameWorkload(execution, executionUID, "stage@1", "action_2", 2147483647)
			if errs := validation.IsDNS1123Label(got); len(errs) > 0 || len(got) > 63 {
				t.Errorf("%q has %d characters: %v", got, len(got), errs)
			}
			if strings.Contains(got, "--") && !strings.Contains(execution, "-.-") {
				t.Errorf("%q was cut behind a dash", got)
			}
			prefix := strings.ReplaceAll(execution, ".", "-")
			if !strings.HasPrefix(got, prefix[:min(len(prefix), 30)]) {
				t.Errorf("%q does not begin as the execution %q", got, execution)
			}
		})
	}
}

// Two actions, and two attempts of one, never share a name, however their names are put together.
func TestWorkloadNamesDiffer(t *testing.T) {
	long := strings.Repeat("n", 60)
	tests := []struct {
		what                     string
		name, uid, stage, action string
		attempt                  int32
	}{
		{"the first", "run-1", executionUID, "a", "bc", 1},
		{"another split of stage and action", "run-1", executionUID, "ab", "c", 1},
		{"stage and action swapped", "run-1", executionUID, "bc", "a", 1},
		{"an empty stage", "run-1", executionUID, "", "abc", 1},
		{"another action", "run-1", executionUID, "a", "bd", 1},
		{"a second attempt", "run-1", executionUID, "a", "bc", 2},
		{"an eleventh attempt", "run-1", executionUID, "a", "bc", 11},
		{"an action that ends as an attempt", "run-1", executionUID, "a", "bc1", 1},
		{"the same, split otherwise", "run-1", executionUID, "a", "bc11", 1},
		{"no attempt", "run-1", executionUID, "a", "bc", 0},
		{"a later execution of the name", "run-1", strings.Replace(executionUID, "0", "1", 1), "a", "bc", 1},
		{"names that differ beyond the cut", long + "a", executionUID + "x", "a", "bc", 1},
		{"and the other", long + "b", executionUID + "y", "a", "bc", 1},
		{"dots and dashes", "run.1", executionUID + "z", "a", "bc", 1},
	}
	taken := map[string]string{}
	for _, tt := range tests {
		got := nameWorkload(tt.name, tt.uid, tt.stage, tt.action, tt.attempt)
		if other, found := taken[got]; found {
			t.Errorf("%q: %s and %s", got, tt.what, other)
		}
		taken[got] = tt.what
	}
}

// The name that is recorded with an intent has the nonce that was drawn for it.
func TestAnIntentHasANonce(t *testing.T) {
	in := Input{
		Execution: makeExecution(), Definition: makeDefinition(makeStage("s", makeAction("a", 1))), Revision: revisionName, Nonce: "drawn", Now: at(1),
	}
	status := nextStatus(t, in)
	in.Execution.Status = status
	status = nextStatus(t, in)
	if got, want := status.Stages[0].Actions[0].Workload.Name, WorkloadName(in.Execution, ActionKey{"s", "a"}, 1, "drawn"); got != want {
		t.Errorf("the name is %q, want %q", got, want)
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
)

func jobName(name, uid, stage, action string) string {
	e := execution()
	e.Name, e.UID = name, types.UID(uid)
	return WorkloadName(e, ActionKey{stage, action}, 1)
}

// The name is how two operators, of two versions even, keep from creating two Jobs for one action. It may never change.
func TestJobNameIsStable(t *testing.T) {
	const want = "run-1-a89ce60672c32ef0b818"
	if got := jobName("run-1", theUID, "build", "compile"); got != want {
		t.Errorf("the name is %s, want %s", got, want)
	}
}

func TestJobNameIsALabel(t *testing.T) {
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
			got := jobName(execution, theUID, "stage@1", "action_2")
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

// Two actions never share a name, however their names are put together.
func TestJobNamesDiffer(t *testing.T) {
	long := strings.Repeat("n", 60)
	others := map[string]string{
		"another split of stage and action": jobName("run-1", theUID, "ab", "c"),
		"stage and action swapped":          jobName("run-1", theUID, "bc", "a"),
		"an empty stage":                    jobName("run-1", theUID, "", "abc"),
		"another action":                    jobName("run-1", theUID, "a", "bd"),
		"a later execution of the name":     jobName("run-1", strings.Replace(theUID, "0", "1", 1), "a", "bc"),
		"names that differ beyond the cut":  jobName(long+"a", theUID+"x", "a", "bc"),
		"and the other":                     jobName(long+"b", theUID+"y", "a", "bc"),
		"dots and dashes":                   jobName("run.1", theUID+"z", "a", "bc"),
	}
	taken := map[string]string{jobName("run-1", theUID, "a", "bc"): "the first"}
	for name, got := range others {
		if other, found := taken[got]; found {
			t.Errorf("%q: %s and %s", got, name, other)
		}
		taken[got] = name
	}
}

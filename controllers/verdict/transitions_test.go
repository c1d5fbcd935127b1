// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/transition"
)

func TestTransitions(t *testing.T) {
	created := at(-9)
	acceptedOne := transition.Transition{Type: transition.Accepted, Message: "it stops", Verdict: v1alpha1.ReasonAccepted, Since: &created}
	rejectedOne := transition.Transition{Type: transition.Rejected, Message: "it stops already", Verdict: duplicated, Since: &created}
	doneOne := transition.Transition{Type: transition.RequestDone, Message: "it has stopped"}
	tests := []struct {
		name          string
		before, after []write
		want          []transition.Transition
	}{
		{"nothing", nil, nil, nil},
		{"pending", nil, []write{pending}, nil},
		{"accepted", []write{pending}, []write{pending, accept, progressing}, []transition.Transition{acceptedOne}},
		{"still accepted", []write{accept, progressing}, []write{accept, progressing}, nil},
		{"done", []write{accept, progressing}, []write{accept, progressing, done}, []transition.Transition{doneOne}},
		{"accepted and done in one", nil, []write{accept, done}, []transition.Transition{acceptedOne, doneOne}},
		{"still done", []write{accept, done}, []write{accept, done}, nil},
		// A rejection is one transition: it is the verdict and the end.
		{"rejected", []write{pending}, []write{pending, reject}, []transition.Transition{rejectedOne}},
		{"blocked", []write{pending}, []write{block}, []transition.Transition{{Type: transition.StopBlocked, Message: "too large"}}},
		{"still blocked", []write{block}, []write{block}, nil},
		{"blocked no more", []write{block}, []write{block, accept, progressing}, []transition.Transition{acceptedOne}},
		{"still rejected", []write{reject}, []write{reject}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Transitions(applyWrites(tt.before...), applyWrites(tt.after...), &created)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("transitions (-want +got):\n%s", diff)
			}
		})
	}
}

// A request that a former version rejected gets its Finished. That is no transition: the verdict was reported when it was
// given.
func TestNoTransitionOfARestoredFinished(t *testing.T) {
	before := applyWrites(reject)[:1]
	if len(before) != 1 || before[0].Type != v1alpha1.ConditionAccepted {
		t.Fatalf("before are %+v", before)
	}
	created := at(0)
	if got := Transitions(before, applyWrites(reject), &created); got != nil {
		t.Errorf("transitions %+v", got)
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"slices"
	"testing"
)

func newAction(stage, order int, outcome Outcome) Action {
	return Action{StageIndex: stage, RunOrder: order, Outcome: outcome}
}

func TestEndsAsTheUserGuideSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		pipeline Pipeline
		end      State
	}{
		{"every action succeeds", Pipeline{newAction(0, 1, Succeeds), newAction(0, 2, Succeeds), newAction(1, 1, Succeeds)}, Succeeded},
		{"an action fails", Pipeline{newAction(0, 1, Fails)}, Failed},
		{"a failed action blocks the next group", Pipeline{newAction(0, 1, Fails), newAction(0, 2, Hangs)}, Failed},
		{"a failed action blocks the next stage", Pipeline{newAction(0, 1, Fails), newAction(1, 1, Hangs)}, Failed},
		{"its running siblings finish", Pipeline{newAction(0, 1, Fails), newAction(0, 1, Hangs)}, InProgress},
		{"what hangs blocks what comes after it", Pipeline{newAction(0, 1, Hangs), newAction(0, 2, Fails)}, InProgress},
		{"a smaller runOrder goes first", Pipeline{newAction(0, 2, Hangs), newAction(0, 1, Fails)}, Failed},
		{"the last stage fails", Pipeline{newAction(0, 1, Succeeds), newAction(1, 3, Fails)}, Failed},
	} {
		if got := test.pipeline.FindEnd(); got != test.end {
			t.Errorf("%s: ends %q, not %q", test.name, got, test.end)
		}
	}
}

func TestMayStartAsTheUserGuideSays(t *testing.T) {
	t.Parallel()
	first, sibling, second, later := Key{"Build", "a"}, Key{"Build", "b"}, Key{"Build", "c"}, Key{"Deploy", "d"}
	p := Pipeline{{first, 0, 1, Succeeds}, {sibling, 0, 1, Fails}, {second, 0, 2, Succeeds}, {later, 1, 1, Succeeds}}
	for _, test := range []struct {
		name  string
		ended map[Key]Outcome
		may   []Key
	}{
		{"equal values run in parallel, a smaller one goes first", nil, []Key{first, sibling}},
		{"a group waits for the whole group before it", map[Key]Outcome{first: Succeeds}, []Key{first, sibling}},
		{"a failed action blocks", map[Key]Outcome{first: Succeeds, sibling: Fails}, []Key{first, sibling}},
		{"the next group starts", map[Key]Outcome{first: Succeeds, sibling: Succeeds}, []Key{first, sibling, second}},
		{"the next stage starts", map[Key]Outcome{first: Succeeds, sibling: Succeeds, second: Succeeds},
			[]Key{first, sibling, second, later}},
	} {
		may := map[Key]bool{}
		for _, k := range test.may {
			may[k] = true
		}
		for _, k := range []Key{first, sibling, second, later, {"Build", "unknown"}} {
			got := p.MayStart(k, func(k Key) (Outcome, bool) { o, has := test.ended[k]; return o, has })
			if got != may[k] {
				t.Errorf("%s: %v may start: %t", test.name, k, got)
			}
		}
	}
}

func TestFindBefore(t *testing.T) {
	t.Parallel()
	first, sibling, second, later := Key{"Build", "a"}, Key{"Build", "b"}, Key{"Build", "c"}, Key{"Deploy", "d"}
	p := Pipeline{{first, 0, 1, Succeeds}, {sibling, 0, 1, Fails}, {second, 0, 2, Succeeds}, {later, 1, 1, Succeeds}}
	for k, want := range map[Key][]Key{first: nil, second: {first, sibling}, later: {first, sibling, second}, {"Build", "unknown"}: nil} {
		if got := p.FindBefore(k); !slices.Equal(got, want) {
			t.Errorf("before %v comes %v, not %v", k, got, want)
		}
	}
}

func TestWithChangesOneOutcome(t *testing.T) {
	t.Parallel()
	k := Key{"Build", "a"}
	p := Pipeline{{k, 0, 1, Succeeds}}
	if got := p.WithOutcome(k, Fails).FindOutcome(k); got != Fails {
		t.Errorf("the changed outcome is %q", got)
	}
	if got := p.FindOutcome(k); got != Succeeds {
		t.Errorf("the pipeline itself was changed: %q", got)
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
)

// sample and -failfast together show in seconds that something is broken.
var sample = flag.Int("sample", stride, "TestSingles tries one injection in so many")

// most keeps the large scenarios from taking all the time: the number of injections grows with the square of a scenario's length.
var most = flag.Int("most", 100, "TestSingles tries no more than so many injections of a scenario, drawn from all its kinds and calls; 0 tries all")

// pick returns the indexes of the injections to try, of a number of them, in order. They are drawn, and the same ones each time: one in
// so many would meet the same kinds of injections at every call.
func pick(injections, sample, most int) []int {
	n := (injections + sample - 1) / sample
	if most > 0 {
		n = min(n, most)
	}
	picked := rand.New(rand.NewPCG(uint64(injections), 0)).Perm(injections)[:n]
	slices.Sort(picked)
	return picked
}

func TestPick(t *testing.T) {
	for _, c := range []struct{ injections, sample, most, want int }{
		{0, 1, 10, 0}, {5, 1, 0, 5}, {5, 1, 10, 5}, {50, 1, 10, 10}, {50, 25, 0, 2}, {51, 25, 0, 3}, {1000, 25, 10, 10},
	} {
		picked := pick(c.injections, c.sample, c.most)
		if len(picked) != c.want || len(slices.Compact(slices.Clone(picked))) != c.want || !slices.IsSorted(picked) {
			t.Errorf("pick(%d, %d, %d) is %v, not %d different ones in order", c.injections, c.sample, c.most, picked, c.want)
		}
	}
	if !slices.Equal(pick(100, 1, 10), pick(100, 1, 10)) {
		t.Error("two picks differ")
	}
}

// isDone reports whether nothing more need be tried: with -failfast one violation is enough.
func (x *exploration) isDone() bool {
	return x.all.Failed() && flag.Lookup("test.failfast").Value.String() == "true"
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// shuffle returns the numbers below its size in a random order, and then all of them again.
type shuffle struct {
	random *rand.Rand
	size   int
	left   []int
}

func newShuffle(r *rand.Rand, size int) *shuffle { return &shuffle{random: r, size: size} }

// next returns the next number.
func (s *shuffle) next() int {
	if len(s.left) == 0 {
		s.left = s.random.Perm(s.size)
	}
	n := s.left[0]
	s.left = s.left[1:]
	return n
}

// strata are the parts of equal size that a hundred is divided into.
const strata = 20

// percents returns random numbers below a hundred, one from each stratum before there is a second from any: what is to happen to ten
// of a hundred requests happens to one of the first twenty at least.
type percents struct{ strata *shuffle }

func newPercents(r *rand.Rand) *percents { return &percents{strata: newShuffle(r, strata)} }

// next returns the next number.
func (p *percents) next() int {
	const size = 100 / strata
	return p.strata.next()*size + p.strata.random.IntN(size)
}

// Whatever has ten of a hundred numbers comes at least once in each twenty.
func TestPercents(t *testing.T) {
	p := newPercents(newRandom("percents"))
	for range 100 {
		seen := make([]bool, 100)
		for range strata {
			seen[p.next()] = true
		}
		for first := range 91 {
			if !slices.Contains(seen[first:first+10], true) {
				t.Fatalf("none of the numbers from %d to %d came in %d draws", first, first+9, strata)
			}
		}
	}
}

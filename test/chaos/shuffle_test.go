// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import "math/rand/v2"

// shuffle returns the numbers below its size in a random order, and then all of them again: what is to happen to two of a
// hundred requests happens to two of the first hundred.
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

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import "math/rand/v2"

// deck deals the numbers below its size in a random order, and then all of them again: what is to happen to two of a
// hundred requests happens to two of the first hundred.
type deck struct {
	random *rand.Rand
	size   int
	left   []int
}

func newDeck(r *rand.Rand, size int) *deck { return &deck{random: r, size: size} }

func (d *deck) draw() int {
	if len(d.left) == 0 {
		d.left = d.random.Perm(d.size)
	}
	n := d.left[0]
	d.left = d.left[1:]
	return n
}

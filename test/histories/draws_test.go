// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"math/bits"

	"pgregory.net/rapid"
)

// drawNumber draws a number, each with the same probability. It is made of fair coins: when rapid makes a failed history
// smaller, it tries each coin once, and needs some fifty tries for an integer of its own. The number becomes the smallest then.
func drawNumber(t *rapid.T, label string, from, to int) int {
	n := to - from + 1
	if n <= 1 {
		return from
	}
	coins := bits.Len(uint(n - 1))
	return from + rapid.Custom(func(t *rapid.T) int {
		v := 0
		for range coins {
			v <<= 1
			if rapid.Bool().Draw(t, "coin") {
				v++
			}
		}
		return v * n >> coins
	}).Draw(t, label)
}

// drawOne draws one of some options. In a history that is made smaller it becomes the first.
func drawOne[T any](t *rapid.T, label string, options ...T) T {
	return options[drawNumber(t, label, 0, len(options)-1)]
}

// drawOneIn draws whether something happens that does once in n times. In a history that is made smaller it does not.
func drawOneIn(t *rapid.T, n int, label string) bool { return drawNumber(t, label, 1, n) == n }

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"math/bits"

	"pgregory.net/rapid"
)

// number draws a number, each as likely as another. It is made of fair coins: a failed history that is made smaller tries
// each once, where rapid's own integers take some fifty tries. It becomes the smallest then.
func number(t *rapid.T, label string, from, to int) int {
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

// pick draws one of some options, and becomes the first.
func pick[T any](t *rapid.T, label string, options ...T) T {
	return options[number(t, label, 0, len(options)-1)]
}

// oneIn draws something that happens seldom, and then does not.
func oneIn(t *rapid.T, n int, label string) bool { return number(t, label, 1, n) == n }

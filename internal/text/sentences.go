// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package text

import "strings"

// JoinSentences joins two texts, either of which may be empty. A first one that ends without a mark, as messages of Kubernetes do, gets a full stop.
func JoinSentences(first, second string) string {
	first, second = strings.TrimSpace(first), strings.TrimSpace(second)
	switch {
	case first == "" || second == "":
		return first + second
	case strings.ContainsAny(first[len(first)-1:], ".!?:;"):
		return first + " " + second
	default:
		return first + ". " + second
	}
}

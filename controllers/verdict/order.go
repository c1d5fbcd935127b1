// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SortOldestFirst returns requests in the order in which they are decided: by creation time, then by name. The given ones are not changed.
func SortOldestFirst[T any, P interface {
	*T
	metav1.Object
}](requests []T) []T {
	sorted := slices.Clone(requests)
	slices.SortFunc(sorted, func(a, b T) int {
		first, second := P(&a), P(&b)
		created := first.GetCreationTimestamp()
		return cmp.Or(created.Compare(second.GetCreationTimestamp().Time), cmp.Compare(first.GetName(), second.GetName()))
	})
	return sorted
}

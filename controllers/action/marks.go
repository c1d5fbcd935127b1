// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"maps"
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
)

// MergeOurs returns the labels or annotations that the user set, except those that are ours to set, and ours.
func MergeOurs(theirs, ours map[string]string) map[string]string {
	result := map[string]string{}
	for name, value := range theirs {
		if !strings.HasPrefix(name, v1alpha1.GroupVersion.Group+"/") {
			result[name] = value
		}
	}
	maps.Copy(result, ours)
	return result
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"strings"

	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// Prefixes returns what is put before the lines of each source, so that they can be told apart: the action, its pod if the action has several,
// and the container if the pod has several. A single source has none, unless it is wanted always.
func Prefixes(sources []Source, always bool) []string {
	pods := map[view.ActionKey]map[string]bool{}
	for _, s := range sources {
		if pods[s.Action] == nil {
			pods[s.Action] = map[string]bool{}
		}
		pods[s.Action][s.Pod] = true
	}
	prefixes := make([]string, len(sources))
	if len(sources) < 2 && !always {
		return prefixes
	}
	for i, s := range sources {
		words := []string{s.Action.String()}
		if len(pods[s.Action]) > 1 {
			words = append(words, endOfName(s.Pod))
		}
		if s.IsOneOfSeveral {
			words = append(words, s.Container)
		}
		prefixes[i] = "[" + strings.Join(words, " ") + "] "
	}
	return prefixes
}

// endOfName returns the random end of the name of a pod, with the index before it if the Job has indexes.
func endOfName(pod string) string {
	parts := strings.Split(pod, "-")
	if n := len(parts); n > 2 && isNumber(parts[n-2]) {
		return parts[n-2] + "-" + parts[n-1]
	}
	return parts[len(parts)-1]
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

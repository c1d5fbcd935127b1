// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/internal/text"
)

// Summarize returns in a line, for people, who is in which stage and how many wait; nothing if nobody is or does.
func Summarize(stages []v1alpha1.PipelineStageStatus) string {
	var parts []string
	for _, s := range stages {
		if part := summarizeStage(s); part != "" {
			parts = append(parts, s.Name+": "+part)
		}
	}
	return text.BoundMessage(strings.Join(parts, "; "))
}

func summarizeStage(s v1alpha1.PipelineStageStatus) string {
	var words []string
	if s.Execution != nil {
		words = append(words, s.Execution.Name)
	}
	if s.WaitingCount > 0 {
		words = append(words, fmt.Sprintf("%d waiting", s.WaitingCount))
	}
	if s.DisabledTransition != nil {
		words = append(words, "disabled")
	}
	return strings.Join(words, ", ")
}

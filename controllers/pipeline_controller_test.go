// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/internal/text"
)

// The answer of the API server about a template can be longer than the schema lets a message be.
func TestPipelineMessagesAreBounded(t *testing.T) {
	now := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	for _, message := range []string{strings.Repeat("x", 1024), strings.Repeat("x", 1025), strings.Repeat("停", 5000)} {
		status := nextPipelineStatus(makePipelineOf("a"), checkResult{problem: &plan.Problem{Reason: v1alpha1.ReasonInvalidJobTemplate, Message: message}}, now)
		for _, name := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionStalled} {
			c := meta.FindStatusCondition(status.Conditions, name)
			if c == nil || c.Message != text.BoundMessage(message) || len(c.Message) < text.MaxMessageLength {
				t.Errorf("%s of a message of %d characters: %+v", name, utf8.RuneCountInString(message), c)
			}
		}
	}
}

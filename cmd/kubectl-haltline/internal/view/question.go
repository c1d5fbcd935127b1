// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"regexp"
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
)

// whatAnAnswerNeeds is how the message of an approval begins: with all that an ApprovalResult has to have. The name of an action has no
// quotation mark.
var whatAnAnswerNeeds = regexp.MustCompile(`^.*? actionName "[^"]*"`)

// Question returns what an approval asks, in quotes, and where to look; empty if it asks nothing. In the status it comes after what an answer
// needs.
func Question(a *v1alpha1.ActionStatus) string {
	return strings.TrimSpace(strings.TrimPrefix(whatAnAnswerNeeds.ReplaceAllLiteralString(a.Message, ""), ":"))
}

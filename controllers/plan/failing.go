// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/internal/text"
)

// isFailing reports whether an action has failed, or exceeded a time limit, and some of its group still go on: the execution fails when
// they have ended.
func isFailing(status *v1alpha1.PipelineExecutionStatus) bool {
	return anyAction(status, hasFailed) && anyAction(status, isActive) || anyAction(status, hasTimedOut)
}

// describeFailing returns which actions a failing execution waits for, and what failed. See isFailing.
func describeFailing(status *v1alpha1.PipelineExecutionStatus) string {
	var failures, names []string
	if status.TimedOutTime != nil || anyAction(status, hasFailed) {
		_, failure := describeFailure(status, nil)
		failures = append(failures, failure)
	}
	for key, a := range actions(status) {
		if hasTimedOut(a) && status.TimedOutTime == nil {
			failures = append(failures, fmt.Sprintf("Action %q of stage %q: %s: %s", key.Action, key.Stage, a.TimedOut.Reason, describeTimeout(a)))
		}
		if isActive(a) {
			names = append(names, describePendingAction(v1alpha1.PendingAction{Stage: key.Stage, Action: key.Action, Reason: a.Reason}))
		}
	}
	return strings.TrimSpace(fmt.Sprintf("Nothing further starts, and the execution fails when what runs has finished: %s. %s",
		text.JoinFew(names), strings.Join(append(failures, describeFirstBlocked(status)), " ")))
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
)

// isFailing reports whether an action has failed and others of its group still go on: the execution fails when they have ended.
func isFailing(status *v1alpha1.PipelineExecutionStatus) bool {
	return anyAction(status, hasFailed) && anyAction(status, isActive)
}

// maxNamesOfFailing bounds how many actions are named that a failing execution waits for, so that the message has room for what failed.
const maxNamesOfFailing = 3

// describeFailing returns which actions a failing execution waits for, and what failed. See isFailing.
func describeFailing(status *v1alpha1.PipelineExecutionStatus) string {
	_, failure := describeFailure(status, nil)
	var names []string
	for key, a := range actions(status) {
		if isActive(a) {
			names = append(names, describePendingAction(v1alpha1.PendingAction{Stage: key.Stage, Action: key.Action, Reason: a.Reason}))
		}
	}
	few := strings.Join(names[:min(len(names), maxNamesOfFailing)], ", ")
	if len(names) > maxNamesOfFailing {
		few += fmt.Sprintf(" and %d more", len(names)-maxNamesOfFailing)
	}
	return fmt.Sprintf("Nothing further starts, and the execution fails when what runs has finished: %s. %s", few, strings.TrimSpace(failure+" "+describeFirstBlocked(status)))
}

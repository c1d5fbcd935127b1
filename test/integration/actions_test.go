// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/api/v1alpha1"
)

// The states of an action.
const (
	actionNotStarted = v1alpha1.ActionNotStarted
	actionInProgress = v1alpha1.ActionInProgress
	actionSucceeded  = v1alpha1.ActionSucceeded
	actionFailed     = v1alpha1.ActionFailed
	actionAbandoned  = v1alpha1.ActionAbandoned
)

// states are those of actions, by their names.
type states = map[string]v1alpha1.ActionState

// actionStates returns the states of the actions of an execution. No two of them have the same name.
func actionStates(execution *v1alpha1.PipelineExecution) states {
	found := states{}
	for _, stage := range execution.Status.Stages {
		for _, action := range stage.Actions {
			found[action.Name] = action.State
		}
	}
	return found
}

// waitForAction waits until an action is in a state.
func waitForAction(t *testing.T, execution *v1alpha1.PipelineExecution, action string, state v1alpha1.ActionState) {
	t.Helper()
	NewWithT(t).Eventually(func() states {
		return actionStates(refreshObject(t, execution))
	}, timeout, interval).Should(HaveKeyWithValue(action, state))
}

// stageStates returns the states of the stages of an execution, in their order.
func stageStates(execution *v1alpha1.PipelineExecution) []v1alpha1.StageState {
	var found []v1alpha1.StageState
	for _, stage := range execution.Status.Stages {
		found = append(found, stage.State)
	}
	return found
}

// findAction returns an action of an execution; an empty one if there is none of that name.
func findAction(execution *v1alpha1.PipelineExecution, name string) v1alpha1.ActionStatus {
	for _, stage := range execution.Status.Stages {
		for _, action := range stage.Actions {
			if action.Name == name {
				return action
			}
		}
	}
	return v1alpha1.ActionStatus{}
}

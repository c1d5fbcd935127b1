// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// isStopInForce reports whether nothing more of the execution may start. A state that shows a stop counts even if the
// record of the stop was lost: nothing undoes a stop.
func isStopInForce(status *v1alpha1.PipelineExecutionStatus) bool {
	return status.Stop != nil || status.State == v1alpha1.ExecutionStopping
}

// IsFencing reports whether a stop is recorded that cannot be published yet, since it is not sure that nothing more starts.
func IsFencing(status *v1alpha1.PipelineExecutionStatus) bool {
	return isStopInForce(status) && anyAction(status, isUnconfirmed)
}

// modeInForce returns what the stop in force does with actions in progress: it waits, unless it is known to abandon.
func modeInForce(status *v1alpha1.PipelineExecutionStatus) v1alpha1.StopMode {
	if status.Stop == nil {
		return v1alpha1.StopModeWait
	}
	return status.Stop.Mode
}

// abandonActions turns started actions in progress into abandoned ones: all of them under a stop that abandons, those
// with onStop: Abandon under a stop that waits. An unconfirmed intent is fenced first.
func abandonActions(status *v1alpha1.PipelineExecutionStatus, definition *v1alpha1.PipelineDefinition, now metav1.Time) {
	if !isStopInForce(status) {
		return
	}
	abandonsAll := modeInForce(status) == v1alpha1.StopModeAbandon
	for key, a := range actions(status) {
		if a.State != v1alpha1.ActionInProgress || isUnconfirmed(a) {
			continue
		}
		if abandonsAll || findDefinition(definition, key).OnStop == v1alpha1.OnStopAbandon {
			abandonAction(a, now)
		}
	}
}

// abandonAction turns an action into an abandoned one. An approval has ended then: it runs nothing.
func abandonAction(a *v1alpha1.ActionStatus, now metav1.Time) {
	a.State = v1alpha1.ActionAbandoned
	a.Reason, a.Message = "", ""
	if isApproval(a) {
		a.CompletionTime = &now
	}
}

// setStopState gives an execution whose stop is in force its state: none that shows the stop while an intent is
// unconfirmed, since "without starting subsequent actions" could not be promised yet; Stopping "while completing or
// abandoning in-progress actions"; Stopped "after all in-progress actions are completed or abandoned".
func setStopState(status *v1alpha1.PipelineExecutionStatus, now metav1.Time) {
	switch {
	case anyAction(status, isUnconfirmed):
	case anyAction(status, isActive):
		status.State = v1alpha1.ExecutionStopping
	default:
		setFinalState(status, v1alpha1.ExecutionStopped, now)
	}
}

// maxPendingActions bounds status.stop.waitingFor. Only one stage is ever in progress, and a stage has at most 50 actions.
const maxPendingActions = 50

// setWaitingFor lists what the stop waits for: the actions whose work may still go on.
func setWaitingFor(status *v1alpha1.PipelineExecutionStatus) {
	if status.Stop == nil {
		return
	}
	status.Stop.WaitingFor = nil
	for key, a := range actions(status) {
		if !isActive(a) || len(status.Stop.WaitingFor) == maxPendingActions {
			continue
		}
		status.Stop.WaitingFor = append(status.Stop.WaitingFor, v1alpha1.PendingAction{
			Stage: key.Stage, Action: key.Action, Attempt: a.Attempt, Workload: a.Workload,
			Reason: a.Reason, Message: pendingMessage(a),
		})
	}
}

func pendingMessage(a *v1alpha1.ActionStatus) string {
	switch {
	case a.Message != "":
		return a.Message
	case isUnconfirmed(a):
		return fmt.Sprintf("Making sure that %s %q does not start.", a.Workload.Kind, a.Workload.Name)
	case a.State == v1alpha1.ActionAbandoned:
		return fmt.Sprintf("Everything that %s %q runs has to end.", a.Workload.Kind, a.Workload.Name)
	default:
		return fmt.Sprintf("%s %q has to finish.", a.Workload.Kind, a.Workload.Name)
	}
}

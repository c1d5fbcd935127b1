// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// stopInForce reports whether nothing more of the execution may start. A state that shows a stop counts even where the
// record of the stop was lost: nothing undoes a stop.
func stopInForce(status *v1alpha1.PipelineExecutionStatus) bool {
	return status.Stop != nil || status.State == v1alpha1.ExecutionStopping
}

// modeInForce is what the stop in force does with actions in progress: it waits, unless it is known to abandon.
func modeInForce(status *v1alpha1.PipelineExecutionStatus) v1alpha1.StopMode {
	if status.Stop == nil {
		return v1alpha1.StopModeWait
	}
	return status.Stop.Mode
}

// abandon turns started actions in progress into abandoned ones: all of them under a stop that abandons, those with
// onStop: Abandon under a stop that waits. An open intent is fenced first.
func abandon(status *v1alpha1.PipelineExecutionStatus, pipeline *v1alpha1.PipelineSpec) {
	for s := range status.Stages {
		stage := &status.Stages[s]
		for a := range stage.Actions {
			action := &stage.Actions[a]
			if action.State != v1alpha1.ActionInProgress || open(action) {
				continue
			}
			if modeInForce(status) == v1alpha1.StopModeAbandon ||
				definition(pipeline, Key{stage.Name, action.Name}).OnStop == v1alpha1.OnStopAbandon {
				action.State = v1alpha1.ActionAbandoned
				action.Reason, action.Message = "", ""
			}
		}
	}
}

// settleStop gives an execution whose stop is in force its state: none that shows the stop while an intent is open,
// since "without starting subsequent actions" could not be promised yet; Stopping "while completing or abandoning
// in-progress actions"; Stopped "after all in-progress actions are completed or abandoned".
func settleStop(status *v1alpha1.PipelineExecutionStatus, now metav1.Time) {
	switch {
	case anyAction(status, open):
	case anyAction(status, working):
		status.State = v1alpha1.ExecutionStopping
	default:
		finish(status, v1alpha1.ExecutionStopped, now)
	}
}

// waitFor lists what the stop waits for: the actions whose work may still go on.
func waitFor(status *v1alpha1.PipelineExecutionStatus) {
	if status.Stop == nil {
		return
	}
	status.Stop.WaitingFor = nil
	for _, stage := range status.Stages {
		for _, a := range stage.Actions {
			if !working(&a) || len(status.Stop.WaitingFor) == maxWaits {
				continue
			}
			status.Stop.WaitingFor = append(status.Stop.WaitingFor, v1alpha1.StopWait{
				Stage: stage.Name, Action: a.Name, JobName: a.JobName, Reason: a.Reason, Message: waitMessage(&a),
			})
		}
	}
}

// maxWaits bounds status.stop.waitingFor. Only one stage is ever in progress, and a stage has at most 50 actions.
const maxWaits = 50

func waitMessage(a *v1alpha1.ActionStatus) string {
	switch {
	case a.Message != "":
		return a.Message
	case open(a):
		return fmt.Sprintf("Making sure that Job %q does not start.", a.JobName)
	case a.State == v1alpha1.ActionAbandoned:
		return fmt.Sprintf("The pods of Job %q have to end.", a.JobName)
	default:
		return fmt.Sprintf("Job %q has to finish.", a.JobName)
	}
}

// definition returns the action's definition in the pipeline, or an empty one where the pipeline does not have it.
func definition(pipeline *v1alpha1.PipelineSpec, key Key) v1alpha1.Action {
	if pipeline == nil {
		return v1alpha1.Action{}
	}
	for _, s := range pipeline.Stages {
		for _, a := range s.Actions {
			if s.Name == key.Stage && a.Name == key.Action {
				return a
			}
		}
	}
	return v1alpha1.Action{}
}

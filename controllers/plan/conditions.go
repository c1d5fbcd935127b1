// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/internal/text"
)

// conditionTypes are all conditions of an execution.
var conditionTypes = []string{
	v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled,
	v1alpha1.ConditionSucceeded, v1alpha1.ConditionStopping, v1alpha1.ConditionStopped, v1alpha1.ConditionFinished,
}

// outcome is what the conditions of an execution show.
type outcome struct {
	reason, message string
	// statuses are those of the conditions that are present, by their types.
	statuses map[string]metav1.ConditionStatus
}

// setConditions derives the conditions from the rest of the status.
func setConditions(status *v1alpha1.PipelineExecutionStatus, in Input, problem *Problem) {
	o := describeOutcome(status, in, problem)
	for _, t := range conditionTypes {
		value, present := o.statuses[t]
		if !present {
			meta.RemoveStatusCondition(&status.Conditions, t)
			continue
		}
		c := metav1.Condition{
			Type: t, Status: value, Reason: o.reason, Message: text.BoundMessage(o.message),
			ObservedGeneration: in.Execution.Generation, LastTransitionTime: in.Now,
		}
		if t == v1alpha1.ConditionFinished {
			c.Reason = string(status.State)
		}
		meta.SetStatusCondition(&status.Conditions, c)
	}
}

func describeOutcome(status *v1alpha1.PipelineExecutionStatus, in Input, problem *Problem) outcome {
	const yes, no = metav1.ConditionTrue, metav1.ConditionFalse
	switch status.State {
	case v1alpha1.ExecutionSucceeded:
		return outcome{string(status.State), "Every action succeeded.", map[string]metav1.ConditionStatus{
			v1alpha1.ConditionReady: yes, v1alpha1.ConditionSucceeded: yes, v1alpha1.ConditionFinished: yes,
		}}
	case v1alpha1.ExecutionStopped:
		return outcome{string(status.State), describeStopped(status), map[string]metav1.ConditionStatus{
			v1alpha1.ConditionReady: no, v1alpha1.ConditionStalled: yes, v1alpha1.ConditionSucceeded: no,
			v1alpha1.ConditionStopped: yes, v1alpha1.ConditionFinished: yes,
		}}
	case v1alpha1.ExecutionFailed:
		reason, message := describeFailure(status, problem)
		return outcome{reason, message, map[string]metav1.ConditionStatus{
			v1alpha1.ConditionReady: no, v1alpha1.ConditionSucceeded: no, v1alpha1.ConditionStalled: yes, v1alpha1.ConditionFinished: yes,
		}}
	case v1alpha1.ExecutionSuperseded:
		return outcome{string(status.State), describeSuperseded(status), map[string]metav1.ConditionStatus{
			v1alpha1.ConditionReady: no, v1alpha1.ConditionSucceeded: no, v1alpha1.ConditionStalled: yes, v1alpha1.ConditionFinished: yes,
		}}
	case v1alpha1.ExecutionStopping:
		return outcome{string(status.State), describeStopping(status), map[string]metav1.ConditionStatus{
			v1alpha1.ConditionReady: no, v1alpha1.ConditionReconciling: yes, v1alpha1.ConditionStopping: yes,
		}}
	default:
		reason, message := describeProgress(status, in)
		return outcome{reason, message, map[string]metav1.ConditionStatus{
			v1alpha1.ConditionReady: no, v1alpha1.ConditionReconciling: yes,
		}}
	}
}

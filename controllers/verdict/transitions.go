// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/transition"
)

// Transitions returns what the conditions of a request show that they did not show before: its verdict, and that it is
// finished. A rejection is one transition.
func Transitions(before, after []metav1.Condition, created *metav1.Time) []transition.Transition {
	var all []transition.Transition
	given := FindGiven(after)
	if given == nil {
		return blockedTransitions(before, after)
	}
	if FindGiven(before) == nil {
		t := transition.Transition{Type: transition.Accepted, Message: given.Message, Verdict: given.Reason, Since: created}
		if given.IsRejection() {
			t.Type = transition.Rejected
		}
		all = append(all, t)
	}
	if given.Accepted && IsFinished(after) && !IsFinished(before) {
		c := meta.FindStatusCondition(after, v1alpha1.ConditionFinished)
		all = append(all, transition.Transition{Type: transition.RequestDone, Message: c.Message})
	}
	return all
}

// blockedTransitions returns that a request without a verdict cannot be recorded, if it did not show that before.
func blockedTransitions(before, after []metav1.Condition) []transition.Transition {
	is, was := meta.FindStatusCondition(after, v1alpha1.ConditionReconciling), meta.FindStatusCondition(before, v1alpha1.ConditionReconciling)
	if is == nil || is.Reason != v1alpha1.ReasonStopBlocked || was != nil && was.Reason == is.Reason {
		return nil
	}
	return []transition.Transition{{Type: transition.StopBlocked, Message: is.Message}}
}

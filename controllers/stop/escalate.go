// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/internal/deadline"
)

// escalationTimeOf returns when a request turns from waiting to abandoning, or nil: never sooner than was asked for.
func escalationTimeOf(sr *v1alpha1.StopRequest, now metav1.Time) *metav1.Time {
	if sr.Spec.EscalateAfterSeconds == nil || sr.Mode() != v1alpha1.StopModeWait {
		return nil
	}
	at := deadline.After(now, *sr.Spec.EscalateAfterSeconds)
	return &at
}

// EscalationTime returns when a stop turns from waiting to abandoning by itself, or nil if it does not.
func EscalationTime(s *v1alpha1.StopStatus) *metav1.Time {
	if s == nil || s.Mode != v1alpha1.StopModeWait {
		return nil
	}
	return requestInForce(s).EscalationTime
}

// escalateInTime turns a stop that waits into one that abandons when its time has come, as if an abandon had been asked
// for, and records when. The stop is changed and returned.
func escalateInTime(s *v1alpha1.StopStatus, now metav1.Time) *v1alpha1.StopStatus {
	at := EscalationTime(s)
	if at == nil || now.Before(at) {
		return s
	}
	s.Mode = v1alpha1.StopModeAbandon
	s.Requests[len(s.Requests)-1].EscalatedTime = &now
	return s
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
)

// GracePeriodSeconds returns what a stop that abandons shortens the grace period of pods to, in seconds. It returns nil if pods have
// their own: the request in force did not ask for another, or the stop waits.
func GracePeriodSeconds(s *v1alpha1.StopStatus) *int64 {
	if s == nil || s.Mode != v1alpha1.StopModeAbandon {
		return nil
	}
	return requestInForce(s).GracePeriodSeconds
}

// describeLostGrace returns what becomes of the grace period that a duplicate asks for: nothing. It returns nothing if it asks for none.
func describeLostGrace(sr *v1alpha1.StopRequest) string {
	if sr.Spec.GracePeriodSeconds == nil {
		return ""
	}
	return fmt.Sprintf(" spec.gracePeriodSeconds: %d has no effect: pods end as the accepted request asked for.", *sr.Spec.GracePeriodSeconds)
}

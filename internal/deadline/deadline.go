// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package deadline computes when a time that somebody gave is up.
package deadline

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// After returns the time that is so many seconds after another. A status keeps whole seconds; the time is rounded up to one, so that nothing
// ends sooner than was asked for.
func After(start metav1.Time, seconds int64) metav1.Time {
	return metav1.NewTime(start.Add(time.Duration(seconds)*time.Second + time.Second - time.Nanosecond).Truncate(time.Second))
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package events

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Each kind of recorder writes the time in another field, and what is written says more than when the object was created.
func TestNewest(t *testing.T) {
	t.Parallel()
	at := func(minute int) metav1.Time { return metav1.NewTime(time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC)) }
	micro := func(minute int) metav1.MicroTime { return metav1.NewMicroTime(at(minute).Time) }
	old := corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "old", CreationTimestamp: at(5)}}
	for name, event := range map[string]corev1.Event{
		"created":        {ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at(6)}},
		"last timestamp": {ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at(1)}, LastTimestamp: at(6)},
		"event time":     {ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at(1)}, EventTime: micro(6)},
		"series":         {EventTime: micro(1), Series: &corev1.EventSeries{LastObservedTime: micro(6)}},
	} {
		event.Name = name
		if newest := Newest([]corev1.Event{event, old}); newest.Name != name {
			t.Errorf("%s: the newest event is %q", name, newest.Name)
		}
	}
	if newest := Newest(nil); newest != nil {
		t.Errorf("of no events %q is the newest", newest.Name)
	}
}

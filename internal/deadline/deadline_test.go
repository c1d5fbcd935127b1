// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package deadline

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAfter(t *testing.T) {
	whole := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		start time.Time
		want  time.Time
	}{
		"a whole second stays":   {whole, whole.Add(10 * time.Second)},
		"a part is rounded up":   {whole.Add(time.Nanosecond), whole.Add(11 * time.Second)},
		"almost a second is one": {whole.Add(time.Second - time.Nanosecond), whole.Add(11 * time.Second)},
	} {
		if got := After(metav1.NewTime(tt.start), 10); !got.Time.Equal(tt.want) {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"haltline.dev/haltline/api/v1alpha1"
)

func TestNew(t *testing.T) {
	const reason = v1alpha1.ReasonNotStoppable
	tests := []struct {
		name        string
		got, want   Verdict
		isRejection bool
	}{
		{"pending", NewPending("100% not yet"), Verdict{Message: "100% not yet"}, false},
		{
			"an acceptance", NewAcceptance("stops %s", "run-1"),
			Verdict{Decided: true, Accepted: true, Reason: v1alpha1.ReasonAccepted, Message: "stops run-1"}, false,
		},
		{"a rejection", NewRejection(reason, "%q is %s", "run-1", "Failed"), Verdict{Decided: true, Reason: reason, Message: `"run-1" is Failed`}, true},
		{"none", Verdict{}, Verdict{}, false},
		{"accepted and not decided is no rejection", Verdict{Accepted: true}, Verdict{Accepted: true}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.got); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if got := tt.got.IsRejection(); got != tt.isRejection {
				t.Errorf("IsRejection is %v, want %v", got, tt.isRejection)
			}
		})
	}
}

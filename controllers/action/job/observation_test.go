// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The finalizers that the propagation of a deletion sets go by themselves. Nobody has to remove them.
func TestWhyDeleting(t *testing.T) {
	const bySomebodyElse = `Job "` + jobName + `" is being deleted by somebody else`
	tests := []struct {
		finalizers      []string
		reason, message string
	}{
		{nil, "JobDeleting", bySomebodyElse + "; its pods have to end."},
		{[]string{"foregroundDeletion"}, "JobDeleting", bySomebodyElse + "; its pods have to end."},
		{[]string{"orphan"}, "JobDeleting", bySomebodyElse + "; its pods have to end."},
		{
			[]string{"example.com/hold", "foregroundDeletion", "z"}, "JobFinalizer", bySomebodyElse + " and kept by finalizers of somebody else: " +
				"example.com/hold, z. Its pods run on; delete them, or abandon the execution.",
		},
	}
	for _, tt := range tests {
		job := makeJob(asDeleting)
		job.Finalizers = tt.finalizers
		before := job.DeepCopy()
		if reason, message := whyDeleting(job); reason != tt.reason || message != tt.message {
			t.Errorf("%v: %s: %s\nwant %s: %s", tt.finalizers, reason, message, tt.reason, tt.message)
		}
		if diff := cmp.Diff(before, job); diff != "" {
			t.Errorf("the Job was changed (-before +after):\n%s", diff)
		}
	}
}

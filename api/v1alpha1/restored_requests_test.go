// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "testing"

// The status of a request is that of another one if it names another uid. One without a uid is about nobody else.
func TestIsRestoredCopyOfARequest(t *testing.T) {
	for statusUID, want := range map[string]bool{"": false, "own": false, "other": true} {
		sr, ar := &StopRequest{}, &ApprovalResult{}
		sr.UID, sr.Status.UID = "own", statusUID
		ar.UID, ar.Status.UID = "own", statusUID
		if sr.IsRestoredCopy() != want || ar.IsRestoredCopy() != want {
			t.Errorf("with the uid %q: %v and %v", statusUID, sr.IsRestoredCopy(), ar.IsRestoredCopy())
		}
	}
}

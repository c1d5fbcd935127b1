// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"haltline.dev/haltline/controllers/action"
)

// What is expected is tried again and is no error. One unexpected part makes an error of the whole.
func TestRetryExpected(t *testing.T) {
	errConflict := apierrors.NewConflict(batchv1.Resource("jobs"), "j", errors.New("changed"))
	pending, unexpected := action.Pending(errQuota), errors.New("no such operation")
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"a conflict", errConflict, true},
		{"a conflict of something", fmt.Errorf("writing: %w", errConflict), true},
		{"a refusal that is shown", pending, true},
		{"a refusal that is shown, of something", fmt.Errorf("creating: %w", pending), true},
		{"both", errors.Join(pending, errConflict), true},
		{"both, of several actions", errors.Join(action.Pending(errQuota), errors.Join(pending, pending), errConflict), true},
		{"a write to what is gone", pendingIfGone(fmt.Errorf("writing: %w", apierrors.NewNotFound(batchv1.Resource("jobs"), "j"))), true},
		{"another error of a write", pendingIfGone(errQuota), false},
		{"a refusal that nothing shows", errQuota, false},
		{"something else", unexpected, false},
		{"something else beside a conflict", errors.Join(errConflict, unexpected), false},
		{"something else beside a refusal", errors.Join(pending, errors.Join(pending, unexpected)), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := retryExpected(t.Context(), tt.err, time.Second)
			if tt.want && (err != nil || got.RequeueAfter != time.Second) || !tt.want && (!errors.Is(err, tt.err) || got.RequeueAfter != 0) {
				t.Errorf("again after %s, %v", got.RequeueAfter, err)
			}
		})
	}
	if got, err := retryExpected(t.Context(), nil, time.Second); err != nil || got.RequeueAfter != 0 {
		t.Errorf("without an error: again after %s, %v", got.RequeueAfter, err)
	}
}

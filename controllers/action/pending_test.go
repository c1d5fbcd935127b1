// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"errors"
	"fmt"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

func TestPending(t *testing.T) {
	jobs := batchv1.Resource("jobs")
	refused := apierrors.NewForbidden(jobs, "j", errors.New("exceeded quota"))
	for name, tt := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":                  {PendingIfAnswer(nil), false},
		"marked":                   {Pending(errors.New("pods have to end")), true},
		"marked, of something":     {fmt.Errorf("fencing: %w", Pending(refused)), true},
		"a refusal":                {PendingIfAnswer(fmt.Errorf("creating: %w", refused)), true},
		"a webhook that is down":   {PendingIfAnswer(apierrors.NewInternalError(errors.New("failed calling webhook"))), true},
		"a conflict":               {PendingIfAnswer(apierrors.NewConflict(jobs, "j", errors.New("changed"))), false},
		"no answer":                {PendingIfAnswer(context.DeadlineExceeded), false},
		"an answer without a mark": {refused, false},
	} {
		if got := IsPending(tt.err); got != tt.want {
			t.Errorf("%s: pending is %v", name, got)
		}
	}
	if err := Pending(nil); err != nil {
		t.Errorf("Pending of nothing is %v", err)
	}
	if err := Pending(refused); !errors.Is(err, refused) || err.Error() != refused.Error() || !apierrors.IsForbidden(err) {
		t.Errorf("the error is lost: %v", err)
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// observeRefusal shows what keeps the API server from creating a Job that was due at the start of the action: a quota or a policy
// at once, another answer some seconds later. Anything else is only tried again.
func observeRefusal(what string, scope action.Scope, op plan.Operation, err error) (plan.Observation, error) {
	return action.ObserveRefusal(fmt.Errorf("could not %s Job %q: %w", what, op.Workload.Name, err), op.StartTime, scope.Now)
}

func isNamespaceTerminating(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// findJob returns the Job of a started action, or nil if it is gone. The cache may lag behind, so what it does not have is
// looked up live.
func (p *Provider) findJob(ctx context.Context, scope action.Scope, op plan.Operation) (*batchv1.Job, error) {
	for _, reader := range []client.Reader{p.Client, p.APIReader} {
		job, err := getJob(ctx, reader, scope, op)
		if err != nil {
			return nil, err
		}
		if job != nil && string(job.UID) == op.Workload.UID {
			return job, nil
		}
	}
	return nil, nil
}

// getJob returns the Job that has the name of the action's Job, whoever owns it, or nil.
func getJob(ctx context.Context, reader client.Reader, scope action.Scope, op plan.Operation) (*batchv1.Job, error) {
	job := &batchv1.Job{}
	err := reader.Get(ctx, client.ObjectKey{Namespace: scope.Execution.Namespace, Name: op.Workload.Name}, job)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading Job %q: %w", op.Workload.Name, err)
	}
	return job, nil
}

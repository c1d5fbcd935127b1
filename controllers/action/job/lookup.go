// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"errors"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// errNotShownYet is the error of looking for a Job that was just created. Its own event comes in a moment.
var errNotShownYet = errors.New("the cache does not show the Job yet")

// findJob returns the Job of a started action, or nil if it is gone. The cache may lag behind, so what it does not have is
// looked up live, unless it was just created: then the error is pending.
func (p *Provider) findJob(ctx context.Context, scope action.Scope, op plan.Operation) (*batchv1.Job, error) {
	job, err := findJobIn(ctx, p.Client, scope, op)
	switch {
	case job != nil || err != nil:
		return job, err
	case p.written.IsAhead(types.UID(op.Workload.UID), 0, scope.Now.Time):
		return nil, action.Pending(errNotShownYet)
	}
	return findJobIn(ctx, p.APIReader, scope, op)
}

// findJobIn returns the Job of a started action, or nil if the reader does not have it.
func findJobIn(ctx context.Context, reader client.Reader, scope action.Scope, op plan.Operation) (*batchv1.Job, error) {
	job, err := getJob(ctx, reader, scope, op)
	if err != nil || job == nil || string(job.UID) != op.Workload.UID {
		return nil, err
	}
	return job, nil
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

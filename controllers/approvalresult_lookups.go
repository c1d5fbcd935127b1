// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/approve"
	"haltline.dev/haltline/controllers/plan"
)

// listApprovalResults returns the results that the execution can take now: for each action that waits the oldest one. It reads each
// from the API server: a cache that lags may show one that somebody took back.
func (r *PipelineExecutionReconciler) listApprovalResults(
	ctx context.Context, execution *v1alpha1.PipelineExecution,
) ([]v1alpha1.ApprovalResult, error) {
	if !plan.WaitsForApproval(&execution.Status) {
		return nil, nil
	}
	list := &v1alpha1.ApprovalResultList{}
	err := r.Client.List(ctx, list, client.InNamespace(execution.Namespace), client.MatchingFields{indexOpenApprovalResults: string(execution.UID)})
	if err != nil {
		return nil, fmt.Errorf("listing approval results: %w", err)
	}
	var found []v1alpha1.ApprovalResult
	for _, ar := range approve.Candidates(execution, list.Items) {
		if slices.ContainsFunc(found, func(older v1alpha1.ApprovalResult) bool { return approve.IsForSameAction(&older, &ar) }) {
			continue
		}
		live := &v1alpha1.ApprovalResult{}
		err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(&ar), live)
		switch {
		case client.IgnoreNotFound(err) != nil:
			return nil, fmt.Errorf("reading approval result %q: %w", ar.Name, err)
		case err == nil && live.UID == ar.UID && live.DeletionTimestamp == nil:
			found = append(found, *live)
		}
	}
	return found, nil
}

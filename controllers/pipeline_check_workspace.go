// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/internal/text"
)

// tryClaim asks the API server about the claim of a Pipeline, before its Job templates. It returns what that shows; nil if the check can
// go on.
func (r *PipelineReconciler) tryClaim(ctx context.Context, pipeline *v1alpha1.Pipeline, p *checkProgress) *checkResult {
	if p.passed > 0 || pipeline.Spec.Workspace == nil {
		return nil
	}
	const path = "spec.workspace.volumeClaimTemplate"
	refusal, err := r.Workspaces.TryCreate(ctx, pipeline)
	switch {
	case err != nil:
		result := p.finish(checkResult{isPending: true, problem: &plan.Problem{
			Reason: v1alpha1.ReasonCheckPending, Message: text.BoundMessage(fmt.Sprintf("%s: Trying again: %v", path, err)),
		}}, true, r.Clock.Now())
		return &result
	case refusal.Message != "":
		result := p.finish(checkResult{problem: &plan.Problem{
			Reason: v1alpha1.ReasonInvalidWorkspace, Message: text.BoundMessage(fmt.Sprintf("%s: %s", path, refusal.Message)),
		}}, refusal.CanPass, r.Clock.Now())
		return &result
	}
	return nil
}

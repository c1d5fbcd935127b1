// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// claim is how good the claim of a Pipeline to its pipelineName is; the greater one wins.
type claim int

const (
	// claimNone: the Pipeline is being deleted, or it was refused and has not changed since.
	claimNone claim = iota
	// claimNew: nobody has looked at the Pipeline, or it has changed since it was refused.
	claimNew
	// claimGiven: the Pipeline was given the name. A change of an older one does not take it away.
	claimGiven
	// claimOwn: the name is that of the object, which nobody else can have at the same time.
	claimOwn
)

// choosePipeline returns which of the Pipelines of one pipelineName has it, or nil. It is the one with the best claim; of equal
// ones the oldest, by creation time, then by name. The result points into pipelines.
//
// A Pipeline that was refused has no claim, so that it does not get the name while somebody replaces the one that has it.
func choosePipeline(pipelines []v1alpha1.Pipeline) *v1alpha1.Pipeline {
	var best *v1alpha1.Pipeline
	for i := range pipelines {
		p := &pipelines[i]
		if claimOf(p) != claimNone && (best == nil || hasBetterClaim(p, best)) {
			best = p
		}
	}
	return best
}

func hasBetterClaim(a, b *v1alpha1.Pipeline) bool {
	return cmp.Or(
		cmp.Compare(claimOf(b), claimOf(a)),
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		cmp.Compare(a.Name, b.Name),
	) < 0
}

func claimOf(p *v1alpha1.Pipeline) claim {
	ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case p.DeletionTimestamp != nil:
		return claimNone
	case p.Name == p.EffectiveName():
		return claimOwn
	case ready == nil:
		return claimNew
	case ready.Reason != v1alpha1.ReasonPipelineNameTaken:
		return claimGiven
	case ready.ObservedGeneration != p.Generation:
		return claimNew
	}
	return claimNone
}

// findNameProblem returns why the Pipeline does not have its pipelineName, or nil if it has. chosen is the Pipeline that has it; nil
// if none has.
func findNameProblem(p, chosen *v1alpha1.Pipeline) *plan.Problem {
	name := p.EffectiveName()
	switch {
	case chosen != nil && chosen.UID == p.UID, chosen == nil && claimOf(p) != claimNone:
		// If the cache has not seen the Pipeline itself, its event brings it back.
		return nil
	case chosen == nil:
		return &plan.Problem{Reason: v1alpha1.ReasonPipelineNameTaken, Message: fmt.Sprintf(
			"spec.pipelineName: another Pipeline had the pipelineName %q. It is gone, and this one does not take the name over by itself: "+
				"change something in its spec, or delete it and create it again, if it should have the name; else delete it.", name)}
	}
	return &plan.Problem{Reason: v1alpha1.ReasonPipelineNameTaken, Message: fmt.Sprintf(
		"spec.pipelineName: Pipeline %q has the pipelineName %q; delete one of the two. If %q is deleted, this one does not take the name "+
			"over by itself: change something in its spec then, or delete it and create it again.", chosen.Name, name, chosen.Name)}
}

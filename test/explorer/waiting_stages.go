// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// waitsLawfully reports whether an execution that waits before a stage cannot enter it: there is no Pipeline, or its transition is
// disabled, or another execution that cannot go on is in the stage or waits in front of it.
func (r *record) waitsLawfully(execution *v1alpha1.PipelineExecution, position uint64) bool {
	stage := execution.Status.WaitingForStage.Stage
	if execution.Status.Stop != nil {
		return false
	}
	if !r.hasPipeline(execution, position) || r.isDisabled(execution, stage, position) {
		return true
	}
	for _, l := range r.Lives(simcluster.Execution) {
		other, there := l.ObjectAt(position).(*v1alpha1.PipelineExecution)
		if there && other.UID != execution.UID && isInStage(other, stage) && r.isWaiting(other, position) {
			return true
		}
	}
	return false
}

func isInStage(execution *v1alpha1.PipelineExecution, stage string) bool {
	status := &execution.Status
	return !status.State.IsFinal() && status.WaitingForStage == nil && status.CurrentStage == stage
}

// isDisabled reports whether the transition into a stage is disabled at a position.
func (r *record) isDisabled(execution *v1alpha1.PipelineExecution, stage string, position uint64) bool {
	for _, l := range r.Lives(simcluster.Pipeline) {
		pipeline, there := l.ObjectAt(position).(*v1alpha1.Pipeline)
		if !there || pipeline.EffectiveName() != execution.Spec.PipelineName || wasRefused(pipeline) {
			continue
		}
		for _, s := range pipeline.Spec.Stages {
			if s.Name == stage && s.Transition != nil && s.Transition.Disabled {
				return true
			}
		}
	}
	return false
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

// status.stages[].latestExecutionId is the execution that was given the stage last: it is written with that, and stays when the execution ends.
func TestTheLatestExecutionOfAStage(t *testing.T) {
	pipeline := makePipeline(queued, "Build", "Deploy")
	for _, tt := range []struct {
		name          string
		executions    []*v1alpha1.PipelineExecution
		ended         string
		isDisabled    bool
		build, deploy string
	}{
		{name: "nobody had a stage"},
		{name: "who gets the stage is the latest at once", executions: []*v1alpha1.PipelineExecution{waiting("a", 1, "Build", 2)}, build: "a"},
		{name: "who waits is not", executions: []*v1alpha1.PipelineExecution{inStage("a", 1, "Build"), waiting("b", 2, "Build", 3)}, build: "a"},
		{name: "who ended stays the latest, before a disabled transition", executions: []*v1alpha1.PipelineExecution{waiting("b", 2, "Build", 3)}, ended: "a", isDisabled: true, build: "a"},
		{name: "until the next one gets the stage", executions: []*v1alpha1.PipelineExecution{waiting("b", 2, "Build", 3)}, ended: "a", build: "b"},
		{name: "who goes on stays the latest of the stage that it left", executions: []*v1alpha1.PipelineExecution{waiting("b", 2, "Deploy", 4)}, ended: "a", build: "b", deploy: "b"},
		{name: "also when nobody is left", ended: "b", build: "b", deploy: "b"},
	} {
		pipeline.Spec.Stages[0].Transition = &v1alpha1.StageTransition{Disabled: tt.isDisabled}
		pipeline.Status.Stages = Next(Input{Pipeline: pipeline, Executions: tt.executions, Now: at(10), Ended: map[types.UID]bool{types.UID(tt.ended): true}})
		if build, deploy := findStatus(pipeline, "Build").LatestExecutionID, findStatus(pipeline, "Deploy").LatestExecutionID; build != tt.build || deploy != tt.deploy {
			t.Errorf("%s: Build %q, Deploy %q, want %q and %q", tt.name, build, deploy, tt.build, tt.deploy)
		}
	}
}

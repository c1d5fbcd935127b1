// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "testing"

// A transition holds for executions that run as well, so it is not pinned. The spec keeps it.
func TestADefinitionHasNoTransitions(t *testing.T) {
	spec := &PipelineSpec{Stages: []Stage{{Name: "Build"}, {Name: "Deploy", Transition: &StageTransition{Disabled: true, Reason: "frozen"}}}}
	for _, s := range spec.Definition().Stages {
		if s.Transition != nil {
			t.Errorf("the definition has the transition of %s", s.Name)
		}
	}
	if spec.Stages[1].Transition == nil {
		t.Error("the spec was changed")
	}
}

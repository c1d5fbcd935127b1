// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

func TestVariables(t *testing.T) {
	declared := []v1alpha1.VariableDeclaration{
		{Name: "REGION"},
		{Name: "TAG", DefaultValue: ptr.To("latest")},
		{Name: "FLAGS", DefaultValue: ptr.To("")},
	}
	type vars = []v1alpha1.Variable
	tests := []struct {
		name     string
		declared []v1alpha1.VariableDeclaration
		given    vars
		want     vars
		problem  []string
	}{
		{name: "none"},
		{
			name: "defaults, an empty one too, in the order of the declaration", declared: declared,
			given: vars{{Name: "REGION", Value: "eu"}},
			want:  vars{{Name: "REGION", Value: "eu"}, {Name: "TAG", Value: "latest"}, {Name: "FLAGS", Value: ""}},
		},
		{
			name: "the execution's value wins, an empty one too", declared: declared,
			given: vars{{Name: "FLAGS", Value: "-v"}, {Name: "TAG", Value: ""}, {Name: "REGION", Value: ""}},
			want:  vars{{Name: "REGION", Value: ""}, {Name: "TAG", Value: ""}, {Name: "FLAGS", Value: "-v"}},
		},
		{
			name: "missing", declared: declared,
			problem: []string{"spec.variables: ", "REGION must be set"},
		},
		{
			name: "not declared", declared: declared,
			given:   vars{{Name: "REGION", Value: "eu"}, {Name: "region", Value: "eu"}, {Name: "ZONE", Value: "a"}},
			problem: []string{"spec.variables: ", "does not declare region, ZONE"},
		},
		{
			name: "both", declared: declared, given: vars{{Name: "ZONE", Value: "a"}},
			problem: []string{"REGION must be set", "does not declare ZONE"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, problem := ResolveVariables(tt.declared, tt.given)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("variables (-want +got):\n%s", diff)
			}
			if (problem != nil) != (tt.problem != nil) {
				t.Fatalf("problem is %+v, want %q", problem, tt.problem)
			}
			if problem != nil {
				checkContains(t, problem.Message, tt.problem...)
				if problem.Reason != v1alpha1.ReasonInvalidVariables {
					t.Errorf("reason is %s", problem.Reason)
				}
			}
		})
	}
}

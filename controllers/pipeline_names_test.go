// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// makeNamed returns a Pipeline of the pipelineName "web" that was created some seconds after the first.
func makeNamed(name string, seconds int, edits ...func(*v1alpha1.Pipeline)) v1alpha1.Pipeline {
	p := builders.Pipeline("team", name)
	p.Spec.PipelineName, p.Generation = "web", 1
	p.CreationTimestamp = metav1.NewTime(time.Date(2026, 3, 1, 12, 0, seconds, 0, time.UTC))
	for _, edit := range edits {
		edit(p)
	}
	return *p
}

// reads sets Ready to a reason about the generation that the Pipeline has.
func reads(reason string) func(*v1alpha1.Pipeline) {
	return func(p *v1alpha1.Pipeline) {
		p.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: reason, ObservedGeneration: p.Generation}}
	}
}

func changed(p *v1alpha1.Pipeline) { p.Generation++ }

func deleting(p *v1alpha1.Pipeline) { p.DeletionTimestamp = &metav1.Time{Time: time.Now()} }

func TestWhichPipelineHasAName(t *testing.T) {
	taken, valid := reads(v1alpha1.ReasonPipelineNameTaken), reads(v1alpha1.ReasonValid)
	tests := []struct {
		name      string
		pipelines []v1alpha1.Pipeline
		want      string
	}{
		{"none is there", nil, ""},
		{"one", []v1alpha1.Pipeline{makeNamed("a", 0)}, "a"},
		{"the older one", []v1alpha1.Pipeline{makeNamed("a", 1), makeNamed("z", 0)}, "z"},
		{"of one age, the first by name", []v1alpha1.Pipeline{makeNamed("z", 0), makeNamed("a", 0)}, "a"},
		{"one whose own name it is goes before an older one", []v1alpha1.Pipeline{makeNamed("a", 0), makeNamed("web", 9)}, "web"},
		{"also before one that was given the name", []v1alpha1.Pipeline{makeNamed("a", 0, valid), makeNamed("web", 9)}, "web"},
		{"also if it reads that the name is taken", []v1alpha1.Pipeline{makeNamed("a", 0, valid), makeNamed("web", 9, taken)}, "web"},
		{"its pipelineName need not be set", []v1alpha1.Pipeline{
			makeNamed("a", 0), makeNamed("web", 9, func(p *v1alpha1.Pipeline) { p.Spec.PipelineName = "" }),
		}, "web"},
		{"one that was refused, alone", []v1alpha1.Pipeline{makeNamed("zzz", 0, taken)}, ""},
		{"one that was refused, and the real one is being deleted", []v1alpha1.Pipeline{
			makeNamed("web", 0, valid, deleting), makeNamed("zzz", 1, taken),
		}, ""},
		{"one that was refused, and the real one is back", []v1alpha1.Pipeline{makeNamed("web", 9), makeNamed("zzz", 1, taken)}, "web"},
		{"one that was refused is older than a new one", []v1alpha1.Pipeline{makeNamed("new", 9), makeNamed("zzz", 1, taken)}, "new"},
		{"one that was refused and has changed", []v1alpha1.Pipeline{makeNamed("zzz", 1, taken, changed)}, "zzz"},
		{"a change does not take the name from whom it was given", []v1alpha1.Pipeline{
			makeNamed("new", 9, valid), makeNamed("zzz", 1, taken, changed),
		}, "new"},
		{"nor if that one has changed too", []v1alpha1.Pipeline{
			makeNamed("new", 9, valid, changed), makeNamed("zzz", 1, taken, changed),
		}, "new"},
		{"one that cannot be run keeps the name", []v1alpha1.Pipeline{
			makeNamed("broken", 9, reads(v1alpha1.ReasonInvalidJobTemplate)), makeNamed("zzz", 1),
		}, "broken"},
		{"one that is being deleted", []v1alpha1.Pipeline{makeNamed("web", 0, deleting)}, ""},
		{"one that nobody has looked at, and an older one is being deleted", []v1alpha1.Pipeline{
			makeNamed("a", 0, valid, deleting), makeNamed("b", 1),
		}, "b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if p := choosePipeline(tt.pipelines); p != nil {
				got = p.Name
			}
			if got != tt.want {
				t.Errorf("%q has the name; want %q", got, tt.want)
			}
		})
	}
}

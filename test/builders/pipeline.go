// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package builders

import (
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// Pipeline returns a Pipeline whose pipelineName is the name of the object.
func Pipeline(namespace, name string, stages ...v1alpha1.Stage) *v1alpha1.Pipeline {
	return &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.PipelineSpec{Stages: stages},
	}
}

// Stage returns a stage of a Pipeline.
func Stage(name string, actions ...v1alpha1.Action) v1alpha1.Stage {
	return v1alpha1.Stage{Name: name, Actions: actions}
}

// ActionOption changes an action, or the Job that it runs.
type ActionOption func(*v1alpha1.Action, *batchv1.JobSpec)

// Action returns an action that runs the Job of JobSpec. It has the runOrder 1, and the defaults of the API server.
func Action(name string, options ...ActionOption) v1alpha1.Action {
	action := v1alpha1.Action{
		Name: name, RunOrder: 1, OnStop: v1alpha1.OnStopFinish, OnAbandon: v1alpha1.OnAbandonTerminate,
	}
	spec := JobSpec(name)
	for _, apply := range options {
		apply(&action, spec)
	}
	action.Job = &v1alpha1.JobTemplate{Spec: MarshalJobSpec(spec)}
	return action
}

// RunOrder returns an option that gives an action its place in the stage.
func RunOrder(n int32) ActionOption {
	return func(action *v1alpha1.Action, _ *batchv1.JobSpec) { action.RunOrder = n }
}

// AbandonedOnStop is an option for an action that a stop does not wait for.
func AbandonedOnStop(action *v1alpha1.Action, _ *batchv1.JobSpec) {
	action.OnStop = v1alpha1.OnStopAbandon
}

// Orphaned is an option for an action whose Job goes on when the action is abandoned.
func Orphaned(action *v1alpha1.Action, _ *batchv1.JobSpec) {
	action.OnAbandon = v1alpha1.OnAbandonOrphan
}

// EditJob returns an option that changes the Job of an action.
func EditJob(edit func(*batchv1.JobSpec)) ActionOption {
	return func(_ *v1alpha1.Action, spec *batchv1.JobSpec) { edit(spec) }
}

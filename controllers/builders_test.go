// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

const (
	executionUID     = "0b9c2f4e-52a1-4d0c-9a57-3f1f6f1d2c11"
	jobSpec          = `{"backoffLimit":0,"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"main","image":"busybox"}]}}}`
	jobSpecReordered = `{"template":{"spec":{"containers":[{"image":"busybox","name":"main"}],"restartPolicy":"Never"}},"backoffLimit":0}`
)

var (
	executionKey = types.NamespacedName{Namespace: "team", Name: "run-1"}

	errTimeout = errors.New("the server did not answer")
	errQuota   = apierrors.NewForbidden(batchv1.Resource("jobs"), "j", errors.New("exceeded quota: q"))
	errDied    = errors.New("the operator has died")
)

func makeAction(name string, runOrder int32) v1alpha1.Action {
	return v1alpha1.Action{Name: name, RunOrder: runOrder, Job: &v1alpha1.JobTemplate{Spec: runtime.RawExtension{Raw: []byte(jobSpec)}}}
}

// makePipeline returns a Pipeline with a group of two actions, and a stage behind it.
func makePipeline() *v1alpha1.Pipeline {
	orphan := makeAction("b", 1)
	orphan.OnAbandon = v1alpha1.OnAbandonOrphan
	return &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web", UID: "uid-of-web", Generation: 1},
		Spec: v1alpha1.PipelineSpec{Stages: []v1alpha1.Stage{
			{Name: "s", Actions: []v1alpha1.Action{makeAction("a", 1), orphan}}, {Name: "u", Actions: []v1alpha1.Action{makeAction("c", 1)}},
		}},
	}
}

// makePipelineOf returns a Pipeline of one action.
func makePipelineOf(name string) *v1alpha1.Pipeline {
	pipeline := makePipeline()
	pipeline.Spec.Stages = []v1alpha1.Stage{{Name: "s", Actions: []v1alpha1.Action{makeAction(name, 1)}}}
	return pipeline
}

func makeExecution() *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: executionKey.Namespace, Name: executionKey.Name, UID: executionUID, Generation: 1},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "web"},
		Status:     v1alpha1.PipelineExecutionStatus{ObservedGeneration: -1},
	}
}

func makeStopRequest(name string, abandon bool) *v1alpha1.StopRequest {
	return &v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, UID: types.UID("uid-of-" + name), Generation: 1},
		Spec:       v1alpha1.StopRequestSpec{PipelineName: "web", PipelineExecutionID: executionUID, Abandon: abandon, Reason: "a test"},
		Status:     v1alpha1.StopRequestStatus{ObservedGeneration: -1},
	}
}

// refuseJobs returns a quota that refuses the Jobs of these actions and takes their placeholders, so that their intents stay
// unconfirmed.
func refuseJobs(actions ...string) func(apiCall) error {
	return func(c apiCall) error {
		if c.name == "create Job" && slices.Contains(actions, c.object.GetAnnotations()[v1alpha1.AnnotationAction]) {
			return errQuota
		}
		return nil
	}
}

func ignoreQuota(err error) error {
	if errors.Is(err, errQuota) {
		return nil
	}
	return err
}

// foreseeable is the nonce of the tests.
func foreseeable() string { return "" }

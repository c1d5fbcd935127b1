// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// kubectl get pipelineexecutions --field-selector status.state=Stopped,spec.pipelineName=web
func TestExecutionsAreSelectedByStateAndPipeline(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	countIn := func(state v1alpha1.ExecutionState, pipelineName string) int {
		list := &v1alpha1.PipelineExecutionList{}
		g.Expect(k8s.List(t.Context(), list, client.InNamespace(execution.Namespace), client.MatchingFields{
			"status.state": string(state), "spec.pipelineName": pipelineName,
		})).To(Succeed())
		return len(list.Items)
	}
	pipelineName := execution.Spec.PipelineName
	g.Expect(countIn(v1alpha1.ExecutionInProgress, pipelineName)).To(Equal(1))
	g.Expect(countIn(v1alpha1.ExecutionInProgress, "other")).To(Equal(0))
	g.Expect(countIn(v1alpha1.ExecutionStopped, pipelineName)).To(Equal(0))

	sr := createObject(t, builders.StopAndAbandon(execution))
	g.Eventually(func() int { return countIn(v1alpha1.ExecutionStopped, pipelineName) }).WithTimeout(timeout).Should(Equal(1))
	requests := &v1alpha1.StopRequestList{}
	g.Expect(k8s.List(t.Context(), requests, client.InNamespace(execution.Namespace), client.MatchingFields{
		"spec.pipelineExecutionId": string(execution.UID),
	})).To(Succeed())
	g.Expect(requests.Items).To(HaveLen(1))
	g.Expect(requests.Items[0].Name).To(Equal(sr.Name))
}

// The operator looks for what its cache does not have by these fields. One that is not set is selected by an empty value.
func TestWhatTheOperatorLooksForIsSelected(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	named := createObject(t, builders.Pipeline(execution.Namespace, "object-name", builders.Stage("s", builders.Action("a"))))
	count := func(kind string, fields client.MatchingFields) int {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		g.Expect(k8s.List(t.Context(), list, client.InNamespace(execution.Namespace), fields, client.Limit(10))).To(Succeed())
		return len(list.Items)
	}
	g.Eventually(func() int {
		return count("PipelineExecution", client.MatchingFields{"status.pipelineExecutionId": string(execution.UID)})
	}).WithTimeout(timeout).Should(Equal(1))
	g.Expect(count("PipelineExecution", client.MatchingFields{"status.pipelineExecutionId": ""})).To(Equal(0))
	g.Expect(count("Pipeline", client.MatchingFields{"metadata.name": named.Name, "spec.pipelineName": ""})).To(Equal(1))
	g.Expect(count("Pipeline", client.MatchingFields{"metadata.name": "other", "spec.pipelineName": ""})).To(Equal(0))
	g.Expect(count("Pipeline", client.MatchingFields{"spec.pipelineName": named.Name})).To(Equal(0))
}

// kubectl get jobs -l pipelines.haltline.dev/pipeline=web,pipelines.haltline.dev/action=compile
func TestJobsAreSelectedByPipelineStageAndAction(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	jobs := &batchv1.JobList{}
	g.Expect(k8s.List(t.Context(), jobs, client.InNamespace(execution.Namespace), client.MatchingLabels{
		v1alpha1.LabelExecutionID: string(execution.UID), v1alpha1.LabelPipeline: execution.Spec.PipelineName, v1alpha1.LabelAction: "compile",
	})).To(Succeed())
	g.Expect(jobs.Items).To(HaveLen(1))
	g.Expect(jobs.Items[0].Spec.Template.Labels).To(HaveKeyWithValue(v1alpha1.LabelAction, "compile"))
	g.Expect(jobs.Items[0].Spec.Template.Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationPipeline, execution.Spec.PipelineName))
}

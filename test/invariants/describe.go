// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"fmt"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// Describe returns in a line what of an object a stop is about.
func Describe(o client.Object) string {
	var words []string
	switch o := o.(type) {
	case *v1alpha1.PipelineExecution:
		words = describeExecution(o)
	case *v1alpha1.StopRequest:
		words = []string{"mode=" + string(o.Mode()), "verdict=" + VerdictOf(o), "state=" + string(o.Status.State)}
	case *v1alpha1.ApprovalResult:
		words = []string{"status=" + string(o.Spec.Status), "verdict=" + verdictIn(o.Status.Conditions), fmt.Sprintf("submitted=%t", o.Status.SubmittedTime != nil)}
	case *batchv1.Job:
		words = describeJob(o)
	case *corev1.Pod:
		words = []string{string(o.Status.Phase)}
	}
	words = append(words, "uid="+shortUID(string(o.GetUID())))
	if o.GetDeletionTimestamp() != nil {
		words = append(words, "DELETING", fmt.Sprint(o.GetFinalizers()))
	}
	return strings.Join(words, " ")
}

func describeExecution(execution *v1alpha1.PipelineExecution) []string {
	words := []string{"state=" + string(execution.Status.State)}
	if stop := execution.Status.Stop; stop != nil {
		words = append(words, fmt.Sprintf("stop=%s/%d", stop.Mode, len(stop.Requests)))
	}
	for _, stage := range execution.Status.Stages {
		for _, action := range stage.Actions {
			ended := ""
			if action.CompletionTime != nil {
				ended = " ended"
			}
			words = append(words, fmt.Sprintf("%s=%s(job %s%s)%s", action.Name, action.State, shortUID(action.Workload.UID), ended, action.Reason))
		}
	}
	return words
}

func describeJob(job *batchv1.Job) []string {
	words := []string{fmt.Sprintf("action=%s suspend=%t active=%d", job.Annotations[v1alpha1.AnnotationAction], IsSuspended(job), job.Status.Active)}
	for _, c := range job.Status.Conditions {
		words = append(words, fmt.Sprintf("%s=%s", c.Type, c.Status))
	}
	if IsPlaceholder(job) {
		words = append(words, "placeholder")
	}
	if IsOrphan(job) {
		words = append(words, "orphaned")
	}
	return append(words, "controller="+shortUID(string(controllerOf(job))))
}

// shortUID returns the end of a uid. In a simulated cluster the beginnings are all the same.
func shortUID(uid string) string { return uid[max(0, len(uid)-5):] }

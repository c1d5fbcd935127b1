// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// HasRemainingWork reports whether a Job or a pod of an execution that was deleted is not gone yet. Jobs that the execution
// does not own were left to go on outside it.
func (p *Provider) HasRemainingWork(ctx context.Context, namespace, executionID string) (bool, error) {
	ofExecution := client.MatchingLabels{v1alpha1.LabelExecutionID: executionID}
	jobs := &batchv1.JobList{}
	if err := p.APIReader.List(ctx, jobs, client.InNamespace(namespace), ofExecution); err != nil {
		return false, fmt.Errorf("listing the Jobs of an execution: %w", err)
	}
	released := map[types.UID]bool{}
	for _, job := range jobs.Items {
		if isOwnedBy(&job, executionID) {
			return true, nil
		}
		released[job.UID] = true
	}
	pods := &metav1.PartialObjectMetadataList{}
	pods.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
	if err := p.APIReader.List(ctx, pods, client.InNamespace(namespace), ofExecution); err != nil {
		return false, fmt.Errorf("listing the pods of an execution: %w", err)
	}
	return slices.ContainsFunc(pods.Items, func(pod metav1.PartialObjectMetadata) bool {
		owner := metav1.GetControllerOf(&pod)
		return owner != nil && !released[owner.UID]
	}), nil
}

func isOwnedBy(job *batchv1.Job, executionID string) bool {
	return slices.ContainsFunc(job.OwnerReferences, func(o metav1.OwnerReference) bool { return string(o.UID) == executionID })
}

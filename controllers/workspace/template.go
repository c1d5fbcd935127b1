// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package workspace creates and checks the PersistentVolumeClaims that the actions of an execution share.
package workspace

import (
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/internal/quantities"
	"haltline.dev/haltline/internal/text"
)

// maxTemplateSize bounds a template with its labels and annotations, in bytes: each reconciliation of an execution may decode it.
const maxTemplateSize = 16 << 10

// FindProblem returns what is wrong with a workspace as far as it alone shows that, or nil. A pipeline without one has no problem.
func FindProblem(workspace *v1alpha1.Workspace) *plan.Problem {
	if workspace == nil || workspace.VolumeClaimTemplate == nil {
		return nil
	}
	if _, err := decodeTemplate(workspace.VolumeClaimTemplate); err != nil {
		return &plan.Problem{Reason: v1alpha1.ReasonInvalidWorkspace, Message: text.BoundMessage(fmt.Sprintf(
			"spec.workspace.volumeClaimTemplate.%v; change the Pipeline, and start another execution.", err))}
	}
	return nil
}

// decodeTemplate returns the spec of a template. The error names the field that is wrong.
func decodeTemplate(template *v1alpha1.VolumeClaimTemplate) (*corev1.PersistentVolumeClaimSpec, error) {
	if size := templateSize(template); size > maxTemplateSize {
		return nil, fmt.Errorf("spec: Too long: the template has %d bytes, and at most %d are allowed", size, maxTemplateSize)
	}
	if err := quantities.Check(template.Spec.Raw); err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	spec := &corev1.PersistentVolumeClaimSpec{}
	strict, err := json.UnmarshalStrict(template.Spec.Raw, spec)
	if err == nil {
		err = errors.Join(strict...)
	}
	if err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	return spec, nil
}

func templateSize(template *v1alpha1.VolumeClaimTemplate) int {
	size := len(template.Spec.Raw)
	for _, m := range []map[string]string{template.Metadata.Labels, template.Metadata.Annotations} {
		for name, value := range m {
			size += len(name) + len(value)
		}
	}
	return size
}

// newClaim returns the claim of a template, with marks of ours.
func newClaim(meta metav1.ObjectMeta, template *v1alpha1.VolumeClaimTemplate) (*corev1.PersistentVolumeClaim, error) {
	spec, err := decodeTemplate(template)
	if err != nil {
		return nil, err
	}
	meta.Labels = action.MergeOurs(template.Metadata.Labels, meta.Labels)
	meta.Annotations = action.MergeOurs(template.Metadata.Annotations, nil)
	return &corev1.PersistentVolumeClaim{ObjectMeta: meta, Spec: *spec}, nil
}

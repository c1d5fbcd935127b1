// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// createPlaceholder creates the placeholder of an action's Job and returns it. If the API server refuses the plain one, for
// example by a policy on images, one that looks like the action's Job may pass.
func (p *Provider) createPlaceholder(ctx context.Context, scope action.Scope, op plan.Operation) (*batchv1.Job, error) {
	placeholder := newPlaceholder(scope, op)
	err := p.Client.Create(ctx, placeholder, client.FieldOwner(action.FieldOwner))
	if !action.IsAnswer(err) || apierrors.IsAlreadyExists(err) || isNamespaceTerminating(err) {
		return placeholder, err
	}
	alike, buildErr := newPlaceholderLikeJob(scope, op)
	if buildErr != nil {
		return nil, err
	}
	return alike, p.Client.Create(ctx, alike, client.FieldOwner(action.FieldOwner))
}

// newPlaceholder returns a Job that holds the name of an action's Job and never runs: it is suspended, has nothing to run if
// somebody else resumes it, and keeps the restricted pod security standard, so that a namespace that asks for it takes it.
func newPlaceholder(scope action.Scope, op plan.Operation) *batchv1.Job {
	job := newJob(scope, op)
	job.Labels[v1alpha1.LabelPlaceholder] = "true"
	job.Spec = batchv1.JobSpec{
		Suspend:     ptr.To(true),
		Parallelism: ptr.To[int32](0),
		Completions: ptr.To[int32](0),
		Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy:                corev1.RestartPolicyNever,
			AutomountServiceAccountToken: ptr.To(false),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:   ptr.To(true),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name:  "placeholder",
				Image: "haltline.dev/placeholder:never-runs",
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: ptr.To(false),
					ReadOnlyRootFilesystem:   ptr.To(true),
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		}},
	}
	return job
}

// newPlaceholderLikeJob returns a placeholder with the template of the action's Job. The error names the field of the
// template that is wrong.
func newPlaceholderLikeJob(scope action.Scope, op plan.Operation) (*batchv1.Job, error) {
	job, err := buildJob(scope, op)
	if err != nil {
		return nil, err
	}
	job.Labels[v1alpha1.LabelPlaceholder] = "true"
	job.Spec.Suspend, job.Spec.Parallelism = ptr.To(true), ptr.To[int32](0)
	return job, nil
}

func isPlaceholder(job *batchv1.Job) bool {
	return job.Labels[v1alpha1.LabelPlaceholder] == "true"
}

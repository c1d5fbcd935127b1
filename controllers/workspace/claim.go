// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package workspace

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/internal/text"
)

// ensure returns the uid of the claim that the status names: of one that it creates, or of one that must exist. Without a uid, the
// observation is why there is none; it has no phase if nothing was learned.
func (c *Claims) ensure(
	ctx context.Context, execution *v1alpha1.PipelineExecution, workspace *v1alpha1.Workspace, op *plan.Operation, now metav1.Time,
) (uid string, o plan.Observation, err error) {
	if workspace.VolumeClaimTemplate == nil {
		return c.find(ctx, execution.Namespace, op.Workspace.ClaimName)
	}
	claim, err := newClaim(newMeta(execution, op.Workspace.ClaimName), workspace.VolumeClaimTemplate)
	if err != nil {
		return "", failed(v1alpha1.ReasonInvalidWorkspace, "spec.workspace.volumeClaimTemplate.%v.", err), nil
	}
	err = c.Client.Create(ctx, claim, client.FieldOwner(action.FieldOwner))
	switch {
	case err == nil:
		return string(claim.UID), plan.Observation{}, nil
	case apierrors.IsAlreadyExists(err):
		return c.adopt(ctx, execution, claim.Name)
	case action.IsInvalidTemplate(err):
		return "", failed(v1alpha1.ReasonWorkspaceRefused,
			"The API server refused the PersistentVolumeClaim; change spec.workspace.volumeClaimTemplate of the Pipeline: %v", err), nil
	}
	o, err = action.ObserveRefusal(fmt.Errorf("could not create PersistentVolumeClaim %q of the workspace: %w", claim.Name, err), op.StartTime, now)
	return "", o, err
}

// newMeta returns the metadata of the claim of an execution. It goes with the execution.
func newMeta(execution *v1alpha1.PipelineExecution, name string) metav1.ObjectMeta {
	owner := metav1.NewControllerRef(execution, v1alpha1.GroupVersion.WithKind("PipelineExecution"))
	return metav1.ObjectMeta{
		Namespace: execution.Namespace, Name: name, OwnerReferences: []metav1.OwnerReference{*owner},
		Labels: map[string]string{
			v1alpha1.LabelExecutionID: string(execution.UID),
			v1alpha1.LabelPipeline:    text.FitLabel(execution.Spec.PipelineName),
		},
	}
}

// adopt returns the uid of the claim whose name was taken, if an operator created it for the execution.
func (c *Claims) adopt(ctx context.Context, execution *v1alpha1.PipelineExecution, name string) (string, plan.Observation, error) {
	claim, err := c.get(ctx, execution.Namespace, name)
	switch {
	case err != nil:
		return "", plan.Observation{}, action.PendingIfAnswer(err)
	case claim == nil: // It is created again.
		return "", plan.Observation{}, action.Pending(fmt.Errorf("PersistentVolumeClaim %q was deleted meanwhile", name))
	case !metav1.IsControlledBy(claim, execution):
		return "", failed(v1alpha1.ReasonWorkspaceNameTaken, "PersistentVolumeClaim %q has the name of the execution's claim, and the "+
			"execution does not control it, so it was left alone; find out who created it, and start another execution.", name), nil
	case claim.DeletionTimestamp != nil:
		return "", failed(v1alpha1.ReasonWorkspaceLost,
			"Somebody else deletes the PersistentVolumeClaim %q of the execution; start another execution.", name), nil
	}
	return string(claim.UID), plan.Observation{}, nil
}

// find returns the uid of a claim that must exist.
func (c *Claims) find(ctx context.Context, namespace, name string) (string, plan.Observation, error) {
	claim, err := c.get(ctx, namespace, name)
	switch {
	case err != nil:
		return "", plan.Observation{}, action.PendingIfAnswer(err)
	case claim == nil:
		return "", failed(v1alpha1.ReasonWorkspaceNotFound, "spec.workspace.claimName: PersistentVolumeClaim %q is not there; "+
			"create it, and start another execution.", name), nil
	case claim.DeletionTimestamp != nil:
		return "", failed(v1alpha1.ReasonWorkspaceNotFound, "spec.workspace.claimName: PersistentVolumeClaim %q is being deleted; "+
			"create it again, and start another execution.", name), nil
	}
	return string(claim.UID), plan.Observation{}, nil
}

// findLoss returns in a sentence why the claim is not the one that the execution recorded, or nothing.
func (c *Claims) findLoss(ctx context.Context, namespace string, mount *plan.Mount) (string, error) {
	claim, err := c.get(ctx, namespace, mount.ClaimName)
	switch {
	case err != nil:
		return "", err
	case claim == nil:
		return fmt.Sprintf("PersistentVolumeClaim %q of the workspace is gone.", mount.ClaimName), nil
	case string(claim.UID) != mount.UID:
		return fmt.Sprintf("PersistentVolumeClaim %q of the workspace is another one than the execution began with.", mount.ClaimName), nil
	case claim.DeletionTimestamp != nil:
		return fmt.Sprintf("Somebody else deletes the PersistentVolumeClaim %q of the workspace.", mount.ClaimName), nil
	}
	return "", nil
}

// get returns a claim as the API server has it, or nil if there is none.
func (c *Claims) get(ctx context.Context, namespace, name string) (*corev1.PersistentVolumeClaim, error) {
	claim := &corev1.PersistentVolumeClaim{}
	err := c.APIReader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, claim)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading PersistentVolumeClaim %q: %w", name, err)
	}
	return claim, nil
}

func failed(reason, format string, args ...any) plan.Observation {
	return plan.Observation{Phase: plan.PhaseFailed, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

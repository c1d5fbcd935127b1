// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/revision"
)

// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;watch;create;patch;delete

// RevisionReconciler deletes the ControllerRevisions that pinned what no execution needs any more.
type RevisionReconciler struct {
	// Client reads from the cache.
	Client client.Client
	// APIReader reads from the API server.
	APIReader client.Reader
	// Revisions are those of the cluster.
	Revisions *revision.Store
	// Clock has the time that is recorded.
	Clock clock.PassiveClock
}

// Reconcile marks a revision that nothing uses, and deletes it some time later if that is still so.
func (r *RevisionReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pinned := &appsv1.ControllerRevision{}
	if err := r.Client.Get(ctx, req.NamespacedName, pinned); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	used, err := isUsed(ctx, r.Client, &v1alpha1.PipelineExecutionList{}, pinned)
	if err != nil {
		return ctrl.Result{}, err
	}
	step, after := revision.NextStep(pinned, used, r.Clock.Now())
	if step != revision.StepKeep {
		if intact, err := r.Revisions.IsIntact(ctx, pinned); err != nil || !intact {
			return ctrl.Result{}, err
		}
	}
	if step == revision.StepMarkUnused || step == revision.StepDelete {
		// A cache that lags must not have a revision deleted.
		if used, err = r.isUsedLive(ctx, pinned); err != nil {
			return ctrl.Result{}, err
		}
		if used {
			return ctrl.Result{RequeueAfter: revision.UnusedPeriod}, nil
		}
	}
	if err := r.take(ctx, step, pinned); err != nil && !apierrors.IsNotFound(err) {
		return ignoreConflict(ctx, fmt.Errorf("ControllerRevision %q: %w", pinned.Name, err))
	}
	return ctrl.Result{RequeueAfter: after}, nil
}

func (r *RevisionReconciler) take(ctx context.Context, step revision.Step, pinned *appsv1.ControllerRevision) error {
	switch step {
	case revision.StepMarkUnused:
		return r.Revisions.MarkUnused(ctx, pinned, r.Clock.Now())
	case revision.StepMarkUsed:
		return r.Revisions.MarkUsed(ctx, pinned)
	case revision.StepDelete:
		log.FromContext(ctx).Info("deleting a revision that nothing uses")
		return r.Revisions.Delete(ctx, pinned)
	default:
		return nil
	}
}

// isUsedLive reports the same as isUsed, from the API server itself.
func (r *RevisionReconciler) isUsedLive(ctx context.Context, pinned *appsv1.ControllerRevision) (bool, error) {
	names := &metav1.PartialObjectMetadataList{}
	names.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("PipelineExecutionList"))
	return isUsed(ctx, r.APIReader, names, pinned)
}

// isUsed reports whether an execution names the revision, whether or not it has ended. The list says what is read of it.
func isUsed(ctx context.Context, reader client.Reader, list client.ObjectList, pinned *appsv1.ControllerRevision) (bool, error) {
	err := reader.List(ctx, list, client.InNamespace(pinned.Namespace), client.MatchingFields{indexRevision: pinned.Name}, client.Limit(1))
	if err != nil {
		return false, fmt.Errorf("listing the executions of a revision: %w", err)
	}
	return meta.LenList(list) > 0, nil
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// updateStatus takes the status of an object and nothing else of it.
func (s *Store) updateStatus(k Kind, key client.ObjectKey, o client.Object) error {
	old, err := s.findForUpdate(k, key, o, true)
	if err != nil {
		return err
	}
	next := old.DeepCopyObject().(client.Object)
	copyStatus(o, next)
	s.put(k, key, old, next)
	s.fill(k, key, o)
	return nil
}

// update takes everything of an object except its status and what the API server alone sets.
func (s *Store) update(k Kind, key client.ObjectKey, o client.Object) error {
	old, err := s.findForUpdate(k, key, o, k == Pipeline || k == Execution || k == StopRequest || k == ApprovalResult)
	if err != nil {
		return err
	}
	next := o.DeepCopyObject().(client.Object)
	copyStatus(old, next)
	next.SetUID(old.GetUID())
	next.SetGeneration(old.GetGeneration())
	next.SetCreationTimestamp(old.GetCreationTimestamp())
	next.SetDeletionTimestamp(old.GetDeletionTimestamp())
	next.SetDeletionGracePeriodSeconds(old.GetDeletionGracePeriodSeconds())
	s.put(k, key, old, next)
	s.fill(k, key, o)
	return nil
}

// findForUpdate returns the object that an update is about, or the error with which the API server answers. A custom resource
// can only be updated under a resourceVersion.
func (s *Store) findForUpdate(k Kind, key client.ObjectKey, o client.Object, needsVersion bool) (client.Object, error) {
	old := s.objects[k][key]
	switch {
	case old == nil:
		return nil, apierrors.NewNotFound(k.resource(), key.Name)
	case o.GetUID() != "" && o.GetUID() != old.GetUID():
		return nil, newConflict(k, key, "Precondition failed: UID in precondition: %v, UID in object meta: %v", o.GetUID(), old.GetUID())
	case o.GetResourceVersion() == "" && needsVersion:
		return nil, newInvalid(k, key, "resourceVersion", 0, "must be specified for an update")
	case o.GetResourceVersion() != "" && o.GetResourceVersion() != old.GetResourceVersion():
		return nil, newConflict(k, key, "the object has been modified; please apply your changes to the latest version and try again")
	}
	return old, nil
}

// copyStatus copies the status of an object. A ControllerRevision has none.
func copyStatus(from, to client.Object) {
	switch t := to.(type) {
	case *v1alpha1.Pipeline:
		from.(*v1alpha1.Pipeline).Status.DeepCopyInto(&t.Status)
	case *v1alpha1.PipelineExecution:
		from.(*v1alpha1.PipelineExecution).Status.DeepCopyInto(&t.Status)
	case *v1alpha1.StopRequest:
		from.(*v1alpha1.StopRequest).Status.DeepCopyInto(&t.Status)
	case *v1alpha1.ApprovalResult:
		from.(*v1alpha1.ApprovalResult).Status.DeepCopyInto(&t.Status)
	case *batchv1.Job:
		from.(*batchv1.Job).Status.DeepCopyInto(&t.Status)
	case *corev1.Pod:
		from.(*corev1.Pod).Status.DeepCopyInto(&t.Status)
	}
}

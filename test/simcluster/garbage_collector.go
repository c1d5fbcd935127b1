// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// StepGarbage takes one step of the garbage collector.
func StepGarbage(s *Store) bool {
	did := false
	s.As("garbage-collector", func() {
		for _, k := range Kinds {
			for _, o := range s.All(k) {
				if did = finishDeletion(s, k, o) || collectGarbage(s, k, o); did {
					return
				}
			}
		}
	})
	return did
}

// finishDeletion goes on with the deletion of an object that orphans its dependents, or waits until they are gone.
func finishDeletion(s *Store, k Kind, o client.Object) bool {
	key := client.ObjectKeyFromObject(o)
	switch {
	case o.GetDeletionTimestamp() == nil:
		return false
	case hasFinalizer(o, metav1.FinalizerOrphanDependents):
		for _, d := range findDependents(s, o.GetUID()) {
			return s.Mutate(KindOf(d), client.ObjectKeyFromObject(d), removeOwners(o.GetUID()))
		}
		return s.Mutate(k, key, removeFinalizer(metav1.FinalizerOrphanDependents))
	case hasFinalizer(o, metav1.FinalizerDeleteDependents):
		blocked := slices.ContainsFunc(findDependents(s, o.GetUID()), func(d client.Object) bool { return isBlocking(d, o.GetUID()) })
		return !blocked && s.Mutate(k, key, removeFinalizer(metav1.FinalizerDeleteDependents))
	}
	return false
}

// collectGarbage deletes an object if each of its owners is gone or waits for it to go. If one owner stays, it removes the
// references to the others. Cycles of owners that wait for each other are left out.
func collectGarbage(s *Store, k Kind, o client.Object) bool {
	if len(o.GetOwnerReferences()) == 0 || o.GetDeletionTimestamp() != nil {
		return false
	}
	var absent, waiting []types.UID
	for _, r := range o.GetOwnerReferences() {
		switch owner := s.findOwner(r); {
		case owner == nil:
			absent = append(absent, r.UID)
		case owner.GetDeletionTimestamp() != nil && hasFinalizer(owner, metav1.FinalizerDeleteDependents):
			waiting = append(waiting, r.UID)
		}
	}
	key, policy := client.ObjectKeyFromObject(o), deletionPolicy(o)
	switch leaving := len(absent) + len(waiting); {
	case leaving == 0:
		return false
	case leaving < len(o.GetOwnerReferences()):
		return s.Mutate(k, key, removeOwners(append(absent, waiting...)...))
	case len(waiting) > 0 && len(findDependents(s, o.GetUID())) > 0:
		policy = metav1.DeletePropagationForeground
	}
	uid := o.GetUID()
	return s.Delete(k, key, client.DeleteOptions{PropagationPolicy: &policy, Preconditions: &metav1.Preconditions{UID: &uid}}) == nil
}

// deletionPolicy returns how the collector deletes an object: as a finalizer on it asks, or else in the background.
func deletionPolicy(o client.Object) metav1.DeletionPropagation {
	switch {
	case hasFinalizer(o, metav1.FinalizerOrphanDependents):
		return metav1.DeletePropagationOrphan
	case hasFinalizer(o, metav1.FinalizerDeleteDependents):
		return metav1.DeletePropagationForeground
	}
	return metav1.DeletePropagationBackground
}

// findOwner returns the object of a reference, or nil. The uid, the name and the kind have to be right.
func (s *Store) findOwner(r metav1.OwnerReference) client.Object {
	o := s.ByUID(r.UID)
	if o == nil || o.GetName() != r.Name || KindOf(o).String() != r.Kind {
		return nil
	}
	return o
}

func findDependents(s *Store, uid types.UID) []client.Object {
	var found []client.Object
	for _, k := range Kinds {
		for _, o := range s.All(k) {
			if slices.ContainsFunc(o.GetOwnerReferences(), func(r metav1.OwnerReference) bool { return r.UID == uid }) {
				found = append(found, o)
			}
		}
	}
	return found
}

func isBlocking(o client.Object, uid types.UID) bool {
	return slices.ContainsFunc(o.GetOwnerReferences(), func(r metav1.OwnerReference) bool {
		return r.UID == uid && r.BlockOwnerDeletion != nil && *r.BlockOwnerDeletion
	})
}

func removeOwners(uids ...types.UID) func(client.Object) {
	return func(o client.Object) {
		o.SetOwnerReferences(slices.DeleteFunc(slices.Clone(o.GetOwnerReferences()), func(r metav1.OwnerReference) bool {
			return slices.Contains(uids, r.UID)
		}))
	}
}

// StepNamespace takes one step of the namespace controller: it deletes an object of a namespace that is being deleted, the pods
// first.
func StepNamespace(s *Store) bool {
	if !s.Terminating {
		return false
	}
	did := false
	s.As("namespace-controller", func() {
		if pods := s.All(Pod); len(pods) > 0 {
			did = deleteOne(s, Pod, pods)
			return
		}
		for _, k := range Kinds {
			if did = deleteOne(s, k, s.All(k)); did {
				return
			}
		}
	})
	return did
}

// deleteOne deletes the first of the objects that is not deleted already.
func deleteOne(s *Store, k Kind, objects []client.Object) bool {
	background := metav1.DeletePropagationBackground
	for _, o := range objects {
		if o.GetDeletionTimestamp() == nil {
			return s.Delete(k, client.ObjectKeyFromObject(o), client.DeleteOptions{PropagationPolicy: &background}) == nil
		}
	}
	return false
}

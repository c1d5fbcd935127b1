// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// StepGarbage has the garbage collector do one thing.
func StepGarbage(s *Store) bool {
	did := false
	s.As("garbage-collector", func() {
		for _, k := range Kinds {
			for _, o := range s.All(k) {
				if did = finishDeletion(s, k, o) || collect(s, k, o); did {
					return
				}
			}
		}
	})
	return did
}

// finishDeletion goes on with an object whose deletion waits for its dependents, or leaves them behind.
func finishDeletion(s *Store, k Kind, o client.Object) bool {
	key := client.ObjectKeyFromObject(o)
	switch {
	case o.GetDeletionTimestamp() == nil:
		return false
	case hasFinalizer(o, metav1.FinalizerOrphanDependents):
		for _, d := range dependents(s, o.GetUID()) {
			return s.Mutate(kindOf(d), client.ObjectKeyFromObject(d), dropOwner(o.GetUID()))
		}
		return s.Mutate(k, key, removeFinalizer(metav1.FinalizerOrphanDependents))
	case hasFinalizer(o, metav1.FinalizerDeleteDependents):
		blocked := slices.ContainsFunc(dependents(s, o.GetUID()), func(d client.Object) bool { return blocks(d, o.GetUID()) })
		return !blocked && s.Mutate(k, key, removeFinalizer(metav1.FinalizerDeleteDependents))
	}
	return false
}

// collect deletes an object all of whose owners are gone or wait for it to go, and takes those off it where another is there
// to stay. Cycles of owners that wait for each other are left out.
func collect(s *Store, k Kind, o client.Object) bool {
	if len(o.GetOwnerReferences()) == 0 || o.GetDeletionTimestamp() != nil {
		return false
	}
	var absent, waiting []types.UID
	for _, r := range o.GetOwnerReferences() {
		switch owner := s.owner(r); {
		case owner == nil:
			absent = append(absent, r.UID)
		case owner.GetDeletionTimestamp() != nil && hasFinalizer(owner, metav1.FinalizerDeleteDependents):
			waiting = append(waiting, r.UID)
		}
	}
	key, policy := client.ObjectKeyFromObject(o), policyOf(o)
	switch leaving := len(absent) + len(waiting); {
	case leaving == 0:
		return false
	case leaving < len(o.GetOwnerReferences()):
		return s.Mutate(k, key, dropOwner(append(absent, waiting...)...))
	case len(waiting) > 0 && len(dependents(s, o.GetUID())) > 0:
		policy = metav1.DeletePropagationForeground
	}
	uid := o.GetUID()
	return s.Delete(k, key, client.DeleteOptions{PropagationPolicy: &policy, Preconditions: &metav1.Preconditions{UID: &uid}}) == nil
}

// policyOf is how the collector deletes an object: as a finalizer asks that is on it before.
func policyOf(o client.Object) metav1.DeletionPropagation {
	switch {
	case hasFinalizer(o, metav1.FinalizerOrphanDependents):
		return metav1.DeletePropagationOrphan
	case hasFinalizer(o, metav1.FinalizerDeleteDependents):
		return metav1.DeletePropagationForeground
	}
	return metav1.DeletePropagationBackground
}

// owner returns the object that a reference is to, or nil: the reference has to name it as it is, and by its uid.
func (s *Store) owner(r metav1.OwnerReference) client.Object {
	o := s.ByUID(r.UID)
	if o == nil || o.GetName() != r.Name || kindOf(o).String() != r.Kind {
		return nil
	}
	return o
}

func dependents(s *Store, uid types.UID) []client.Object {
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

func blocks(o client.Object, uid types.UID) bool {
	return slices.ContainsFunc(o.GetOwnerReferences(), func(r metav1.OwnerReference) bool {
		return r.UID == uid && r.BlockOwnerDeletion != nil && *r.BlockOwnerDeletion
	})
}

func dropOwner(uids ...types.UID) func(client.Object) {
	return func(o client.Object) {
		o.SetOwnerReferences(slices.DeleteFunc(slices.Clone(o.GetOwnerReferences()), func(r metav1.OwnerReference) bool {
			return slices.Contains(uids, r.UID)
		}))
	}
}

// StepNamespace has the namespace controller delete one object of a namespace that is being deleted: first the pods, and when
// none is left what else there is.
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

// deleteOne deletes the first of the objects that is not being deleted.
func deleteOne(s *Store, k Kind, objects []client.Object) bool {
	background := metav1.DeletePropagationBackground
	for _, o := range objects {
		if o.GetDeletionTimestamp() == nil {
			return s.Delete(k, client.ObjectKeyFromObject(o), client.DeleteOptions{PropagationPolicy: &background}) == nil
		}
	}
	return false
}

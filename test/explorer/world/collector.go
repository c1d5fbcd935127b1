// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package world

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
		blocked := false
		for _, d := range dependents(s, o.GetUID()) {
			blocked = blocked || blocks(d, o.GetUID())
			if d.GetDeletionTimestamp() == nil && soleOwner(s, d, o.GetUID()) {
				foreground := metav1.DeletePropagationForeground
				return s.Delete(kindOf(d), client.ObjectKeyFromObject(d), client.DeleteOptions{PropagationPolicy: &foreground}) == nil
			}
		}
		return !blocked && s.Mutate(k, key, removeFinalizer(metav1.FinalizerDeleteDependents))
	}
	return false
}

// collect deletes an object none of whose owners is there, and takes off it those that are not where one is.
func collect(s *Store, k Kind, o client.Object) bool {
	if len(o.GetOwnerReferences()) == 0 || o.GetDeletionTimestamp() != nil {
		return false
	}
	var absent []types.UID
	for _, r := range o.GetOwnerReferences() {
		if s.ByUID(r.UID) == nil {
			absent = append(absent, r.UID)
		}
	}
	switch {
	case len(absent) == 0:
		return false
	case len(absent) < len(o.GetOwnerReferences()):
		return s.Mutate(k, client.ObjectKeyFromObject(o), dropOwner(absent...))
	}
	uid := o.GetUID()
	return s.Delete(k, client.ObjectKeyFromObject(o), client.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}) == nil
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

func soleOwner(s *Store, o client.Object, uid types.UID) bool {
	return !slices.ContainsFunc(o.GetOwnerReferences(), func(r metav1.OwnerReference) bool {
		return r.UID != uid && s.ByUID(r.UID) != nil
	})
}

func dropOwner(uids ...types.UID) func(client.Object) {
	return func(o client.Object) {
		o.SetOwnerReferences(slices.DeleteFunc(slices.Clone(o.GetOwnerReferences()), func(r metav1.OwnerReference) bool {
			return slices.Contains(uids, r.UID)
		}))
	}
}

// StepNamespace has the namespace controller delete one object of a namespace that is being deleted.
func StepNamespace(s *Store) bool {
	did := false
	if !s.Terminating {
		return false
	}
	s.As("namespace-controller", func() {
		background := metav1.DeletePropagationBackground
		for _, k := range Kinds {
			for _, o := range s.All(k) {
				if o.GetDeletionTimestamp() == nil {
					did = s.Delete(k, client.ObjectKeyFromObject(o), client.DeleteOptions{PropagationPolicy: &background}) == nil
					return
				}
			}
		}
	})
	return did
}

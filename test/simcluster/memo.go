// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"bytes"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Memo remembers what patches make of objects. Runs that begin alike send the same patches, and what becomes of an object depends on
// the object and the patch alone, so it need not be computed again. Stores that share a memo must not be used at the same time.
type Memo struct {
	patched map[patchKey]outcome
	stored  map[content]*version
	guards  map[string]guard
}

// memoSize bounds each part of a memo, which is emptied when it is full. What all runs share is soon there again.
const memoSize = 2000

// NewMemo returns a memo with nothing in it.
func NewMemo() *Memo {
	return &Memo{patched: map[patchKey]outcome{}, stored: map[content]*version{}, guards: map[string]guard{}}
}

// content is an object without its resourceVersion, as JSON.
type content struct {
	kind Kind
	raw  string
}

// version is a stored content.
type version struct {
	content
	// object is what the content reads as. It has no resourceVersion, and is never changed.
	object client.Object
	// hash is that of the content and of the key of the object.
	hash uint64
}

// patchKey is all that the result of a patch depends on.
type patchKey struct {
	old content
	// resourceVersion is that of the old object if the patch names it, and empty otherwise.
	resourceVersion string
	patchType       types.PatchType
	data            string
	status          bool
}

type guard struct{ uid, state bool }

// remember returns what a map has under a key, or what compute returns, and keeps that.
func remember[K comparable, V any](known map[K]V, key K, compute func() V) V {
	if known == nil {
		return compute()
	}
	value, ok := known[key]
	if !ok {
		if len(known) >= memoSize {
			clear(known)
		}
		value = compute()
		known[key] = value
	}
	return value
}

// newPatchKey returns the key of a patch of an object.
func (s *Store) newPatchKey(k Kind, key client.ObjectKey, old client.Object, p patchBody, status bool) patchKey {
	of := patchKey{old: s.versions[objectID(k, key)].content, patchType: p.patchType, data: string(p.data), status: status}
	if bytes.Contains(p.data, []byte("resourceVersion")) {
		of.resourceVersion = old.GetResourceVersion()
	}
	return of
}

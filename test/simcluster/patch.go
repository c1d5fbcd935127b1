// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"encoding/json"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// mergePatch is a JSON merge patch (RFC 7386).
type mergePatch map[string]any

func parsePatch(data []byte) mergePatch {
	var p mergePatch
	if err := json.Unmarshal(data, &p); err != nil {
		panic(err)
	}
	return p
}

func (p mergePatch) metadata(field string) string {
	m, _ := p["metadata"].(map[string]any)
	value, _ := m[field].(string)
	return value
}

func (p mergePatch) uid() string     { return p.metadata("uid") }
func (p mergePatch) version() string { return p.metadata("resourceVersion") }

// patch changes the status of an object, or everything except its status, and fills the answer with the result.
func (s *Store) patch(k Kind, key client.ObjectKey, p mergePatch, status bool, answer client.Object) error {
	old := s.objects[k][key]
	switch {
	case old == nil:
		return apierrors.NewNotFound(k.resource(), key.Name)
	case p.version() != "" && p.version() != old.GetResourceVersion():
		return newConflict(k, key, "the object has been modified; please apply your changes to the latest version and try again")
	case p.uid() != "" && p.uid() != string(old.GetUID()):
		return newInvalid(k, key, "uid", p.uid(), "field is immutable")
	}
	if status {
		p = mergePatch{"status": p["status"]}
	} else {
		delete(p, "status")
	}
	var generic map[string]any
	if err := json.Unmarshal(encode(old), &generic); err != nil {
		return err
	}
	raw, err := json.Marshal(merge(generic, p))
	if err != nil {
		return err
	}
	next := k.New()
	if err := json.Unmarshal(raw, next); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	s.put(k, key, old, next)
	s.fill(k, key, answer)
	return nil
}

func merge(target, patch map[string]any) map[string]any {
	for name, value := range patch {
		inner, isObject := value.(map[string]any)
		switch {
		case value == nil:
			delete(target, name)
		case isObject:
			into, ok := target[name].(map[string]any)
			if !ok {
				into = map[string]any{}
			}
			target[name] = merge(into, inner)
		default:
			target[name] = value
		}
	}
	return target
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// patchBody is a patch as it is sent.
type patchBody struct {
	patchType types.PatchType
	data      []byte
}

// metadata returns a field of the metadata of a merge patch; empty if it has none.
func (p patchBody) metadata(field string) string {
	var body struct {
		Metadata map[string]any `json:"metadata"`
	}
	if p.patchType == types.JSONPatchType || json.Unmarshal(p.data, &body) != nil {
		return ""
	}
	value, _ := body.Metadata[field].(string)
	return value
}

// apply returns what an object becomes. It is the API server's: handlers/patch.go.
func (p patchBody) apply(old []byte) ([]byte, error) {
	switch p.patchType {
	case types.MergePatchType:
		return jsonpatch.MergePatch(old, p.data)
	case types.JSONPatchType:
		patch, err := jsonpatch.DecodePatch(p.data)
		if err != nil {
			return nil, err
		}
		return patch.Apply(old)
	}
	return nil, fmt.Errorf("no such patch: %s", p.patchType)
}

// patch changes the status of an object, or everything except its status, and fills the answer with the result.
func (s *Store) patch(k Kind, key client.ObjectKey, p patchBody, status bool, answer client.Object) error {
	old := s.objects[k][key]
	uid, version := p.metadata("uid"), p.metadata("resourceVersion")
	switch {
	case old == nil:
		return apierrors.NewNotFound(k.resource(), key.Name)
	case version != "" && version != old.GetResourceVersion():
		return newConflict(k, key, "the object has been modified; please apply your changes to the latest version and try again")
	case uid != "" && uid != string(old.GetUID()):
		return newInvalid(k, key, "uid", uid, "field is immutable")
	}
	result := remember(s.memo.patched, s.newPatchKey(k, key, old, p, status), func() outcome {
		next, err := applyPatch(k, old, p, status)
		if err != nil {
			return outcome{err: err}
		}
		return s.outcomeOf(k, key, old, next)
	})
	if result.err != nil {
		return result.err
	}
	s.finish(k, key, old, result)
	s.fill(k, key, answer)
	return nil
}

// applyPatch returns what a patch makes of an object, or the answer to one that does not apply.
func applyPatch(k Kind, old client.Object, p patchBody, status bool) (client.Object, error) {
	raw, err := p.apply(encode(old))
	if err != nil {
		return nil, newPatchFailed(err)
	}
	patched := k.New()
	if err := json.Unmarshal(raw, patched); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if !status {
		copyStatus(old, patched)
		return patched, nil
	}
	next := old.DeepCopyObject().(client.Object)
	copyStatus(patched, next)
	return next, nil
}

// newPatchFailed is the answer to a patch that does not apply, such as one of whose tests fails.
func newPatchFailed(err error) error {
	return apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", err.Error(), 0, false)
}

// AnswerPatch returns the answer of an API server to a patch that a fake client could not apply, and every other answer as it is.
func AnswerPatch(err error) error {
	var answer apierrors.APIStatus
	if err == nil || errors.As(err, &answer) {
		return err
	}
	return newPatchFailed(err)
}

// ReadGuard returns what a change demands of the object, by the body of its request: its uid, and the state that it was decided on.
// A merge patch of metadata alone overwrites nothing that is decided on, and needs no state. No two objects of a cluster have the
// same resourceVersion.
func ReadGuard(body []byte) (uid, state bool) {
	var tests []struct{ Op, Path string }
	if json.Unmarshal(body, &tests) == nil {
		for _, t := range tests {
			uid = uid || t.Op == "test" && t.Path == "/metadata/uid"
			state = state || t.Op == "test" && t.Path != "/metadata/uid"
		}
		return uid, state
	}
	var fields map[string]json.RawMessage
	var named struct {
		Metadata, Preconditions struct{ UID, ResourceVersion string }
	}
	if json.Unmarshal(body, &fields) != nil || json.Unmarshal(body, &named) != nil {
		return false, false
	}
	_, hasMetadata := fields["metadata"]
	hasVersion := named.Metadata.ResourceVersion != "" || named.Preconditions.ResourceVersion != ""
	return hasVersion || named.Metadata.UID != "" || named.Preconditions.UID != "", hasVersion || hasMetadata && len(fields) == 1
}

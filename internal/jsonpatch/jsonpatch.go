// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package jsonpatch writes under tests: a change lands only if what it was decided on is still so. Other changes of the object do
// not matter, and the API server itself tries again when they come between
// (https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go). A write
// under a resourceVersion would be refused for each of them, so whoever may write an annotation could keep it from landing.
package jsonpatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Patch is a JSON patch (RFC 6902) of one object. It is a client.Patch.
type Patch struct {
	operations []operation
}

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// New returns a patch of the very object that was read: its uid is tested, its generation, and whether it is being deleted.
func New(o client.Object) *Patch {
	p := &Patch{}
	p.Test("/metadata/uid", o.GetUID())
	p.Test("/metadata/generation", o.GetGeneration())
	return p.Test("/metadata/deletionTimestamp", o.GetDeletionTimestamp())
}

// Test lets the patch land only if the object has a value at a path. A zero value is one that the object leaves out.
func (p *Patch) Test(path string, value any) *Patch {
	if value == nil || reflect.ValueOf(value).IsZero() {
		value = nil
	}
	return p.append("test", path, value)
}

// Set sets the value at a path. What is above the path has to be there.
func (p *Patch) Set(path string, value any) *Patch {
	return p.append("add", path, value)
}

// Remove removes what is at a path.
func (p *Patch) Remove(path string) *Patch {
	return p.append("remove", path, nil)
}

func (p *Patch) append(op, path string, value any) *Patch {
	p.operations = append(p.operations, operation{op, path, value})
	return p
}

// Type is that of a JSON patch.
func (p *Patch) Type() types.PatchType { return types.JSONPatchType }

// Data is the patch as it is sent. The object is not looked at.
func (p *Patch) Data(client.Object) ([]byte, error) {
	return json.Marshal(p.operations)
}

// Escape returns the name of a field as a path has it (RFC 6901).
func Escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// testFailed is the whole message with which the API server answers to a patch that does not apply.
const testFailed = "the server rejected our request due to an error in our request"

// AsConflict returns the answer to a patch of an object, and a conflict if a test of it failed. An answer about a field, such as
// one by the schema, stays what it is.
func AsConflict(o client.Object, err error) error {
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) || status.Status().Message != testFailed || hasCauses(status.Status()) {
		return err
	}
	resource := schema.GroupResource{Resource: strings.TrimPrefix(fmt.Sprintf("%T", o), "*")}
	return apierrors.NewConflict(resource, o.GetName(), errors.New("it is not as it was read any more"))
}

func hasCauses(status metav1.Status) bool {
	return status.Details != nil && len(status.Details.Causes) > 0
}

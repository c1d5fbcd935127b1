// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package revision pins what an execution runs in a ControllerRevision, and reads it back.
package revision

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"haltline.dev/haltline/api/v1alpha1"
)

const (
	// maxNamePrefix leaves room for a dash and a hash in the 253 characters of an object's name.
	maxNamePrefix = 200
	nameHashBytes = 16
)

// newRevision returns the ControllerRevision that pins the definition of a Pipeline. Its name is a hash of what it pins,
// so that one that somebody else put in its place is not taken for it, and two generations of one definition share it. It has no
// owner: what runs outlives its Pipeline.
func newRevision(pipeline *v1alpha1.Pipeline) (*appsv1.ControllerRevision, error) {
	data, err := marshalCanonical(pipeline.Spec.Definition())
	if err != nil {
		return nil, fmt.Errorf("pinning Pipeline %q: %w", pipeline.Name, err)
	}
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pipeline.Namespace,
			Name:      revisionName(pipeline.Name, string(pipeline.UID), data),
			Labels:    map[string]string{v1alpha1.LabelPipelineUID: string(pipeline.UID)},
		},
		Revision: pipeline.Generation,
		Data:     runtime.RawExtension{Raw: data},
	}, nil
}

// marshalCanonical returns the JSON of a definition in the form in which the API server writes it again, its keys sorted.
// The data of a revision is immutable to the byte; in another form every patch of its metadata would be refused.
func marshalCanonical(definition *v1alpha1.PipelineDefinition) ([]byte, error) {
	raw, err := json.Marshal(definition)
	if err != nil {
		return nil, err
	}
	var generic any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&generic); err != nil {
		return nil, err
	}
	return json.Marshal(generic)
}

func revisionName(prefix, pipelineUID string, data []byte) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s", pipelineUID, data))
	if len(prefix) > maxNamePrefix {
		prefix = prefix[:maxNamePrefix]
	}
	return strings.TrimRight(prefix, "-.") + "-" + hex.EncodeToString(sum[:nameHashBytes])
}

// unpackRevision returns the definition that a revision pins, or nil if its name is not the hash of what it holds, or if it
// holds something else than a definition.
func unpackRevision(revision *appsv1.ControllerRevision) *v1alpha1.PipelineDefinition {
	cut := strings.LastIndex(revision.Name, "-")
	uid := revision.Labels[v1alpha1.LabelPipelineUID]
	if cut < 0 || revisionName(revision.Name[:cut], uid, revision.Data.Raw) != revision.Name {
		return nil
	}
	definition := &v1alpha1.PipelineDefinition{}
	decoder := json.NewDecoder(bytes.NewReader(revision.Data.Raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(definition); err != nil {
		return nil
	}
	return definition
}

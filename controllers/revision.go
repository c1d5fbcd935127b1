// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
)

// maxRevisionNamePrefix leaves room for a dash and a hash in the 253 characters of an object's name.
const maxRevisionNamePrefix = 200

// newRevision returns the ControllerRevision that pins a Pipeline at its generation. Its name is a hash of what it pins,
// so that one put in its place by another is not taken for it.
func newRevision(p *v1alpha1.Pipeline) (*appsv1.ControllerRevision, error) {
	data, err := canonical(p.Spec)
	if err != nil {
		return nil, fmt.Errorf("pinning Pipeline %q: %w", p.Name, err)
	}
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       p.Namespace,
			Name:            revisionName(p.Name, string(p.UID), p.Generation, data),
			Labels:          map[string]string{v1alpha1.LabelPipelineUID: string(p.UID)},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(p, v1alpha1.GroupVersion.WithKind("Pipeline"))},
		},
		Revision: p.Generation,
		Data:     runtime.RawExtension{Raw: data},
	}, nil
}

// canonical returns the JSON of a spec in the form in which the API server writes it again, its keys sorted. The data of a
// revision is immutable to the byte; in another form every patch of its metadata would be refused, and a Pipeline could
// not be deleted without its dependents.
func canonical(spec v1alpha1.PipelineSpec) ([]byte, error) {
	raw, err := json.Marshal(spec)
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

func revisionName(prefix, pipelineUID string, generation int64, data []byte) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s", pipelineUID, generation, data))
	if len(prefix) > maxRevisionNamePrefix {
		prefix = prefix[:maxRevisionNamePrefix]
	}
	return strings.TrimRight(prefix, "-.") + "-" + hex.EncodeToString(sum[:10])
}

// pin makes sure that the ControllerRevision of a Pipeline exists and returns its name. There is one for each generation
// that was run.
func (r *PipelineExecutionReconciler) pin(ctx context.Context, p *v1alpha1.Pipeline) (string, error) {
	revision, err := newRevision(p)
	if err != nil {
		return "", err
	}
	err = r.Client.Get(ctx, client.ObjectKeyFromObject(revision), &appsv1.ControllerRevision{})
	if apierrors.IsNotFound(err) {
		err = r.Client.Create(ctx, revision, client.FieldOwner(action.FieldOwner))
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return "", fmt.Errorf("pinning Pipeline %q: %w", p.Name, err)
	}
	return revision.Name, nil
}

// pinned returns what the revision of that name pins, or nil where it is gone or is not what its name says.
func (r *PipelineExecutionReconciler) pinned(ctx context.Context, namespace, name string) (*v1alpha1.PipelineSpec, error) {
	revision := &appsv1.ControllerRevision{}
	key := client.ObjectKey{Namespace: namespace, Name: name}
	err := r.Client.Get(ctx, key, revision)
	if apierrors.IsNotFound(err) {
		err = r.Live.Get(ctx, key, revision)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading ControllerRevision %q: %w", name, err)
	}
	return unpack(revision), nil
}

// unpack returns the Pipeline that a revision pins, or nil where its name is not the hash of what it holds.
func unpack(revision *appsv1.ControllerRevision) *v1alpha1.PipelineSpec {
	uid := revision.Labels[v1alpha1.LabelPipelineUID]
	cut := strings.LastIndex(revision.Name, "-")
	if cut < 0 || revisionName(revision.Name[:cut], uid, revision.Revision, revision.Data.Raw) != revision.Name {
		return nil
	}
	spec := &v1alpha1.PipelineSpec{}
	if err := json.Unmarshal(revision.Data.Raw, spec); err != nil {
		return nil
	}
	return spec
}

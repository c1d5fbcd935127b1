// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/internal/jsonpatch"
)

// writeStatus writes the status that an object has by now, if the object is what it was when that status was decided: the same
// object and generation, being deleted or not, and its status not written since. Once a status was written, labels, annotations and the like may have changed,
// so that nobody can keep a stop from being recorded by changing those.
func writeStatus(ctx context.Context, c client.Client, o client.Object) error {
	status, version := statusOf(o)
	patch := jsonpatch.New(o).Test("/status/version", *version)
	if *version == 0 {
		// A status that somebody removed has no version either, so that one alone does not tell the two from each other.
		patch.Test("/metadata/resourceVersion", o.GetResourceVersion())
	}
	*version = nextVersion(*version, o.GetResourceVersion())
	patch.Set("/status", status)
	err := jsonpatch.AsConflict(o, c.Status().Patch(ctx, o, patch, client.FieldOwner(action.FieldOwner)))
	if err != nil {
		return pendingIfGone(fmt.Errorf("writing the status: %w", err))
	}
	return nil
}

// nextVersion returns the version of the status that is written over one of a version, 0 if there is none. The first one is the number of the
// object's resourceVersion, and each write raises both, so that a version stays below the resourceVersion. So no version comes again after somebody
// removed a status: an operator that was paused all the while would take the later one for the one that it read.
func nextVersion(version int64, resourceVersion string) int64 {
	if version > 0 {
		return version + 1
	}
	// They are whole numbers since they can be compared: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
	first, err := strconv.ParseInt(resourceVersion, 10, 64)
	if err != nil || first < 1 {
		return 1
	}
	return first
}

// statusOf returns the status of an object, and the version in it.
func statusOf(o client.Object) (status any, version *int64) {
	switch o := o.(type) {
	case *v1alpha1.Pipeline:
		return &o.Status, &o.Status.Version
	case *v1alpha1.PipelineExecution:
		return &o.Status, &o.Status.Version
	case *v1alpha1.StopRequest:
		return &o.Status, &o.Status.Version
	case *v1alpha1.ApprovalResult:
		return &o.Status, &o.Status.Version
	}
	panic(fmt.Sprintf("%T has no status of ours", o))
}

// isSameState reports whether two reads of an execution have the same of what is decided on. See writeStatus.
func isSameState(a, b *v1alpha1.PipelineExecution) bool {
	return a.UID == b.UID && a.Generation == b.Generation && a.DeletionTimestamp.Equal(b.DeletionTimestamp) && a.Status.Version == b.Status.Version
}

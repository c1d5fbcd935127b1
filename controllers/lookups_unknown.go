// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/internal/slots"
)

// Bounds of the look-ups of what the cache does not have. Anybody can ask for anything, and users decide how large metadata is.
const (
	// lookupPage is how many objects a live list brings at once.
	lookupPage = 10
	// lookupCallers is how many reconciliations wait at the same time for a look-up of each kind; the others come back after
	// lookupRetryDelay.
	lookupCallers    = 8
	lookupRetryDelay = 200 * time.Millisecond
)

// Selectable fields of the API server.
const (
	fieldName         = "metadata.name"
	fieldPipelineName = "spec.pipelineName"
	fieldExecutionID  = "status.pipelineExecutionId"
)

// unknownLookups look on the API server for what the cache does not have: one execution and one Pipeline at a time, and once for
// all who ask for the same.
type unknownLookups struct {
	client, apiReader client.Reader
	executions        *slots.Shared[*v1alpha1.PipelineExecution]
	pipelines         *slots.Shared[bool]
}

func newUnknownLookups(c, apiReader client.Reader) *unknownLookups {
	return &unknownLookups{
		client: c, apiReader: apiReader,
		executions: slots.NewShared[*v1alpha1.PipelineExecution](1, lookupCallers),
		pipelines:  slots.NewShared[bool](1, lookupCallers),
	}
}

// lookUp returns the execution of an id, or nil if there is none. The cache may lag behind, so what it does not have is looked for live, and
// what would make the answer a rejection is read live as well: it may have changed before the request was made, or be gone. It returns
// a pending error if too many look already.
func (u *unknownLookups) lookUp(
	ctx context.Context, namespace, id string, isRejection func(*v1alpha1.PipelineExecution) bool,
) (*v1alpha1.PipelineExecution, error) {
	execution, err := executionByID(ctx, u.client, namespace, id)
	switch {
	case err != nil:
	case execution == nil:
		execution, err = u.findExecution(ctx, namespace, id)
	case isRejection(execution):
		execution, err = u.rereadExecution(ctx, execution)
	}
	if err != nil {
		return nil, fmt.Errorf("looking up execution %s: %w", id, err)
	}
	return execution, nil
}

// findExecution looks for the execution of an id on the API server. It returns nil if there is none, and a pending error if too
// many look already. The execution must not be changed: others may have it too.
func (u *unknownLookups) findExecution(ctx context.Context, namespace, id string) (*v1alpha1.PipelineExecution, error) {
	execution, err := u.executions.Look(ctx, namespace+"/"+id, func() (*v1alpha1.PipelineExecution, error) {
		found, err := findLiveExecution(ctx, u.apiReader, namespace, id)
		if err != nil || found == nil {
			return nil, err
		}
		return getLiveExecution(ctx, u.apiReader, found)
	})
	return execution, pendingIfBusy(err)
}

// rereadExecution returns a known execution as it is on the API server, or nil if it is gone. See findExecution.
func (u *unknownLookups) rereadExecution(ctx context.Context, known *v1alpha1.PipelineExecution) (*v1alpha1.PipelineExecution, error) {
	execution, err := u.executions.Look(ctx, known.Namespace+"/"+string(known.UID), func() (*v1alpha1.PipelineExecution, error) {
		return getLiveExecution(ctx, u.apiReader, known)
	})
	return execution, pendingIfBusy(err)
}

// pipelineExists reports whether a namespace has a Pipeline of a pipelineName, by live reads: of the one that the cache has, and
// else of all of the name. It returns a pending error if too many look already.
func (u *unknownLookups) pipelineExists(ctx context.Context, namespace, pipelineName string) (bool, error) {
	exists, err := u.pipelines.Look(ctx, namespace+"/"+pipelineName, func() (bool, error) {
		return livePipelineExists(ctx, u.client, u.apiReader, namespace, pipelineName)
	})
	return exists, pendingIfBusy(err)
}

func livePipelineExists(ctx context.Context, c, apiReader client.Reader, namespace, pipelineName string) (bool, error) {
	known, err := pipelineByName(ctx, c, namespace, pipelineName)
	if err != nil {
		return false, err
	}
	if known != nil {
		if exists, err := existsLive(ctx, apiReader, known); err != nil || exists {
			return exists, err
		}
	}
	return findLivePipeline(ctx, apiReader, namespace, pipelineName)
}

func pendingIfBusy(err error) error {
	if errors.Is(err, slots.ErrBusy) {
		return action.Pending(err)
	}
	return err
}

// existsLive reports whether a known Pipeline is there and not being deleted.
func existsLive(ctx context.Context, apiReader client.Reader, known *v1alpha1.Pipeline) (bool, error) {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Pipeline"))
	err := apiReader.Get(ctx, client.ObjectKeyFromObject(known), live)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("looking up Pipeline %q: %w", known.Name, err)
	}
	return err == nil && live.UID == known.UID && live.DeletionTimestamp == nil, nil
}

// findLivePipeline looks for a Pipeline that has a pipelineName and is not being deleted: by that field, and by the name of the
// object if the field is empty.
func findLivePipeline(ctx context.Context, apiReader client.Reader, namespace, pipelineName string) (bool, error) {
	for _, fields := range []client.MatchingFields{
		{fieldPipelineName: pipelineName},
		{fieldName: pipelineName, fieldPipelineName: ""},
	} {
		found, err := findLive(ctx, apiReader, "Pipeline", namespace, fields, func(m *metav1.PartialObjectMetadata) bool {
			return m.DeletionTimestamp == nil
		})
		if err != nil || found != nil {
			return found != nil, err
		}
	}
	return false, nil
}

// findLiveExecution looks for the execution of an id: among those that the operator has not looked at, and then among those that
// show it, since that is the order in which an execution goes from one to the other. It returns nil if there is none.
func findLiveExecution(ctx context.Context, apiReader client.Reader, namespace, id string) (client.Object, error) {
	for _, shown := range []string{"", id} {
		fields := client.MatchingFields{fieldExecutionID: shown}
		found, err := findLive(ctx, apiReader, "PipelineExecution", namespace, fields, func(m *metav1.PartialObjectMetadata) bool {
			return string(m.UID) == id
		})
		if err != nil {
			return nil, err
		}
		if found != nil {
			return found, nil
		}
	}
	return nil, nil
}

// findLive returns the metadata of the first object that matches, or nil. It reads a page at a time, and keeps none.
func findLive(
	ctx context.Context, apiReader client.Reader, kind, namespace string, fields client.MatchingFields,
	matches func(*metav1.PartialObjectMetadata) bool,
) (*metav1.PartialObjectMetadata, error) {
	next := ""
	for {
		page := &metav1.PartialObjectMetadataList{}
		page.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		err := apiReader.List(ctx, page, client.InNamespace(namespace), fields, client.Limit(lookupPage), client.Continue(next))
		if err != nil {
			return nil, fmt.Errorf("listing %ss: %w", kind, err)
		}
		i := slices.IndexFunc(page.Items, func(m metav1.PartialObjectMetadata) bool { return matches(&m) })
		if i >= 0 {
			return &page.Items[i], nil
		}
		if next = page.Continue; next == "" {
			return nil, nil
		}
	}
}

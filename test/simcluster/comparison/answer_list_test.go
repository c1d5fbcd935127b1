// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package comparison

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

func creationCalls() []apiCall {
	return slices.Concat(
		forEachKind("create", func(ctx context.Context, c *cluster, object client.Object) (string, error) {
			err := c.Create(ctx, object)
			return fmt.Sprintf("generation %d, uid %t, version %t", object.GetGeneration(), object.GetUID() != "", object.GetResourceVersion() != ""), err
		}),
		forEachKind("create under a name that is taken", func(ctx context.Context, c *cluster, object client.Object) (string, error) {
			again := object.DeepCopyObject().(client.Object)
			return "", errors.Join(c.Create(ctx, object), c.Create(ctx, again))
		}),
		forEachKind("try to create", func(ctx context.Context, c *cluster, object client.Object) (string, error) {
			if err := c.Create(ctx, object, client.DryRunAll); err != nil {
				return "tried", err
			}
			return "then got", c.Get(ctx, client.ObjectKeyFromObject(object), object)
		}),
		forEachKind("try to create under a name that is taken", func(ctx context.Context, c *cluster, object client.Object) (string, error) {
			again := object.DeepCopyObject().(client.Object)
			return "", errors.Join(c.Create(ctx, object), c.Create(ctx, again, client.DryRunAll))
		}),
	)
}

func patchCalls() []apiCall {
	return slices.Concat(
		forEachKind("patch nothing", patchObject(`{}`)),
		forEachKind("patch a label", patchObject(`{"metadata":{"labels":{"a":"b"}}}`)),
		forEachKind("patch with its uid and nothing else", patchObject(`{"metadata":{"uid":"$uid"}}`)),
		forEachKind("patch what it is already", patchObject(`{"metadata":{"finalizers":["`+foreignFinalizer+`"]}}`)),
		forEachKind("patch with its uid and version", patchObject(`{"metadata":{"uid":"$uid","resourceVersion":"$version","labels":{"a":"b"}}}`)),
		forEachKind("patch with an older version", patchObject(`{"metadata":{"uid":"$uid","resourceVersion":"$older","labels":{"a":"b"}}}`)),
		forEachKind("patch with another uid", patchObject(`{"metadata":{"uid":"`+builders.UnknownID+`","labels":{"a":"b"}}}`)),
		forEachKind("patch with another uid and an older version",
			patchObject(`{"metadata":{"uid":"`+builders.UnknownID+`","resourceVersion":"$older","labels":{"a":"b"}}}`)),
		forEachKind("patch what is not there", func(ctx context.Context, c *cluster, object client.Object) (string, error) {
			return "", c.Patch(ctx, object, c.fillPatch(touch, object))
		}),
		[]apiCall{
			{"patch a spec", newKeptJob("spec"), patchObject(`{"spec":{"parallelism":0}}`)},
			{"patch a spec to what it is already", newKeptJob("same"), patchObject(`{"spec":{"suspend":true}}`)},
			{"patch a status that has a path of its own", newKeptJob("status"), patchObject(`{"status":{"active":7}}`)},
		},
	)
}

// patchObject returns a call that patches an object that has an older version.
func patchObject(content string) callFunc {
	return func(ctx context.Context, c *cluster, object client.Object) (string, error) {
		if err := c.createWithHistory(ctx, object); err != nil {
			return "", err
		}
		before := object.DeepCopyObject().(client.Object)
		err := c.Patch(ctx, object, c.fillPatch(content, before))
		return fmt.Sprintf("written %t, generation +%d", object.GetResourceVersion() != before.GetResourceVersion(),
			object.GetGeneration()-before.GetGeneration()), err
	}
}

func deletionCalls() []apiCall {
	other := ptr.To[types.UID](builders.UnknownID)
	return slices.Concat(
		forEachKind("delete in the background", deleteWith(func(*cluster) client.DeleteOption { return background })),
		forEachKind("delete in the foreground", deleteWith(func(*cluster) client.DeleteOption { return foreground })),
		forEachKind("delete leaving what it owns", deleteWith(func(*cluster) client.DeleteOption { return orphan })),
		forEachKind("delete with another uid", deleteWith(func(*cluster) client.DeleteOption { return client.Preconditions{UID: other} })),
		forEachKind("delete with an older version", deleteWith(func(c *cluster) client.DeleteOption {
			return client.Preconditions{ResourceVersion: &c.olderVersion}
		})),
		forEachKind("delete what is not there", func(ctx context.Context, c *cluster, object client.Object) (string, error) {
			return "", c.Delete(ctx, object)
		}),
		forEachKind("release what is deleted", func(ctx context.Context, c *cluster, object client.Object) (string, error) {
			err := errors.Join(c.Create(ctx, object), c.Delete(ctx, object, background), c.Patch(ctx, object, c.fillPatch(release, object)))
			return fmt.Sprint("gone ", apierrors.IsNotFound(c.Get(ctx, client.ObjectKeyFromObject(object), object))), err
		}),
	)
}

// deleteWith returns a call that deletes an object that has an older version.
func deleteWith(option func(*cluster) client.DeleteOption) callFunc {
	return func(ctx context.Context, c *cluster, object client.Object) (string, error) {
		if err := c.createWithHistory(ctx, object); err != nil {
			return "", err
		}
		before := object.GetGeneration()
		err := c.Delete(ctx, object, option(c))
		stays := c.Get(ctx, client.ObjectKeyFromObject(object), object) == nil
		return fmt.Sprintf("generation +%d, deleted %t, stays %t", object.GetGeneration()-before, object.GetDeletionTimestamp() != nil, stays), err
	}
}

// statusCalls are writes to the status of an execution.
func statusCalls() []apiCall {
	type run = v1alpha1.PipelineExecution
	enterBuild := func(execution *run) { execution.Status.CurrentStage = "Build" }
	return []apiCall{
		{"status changed", newKeptExecution("status"), writeStatus(func(_ *cluster, execution *run) { enterBuild(execution) })},
		{"status as it is", newKeptExecution("status-same"), writeStatus(func(*cluster, *run) {})},
		{"status with a spec and labels", newKeptExecution("status-and-spec"), writeStatus(func(_ *cluster, execution *run) {
			enterBuild(execution)
			execution.Spec.PipelineName, execution.Labels = "other", map[string]string{"a": "b"}
		})},
		{"status with nothing new but a spec", newKeptExecution("status-but-spec"), writeStatus(func(_ *cluster, execution *run) { execution.Spec.PipelineName = "other" })},
		{"status with an older version", newKeptExecution("status-older"), writeStatus(func(c *cluster, execution *run) {
			enterBuild(execution)
			execution.ResourceVersion = c.olderVersion
		})},
		{"status with another uid", newKeptExecution("status-other"), writeStatus(func(_ *cluster, execution *run) {
			enterBuild(execution)
			execution.UID = builders.UnknownID
		})},
		{"status without a version", newKeptExecution("status-any"), writeStatus(func(_ *cluster, execution *run) {
			enterBuild(execution)
			execution.ResourceVersion = ""
		})},
		{"status of what is gone", newKeptExecution("gone"), func(ctx context.Context, c *cluster, object client.Object) (string, error) {
			if err := c.createAndDelete(ctx, object); err != nil {
				return "not deleted", err
			}
			return "", c.Status().Update(ctx, object)
		}},
		{"status of what was created again", newKeptExecution("again"), func(ctx context.Context, c *cluster, object client.Object) (string, error) {
			again := object.DeepCopyObject().(client.Object)
			if err := errors.Join(c.createAndDelete(ctx, object), c.Create(ctx, again)); err != nil {
				return "not created again", err
			}
			return "", c.Status().Update(ctx, object)
		}},
	}
}

// writeStatus returns a call that changes an execution and writes its status.
func writeStatus(change func(*cluster, *v1alpha1.PipelineExecution)) callFunc {
	return func(ctx context.Context, c *cluster, object client.Object) (string, error) {
		if err := c.createWithHistory(ctx, object); err != nil {
			return "", err
		}
		execution := object.(*v1alpha1.PipelineExecution)
		before := execution.DeepCopy()
		change(c, execution)
		err := c.Status().Update(ctx, execution)
		return fmt.Sprintf("written %t, generation +%d, stage %q, pipeline %q, labels %v", execution.ResourceVersion != before.ResourceVersion,
			execution.Generation-before.Generation, execution.Status.CurrentStage, execution.Spec.PipelineName, execution.Labels), err
	}
}

// terminatingCalls are calls in a namespace that is being deleted, and that holds the Job "kept".
func terminatingCalls() []apiCall {
	create := func(ctx context.Context, c *cluster, object client.Object) (string, error) {
		return "", c.Create(ctx, object)
	}
	return slices.Concat(
		forEachKind("create in a namespace that is deleted", create),
		forEachKind("try to create in a namespace that is deleted", func(ctx context.Context, c *cluster, object client.Object) (string, error) {
			return "", c.Create(ctx, object, client.DryRunAll)
		}),
		[]apiCall{
			{"create under a taken name in a namespace that is deleted", newKeptJob("kept"), create},
			{"patch in a namespace that is deleted", newKeptJob("kept"), func(ctx context.Context, c *cluster, object client.Object) (string, error) {
				return "", c.Patch(ctx, object, c.fillPatch(stop, object))
			}},
		},
	)
}

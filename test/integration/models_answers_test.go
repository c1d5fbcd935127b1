// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

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
)

func creationAnswers() []modelAnswer {
	return slices.Concat(
		ofEach("create", func(ctx context.Context, s *modelSide, o client.Object) (string, error) {
			err := s.Create(ctx, o)
			return fmt.Sprintf("generation %d, uid %t, version %t", o.GetGeneration(), o.GetUID() != "", o.GetResourceVersion() != ""), err
		}),
		ofEach("create under a name that is taken", func(ctx context.Context, s *modelSide, o client.Object) (string, error) {
			again := o.DeepCopyObject().(client.Object)
			return "", errors.Join(s.Create(ctx, o), s.Create(ctx, again))
		}),
		ofEach("try to create", func(ctx context.Context, s *modelSide, o client.Object) (string, error) {
			if err := s.Create(ctx, o, client.DryRunAll); err != nil {
				return "tried", err
			}
			return "then got", s.Get(ctx, client.ObjectKeyFromObject(o), o)
		}),
		ofEach("try to create where taken", func(ctx context.Context, s *modelSide, o client.Object) (string, error) {
			again := o.DeepCopyObject().(client.Object)
			return "", errors.Join(s.Create(ctx, o), s.Create(ctx, again, client.DryRunAll))
		}),
	)
}

func patchAnswers() []modelAnswer {
	return slices.Concat(
		ofEach("patch nothing", patched(`{}`)),
		ofEach("patch a label", patched(`{"metadata":{"labels":{"a":"b"}}}`)),
		ofEach("patch with its uid and nothing else", patched(`{"metadata":{"uid":"$uid"}}`)),
		ofEach("patch what it is already", patched(`{"metadata":{"finalizers":["`+manual+`"]}}`)),
		ofEach("patch with its uid and version", patched(`{"metadata":{"uid":"$uid","resourceVersion":"$version","labels":{"a":"b"}}}`)),
		ofEach("patch with an older version", patched(`{"metadata":{"uid":"$uid","resourceVersion":"$older","labels":{"a":"b"}}}`)),
		ofEach("patch with another uid", patched(`{"metadata":{"uid":"`+unknownID+`","labels":{"a":"b"}}}`)),
		ofEach("patch with another uid and an older version",
			patched(`{"metadata":{"uid":"`+unknownID+`","resourceVersion":"$older","labels":{"a":"b"}}}`)),
		ofEach("patch what is not there", func(ctx context.Context, s *modelSide, o client.Object) (string, error) {
			return "", s.Patch(ctx, o, s.filled(touch, o))
		}),
		[]modelAnswer{
			{"patch a spec", aJob("spec"), patched(`{"spec":{"parallelism":0}}`)},
			{"patch a spec to what it is already", aJob("same"), patched(`{"spec":{"suspend":true}}`)},
			{"patch a status that has a path of its own", aJob("status"), patched(`{"status":{"active":7}}`)},
		},
	)
}

func patched(content string) modelCall {
	return func(ctx context.Context, s *modelSide, o client.Object) (string, error) {
		if err := s.prepare(ctx, o); err != nil {
			return "", err
		}
		before := o.DeepCopyObject().(client.Object)
		err := s.Patch(ctx, o, s.filled(content, before))
		return fmt.Sprintf("written %t, generation +%d", o.GetResourceVersion() != before.GetResourceVersion(),
			o.GetGeneration()-before.GetGeneration()), err
	}
}

func deletionAnswers() []modelAnswer {
	other := ptr.To[types.UID](unknownID)
	return slices.Concat(
		ofEach("delete in the background", deleted(func(*modelSide) client.DeleteOption { return background })),
		ofEach("delete in the foreground", deleted(func(*modelSide) client.DeleteOption { return foreground })),
		ofEach("delete leaving what it owns", deleted(func(*modelSide) client.DeleteOption { return orphan })),
		ofEach("delete with another uid", deleted(func(*modelSide) client.DeleteOption { return client.Preconditions{UID: other} })),
		ofEach("delete with an older version", deleted(func(s *modelSide) client.DeleteOption {
			return client.Preconditions{ResourceVersion: &s.older}
		})),
		ofEach("delete what is not there", func(ctx context.Context, s *modelSide, o client.Object) (string, error) {
			return "", s.Delete(ctx, o)
		}),
		ofEach("release what is deleted", func(ctx context.Context, s *modelSide, o client.Object) (string, error) {
			err := errors.Join(s.Create(ctx, o), s.Delete(ctx, o, background), s.Patch(ctx, o, s.filled(release, o)))
			return fmt.Sprint("gone ", apierrors.IsNotFound(s.Get(ctx, client.ObjectKeyFromObject(o), o))), err
		}),
	)
}

func deleted(option func(*modelSide) client.DeleteOption) modelCall {
	return func(ctx context.Context, s *modelSide, o client.Object) (string, error) {
		if err := s.prepare(ctx, o); err != nil {
			return "", err
		}
		before := o.GetGeneration()
		err := s.Delete(ctx, o, option(s))
		there := s.Get(ctx, client.ObjectKeyFromObject(o), o) == nil
		return fmt.Sprintf("generation +%d, deleted %t, there %t", o.GetGeneration()-before, o.GetDeletionTimestamp() != nil, there), err
	}
}

// statusAnswers are of writes to the status of an execution. What came of one is told by its answer: the operator may write
// another soon after.
func statusAnswers() []modelAnswer {
	type run = v1alpha1.PipelineExecution
	building := func(e *run) { e.Status.CurrentStage = "Build" }
	return []modelAnswer{
		{"status changed", anExecution("status"), written(func(_ *modelSide, e *run) { building(e) })},
		{"status as it is", anExecution("status-same"), written(func(*modelSide, *run) {})},
		{"status with a spec and labels", anExecution("status-and-spec"), written(func(_ *modelSide, e *run) {
			building(e)
			e.Spec.PipelineName, e.Labels = "other", map[string]string{"a": "b"}
		})},
		{"status with nothing new but a spec", anExecution("status-but-spec"), written(func(_ *modelSide, e *run) { e.Spec.PipelineName = "other" })},
		{"status with an older version", anExecution("status-older"), written(func(s *modelSide, e *run) {
			building(e)
			e.ResourceVersion = s.older
		})},
		{"status with another uid", anExecution("status-other"), written(func(_ *modelSide, e *run) {
			building(e)
			e.UID = unknownID
		})},
		{"status without a version", anExecution("status-any"), written(func(_ *modelSide, e *run) {
			building(e)
			e.ResourceVersion = ""
		})},
		{"status of what is gone", anExecution("gone"), func(ctx context.Context, s *modelSide, o client.Object) (string, error) {
			if err := s.createAndDelete(ctx, o); err != nil {
				return "not deleted", err
			}
			return "", s.Status().Update(ctx, o)
		}},
		{"status of what was created again", anExecution("again"), func(ctx context.Context, s *modelSide, o client.Object) (string, error) {
			again := o.DeepCopyObject().(client.Object)
			if err := errors.Join(s.createAndDelete(ctx, o), s.Create(ctx, again)); err != nil {
				return "not created again", err
			}
			return "", s.Status().Update(ctx, o)
		}},
	}
}

func written(change func(*modelSide, *v1alpha1.PipelineExecution)) modelCall {
	return func(ctx context.Context, s *modelSide, o client.Object) (string, error) {
		if err := s.prepare(ctx, o); err != nil {
			return "", err
		}
		e := o.(*v1alpha1.PipelineExecution)
		before := e.DeepCopy()
		change(s, e)
		err := s.Status().Update(ctx, e)
		return fmt.Sprintf("written %t, generation +%d, stage %q, pipeline %q, labels %v", e.ResourceVersion != before.ResourceVersion,
			e.Generation-before.Generation, e.Status.CurrentStage, e.Spec.PipelineName, e.Labels), err
	}
}

// terminatingAnswers are of a namespace that is being deleted and in which "kept" is.
func terminatingAnswers() []modelAnswer {
	create := func(ctx context.Context, s *modelSide, o client.Object) (string, error) { return "", s.Create(ctx, o) }
	return slices.Concat(
		ofEach("create in a namespace that is deleted", create),
		ofEach("try to create in a namespace that is deleted", func(ctx context.Context, s *modelSide, o client.Object) (string, error) {
			return "", s.Create(ctx, o, client.DryRunAll)
		}),
		[]modelAnswer{
			{"create under a taken name in a namespace that is deleted", aJob("kept"), create},
			{"patch in a namespace that is deleted", aJob("kept"), func(ctx context.Context, s *modelSide, o client.Object) (string, error) {
				return "", s.Patch(ctx, o, s.filled(stop, o))
			}},
		},
	)
}

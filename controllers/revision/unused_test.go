// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package revision

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

var created = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A revision that nothing uses is marked, and deleted some time later. What uses it takes the mark off.
func TestNextStep(t *testing.T) {
	markedAt := func(at string) func(*appsv1.ControllerRevision) {
		return func(r *appsv1.ControllerRevision) {
			metav1.SetMetaDataAnnotation(&r.ObjectMeta, v1alpha1.AnnotationUnusedSince, at)
		}
	}
	marked := markedAt("2026-03-01T13:00:00Z")
	owned := func(r *appsv1.ControllerRevision) {
		marked(r)
		r.OwnerReferences = []metav1.OwnerReference{{Kind: "StatefulSet", Name: "theirs"}}
	}
	deleting := func(r *appsv1.ControllerRevision) {
		marked(r)
		r.DeletionTimestamp = &metav1.Time{Time: created}
	}
	asCreated := func(*appsv1.ControllerRevision) {}
	tests := []struct {
		name   string
		change func(*appsv1.ControllerRevision)
		used   bool
		now    time.Duration
		want   Step
		after  time.Duration
	}{
		{"new", asCreated, false, 0, StepKeep, 10 * time.Minute},
		{"new and used", asCreated, true, 0, StepKeep, 0},
		{"just under ten minutes old", asCreated, false, 10*time.Minute - time.Second, StepKeep, time.Second},
		{"ten minutes old", asCreated, false, 10 * time.Minute, StepMarkUnused, 0},
		{"old and used", asCreated, true, 10 * time.Hour, StepKeep, 0},
		{"marked", marked, false, time.Hour, StepKeep, 10 * time.Minute},
		{"marked for ten minutes", marked, false, time.Hour + 10*time.Minute, StepDelete, 0},
		{"marked and used again", marked, true, time.Hour, StepMarkUsed, 0},
		{"marked for long and used again", marked, true, 10 * time.Hour, StepMarkUsed, 0},
		{"marked with something else", markedAt("long ago"), false, time.Hour, StepMarkUnused, 0},
		{"marked with something else, and used", markedAt("long ago"), true, time.Hour, StepMarkUsed, 0},
		{"owned by somebody", owned, false, 10 * time.Hour, StepKeep, 0},
		{"being deleted", deleting, false, 10 * time.Hour, StepKeep, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := mustMakeRevision(t, makePipeline())
			r.CreationTimestamp = metav1.NewTime(created)
			tt.change(r)
			if step, after := NextStep(r, tt.used, created.Add(tt.now)); step != tt.want || after != tt.after {
				t.Errorf("step %d after %s, want %d after %s", step, after, tt.want, tt.after)
			}
		})
	}
}

// Whoever is about to use a revision that is marked takes the mark off first, and makes it again if it is gone by then.
func TestEnsureOfAMarkedRevision(t *testing.T) {
	ctx := t.Context()
	for name, gone := range map[string]bool{"it is there": false, "it is gone": true} {
		t.Run(name, func(t *testing.T) {
			api := newFakeAPI(t, mustMakeRevision(t, makePipeline()))
			store, key := api.store(), client.ObjectKeyFromObject(mustMakeRevision(t, makePipeline()))
			r := &appsv1.ControllerRevision{}
			if err := api.live.Get(ctx, key, r); err != nil {
				t.Fatal(err)
			}
			if err := store.MarkUnused(ctx, r, created); err != nil {
				t.Fatal(err)
			}
			if err := api.live.Get(ctx, key, r); err != nil || r.Annotations[v1alpha1.AnnotationUnusedSince] != "2026-03-01T12:00:00Z" {
				t.Fatalf("marked as %v, %v", r.Annotations, err)
			}
			if gone {
				api.showInCache(t, r)
				if err := store.Delete(ctx, r); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := store.Ensure(ctx, makePipeline()); err != nil {
				t.Fatal(err)
			}
			now := &appsv1.ControllerRevision{}
			if err := api.live.Get(ctx, key, now); err != nil || now.Annotations[v1alpha1.AnnotationUnusedSince] != "" {
				t.Errorf("marked as %v, %v", now.Annotations, err)
			}
			if err := store.Delete(ctx, r); !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
				t.Errorf("the deletion of what was used since: %v", err)
			}
		})
	}
}

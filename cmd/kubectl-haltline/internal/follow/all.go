// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Group is several objects of one kind that are followed together.
type Group struct {
	Client client.WithWatch
	// List is an empty list of their kind.
	List client.ObjectList
	// Options select them.
	Options client.ListOptions
	// Clock waits before a watch is opened again; nil is the real one.
	Clock clock.WithTicker
}

// All calls visit with all objects of a group whenever one of them has changed, in no order, until the context ends, whose error All returns. A
// watch that breaks is opened again. Before the first visit no error is tried again; after it, only a lack of permission is not.
func All[T client.Object](ctx context.Context, group Group, visit func([]T)) error {
	if group.Clock == nil {
		group.Clock = clock.RealClock{}
	}
	backoff, visited := newBackoff(), false
	for {
		err := followGroup(ctx, group, func(objects []T) {
			visited = true
			visit(objects)
		})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && (!visited || isRefusal(err)):
			return err
		case err == nil:
			backoff = newBackoff()
		}
		if err := sleep(ctx, group.Clock, backoff.Step()); err != nil {
			return err
		}
	}
}

// followGroup lists the objects of a group and follows them for as long as one watch lasts.
func followGroup[T client.Object](ctx context.Context, group Group, visit func([]T)) error {
	list := group.List.DeepCopyObject().(client.ObjectList)
	if err := group.Client.List(ctx, list, &group.Options); err != nil {
		return err
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	known := map[types.UID]T{}
	for _, item := range items {
		if err := note(known, watch.Added, item); err != nil {
			return err
		}
	}
	visit(slices.Collect(maps.Values(known)))
	options := group.Options
	options.Raw = &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}
	_, err = watchEvents(ctx, group.Client, group.List, &options, func(event watch.Event) (bool, error) {
		if err := note(known, event.Type, event.Object); err != nil {
			return false, err
		}
		visit(slices.Collect(maps.Values(known)))
		return false, nil
	})
	return err
}

// note takes in that an object was added, changed or deleted.
func note[T client.Object](known map[types.UID]T, event watch.EventType, object runtime.Object) error {
	if event == watch.Bookmark {
		return nil
	}
	o, ok := object.(T)
	if !ok {
		return fmt.Errorf("the API server sent a %T", object)
	}
	if event == watch.Deleted {
		delete(known, o.GetUID())
		return nil
	}
	known[o.GetUID()] = o
	return nil
}

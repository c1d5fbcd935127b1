// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package follow follows one object until something is true of it. A watch that breaks is opened again: the API server may be restarted,
// and a laptop may sleep.
package follow

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ErrDeleted is the error of an object that is gone, or that another one of its name has replaced.
var ErrDeleted = errors.New("it was deleted meanwhile")

// Target is the object to follow.
type Target struct {
	Client client.WithWatch
	// List is an empty list of the kind of the object.
	List client.ObjectList
	Key  client.ObjectKey
	UID  types.UID
	// Clock waits before a watch is opened again; nil is the real one.
	Clock clock.WithTicker
	// OnTrouble is told once that the connection broke, and nil when it is there again. It may be nil.
	OnTrouble func(err error)
}

// Visit is given an object whenever it has changed, beginning with how it is. It returns whether that is enough, and an error that ends the
// following.
type Visit[T client.Object] func(T) (done bool, err error)

// Until calls visit until it is done, until it returns an error, which Until returns, or until the context ends, whose error Until returns.
// The error is ErrDeleted if the object is gone. Before the first visit no error is tried again; after it, only a lack of permission is not.
func Until[T client.Object](ctx context.Context, target Target, visit Visit[T]) error {
	f := follower[T]{Target: target, visit: visit}
	if f.Clock == nil {
		f.Clock = clock.RealClock{}
	}
	backoff := newBackoff()
	for {
		done, err := f.followOnce(ctx)
		switch {
		case done || f.endErr != nil:
			return f.endErr
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrDeleted), err != nil && (f.seen == "" || isRefusal(err)):
			return err
		case err != nil && f.OnTrouble != nil && !f.inTrouble:
			f.inTrouble = true
			f.OnTrouble(err)
		}
		if err == nil {
			backoff = newBackoff()
		}
		if err := sleep(ctx, f.Clock, backoff.Step()); err != nil {
			return err
		}
	}
}

// newBackoff returns how long to wait before a watch is opened again: longer each time, up to 10 seconds.
func newBackoff() wait.Backoff {
	return wait.Backoff{Duration: 300 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 20, Cap: 10 * time.Second}
}

// isRefusal reports whether the API server understood a request and does not allow it.
func isRefusal(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err)
}

func sleep(ctx context.Context, c clock.WithTicker, d time.Duration) error {
	timer := c.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C():
		return nil
	}
}

// follower follows one object.
type follower[T client.Object] struct {
	Target
	visit Visit[T]
	// seen is the resourceVersion that was visited last.
	seen string
	// inTrouble is set from when OnTrouble was told of an error until the API server answers again.
	inTrouble bool
	// endErr is the error of visit.
	endErr error
}

// followOnce reads the object and follows it for as long as one watch lasts. The error is nil if the watch just ended, as each does after a
// while.
func (f *follower[T]) followOnce(ctx context.Context) (done bool, err error) {
	list := f.List.DeepCopyObject().(client.ObjectList)
	if err := f.Client.List(ctx, list, f.options("")); err != nil {
		return false, err
	}
	if f.inTrouble {
		f.inTrouble = false
		f.OnTrouble(nil)
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return false, err
	}
	if len(items) == 0 {
		return false, ErrDeleted
	}
	if done, err := f.visitObject(items[0]); done || err != nil {
		return done, err
	}
	return watchEvents(ctx, f.Client, f.List, f.options(list.GetResourceVersion()), f.handle)
}

// options select the one object, from a resourceVersion on.
func (f *follower[T]) options(resourceVersion string) *client.ListOptions {
	return &client.ListOptions{
		Namespace:     f.Key.Namespace,
		FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, f.Key.Name),
		Raw:           &metav1.ListOptions{ResourceVersion: resourceVersion},
	}
}

func (f *follower[T]) handle(event watch.Event) (done bool, err error) {
	switch event.Type {
	case watch.Deleted:
		return false, ErrDeleted
	case watch.Bookmark:
		return false, nil
	default:
		return f.visitObject(event.Object)
	}
}

// visitObject visits a version of the object that was not visited before.
func (f *follower[T]) visitObject(seen runtime.Object) (done bool, err error) {
	object, ok := seen.(T)
	switch {
	case !ok:
		return false, fmt.Errorf("the API server sent a %T", seen)
	case object.GetUID() != f.UID:
		return false, ErrDeleted
	case object.GetResourceVersion() == f.seen:
		return false, nil
	}
	f.seen = object.GetResourceVersion()
	done, f.endErr = f.visit(object)
	return done, f.endErr
}

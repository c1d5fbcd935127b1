// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package follow waits for what happens to an object.
package follow

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// ErrDeleted is returned if somebody deleted the object, also if another one has its name since.
var ErrDeleted = errors.New("it was deleted meanwhile")

// pause is how long to wait before a watch that broke is begun again, so that a server that is down is not asked without end.
const pause = 500 * time.Millisecond

// Until calls see with the object as it is, and then with each change of it, until see returns true or an error. The object has a namespace
// and a name, and the uid if it is known. The list is an empty one of its kind. Until returns the error of see, that of the context,
// ErrDeleted, or one of the API server that does not pass by itself, such as Forbidden.
func Until[T client.Object](ctx context.Context, c client.WithWatch, object T, list client.ObjectList, see func(T) (bool, error)) error {
	w := &follower[T]{client: c, key: client.ObjectKeyFromObject(object), uid: object.GetUID(), see: see}
	for {
		done, err := w.follow(ctx, object.DeepCopyObject().(T), list)
		if done || !isTransient(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// Execution follows an execution as Until does.
func Execution(
	ctx context.Context, c client.WithWatch, execution *v1alpha1.PipelineExecution, see func(*v1alpha1.PipelineExecution) (bool, error),
) error {
	return Until(ctx, c, execution, &v1alpha1.PipelineExecutionList{}, see)
}

type follower[T client.Object] struct {
	client client.WithWatch
	key    client.ObjectKey
	// uid is empty until it is known.
	uid types.UID
	see func(T) (bool, error)
}

// follow reads the object and watches it from then on. It returns true if there is nothing more to follow, and false with an error, or none, if
// the watch ended.
func (w *follower[T]) follow(ctx context.Context, object T, list client.ObjectList) (bool, error) {
	err := w.client.Get(ctx, w.key, object)
	if apierrors.IsNotFound(err) {
		return true, ErrDeleted
	}
	if err != nil {
		return false, err
	}
	if done, err := w.visit(object); done {
		return true, err
	}
	watcher, err := w.client.Watch(ctx, list, &client.ListOptions{
		Namespace:     w.key.Namespace,
		FieldSelector: fields.OneTermEqualSelector("metadata.name", w.key.Name),
		Raw:           &metav1.ListOptions{ResourceVersion: object.GetResourceVersion()},
	})
	if err != nil {
		return false, err
	}
	defer watcher.Stop()
	return w.followEvents(ctx, watcher)
}

func (w *follower[T]) followEvents(ctx context.Context, watcher watch.Interface) (bool, error) {
	for {
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case event, open := <-watcher.ResultChan():
			if !open {
				return false, nil
			}
			if done, err := w.handle(event); done || err != nil {
				return done, err
			}
		}
	}
}

func (w *follower[T]) handle(event watch.Event) (bool, error) {
	object, isObject := event.Object.(T)
	switch {
	case event.Type == watch.Error:
		return false, apierrors.FromObject(event.Object)
	case !isObject || object.GetName() != w.key.Name || event.Type == watch.Bookmark:
		return false, nil
	case event.Type == watch.Deleted:
		return true, ErrDeleted
	default:
		return w.visit(object)
	}
}

// visit returns true if there is nothing more to follow.
func (w *follower[T]) visit(object T) (bool, error) {
	if w.uid == "" {
		w.uid = object.GetUID()
	}
	if object.GetUID() != w.uid {
		return true, ErrDeleted
	}
	done, err := w.see(object)
	return done || err != nil, err
}

// isTransient reports whether what ended a watch passes by itself: a connection that broke, a server that is overloaded or restarted, or a
// version that is too old to watch from. A watch that just ended has no error.
func isTransient(err error) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	default:
		return apierrors.IsGone(err) || apierrors.IsResourceExpired(err) || apierrors.IsInternalError(err) || apierrors.IsServerTimeout(err) ||
			apierrors.IsTimeout(err) || apierrors.IsTooManyRequests(err) || apierrors.IsServiceUnavailable(err) ||
			utilnet.IsConnectionRefused(err) || utilnet.IsConnectionReset(err) || utilnet.IsProbableEOF(err) || utilnet.IsTimeout(err)
	}
}

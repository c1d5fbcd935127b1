// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// watchEvents passes each event that one watch brings to handle, bookmarks as well, until that is done or returns an error. It returns no error if the watch just
// ends, and that of the context or of the API server if that is why.
func watchEvents(
	ctx context.Context, c client.WithWatch, list client.ObjectList, options *client.ListOptions, handle func(watch.Event) (done bool, err error),
) (done bool, err error) {
	w, err := c.Watch(ctx, list, options)
	if err != nil {
		return false, err
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case event, open := <-w.ResultChan():
			switch {
			case !open:
				return false, nil
			case event.Type == watch.Error:
				return false, apierrors.FromObject(event.Object)
			}
			if done, err := handle(event); done || err != nil {
				return done, err
			}
		}
	}
}

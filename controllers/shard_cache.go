// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// OfShard returns the options with a cache of the shard's namespaces only: what it does begins with what is in its cache. The API server
// has no selector for them, so it sends everything, and what belongs to other shards is dropped before it reaches the cache. It
// costs no memory and has no events.
func OfShard(options cache.Options, shard Shard) cache.Options {
	if !shard.IsSet() {
		return options
	}
	options.NewInformer = func(
		lw toolscache.ListerWatcher, o runtime.Object, resync time.Duration, indexers toolscache.Indexers,
	) toolscache.SharedIndexInformer {
		return toolscache.NewSharedIndexInformer(filterByShard(lw, shard), o, resync, indexers)
	}
	return options
}

// filterByShard returns a ListerWatcher of those objects whose namespace belongs to the shard.
func filterByShard(lw toolscache.ListerWatcher, shard Shard) toolscache.ListerWatcher {
	all := toolscache.ToListerWatcherWithContext(lw)
	return &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := all.ListWithContext(ctx, options)
			if err != nil {
				return nil, err
			}
			return list, filterList(list, shard)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			w, err := all.WatchWithContext(ctx, options)
			if err != nil {
				return nil, err
			}
			return filterWatch(w, shard), nil
		},
	}
}

// filterList leaves in a list the objects of the shard.
func filterList(list runtime.Object, shard Shard) error {
	items, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	kept := make([]runtime.Object, 0, len(items))
	for _, item := range items {
		if isOfShard(item, shard) {
			kept = append(kept, item)
		}
	}
	return meta.SetList(list, kept)
}

// filterWatch returns a watch that passes the events of the shard's objects, and those that are about no object: bookmarks and
// errors. It ends when the other watch ends, and stops it when it is stopped.
func filterWatch(all watch.Interface, shard Shard) watch.Interface {
	passed := make(chan watch.Event)
	filtered := watch.NewProxyWatcher(passed)
	go func() {
		defer close(passed)
		defer all.Stop()
		for {
			var e watch.Event
			var open bool
			select {
			case e, open = <-all.ResultChan():
			case <-filtered.StopChan():
			}
			if !open {
				return
			}
			if e.Type != watch.Bookmark && e.Type != watch.Error && !isOfShard(e.Object, shard) {
				continue
			}
			select {
			case passed <- e:
			case <-filtered.StopChan():
				return
			}
		}
	}()
	return filtered
}

// isOfShard reports whether the namespace of an object belongs to the shard. What has no metadata is left to whoever gets it.
func isOfShard(o runtime.Object, shard Shard) bool {
	accessor, err := meta.Accessor(o)
	return err != nil || shard.Serves(accessor.GetNamespace())
}

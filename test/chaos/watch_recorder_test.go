// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// watchRecorder watches objects. All kinds are in one etcd, whose revisions are the resourceVersions, so that changes of objects
// of different kinds have one order.
type watchRecorder struct {
	k8s    client.WithWatch
	counts *counts

	mu sync.Mutex
	// seen are the versions of objects, in the order in which they came.
	seen []seenVersion
	// gone is when objects went.
	gone map[types.UID]span
}

// seenVersion is a version of an object that the watch delivered.
type seenVersion struct {
	object client.Object
	at     time.Time
}

// span is when something happened: after the resourceVersion low, not after high. They differ by more than one if the watch had a
// gap.
type span struct{ low, high uint64 }

func startWatchRecorder(t *testing.T, c *cluster, n *counts) *watchRecorder {
	t.Helper()
	r := &watchRecorder{k8s: c.k8s, counts: n, gone: map[types.UID]span{}}
	for _, list := range []client.ObjectList{
		&v1alpha1.PipelineList{}, &v1alpha1.PipelineExecutionList{}, &v1alpha1.StopRequestList{}, &v1alpha1.ApprovalResultList{},
		&batchv1.JobList{}, &corev1.PodList{}, &appsv1.ControllerRevisionList{},
	} {
		go r.follow(t.Context(), list)
	}
	return r
}

// follow records every change of a kind. After a gap it lists again.
func (r *watchRecorder) follow(ctx context.Context, kind client.ObjectList) {
	present := map[types.UID]bool{}
	var version uint64
	for ctx.Err() == nil {
		list := kind.DeepCopyObject().(client.ObjectList)
		if err := r.k8s.List(ctx, list); err != nil {
			pause(ctx, 50*time.Millisecond)
			continue
		}
		before := version
		version = parseVersion(list.GetResourceVersion())
		if before != 0 {
			r.counts.add("gaps of the test's own watch")
		}
		r.recordList(list, present, span{before, version})
		for more := true; more && ctx.Err() == nil; {
			version, more = r.watch(ctx, list, present, version)
		}
	}
}

// recordList records what a list has, and what it no longer has.
func (r *watchRecorder) recordList(list client.ObjectList, present map[types.UID]bool, gap span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := map[types.UID]bool{}
	for uid := range present {
		old[uid] = true
	}
	_ = meta.EachListItem(list, func(item runtime.Object) error {
		o := item.(client.Object).DeepCopyObject().(client.Object)
		present[o.GetUID()] = true
		delete(old, o.GetUID())
		r.seen = append(r.seen, seenVersion{o, time.Now()})
		return nil
	})
	for uid := range old {
		r.gone[uid] = gap
		delete(present, uid)
	}
}

// watch records events from a version on, and returns the last version and whether a watch can go on from there.
func (r *watchRecorder) watch(ctx context.Context, list client.ObjectList, present map[types.UID]bool, version uint64) (uint64, bool) {
	w, err := r.k8s.Watch(ctx, list, &client.ListOptions{Raw: &metav1.ListOptions{
		ResourceVersion: strconv.FormatUint(version, 10), AllowWatchBookmarks: true,
	}})
	if err != nil {
		pause(ctx, 50*time.Millisecond)
		return version, !isExpired(err)
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		if event.Type == watch.Error {
			return version, !isExpired(apierrors.FromObject(event.Object))
		}
		o, ok := event.Object.(client.Object)
		if !ok {
			return version, false
		}
		version = max(version, parseVersion(o.GetResourceVersion()))
		if event.Type != watch.Bookmark {
			r.record(o, event.Type == watch.Deleted, present)
		}
	}
	return version, true
}

func (r *watchRecorder) record(o client.Object, deleted bool, present map[types.UID]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if deleted {
		v := parseVersion(o.GetResourceVersion())
		r.gone[o.GetUID()] = span{v - 1, v}
		delete(present, o.GetUID())
		return
	}
	present[o.GetUID()] = true
	r.seen = append(r.seen, seenVersion{o, time.Now()})
}

// recordsIn returns what was seen of a namespace.
func (r *watchRecorder) recordsIn(namespace string) (seen []seenVersion, gone map[types.UID]span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gone = map[types.UID]span{}
	for _, s := range r.seen {
		if s.object.GetNamespace() != namespace {
			continue
		}
		seen = append(seen, s)
		if g, ok := r.gone[s.object.GetUID()]; ok {
			gone[s.object.GetUID()] = g
		}
	}
	return seen, gone
}

// parseVersion returns a resourceVersion as a number, or 0 if it is none.
func parseVersion(resourceVersion string) uint64 {
	n, err := strconv.ParseUint(resourceVersion, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// isExpired reports whether the API server no longer knows what came after a version.
func isExpired(err error) bool {
	return apierrors.IsResourceExpired(err) || apierrors.IsGone(err)
}

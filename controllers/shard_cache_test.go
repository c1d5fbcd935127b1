// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"haltline.dev/haltline/api/v1alpha1"
)

// ofShard and ofOther are namespaces of the shard 1/2 and of the other one.
const ofShard, ofOther = "default", "team-a"

func executionIn(namespace, name string) *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

// listAndWatch returns a ListerWatcher of a list and a watch.
func listAndWatch(list runtime.Object, w watch.Interface, err error) *toolscache.ListWatch {
	return &toolscache.ListWatch{
		ListWithContextFunc:  func(context.Context, metav1.ListOptions) (runtime.Object, error) { return list, err },
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) { return w, err },
	}
}

func TestAListHasTheObjectsOfTheShard(t *testing.T) {
	lists := map[string]struct{ all, want runtime.Object }{
		"objects": {
			&v1alpha1.PipelineExecutionList{
				ListMeta: metav1.ListMeta{ResourceVersion: "7", Continue: "more"},
				Items:    []v1alpha1.PipelineExecution{*executionIn(ofShard, "a"), *executionIn(ofOther, "b"), *executionIn(ofShard, "c")},
			},
			&v1alpha1.PipelineExecutionList{
				ListMeta: metav1.ListMeta{ResourceVersion: "7", Continue: "more"},
				Items:    []v1alpha1.PipelineExecution{*executionIn(ofShard, "a"), *executionIn(ofShard, "c")},
			},
		},
		"metadata": {
			&metav1.PartialObjectMetadataList{Items: []metav1.PartialObjectMetadata{
				{ObjectMeta: metav1.ObjectMeta{Namespace: ofOther}}, {ObjectMeta: metav1.ObjectMeta{Namespace: ofShard}},
			}},
			&metav1.PartialObjectMetadataList{Items: []metav1.PartialObjectMetadata{{ObjectMeta: metav1.ObjectMeta{Namespace: ofShard}}}},
		},
		"nothing": {&batchv1.JobList{}, &batchv1.JobList{Items: []batchv1.Job{}}},
	}
	for name, tt := range lists {
		list, err := toolscache.ToListerWatcherWithContext(filterByShard(listAndWatch(tt.all, nil, nil), mustShard(t, "1/2"))).ListWithContext(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, list); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAWatchHasTheEventsOfTheShard(t *testing.T) {
	all := watch.NewFakeWithChanSize(10, false)
	w, err := toolscache.ToListerWatcherWithContext(filterByShard(listAndWatch(nil, all, nil), mustShard(t, "1/2"))).WatchWithContext(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all.Add(executionIn(ofOther, "theirs"))
	all.Add(executionIn(ofShard, "added"))
	all.Modify(executionIn(ofOther, "theirs"))
	all.Modify(executionIn(ofShard, "modified"))
	all.Delete(executionIn(ofOther, "theirs"))
	all.Delete(executionIn(ofShard, "deleted"))
	all.Action(watch.Bookmark, executionIn("", "bookmark"))
	all.Error(&metav1.Status{Reason: metav1.StatusReasonExpired})
	all.Stop()
	var got []string
	for e := range w.ResultChan() {
		what := string(e.Type)
		if execution, ok := e.Object.(*v1alpha1.PipelineExecution); ok {
			what += " " + execution.Name
		}
		got = append(got, what)
	}
	if diff := cmp.Diff([]string{"ADDED added", "MODIFIED modified", "DELETED deleted", "BOOKMARK bookmark", "ERROR"}, got); diff != "" {
		t.Errorf("the events are (-want +got):\n%s", diff)
	}
}

// A watch that nobody reads any more ends, also with an event that was not taken: else each watch that breaks would leave one behind.
func TestAWatchEndsWhenItIsStopped(t *testing.T) {
	for name, events := range map[string]int{"idle": 0, "with an event that was not taken": 1} {
		all := watch.NewFakeWithChanSize(1, false)
		w := filterWatch(all, mustShard(t, "1/2"))
		for range events {
			all.Add(executionIn(ofShard, "added"))
		}
		w.Stop()
		passed := 0
		for range w.ResultChan() {
			passed++
		}
		if passed > events {
			t.Errorf("%s: %d events are passed", name, passed)
		}
		if !all.IsStopped() {
			t.Errorf("%s: the watch of the API server goes on", name)
		}
	}
}

func TestAShardPassesErrorsOn(t *testing.T) {
	broken := errors.New("no connection")
	lw := toolscache.ToListerWatcherWithContext(filterByShard(listAndWatch(nil, nil, broken), mustShard(t, "1/2")))
	if _, err := lw.ListWithContext(t.Context(), metav1.ListOptions{}); !errors.Is(err, broken) {
		t.Errorf("a list has the error %v", err)
	}
	if _, err := lw.WatchWithContext(t.Context(), metav1.ListOptions{}); !errors.Is(err, broken) {
		t.Errorf("a watch has the error %v", err)
	}
}

// The cache of a shard is made of such lists and watches; without the flag it is that of controller-runtime.
func TestTheCacheHoldsOnlyTheShard(t *testing.T) {
	if OfShard(cache.Options{}, Shard{}).NewInformer != nil {
		t.Error("without the flag the informers are others")
	}
	events := watch.NewFakeWithChanSize(10, false)
	for _, o := range []*v1alpha1.PipelineExecution{executionIn(ofOther, "theirs"), executionIn(ofShard, "ours")} {
		o.ResourceVersion = "7"
		events.Add(o)
	}
	// A list is streamed like a watch, up to this bookmark.
	end := executionIn("", "")
	end.ResourceVersion, end.Annotations = "7", map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	events.Action(watch.Bookmark, end)
	newInformer := OfShard(CacheOptions(), mustShard(t, "1/2")).NewInformer
	informer := newInformer(listAndWatch(nil, events, nil), &v1alpha1.PipelineExecution{}, 0, toolscache.Indexers{})
	go informer.RunWithContext(t.Context())
	if !toolscache.WaitForCacheSync(t.Context().Done(), informer.HasSynced) {
		t.Fatal("the cache did not sync")
	}
	if diff := cmp.Diff([]string{ofShard + "/ours"}, informer.GetStore().ListKeys()); diff != "" {
		t.Errorf("the cache holds (-want +got):\n%s", diff)
	}
}

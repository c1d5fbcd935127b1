// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"slices"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

func newExecution() *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "run", UID: "uid-of-run"},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "web"},
		Status:     v1alpha1.PipelineExecutionStatus{State: v1alpha1.ExecutionInProgress},
	}
}

func TestLoadKeepsUIDAndStatus(t *testing.T) {
	s := NewStore()
	s.Load(newExecution())
	got := &v1alpha1.PipelineExecution{}
	if err := NewClient(s).Get(t.Context(), client.ObjectKey{Namespace: "team", Name: "run"}, got); err != nil {
		t.Fatal(err)
	}
	if got.UID != "uid-of-run" || got.Status.State != v1alpha1.ExecutionInProgress || got.ResourceVersion == "" {
		t.Errorf("got %+v", got)
	}
}

func TestCachedReadsAreOlderUntilTheCacheAdvances(t *testing.T) {
	s := NewStore()
	cache := NewCache(s, nil, nil)
	byName := Index{&v1alpha1.PipelineExecution{}, "pipelineName", func(o client.Object) []string {
		return []string{o.(*v1alpha1.PipelineExecution).Spec.PipelineName}
	}}
	cached := NewClient(s, ReadingFrom(cache, byName))
	s.Load(newExecution())
	list := &v1alpha1.PipelineExecutionList{}
	count := func() int {
		if err := cached.List(t.Context(), list, client.InNamespace("team"), client.MatchingFields{"pipelineName": "web"}); err != nil {
			t.Fatal(err)
		}
		return len(list.Items)
	}
	if n := count(); n != 0 {
		t.Errorf("an old cache lists %d executions", n)
	}
	cache.Advance()
	if n := count(); n != 1 {
		t.Errorf("the cache lists %d executions", n)
	}
}

func TestCallsAreLoggedAndCanFail(t *testing.T) {
	s := NewStore()
	s.Load(newExecution())
	caller := &Caller{Name: "operator"}
	c := NewClient(s, CalledBy(caller))
	e := &v1alpha1.PipelineExecution{}
	_ = c.Get(t.Context(), client.ObjectKey{Namespace: "team", Name: "run"}, e)
	e.Status.State = v1alpha1.ExecutionStopping
	if err := c.Status().Update(t.Context(), e.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	if err := c.Status().Update(t.Context(), e); !apierrors.IsConflict(err) {
		t.Errorf("an update under an old resourceVersion gives %v", err)
	}
	caller.Hook = func(c *Call, _ func() error) error { return Failure("quota", *c) }
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "job"}}
	if err := c.Create(t.Context(), job); !apierrors.IsForbidden(err) || s.Count(Job) != 0 {
		t.Errorf("a refused creation gives %v", err)
	}
	var verbs []string
	for _, call := range caller.Calls {
		verbs = append(verbs, call.Verb)
	}
	if want := []string{"get", "update-status", "update-status", "create"}; !slices.Equal(verbs, want) {
		t.Errorf("logged %v, want %v", verbs, want)
	}
	if last := s.History[len(s.History)-1]; last.By != "operator" || last.Call != 2 {
		t.Errorf("the last change is by %s, call %d", last.By, last.Call)
	}
}

func TestUpdateLeavesTheStatusAndPatchStatusTheRest(t *testing.T) {
	s := NewStore()
	s.Load(newExecution())
	c := NewClient(s)
	e := &v1alpha1.PipelineExecution{}
	_ = c.Get(t.Context(), client.ObjectKey{Namespace: "team", Name: "run"}, e)
	e.Labels, e.Status.State = map[string]string{"a": "b"}, v1alpha1.ExecutionFailed
	if err := c.Update(t.Context(), e); err != nil || e.Status.State != v1alpha1.ExecutionInProgress || e.Labels["a"] != "b" {
		t.Errorf("after an update: %v, %s, %v", err, e.Status.State, e.Labels)
	}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":null},"status":{"state":"Stopping"}}`))
	if err := c.Status().Patch(t.Context(), e, patch); err != nil || e.Status.State != v1alpha1.ExecutionStopping || e.Labels["a"] != "b" {
		t.Errorf("after a patch of the status: %v, %s, %v", err, e.Status.State, e.Labels)
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package revision

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"haltline.dev/haltline/api/v1alpha1"
)

var errTimeout = apierrors.NewTimeoutError("the server did not answer", 1)

// fakeAPI is an API server in memory, and a cache of it that can lag behind. It records every call and can refuse any.
type fakeAPI struct {
	live, cached client.WithWatch
	calls        []string
	refusals     map[string]error
}

func newFakeAPI(t *testing.T, objects ...client.Object) *fakeAPI {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	live := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	return &fakeAPI{live: live, cached: live, refusals: map[string]error{}}
}

// hideFromCache has the cache show nothing.
func (api *fakeAPI) hideFromCache() {
	api.cached = fake.NewClientBuilder().WithScheme(api.live.Scheme()).Build()
}

// showInCache has the cache show this object alone.
func (api *fakeAPI) showInCache(t *testing.T, o client.Object) {
	t.Helper()
	shown, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		t.Fatalf("%T is no object", o)
	}
	shown.SetResourceVersion("")
	api.cached = fake.NewClientBuilder().WithScheme(api.live.Scheme()).WithObjects(shown).Build()
}

func (api *fakeAPI) store() *Store {
	reader := func(name string, from func() client.WithWatch) client.WithWatch {
		return interceptor.NewClient(api.live, interceptor.Funcs{
			Get: func(ctx context.Context, _ client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
				api.calls = append(api.calls, name)
				if err := api.refusals[name]; err != nil {
					return err
				}
				return from().Get(ctx, key, o, opts...)
			},
			Create: func(ctx context.Context, raw client.WithWatch, o client.Object, opts ...client.CreateOption) error {
				api.calls = append(api.calls, "create")
				if err := api.refusals["create"]; err != nil {
					return err
				}
				return raw.Create(ctx, o, opts...)
			},
		})
	}
	return &Store{
		Client:    reader("get", func() client.WithWatch { return api.cached }),
		APIReader: reader("live get", func() client.WithWatch { return api.live }),
	}
}

// There is one revision for each definition that was run, whatever the generation.
func TestEnsureOncePerDefinition(t *testing.T) {
	api := newFakeAPI(t)
	first, changed := makePipeline(), makePipeline()
	changed.Spec.Stages[0].Name = "other"
	var names []string
	for generation := range int64(3) {
		for _, pipeline := range []*v1alpha1.Pipeline{first, changed} {
			pipeline.Generation = 1 + generation
			name, err := api.store().Ensure(t.Context(), pipeline)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
	}
	if names[0] == names[1] || names[2] != names[0] || names[3] != names[1] || names[4] != names[0] || names[5] != names[1] {
		t.Errorf("pinned %v", names)
	}
	list := &appsv1.ControllerRevisionList{}
	if err := api.live.List(t.Context(), list); err != nil || len(list.Items) != 2 {
		t.Errorf("%d revisions, %v; want 2", len(list.Items), err)
	}
	want := []string{"get", "create", "get", "create", "get", "get", "get", "get"}
	if diff := cmp.Diff(want, api.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// No right to make a revision is an error.
func TestEnsureThatIsRefused(t *testing.T) {
	group := appsv1.Resource("controllerrevisions")
	tests := []struct {
		name, call string
		refusal    error
		isError    bool
	}{
		{"forbidden", "create", apierrors.NewForbidden(group, "r", nil), true},
		{"no answer", "create", errTimeout, true},
		{"the cache does not answer", "get", errTimeout, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			api := newFakeAPI(t)
			api.refusals[tt.call] = tt.refusal
			name, err := api.store().Ensure(t.Context(), makePipeline())
			if (err != nil) != tt.isError || (name == "") != tt.isError {
				t.Errorf("name %q, error %v; want an error: %v", name, err, tt.isError)
			}
			if err != nil && !strings.Contains(err.Error(), `"web"`) {
				t.Errorf("the error %q does not name the Pipeline", err)
			}
		})
	}
}

// A revision that another operator made, or that the cache does not have yet, is no error. Its mark is taken off as well.
func TestEnsureOfARevisionThatTheCacheDoesNotHave(t *testing.T) {
	marked := mustMakeRevision(t, makePipeline())
	marked.Annotations = map[string]string{v1alpha1.AnnotationUnusedSince: "2026-03-01T12:00:00Z"}
	api := newFakeAPI(t, marked)
	api.hideFromCache()
	name, err := api.store().Ensure(t.Context(), makePipeline())
	if err != nil || name != marked.Name {
		t.Errorf("name %q, %v", name, err)
	}
	now := &appsv1.ControllerRevision{}
	if err := api.live.Get(t.Context(), client.ObjectKeyFromObject(marked), now); err != nil || len(now.Annotations) != 0 {
		t.Errorf("marked as %v, %v", now.Annotations, err)
	}
}

// A revision is read live, and remembered as long as the cache shows the same. One that is gone, or that somebody else put there, is
// none.
func TestLoad(t *testing.T) {
	revision := mustMakeRevision(t, makePipeline())
	revision.UID = "uid-of-the-revision"
	tampered := revision.DeepCopy()
	tampered.Data.Raw = []byte(strings.Replace(string(tampered.Data.Raw), "busybox", "evil", 1))
	tests := []struct {
		name    string
		objects []client.Object
		hidden  bool
		found   bool
		calls   []string
	}{
		{"cached", []client.Object{revision}, false, true, []string{"get", "live get", "get"}},
		{"not cached yet", []client.Object{revision}, true, true, []string{"get", "live get", "get", "live get"}},
		{"gone", nil, false, false, []string{"get", "live get", "get", "live get"}},
		{"put there by somebody else", []client.Object{tampered}, false, false, []string{"get", "live get", "get", "live get"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			api := newFakeAPI(t, tt.objects...)
			if tt.hidden {
				api.hideFromCache()
			}
			store := api.store()
			for range 2 {
				definition, err := store.Load(t.Context(), "team", revision.Name)
				if err != nil || (definition != nil) != tt.found {
					t.Errorf("got %+v, %v", definition, err)
				}
			}
			if diff := cmp.Diff(tt.calls, api.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// A read that fails does not mean that the revision is gone: the execution would fail for ever.
func TestLoadThatIsRefused(t *testing.T) {
	for _, call := range []string{"get", "live get"} {
		api := newFakeAPI(t)
		api.refusals[call] = errTimeout
		if definition, err := api.store().Load(t.Context(), "team", "web-1"); err == nil || definition != nil {
			t.Errorf("%s has no answer, and the revision is %+v, %v", call, definition, err)
		}
	}
}

// What somebody else put under the name is named as the cause, and is not run.
func TestEnsureNamesARevisionOfSomebodyElse(t *testing.T) {
	foreign := mustMakeRevision(t, makePipeline())
	foreign.Data = runtime.RawExtension{Raw: []byte(`{"stages":[]}`)}
	api := newFakeAPI(t, foreign)
	api.hideFromCache()
	name, err := api.store().Ensure(t.Context(), makePipeline())
	if name != "" || !apierrors.IsAlreadyExists(err) || !strings.Contains(err.Error(), foreign.Name) || !strings.Contains(err.Error(), "somebody else put it there") {
		t.Errorf("got %q, %v", name, err)
	}
}

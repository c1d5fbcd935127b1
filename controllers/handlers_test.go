// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllertest"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"haltline.dev/haltline/api/v1alpha1"
)

// informers are a cache that hands out what listens to it, so that a test can send it anything.
type informers struct {
	*informertest.FakeInformers
	mu        sync.Mutex
	listeners map[string][]toolscache.ResourceEventHandler
}

func newInformers() *informers {
	return &informers{FakeInformers: &informertest.FakeInformers{}, listeners: map[string][]toolscache.ResourceEventHandler{}}
}

func (i *informers) GetInformer(_ context.Context, o client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	return &informer{controllertest.NewFakeInformer(controllertest.Synced), i, fmt.Sprintf("%T", o)}, nil
}

// of returns those who listen to objects of a type, once there are so many.
func (i *informers) of(t testing.TB, o client.Object, want int) []toolscache.ResourceEventHandler {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		i.mu.Lock()
		found := i.listeners[fmt.Sprintf("%T", o)]
		i.mu.Unlock()
		if len(found) == want {
			return found
		}
	}
	t.Fatalf("not %d listen to %T", want, o)
	return nil
}

type informer struct {
	*controllertest.FakeInformer
	all  *informers
	kind string
}

func (i *informer) AddEventHandlerWithOptions(
	h toolscache.ResourceEventHandler, o toolscache.HandlerOptions,
) (toolscache.ResourceEventHandlerRegistration, error) {
	i.all.mu.Lock()
	defer i.all.mu.Unlock()
	i.all.listeners[i.kind] = append(i.all.listeners[i.kind], h)
	return i.FakeInformer.AddEventHandlerWithOptions(h, o)
}

// listener is what an informer calls for one of the Watches of a controller: a predicate, a handler, a mapper.
type listener struct {
	toolscache.ResourceEventHandler
	name string
}

// makeListeners returns those of every Watch of every controller, made as Setup has them made.
func makeListeners(t testing.TB, c client.Client) []listener {
	t.Helper()
	var all []listener
	for _, controller := range NewControllers(Dependencies{Nonce: foreseeable, Clock: clock.RealClock{}, Client: c, APIReader: c}) {
		for _, w := range controller.Watches {
			for name, queue := range map[string]workqueue.TypedRateLimitingInterface[reconcile.Request]{
				"a queue": &plainQueue{}, "a queue with priorities": &priorityQueue{},
			} {
				i := newInformers()
				if err := source.Kind(cache.Cache(i), w.Object, w.Handler, w.Predicates...).Start(context.Background(), queue); err != nil {
					t.Fatal(err)
				}
				all = append(all, listener{i.of(t, w.Object, 1)[0], fmt.Sprintf("%s, %T, %s", controller.Name, w.Object, name)})
			}
		}
	}
	return all
}

// plainQueue takes requests and forgets them; a call that no handler should make panics.
type plainQueue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
}

func (*plainQueue) Add(reconcile.Request) {}

type priorityQueue struct {
	priorityqueue.PriorityQueue[reconcile.Request]
}

func (*priorityQueue) Add(reconcile.Request) {}

func (*priorityQueue) AddWithOpts(priorityqueue.AddOpts, ...reconcile.Request) {}

// notify calls a listener with all that an informer can have of the objects, and with more.
func notify(t testing.TB, l listener, before, after any) {
	t.Helper()
	defer func() {
		if panicked := recover(); panicked != nil {
			t.Errorf("%s: %T %+v, then %T %+v: panic: %v", l.name, before, before, after, after, panicked)
		}
	}()
	l.OnAdd(after, false)
	l.OnAdd(after, true)
	l.OnUpdate(before, after)
	l.OnDelete(after)
	l.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "team/run-1", Obj: after})
	l.OnDelete(&toolscache.DeletedFinalStateUnknown{Obj: after})
}

// oddObjects returns what an informer could send that is not what it should be.
func oddObjects() []any {
	labels := map[string]string{v1alpha1.LabelExecutionID: ""}
	return []any{
		nil, "a string", 1, struct{}{}, errors.New("no object"), []byte(nil), map[string]any(nil),
		v1alpha1.Pipeline{}, corev1.Pod{}, &v1alpha1.PipelineList{}, &metav1.Status{},
		&v1alpha1.Pipeline{}, &v1alpha1.PipelineExecution{}, &v1alpha1.StopRequest{}, &v1alpha1.ApprovalResult{},
		&batchv1.Job{}, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
		&corev1.Pod{}, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
		&metav1.PartialObjectMetadata{}, &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
		&appsv1.ControllerRevision{}, &corev1.Namespace{}, &unstructured.Unstructured{},
		&unstructured.Unstructured{Object: map[string]any{"metadata": "none", "kind": 1}},
		&unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"labels": []any{1}, "namespace": 2, "uid": nil}}},
		toolscache.DeletedFinalStateUnknown{}, toolscache.DeletedFinalStateUnknown{Obj: toolscache.DeletedFinalStateUnknown{}},
	}
}

// listAnswers answers every list with the error, or with one empty object.
type listAnswers struct {
	client.Client
	err error
}

func (l listAnswers) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if l.err != nil {
		return l.err
	}
	switch list := list.(type) {
	case *v1alpha1.PipelineList:
		list.Items = make([]v1alpha1.Pipeline, 1)
	case *v1alpha1.PipelineExecutionList:
		list.Items = make([]v1alpha1.PipelineExecution, 1)
	case *v1alpha1.StopRequestList:
		list.Items = make([]v1alpha1.StopRequest, 1)
	case *v1alpha1.ApprovalResultList:
		list.Items = make([]v1alpha1.ApprovalResult, 1)
	}
	return nil
}

// A panic in a handler of an informer kills the operator, and again each time it is started: nobody could stop anything.
func TestNoHandlerPanics(t *testing.T) {
	for _, reconcileRequest := range []listAnswers{{}, {err: errors.New("no such index")}} {
		for _, l := range makeListeners(t, reconcileRequest) {
			for _, before := range oddObjects() {
				for _, after := range oddObjects() {
					notify(t, l, before, after)
				}
			}
		}
	}
}

// The cache calls the indexes and the transformations for every object. One that panics, or a transformation that returns an
// error, would end the operator as well.
func TestTheCacheTakesAnything(t *testing.T) {
	for _, o := range oddObjects() {
		checkCacheTakes(t, o)
	}
}

func checkCacheTakes(t testing.TB, o any) {
	t.Helper()
	defer func() {
		if panicked := recover(); panicked != nil {
			t.Errorf("%T %+v: panic: %v", o, o, panicked)
		}
	}()
	if o, ok := o.(client.Object); ok { // The cache asks.
		for _, i := range Indexes() {
			if values := i.Values(o); len(values) > 1 {
				t.Errorf("index %s has %q of %T", i.Field, values, o)
			}
		}
	}
	options := CacheOptions()
	transforms := []toolscache.TransformFunc{options.DefaultTransform}
	for _, by := range options.ByObject {
		transforms = append(transforms, by.Transform)
	}
	for _, transform := range transforms {
		if transform == nil {
			continue
		}
		if _, err := transform(o); err != nil {
			t.Errorf("%T: %v", o, err)
		}
	}
}

// panickingClient has every read of an object panic until it is mended, and then answer.
type panickingClient struct {
	client.Client
	mu     sync.Mutex
	mended bool
	// panics and answers are how often, by the type of the object.
	panics, answers map[string]int
}

func (p *panickingClient) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.mended {
		p.panics[fmt.Sprintf("%T", o)]++
		panic("on purpose")
	}
	p.answers[fmt.Sprintf("%T", o)]++
	return apierrors.NewNotFound(batchv1.Resource("any"), key.Name)
}

func (p *panickingClient) List(ctx context.Context, list client.ObjectList, o ...client.ListOption) error {
	return listAnswers{}.List(ctx, list, o...)
}

// waitFor waits until there were so many for an object of each type.
func (p *panickingClient) waitFor(t *testing.T, what map[string]int, objects map[client.Object]int, want int) {
	t.Helper()
	for o := range objects {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			p.mu.Lock()
			got := what[fmt.Sprintf("%T", o)]
			p.mu.Unlock()
			if got >= want {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%T was read %d times, want %d", o, got, want)
			}
		}
	}
}

// newManager returns a manager with this cache and this client.
func newManager(t *testing.T, i *informers, c client.Client) ctrl.Manager {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	mgr, err := ctrl.NewManager(&rest.Config{Host: "http://127.0.0.1:1"}, ctrl.Options{
		Scheme: scheme, Logger: ctrl.Log.WithSink(log.NullLogSink{}), Metrics: metricsserver.Options{BindAddress: "0"}, Controller: config.Controller{SkipNameValidation: ptr.To(true)},
		NewCache:  func(*rest.Config, cache.Options) (cache.Cache, error) { return i, nil },
		NewClient: func(*rest.Config, client.Options) (client.Client, error) { return c, nil },
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) {
			return meta.NewDefaultRESTMapper(nil), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return mgr
}

// recordingManager is a manager that keeps what is added to it.
type recordingManager struct {
	ctrl.Manager
	runnables []manager.Runnable
}

func (m *recordingManager) Add(r manager.Runnable) error {
	m.runnables = append(m.runnables, r)
	return nil
}

// A person who mends what kept a stop should not wait long to see it: whatever fails is tried again after 15 s at most.
func TestRetriesAreBounded(t *testing.T) {
	mgr := &recordingManager{Manager: newManager(t, newInformers(), &panickingClient{})}
	if err := Setup(t.Context(), mgr, prometheus.NewRegistry(), Options{Clock: clock.RealClock{}, MaxConcurrentReconciles: 1, ReconciliationTimeout: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if len(mgr.runnables) != 8 {
		t.Fatalf("%d controllers", len(mgr.runnables))
	}
	for _, r := range mgr.runnables {
		// The type is internal to controller-runtime.
		limiter, ok := reflect.ValueOf(r).Elem().FieldByName("RateLimiter").Interface().(workqueue.TypedRateLimiter[reconcile.Request])
		if !ok {
			t.Fatalf("%T has no RateLimiter", r)
		}
		var waited []time.Duration
		for range 40 {
			waited = append(waited, limiter.When(reconcile.Request{}))
		}
		if !slices.IsSorted(waited) || waited[0] > 100*time.Millisecond || waited[39] != 15*time.Second {
			t.Errorf("it is tried again after %v", waited)
		}
		limiter.Forget(reconcile.Request{})
		if after := limiter.When(reconcile.Request{}); after != waited[0] {
			t.Errorf("after it went well it is tried again after %v", after)
		}
	}
}

// A panic in a reconciler is an error of one object: the operator goes on, and tries again.
func TestAPanicOfAReconcilerIsRecovered(t *testing.T) {
	i, c := newInformers(), &panickingClient{panics: map[string]int{}, answers: map[string]int{}}
	mgr := newManager(t, i, c)
	ctx, cancel := context.WithCancel(t.Context())
	if err := Setup(ctx, mgr, prometheus.NewRegistry(), Options{Clock: clock.RealClock{}, MaxConcurrentReconciles: 1, ReconciliationTimeout: time.Minute}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- mgr.Start(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the operator ended: %v", err)
		}
	}()
	objects := map[client.Object]int{ // With the number of controllers that watch them.
		&v1alpha1.Pipeline{}: 4, &v1alpha1.PipelineExecution{}: 6, &v1alpha1.StopRequest{}: 3, &v1alpha1.ApprovalResult{}: 3,
	}
	for o, watching := range objects {
		o.SetNamespace("team")
		o.SetName("any")
		for _, l := range i.of(t, o, watching) {
			l.OnAdd(o, false)
		}
	}
	c.waitFor(t, c.panics, objects, 3)
	c.mu.Lock()
	c.mended = true
	c.mu.Unlock()
	c.waitFor(t, c.answers, objects, 1)
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/flowcontrol"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/metrics"
)

// retained are finished executions with what deletes them.
type retained struct {
	clock *testingclock.FakeClock
	// deleted are the names of what was deleted, in order.
	deleted []string
	// refuse is the answer to the deletions of refused, or of all if that is empty.
	refuse   error
	refused  string
	attempts int
	// lags is true if the cache shows no request.
	lags bool
	// takes is how long a deletion takes.
	takes      time.Duration
	executions *RetentionReconciler
	requests   *RequestRetentionReconciler
	results    *RequestRetentionReconciler
}

func newRetained(t *testing.T, objects ...client.Object) *retained {
	r := &retained{clock: testingclock.NewFakeClock(time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC))}
	live := buildClient(t, objects...)
	c := interceptor.NewClient(live, interceptor.Funcs{
		List: func(ctx context.Context, raw client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if _, requests := list.(*v1alpha1.StopRequestList); requests && r.lags {
				return nil
			}
			return raw.List(ctx, list, opts...)
		},
		Delete: func(ctx context.Context, raw client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			options := (&client.DeleteOptions{}).ApplyOptions(opts)
			is := &metav1.PartialObjectMetadata{}
			is.SetGroupVersionKind(o.GetObjectKind().GroupVersionKind())
			if err := raw.Get(ctx, client.ObjectKeyFromObject(o), is); err != nil {
				return err
			}
			p := options.Preconditions
			if p == nil || p.UID == nil || *p.UID != is.UID || p.ResourceVersion == nil || *p.ResourceVersion != is.ResourceVersion {
				t.Errorf("%s is deleted under the preconditions %+v", o.GetName(), p)
			}
			if ptr.Deref(options.PropagationPolicy, "") != metav1.DeletePropagationBackground {
				t.Errorf("what %s owns is not deleted after it: %v", o.GetName(), options.PropagationPolicy)
			}
			r.attempts++
			r.clock.Step(r.takes)
			if r.refuse != nil && (r.refused == "" || r.refused == o.GetName()) {
				return r.refuse
			}
			r.deleted = append(r.deleted, o.GetName())
			return raw.Delete(ctx, is)
		},
	})
	for _, controller := range NewControllers(Dependencies{Client: c, APIReader: live, Metrics: metrics.New(), Clock: r.clock}) {
		switch controller.Name {
		case "retention":
			r.executions = controller.Reconciler.(*RetentionReconciler)
		case "requestretention":
			r.requests = controller.Reconciler.(*RequestRetentionReconciler)
		case "approvalresultretention":
			r.results = controller.Reconciler.(*RequestRetentionReconciler)
		}
	}
	return r
}

func (r *retained) reconcile(t *testing.T) ctrl.Result {
	t.Helper()
	result, err := r.executions.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "team", Name: "web"}})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// makeEndedExecution returns an execution at rest that ended some time before noon.
func makeEndedExecution(name string, state v1alpha1.ExecutionState, ago time.Duration) *v1alpha1.PipelineExecution {
	e := makeExecutionIn(state)
	e.Name, e.UID = name, types.UID("uid-of-"+name)
	e.Status.PipelineExecutionID, e.Status.ObservedGeneration = string(e.UID), e.Generation
	at := metav1.NewTime(time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC).Add(-ago))
	e.Status.CompletionTime = &at
	return e
}

// A thousand go, the oldest first, at a bounded rate, and the history stays. So does what runs, or waits, or is of another pipeline.
func TestRetentionOfAThousand(t *testing.T) {
	pipeline := makePipeline()
	pipeline.Spec.History = &v1alpha1.ExecutionHistory{Succeeded: ptr.To[int32](10)}
	objects := []client.Object{pipeline}
	const finished = 1000
	for i := range finished {
		objects = append(objects, makeEndedExecution(fmt.Sprintf("run-%04d", i), v1alpha1.ExecutionSucceeded, time.Duration(2*finished-i)*time.Minute))
	}
	running := makeExecutionIn(v1alpha1.ExecutionInProgress)
	running.Name, running.UID = "running", "uid-of-running"
	foreign := makeEndedExecution("foreign", v1alpha1.ExecutionSucceeded, 5000*time.Hour)
	foreign.Spec.PipelineName = "other"
	waiting := makeStopRequest("waiting", true)
	waiting.Spec.PipelineExecutionID = "uid-of-run-0003"
	r := newRetained(t, append(objects, running, foreign, waiting)...)

	// 50 a second, which are 250 in 5 seconds.
	for _, want := range []int{250, 500, 750} {
		if result := r.reconcile(t); len(r.deleted) != want || result.RequeueAfter != 5*time.Second {
			t.Fatalf("%d are deleted, want %d, and it comes back after %s", len(r.deleted), want, result.RequeueAfter)
		}
		r.clock.Step(5 * time.Second)
	}
	r.reconcile(t)
	if !slices.IsSorted(r.deleted) {
		t.Error("not the oldest first")
	}
	r.clock.Step(time.Minute)
	if result := r.reconcile(t); result.RequeueAfter != time.Minute {
		t.Errorf("it comes back after %s for the one that a request waits on", result.RequeueAfter)
	}
	for _, name := range []string{"run-0003", "run-0990", "run-0999", "running", "foreign"} {
		if slices.Contains(r.deleted, name) {
			t.Errorf("%s is deleted", name)
		}
	}
	if len(r.deleted) != finished-11 {
		t.Errorf("%d are deleted", len(r.deleted))
	}
}

// An API server that is so slow that the rate bounds nothing keeps no other pipeline for long: after 500, it is the turn of another one.
func TestRetentionWithASlowAPIServer(t *testing.T) {
	pipeline := makePipeline()
	pipeline.Spec.TTLSecondsAfterFinished = ptr.To[int32](60)
	objects := []client.Object{pipeline}
	for i := range 600 {
		objects = append(objects, makeEndedExecution(fmt.Sprintf("run-%03d", i), v1alpha1.ExecutionSucceeded, time.Hour))
	}
	r := newRetained(t, objects...)
	r.takes = time.Second
	if result := r.reconcile(t); len(r.deleted) != 500 || result.RequeueAfter != time.Millisecond {
		t.Errorf("%d are deleted, and it comes back after %s", len(r.deleted), result.RequeueAfter)
	}
	if result := r.reconcile(t); len(r.deleted) != 600 || result.RequeueAfter != 0 {
		t.Errorf("%d are deleted, and it comes back after %s", len(r.deleted), result.RequeueAfter)
	}
}

// Many requests whose TTL is over do not delay the deletion of executions, and many executions do not delay that of requests.
func TestRequestsAndExecutionsAreDeletedBesideEachOther(t *testing.T) {
	drain := func(l flowcontrol.PassiveRateLimiter) (n int) {
		for n < 1000 && l.TryAccept() {
			n++
		}
		return n
	}
	for name, tt := range map[string]struct {
		first, second func(*retained) flowcontrol.PassiveRateLimiter
		// left is how many of the second may be deleted at once after as many of the first as may be.
		left int
	}{
		"executions after requests": {(*retained).requestLimiter, (*retained).executionLimiter, 250},
		"requests after executions": {(*retained).executionLimiter, (*retained).requestLimiter, 250},
		"results after requests":    {(*retained).requestLimiter, (*retained).resultLimiter, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRetained(t)
			if n := drain(tt.first(r)); n != 250 {
				t.Errorf("%d are deleted at once", n)
			}
			if n := drain(tt.second(r)); n != tt.left {
				t.Errorf("%d of the others are deleted at once, want %d", n, tt.left)
			}
		})
	}
}

func (r *retained) executionLimiter() flowcontrol.PassiveRateLimiter { return r.executions.Limiter }
func (r *retained) requestLimiter() flowcontrol.PassiveRateLimiter   { return r.requests.Limiter }
func (r *retained) resultLimiter() flowcontrol.PassiveRateLimiter    { return r.results.Limiter }

// An open result keeps an execution, as an open request does: it gets its verdict from what the execution shows.
func TestAnOpenApprovalResultKeepsAnExecution(t *testing.T) {
	pipeline := makePipeline()
	pipeline.Spec.TTLSecondsAfterFinished = ptr.To[int32](60)
	for name, tt := range map[string]struct {
		conditions []metav1.Condition
		deleted    int
	}{
		"it is open":     {nil, 0},
		"it is finished": {[]metav1.Condition{{Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			execution, ar := makeEndedExecution("run", v1alpha1.ExecutionFailed, time.Hour), makeResult("yes")
			ar.Spec.PipelineExecutionID, ar.Status.Conditions = string(execution.UID), tt.conditions
			r := newRetained(t, pipeline.DeepCopy(), execution, ar)
			r.reconcile(t)
			if len(r.deleted) != tt.deleted {
				t.Errorf("deleted: %v", r.deleted)
			}
		})
	}
}

// An execution that changed since the cache showed it is looked at again, and one that is gone is none any more.
func TestRetentionIsRefused(t *testing.T) {
	pipeline := makePipeline()
	pipeline.Spec.TTLSecondsAfterFinished = ptr.To[int32](60)
	for name, tt := range map[string]struct {
		err   error
		again bool
	}{
		"a conflict": {apierrors.NewConflict(schema.GroupResource{}, "run", nil), true},
		"it is gone": {apierrors.NewNotFound(schema.GroupResource{}, "run"), false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRetained(t, pipeline.DeepCopy(), makeEndedExecution("run", v1alpha1.ExecutionFailed, time.Hour))
			r.refuse = tt.err
			if result := r.reconcile(t); (result.RequeueAfter > 0) != tt.again {
				t.Errorf("it comes back after %s", result.RequeueAfter)
			}
		})
	}
}

// What a policy of the cluster keeps from being deleted does not keep the others, and is not tried in each round.
func TestARefusedDeletionKeepsNoOther(t *testing.T) {
	pipeline := makePipeline()
	pipeline.Spec.TTLSecondsAfterFinished = ptr.To[int32](60)
	r := newRetained(t, pipeline,
		makeEndedExecution("held", v1alpha1.ExecutionFailed, 3*time.Hour), makeEndedExecution("run", v1alpha1.ExecutionFailed, time.Hour))
	r.refused, r.refuse = "held", apierrors.NewForbidden(schema.GroupResource{}, "held", nil)
	if result := r.reconcile(t); !slices.Equal(r.deleted, []string{"run"}) || result.RequeueAfter != refusalPause {
		t.Errorf("deleted: %v, and it comes back after %s", r.deleted, result.RequeueAfter)
	}
	r.clock.Step(refusalPause - time.Second)
	r.reconcile(t)
	if r.attempts != 2 {
		t.Errorf("%d deletions are tried", r.attempts)
	}
	r.clock.Step(2 * time.Second)
	r.refuse = nil
	if result := r.reconcile(t); !slices.Equal(r.deleted, []string{"run", "held"}) || result.RequeueAfter != 0 {
		t.Errorf("deleted: %v, and it comes back after %s", r.deleted, result.RequeueAfter)
	}
}

// A cache that lags shows no request. What an execution has accepted is looked up.
func TestAnAcceptedRequestKeepsAnExecution(t *testing.T) {
	pipeline := makePipeline()
	pipeline.Spec.TTLSecondsAfterFinished = ptr.To[int32](60)
	for name, tt := range map[string]struct {
		change  func(*v1alpha1.StopRequest)
		deleted bool
	}{
		"it waits": {func(*v1alpha1.StopRequest) {}, false},
		"it is finished": {func(sr *v1alpha1.StopRequest) {
			sr.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue}}
		}, true},
		"it is gone":                  {func(sr *v1alpha1.StopRequest) { sr.Name = "other" }, true},
		"another has its name by now": {func(sr *v1alpha1.StopRequest) { sr.UID = "another" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			sr := makeStopRequest("stop", true)
			execution := makeEndedExecution("run", v1alpha1.ExecutionStopped, time.Hour)
			sr.Spec.PipelineExecutionID = string(execution.UID)
			execution.Status.Stop = &v1alpha1.StopStatus{
				Mode: v1alpha1.StopModeAbandon, Requests: []v1alpha1.AcceptedStopRequest{{UID: string(sr.UID), Name: "stop", Mode: v1alpha1.StopModeAbandon}},
			}
			tt.change(sr)
			r := newRetained(t, pipeline.DeepCopy(), execution, sr)
			r.lags = true
			result := r.reconcile(t)
			if is := len(r.deleted) > 0; is != tt.deleted || (result.RequeueAfter > 0) == tt.deleted {
				t.Errorf("deleted: %v, and it comes back after %s", r.deleted, result.RequeueAfter)
			}
		})
	}
}

// Without an answer, the others are not tried either.
func TestRetentionWithoutAnAnswer(t *testing.T) {
	pipeline := makePipeline()
	pipeline.Spec.TTLSecondsAfterFinished = ptr.To[int32](60)
	r := newRetained(t, pipeline, makeEndedExecution("a", v1alpha1.ExecutionFailed, 3*time.Hour), makeEndedExecution("b", v1alpha1.ExecutionFailed, time.Hour))
	r.refuse = apierrors.NewServerTimeout(schema.GroupResource{}, "delete", 1)
	_, err := r.executions.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "team", Name: "web"}})
	if !apierrors.IsServerTimeout(err) || r.attempts != 1 {
		t.Errorf("%d deletions are tried: %v", r.attempts, err)
	}
}

// Many that finish at once are looked at once, a while later, and one that is deleted makes no other expire.
func TestWhenRetentionLooks(t *testing.T) {
	ended := makeEndedExecution("run", v1alpha1.ExecutionSucceeded, time.Hour)
	running := makeExecutionIn(v1alpha1.ExecutionInProgress)
	changed := ended.DeepCopy()
	changed.Spec.TTLSecondsAfterFinished = ptr.To[int32](5)
	for _, tt := range []struct {
		name          string
		before, after client.Object
		want          []string
	}{
		{"one has finished", running, ended, []string{"web"}},
		{"its TTL changes", ended, changed, []string{"web"}},
		{"a start shows one", nil, ended, []string{"web"}},
		{"one runs", nil, running, nil},
		{"one is deleted", ended, nil, nil},
		{"a Pipeline changes", makePipeline(), makePipeline(), []string{"web"}},
		{"a Pipeline is deleted", makePipeline(), nil, []string{"web"}},
	} {
		if got := enqueuedBy(t, buildClient(t), "retention", tt.before, tt.after); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v is looked at, want %v", tt.name, got, tt.want)
		}
	}
}

func TestRetentionOfRequests(t *testing.T) {
	finished := func(name string, ttl *int32) *v1alpha1.StopRequest {
		sr := makeStopRequest(name, true)
		sr.Spec.TTLSecondsAfterFinished = ttl
		sr.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue,
			LastTransitionTime: metav1.NewTime(time.Date(2026, time.January, 1, 11, 0, 0, 0, time.UTC)),
		}}
		return sr
	}
	open := makeStopRequest("open", true)
	open.Spec.TTLSecondsAfterFinished = ptr.To[int32](0)
	r := newRetained(t, finished("expired", ptr.To[int32](3600)), finished("later", ptr.To[int32](3660)), finished("forever", nil), open)
	for name, after := range map[string]time.Duration{"expired": 0, "later": time.Minute, "forever": 0, "open": 0, "none": 0} {
		result, err := r.requests.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "team", Name: name}})
		if err != nil || result.RequeueAfter != after {
			t.Errorf("%s: it comes back after %s, %v", name, result.RequeueAfter, err)
		}
	}
	if !slices.Equal(r.deleted, []string{"expired"}) {
		t.Errorf("deleted: %v", r.deleted)
	}
}

// The record of an approval is on the execution, so its result may go by its own TTL. One without a verdict never does.
func TestRetentionOfApprovalResults(t *testing.T) {
	finished := func(name string, ttl *int32) *v1alpha1.ApprovalResult {
		ar := makeResult(name)
		ar.Spec.TTLSecondsAfterFinished = ttl
		ar.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue,
			LastTransitionTime: metav1.NewTime(time.Date(2026, time.January, 1, 11, 0, 0, 0, time.UTC)),
		}}
		return ar
	}
	open := makeResult("open")
	open.Spec.TTLSecondsAfterFinished = ptr.To[int32](0)
	r := newRetained(t, finished("expired", ptr.To[int32](3600)), finished("later", ptr.To[int32](3660)), finished("forever", nil), open)
	for name, after := range map[string]time.Duration{"expired": 0, "later": time.Minute, "forever": 0, "open": 0, "none": 0} {
		result, err := r.results.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "team", Name: name}})
		if err != nil || result.RequeueAfter != after {
			t.Errorf("%s: it comes back after %s, %v", name, result.RequeueAfter, err)
		}
	}
	if !slices.Equal(r.deleted, []string{"expired"}) {
		t.Errorf("deleted: %v", r.deleted)
	}
}

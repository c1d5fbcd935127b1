// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// in is the execution in a state, with the requests that it has accepted.
func in(state v1alpha1.ExecutionState, accepted ...string) *v1alpha1.PipelineExecution {
	e := newExecution()
	e.Status.State = state
	for _, name := range accepted {
		if e.Status.Stop == nil {
			e.Status.Stop = &v1alpha1.StopStatus{Mode: v1alpha1.StopModeWait}
		}
		e.Status.Stop.Requests = append(e.Status.Stop.Requests, v1alpha1.AcceptedStopRequest{
			UID: "uid-of-" + name, Name: name, Mode: v1alpha1.StopModeWait, AcceptedTime: metav1.NewTime(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)),
		})
	}
	return e
}

// verdict is the condition Accepted as "Status/Reason", or nothing.
func verdict(r *v1alpha1.StopRequest) string {
	if c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionAccepted); c != nil {
		return string(c.Status) + "/" + c.Reason
	}
	return ""
}

const (
	accepted     = "True/Accepted"
	notStoppable = "False/PipelineExecutionNotStoppableException"
	notFound     = "False/PipelineNotFoundException"
	duplicated   = "False/DuplicatedStopRequestException"
)

// "Only after a live read: a cache that lags must not reject."
func TestALiveReadBeforeARejection(t *testing.T) {
	executionKey, pipelineKey := theExecution, types.NamespacedName{Namespace: "team", Name: "web"}
	anothers := in(v1alpha1.ExecutionInProgress)
	anothers.Spec.PipelineName = "another"
	ending := thePipeline()
	ending.DeletionTimestamp, ending.Finalizers = &metav1.Time{Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}, []string{"example.com/hold"}
	tests := []struct {
		name    string
		objects []client.Object
		hidden  *types.NamespacedName
		want    string
		// live says which live reads there were.
		live []string
	}{
		{"nothing is there", nil, nil, notFound, []string{"list PipelineExecution", "list Pipeline"}},
		{
			"the Pipeline is there", []client.Object{thePipeline()}, nil, notStoppable,
			[]string{"list PipelineExecution", "get Pipeline"},
		},
		{
			"the Pipeline is not cached yet", []client.Object{thePipeline()}, &pipelineKey, notStoppable,
			[]string{"list PipelineExecution", "list Pipeline"},
		},
		{"the Pipeline is being deleted", []client.Object{ending}, nil, notFound, []string{"list PipelineExecution", "list Pipeline"}},
		{
			// It has not looked at the request yet, and will.
			"the execution is not cached yet", []client.Object{thePipeline(), in(v1alpha1.ExecutionInProgress)}, &executionKey, "",
			[]string{"list PipelineExecution", "get PipelineExecution"},
		},
		{"the same, and new", []client.Object{in("")}, &executionKey, "", []string{"list PipelineExecution", "get PipelineExecution"}},
		{
			"it is not cached yet, and has accepted the request", []client.Object{in(v1alpha1.ExecutionStopping, "r")}, &executionKey, accepted,
			[]string{"list PipelineExecution", "get PipelineExecution"},
		},
		{
			"it is not cached yet, and has succeeded", []client.Object{in(v1alpha1.ExecutionSucceeded)}, &executionKey, notStoppable,
			[]string{"list PipelineExecution", "get PipelineExecution"},
		},
		{
			"it is not cached yet, and a stop is in force", []client.Object{in(v1alpha1.ExecutionStopping, "first")}, &executionKey, duplicated,
			[]string{"list PipelineExecution", "get PipelineExecution"},
		},
		{"a stop is in force", []client.Object{in(v1alpha1.ExecutionStopping, "first")}, nil, duplicated, []string{"get PipelineExecution"}},
		// "E exists and belongs to pipelineName: go on at 4, whether or not the Pipeline object still exists."
		{"the execution is there without its Pipeline", []client.Object{in(v1alpha1.ExecutionStopping, "r")}, nil, accepted, nil},
		{"the execution is another pipeline's", []client.Object{thePipeline(), anothers}, nil, notStoppable, []string{"get Pipeline"}},
		{"the execution is another pipeline's, and there is none of that name", []client.Object{anothers}, nil, notFound, []string{"list Pipeline"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, append(tt.objects, stopRequest("r", false))...)
			op := w.operator("op")
			if tt.hidden != nil {
				op.hide(*tt.hidden)
			}
			w.must(op.answer("r"))
			if got := verdict(w.request("r")); got != tt.want {
				t.Errorf("the verdict is %q, want %q", got, tt.want)
			}
			var live []string
			for _, n := range w.names() {
				if read, isLive := strings.CutPrefix(n, "live "); isLive {
					live = append(live, read)
				}
			}
			if diff := cmp.Diff(tt.live, live); diff != "" {
				t.Errorf("live reads (-want +got):\n%s", diff)
			}
			if n := len(w.writes()); n > 1 || (n == 1) != (tt.want != "") {
				t.Errorf("writes %v for the verdict %q", w.writes(), tt.want)
			}
		})
	}
}

// A stop that the cache shows in force may have ended, "The execution might already be in a Stopped state", and an
// execution that it shows final may be gone with its Pipeline.
func TestALiveReadBeforeARejectionByTheCache(t *testing.T) {
	stopping, stopped := in(v1alpha1.ExecutionStopping, "first"), in(v1alpha1.ExecutionStopped, "first")
	gone := func(w *world) { w.must(w.raw.Delete(t.Context(), newExecution())) }
	for _, tt := range []struct {
		name   string
		cached *v1alpha1.PipelineExecution
		happen func(w *world)
		want   string
	}{
		{"the stop is in force", stopping, func(*world) {}, duplicated},
		{"the stop has ended", stopping, func(w *world) { become(w, stopped) }, notStoppable},
		{"the stopping execution is gone", stopping, gone, notStoppable},
		{"the stopping execution was replaced", stopping, func(w *world) {
			gone(w)
			again := newExecution()
			again.UID = "uid-of-another"
			w.must(w.raw.Create(t.Context(), again))
		}, notStoppable},
		{"it is final", stopped, func(*world) {}, notStoppable},
		{"the final execution is gone with its Pipeline", stopped, func(w *world) {
			gone(w)
			w.must(w.raw.Delete(t.Context(), thePipeline()))
		}, notFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.cached.DeepCopy(), thePipeline(), stopRequest("r", false))
			op := w.operator("op")
			op.freeze()
			tt.happen(w)
			w.must(op.answer("r"))
			if got := verdict(w.request("r")); got != tt.want {
				t.Errorf("the verdict is %q, want %q; calls %v", got, tt.want, w.names())
			}
		})
	}
}

// "PipelineNotFoundException: The pipeline was specified in a request but cannot be found", also if the cache has it still.
func TestALiveReadOfAPipelineThatIsGone(t *testing.T) {
	another := thePipeline()
	another.Name, another.UID = "another", "uid-of-another"
	renamed := another.DeepCopy()
	renamed.Spec.PipelineName = "web"
	for _, tt := range []struct {
		name string
		now  *v1alpha1.Pipeline
		want string
	}{
		{"nothing is there", nil, notFound},
		{"another is there", another, notFound},
		{"another of that pipelineName is there", renamed, notStoppable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, thePipeline(), stopRequest("r", false))
			op := w.operator("op")
			op.freeze()
			w.must(w.raw.Delete(t.Context(), thePipeline()))
			if tt.now != nil {
				w.must(w.raw.Create(t.Context(), tt.now.DeepCopy()))
			}
			w.must(op.answer("r"))
			if got := verdict(w.request("r")); got != tt.want {
				t.Errorf("the verdict is %q, want %q; calls %v", got, tt.want, w.names())
			}
		})
	}
}

// A namespace with more executions and Pipelines than a page has.
func TestALiveReadOfManyPages(t *testing.T) {
	for _, found := range []bool{true, false} {
		t.Run(fmt.Sprintf("found %v", found), func(t *testing.T) {
			w := newWorld(t, stopRequest("r", false))
			for i := range 7 {
				e, p := newExecution(), thePipeline()
				e.Name, e.UID = fmt.Sprintf("a-%d", i), types.UID(fmt.Sprintf("uid-of-a-%d", i))
				p.Name, p.UID = e.Name, e.UID
				w.must(w.raw.Create(t.Context(), e))
				w.must(w.raw.Create(t.Context(), p))
			}
			op := w.operator("op")
			op.freeze()
			want := notFound
			if found { // Both are on the last page.
				w.must(w.raw.Create(t.Context(), in(v1alpha1.ExecutionStopping, "r")))
				want = accepted
			}
			op.pages = 2
			w.must(op.answer("r"))
			if got := verdict(w.request("r")); got != want {
				t.Errorf("the verdict is %q, want %q; calls %v", got, want, w.names())
			}
		})
	}
}

// "the same name recreated is another execution": also between the live list and the live read.
func TestTheExecutionIsReplacedWhileItIsLookedFor(t *testing.T) {
	for name, want := range map[string]string{"replaced": notStoppable, "deleted": notStoppable} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, thePipeline(), in(v1alpha1.ExecutionInProgress), stopRequest("r", false))
			op := w.operator("op")
			op.hide(theExecution)
			w.before = func(c apiCall) error {
				if c.name != "live get PipelineExecution" {
					return nil
				}
				e := w.execution()
				w.must(w.raw.Delete(context.Background(), e))
				if name == "replaced" {
					e.UID, e.ResourceVersion = "uid-of-another", ""
					w.must(w.raw.Create(context.Background(), e))
				}
				return nil
			}
			w.must(op.answer("r"))
			if got := verdict(w.request("r")); got != want {
				t.Errorf("the verdict is %q, want %q", got, want)
			}
		})
	}
}

// A read that fails is no verdict.
func TestAReadThatFailsRejectsNothing(t *testing.T) {
	for _, call := range []string{"list PipelineExecution", "live list PipelineExecution", "live get PipelineExecution", "list Pipeline", "live list Pipeline"} {
		t.Run(call, func(t *testing.T) {
			objects := []client.Object{stopRequest("r", false)}
			if call == "live get PipelineExecution" {
				objects = append(objects, in(v1alpha1.ExecutionSucceeded))
			}
			w := newWorld(t, objects...)
			op := w.operator("op")
			op.hide(theExecution)
			w.before = func(c apiCall) error {
				if c.name == call {
					return errTimeout
				}
				return nil
			}
			if err := op.answer("r"); !errors.Is(err, errTimeout) {
				t.Errorf("error %v", err)
			}
			if len(w.writes()) != 0 || verdict(w.request("r")) != "" {
				t.Errorf("writes %v, verdict %q", w.writes(), verdict(w.request("r")))
			}
		})
	}
}

// I1: "A StopRequest gets exactly one verdict, and it never changes", whatever becomes of its execution.
func TestAVerdictIsNeverOverwritten(t *testing.T) {
	states := map[string]*v1alpha1.PipelineExecution{
		"stopping by it": in(v1alpha1.ExecutionStopping, "r"), "stopping by another": in(v1alpha1.ExecutionStopping, "first"),
		"stopped by it": in(v1alpha1.ExecutionStopped, "r"), "succeeded": in(v1alpha1.ExecutionSucceeded), "its record lost": in(v1alpha1.ExecutionStopping),
		"running": in(v1alpha1.ExecutionInProgress), "gone": nil,
	}
	verdicts := map[string]string{"stopping by it": accepted, "stopped by it": accepted, "gone": notStoppable}
	for first, before := range states {
		for then, after := range states {
			if first == "running" || first == "its record lost" {
				continue // It has no verdict yet.
			}
			t.Run(first+", then "+then, func(t *testing.T) {
				w := newWorld(t, thePipeline(), stopRequest("r", false))
				op := w.operator("op")
				become(w, before)
				w.must(op.answer("r"))
				given := meta.FindStatusCondition(w.request("r").Status.Conditions, v1alpha1.ConditionAccepted)
				if want, known := verdicts[first]; given == nil || (known && verdict(w.request("r")) != want) {
					t.Fatalf("the verdict is %+v", given)
				}
				become(w, after)
				w.must(op.answer("r"))
				if diff := cmp.Diff(given, meta.FindStatusCondition(w.request("r").Status.Conditions, v1alpha1.ConditionAccepted)); diff != "" {
					t.Errorf("the verdict (-before +after):\n%s", diff)
				}
				checkWrites(t, "once more", w.since(func() { w.must(op.answer("r")) }))
			})
		}
	}
}

// become puts the execution into the world as given, or takes it away.
func become(w *world, e *v1alpha1.PipelineExecution) {
	w.t.Helper()
	ctx := context.Background()
	w.must(client.IgnoreNotFound(w.raw.Delete(ctx, newExecution())))
	if e != nil {
		w.must(w.raw.Create(ctx, e.DeepCopy()))
		status := e.DeepCopy()
		w.must(w.raw.Get(ctx, theExecution, e.DeepCopy()))
		status.ResourceVersion = ""
		current := w.execution()
		current.Status = status.Status
		w.must(w.raw.Status().Update(ctx, current))
	}
}

// "re-applying is a no-op", and so is every look at a request about which nothing is new.
func TestNoWriteWhenNothingChanges(t *testing.T) {
	tests := map[string]struct {
		execution *v1alpha1.PipelineExecution
		writes    []string
	}{
		"the execution has not looked at it":       {in(v1alpha1.ExecutionInProgress), nil},
		"a new execution has not looked at it":     {in(""), nil},
		"the execution is fencing":                 {in(v1alpha1.ExecutionInProgress, "r"), []string{answered}},
		"the execution is fencing another request": {in(v1alpha1.ExecutionInProgress, "first"), []string{answered}},
		"stopping":   {in(v1alpha1.ExecutionStopping, "r"), []string{answered}},
		"stopped":    {in(v1alpha1.ExecutionStopped, "r"), []string{answered}},
		"rejected":   {in(v1alpha1.ExecutionFailed), []string{answered}},
		"duplicated": {in(v1alpha1.ExecutionStopping, "first"), []string{answered}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, thePipeline(), tt.execution, stopRequest("r", false))
			op := w.operator("op")
			checkWrites(t, "first", w.since(func() { w.must(op.answer("r")) }), tt.writes...)
			w.clock.SetTime(w.clock.Now().Add(time.Hour))
			checkWrites(t, "an hour later", w.since(func() { w.must(op.answer("r")) }))
		})
	}
}

// A request that is concluded costs one read of the cache.
func TestAConcludedRequestIsLeftAlone(t *testing.T) {
	for _, e := range []*v1alpha1.PipelineExecution{in(v1alpha1.ExecutionStopped, "r"), in(v1alpha1.ExecutionSucceeded)} {
		w := newWorld(t, e, stopRequest("r", false))
		op := w.operator("op")
		w.must(op.answer("r"))
		w.calls = nil
		w.must(op.answer("r"))
		if diff := cmp.Diff([]string{"get StopRequest"}, w.names()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	}
	// One that is gone is no error.
	w := newWorld(t)
	w.must(w.operator("op").answer("gone"))
}

// "Events […] on the request at each transition, after the write, once".
func TestEventsOfARequest(t *testing.T) {
	w := newWorld(t, thePipeline(), in(v1alpha1.ExecutionInProgress, "r"), stopRequest("r", false), stopRequest("second", false))
	op := w.operator("op")
	look := func(what string, want ...string) {
		t.Helper()
		for range 2 {
			w.must(op.answer("r"))
		}
		var got []string
		for _, e := range op.told() {
			got = append(got, strings.Join(strings.Fields(e)[:2], " "))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q is told, want %q", what, got, want)
		}
	}
	look("fencing")
	become(w, in(v1alpha1.ExecutionStopping, "r"))
	look("stopping", "Normal Accepted")
	become(w, in(v1alpha1.ExecutionStopped, "r"))
	look("stopped", "Normal Stopped")
	w.must(op.answer("second"))
	if told := op.told(); len(told) != 1 || !strings.HasPrefix(told[0], "Warning PipelineExecutionNotStoppableException ") {
		t.Errorf("a rejection is told as %q", told)
	}
}

// What could not be written is not told, and is tried again.
func TestAVerdictThatCannotBeWritten(t *testing.T) {
	conflict := apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("stoprequests").GroupResource(), "r", errors.New("changed"))
	for name, fail := range map[string]error{"conflict": conflict, "no answer": errTimeout} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, in(v1alpha1.ExecutionStopping, "r"), stopRequest("r", false))
			op := w.operator("op")
			w.before = func(c apiCall) error {
				if c.name == answered {
					return fail
				}
				return nil
			}
			got, err := op.requests.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "team", Name: "r"}})
			if err == nil && got.RequeueAfter == 0 {
				t.Error("nobody would try again")
			}
			if told := op.told(); told != nil {
				t.Errorf("%q is told", told)
			}
			w.before = nil
			w.must(op.answer("r"))
			if got := verdict(w.request("r")); got != accepted {
				t.Errorf("the verdict is %q", got)
			}
		})
	}
}

// "a request whose execution is deleted mid-stop gets its end (Stopped with a reason of its own […])": when what it ran is
// gone, but for what was left to go on.
func TestTheExecutionIsDeletedWhileItStops(t *testing.T) {
	stopped := func(w *world) string {
		if c := meta.FindStatusCondition(w.request("r").Status.Conditions, v1alpha1.ConditionStopped); c != nil {
			return string(c.Status) + "/" + c.Reason
		}
		return ""
	}
	w := newWorld(t, thePipeline(), newExecution())
	op := w.operator("op")
	w.must(op.settle())
	w.ask("r", false)
	w.must(op.settle())
	w.must(w.raw.Delete(t.Context(), w.execution()))
	for _, name := range []string{"a", "b"} {
		w.must(op.answer("r"))
		if got := stopped(w); got != "" {
			t.Errorf("the Job of %q is left, and the request reads Stopped=%s", name, got)
		}
		w.must(w.raw.Delete(t.Context(), w.jobOf(name)))
	}
	orphan := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "orphan", UID: "orphan", Labels: map[string]string{
		v1alpha1.LabelExecutionID: theUID, v1alpha1.LabelOrphaned: "true",
	}}}
	w.must(w.raw.Create(t.Context(), orphan))
	// "kubectl delete --cascade=orphan" leaves Jobs without our mark, and without an owner.
	left := orphan.DeepCopy()
	left.Name, left.UID, left.ResourceVersion = "left", "left", ""
	delete(left.Labels, v1alpha1.LabelOrphaned)
	w.must(w.raw.Create(t.Context(), left))
	w.must(op.answer("r"))
	if got, v := stopped(w), verdict(w.request("r")); got != "True/ExecutionDeleted" || v != accepted {
		t.Errorf("Stopped=%q, Accepted=%q", got, v)
	}
}

// One that was not accepted when its execution went can never be: it is rejected, and not pending for ever.
func TestTheExecutionIsDeletedBeforeTheVerdict(t *testing.T) {
	w := newWorld(t, thePipeline(), in(v1alpha1.ExecutionInProgress, "r"), stopRequest("r", false))
	op := w.operator("op")
	w.must(op.answer("r"))
	if got := verdict(w.request("r")); got != "" {
		t.Fatalf("the verdict is %q", got)
	}
	w.must(w.raw.Delete(t.Context(), w.execution()))
	w.must(op.answer("r"))
	if got := verdict(w.request("r")); got != notStoppable {
		t.Errorf("the verdict is %q, want %q", got, notStoppable)
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
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

// makeExecutionIn returns the execution in a state, with the requests that it has accepted.
func makeExecutionIn(state v1alpha1.ExecutionState, verdictAccepted ...string) *v1alpha1.PipelineExecution {
	execution := makeExecution()
	execution.Status.State = state
	for _, name := range verdictAccepted {
		if execution.Status.Stop == nil {
			execution.Status.Stop = &v1alpha1.StopStatus{Mode: v1alpha1.StopModeWait}
		}
		execution.Status.Stop.Requests = append(execution.Status.Stop.Requests, v1alpha1.AcceptedStopRequest{
			UID: "uid-of-" + name, Name: name, Mode: v1alpha1.StopModeWait, AcceptedTime: metav1.NewTime(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)),
		})
	}
	return execution
}

// verdict is the condition Accepted as "Status/Reason", or nothing.
func describeVerdict(sr *v1alpha1.StopRequest) string {
	if c := meta.FindStatusCondition(sr.Status.Conditions, v1alpha1.ConditionAccepted); c != nil {
		return string(c.Status) + "/" + c.Reason
	}
	return ""
}

const (
	verdictAccepted     = "True/Accepted"
	verdictNotStoppable = "False/PipelineExecutionNotStoppableException"
	verdictNotFound     = "False/PipelineNotFoundException"
	verdictDuplicated   = "False/DuplicatedStopRequestException"
)

// "Only after a live read: a cache that lags must not reject."
func TestALiveReadBeforeARejection(t *testing.T) {
	executionKey, pipelineKey := executionKey, types.NamespacedName{Namespace: "team", Name: "web"}
	anothers := makeExecutionIn(v1alpha1.ExecutionInProgress)
	anothers.Spec.PipelineName = "another"
	ending := makePipeline()
	ending.DeletionTimestamp, ending.Finalizers = &metav1.Time{Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}, []string{"example.com/hold"}
	tests := []struct {
		name    string
		objects []client.Object
		hidden  *types.NamespacedName
		want    string
		// live says which live reads there were.
		live []string
	}{
		{"nothing is there", nil, nil, verdictNotFound, []string{"list PipelineExecution", "list Pipeline"}},
		{
			"the Pipeline is there", []client.Object{makePipeline()}, nil, verdictNotStoppable,
			[]string{"list PipelineExecution", "get Pipeline"},
		},
		{
			"the Pipeline is not cached yet", []client.Object{makePipeline()}, &pipelineKey, verdictNotStoppable,
			[]string{"list PipelineExecution", "list Pipeline"},
		},
		{"the Pipeline is being deleted", []client.Object{ending}, nil, verdictNotFound, []string{"list PipelineExecution", "list Pipeline"}},
		{
			// It has not looked at the request yet, and will.
			"the execution is not cached yet", []client.Object{makePipeline(), makeExecutionIn(v1alpha1.ExecutionInProgress)}, &executionKey, "",
			[]string{"list PipelineExecution", "get PipelineExecution"},
		},
		{"the same, and new", []client.Object{makeExecutionIn("")}, &executionKey, "", []string{"list PipelineExecution", "get PipelineExecution"}},
		{
			"it is not cached yet, and has accepted the request", []client.Object{makeExecutionIn(v1alpha1.ExecutionStopping, "r")}, &executionKey, verdictAccepted,
			[]string{"list PipelineExecution", "get PipelineExecution"},
		},
		{
			"it is not cached yet, and has succeeded", []client.Object{makeExecutionIn(v1alpha1.ExecutionSucceeded)}, &executionKey, verdictNotStoppable,
			[]string{"list PipelineExecution", "get PipelineExecution"},
		},
		{
			"it is not cached yet, and a stop is in force", []client.Object{makeExecutionIn(v1alpha1.ExecutionStopping, "first")}, &executionKey, verdictDuplicated,
			[]string{"list PipelineExecution", "get PipelineExecution"},
		},
		{"a stop is in force", []client.Object{makeExecutionIn(v1alpha1.ExecutionStopping, "first")}, nil, verdictDuplicated, []string{"get PipelineExecution"}},
		// "E exists and belongs to pipelineName: go on at 4, whether or not the Pipeline object still exists."
		{"the execution is there without its Pipeline", []client.Object{makeExecutionIn(v1alpha1.ExecutionStopping, "r")}, nil, verdictAccepted, nil},
		{"the execution is another pipeline's", []client.Object{makePipeline(), anothers}, nil, verdictNotStoppable, []string{"get Pipeline"}},
		{"the execution is another pipeline's, and there is none of that name", []client.Object{anothers}, nil, verdictNotFound, []string{"list Pipeline"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, append(tt.objects, makeStopRequest("r", false))...)
			op := cluster.newOperator("op")
			if tt.hidden != nil {
				op.hideFromCache(*tt.hidden)
			}
			cluster.must(op.reconcileRequest("r"))
			if got := describeVerdict(cluster.getRequest("r")); got != tt.want {
				t.Errorf("the verdict is %q, want %q", got, tt.want)
			}
			var live []string
			for _, n := range cluster.callNames() {
				if read, isLive := strings.CutPrefix(n, "live "); isLive {
					live = append(live, read)
				}
			}
			if diff := cmp.Diff(tt.live, live); diff != "" {
				t.Errorf("live reads (-want +got):\n%s", diff)
			}
			if n := len(cluster.writtenCalls()); n > 1 || (n == 1) != (tt.want != "") {
				t.Errorf("writes %v for the verdict %q", cluster.writtenCalls(), tt.want)
			}
		})
	}
}

// A stop that the cache shows in force may have ended, "The execution might already be in a Stopped state", and an
// execution that it shows final may be gone with its Pipeline.
func TestALiveReadBeforeARejectionByTheCache(t *testing.T) {
	stopping, stopped := makeExecutionIn(v1alpha1.ExecutionStopping, "first"), makeExecutionIn(v1alpha1.ExecutionStopped, "first")
	gone := func(cluster *fakeCluster) { cluster.must(cluster.raw.Delete(t.Context(), makeExecution())) }
	for _, tt := range []struct {
		name   string
		cached *v1alpha1.PipelineExecution
		happen func(cluster *fakeCluster)
		want   string
	}{
		{"the stop is in force", stopping, func(*fakeCluster) {}, verdictDuplicated},
		{"the stop has ended", stopping, func(cluster *fakeCluster) { setExecution(cluster, stopped) }, verdictNotStoppable},
		{"the stopping execution is gone", stopping, gone, verdictNotStoppable},
		{"the stopping execution was replaced", stopping, func(cluster *fakeCluster) {
			gone(cluster)
			again := makeExecution()
			again.UID = "uid-of-another"
			cluster.must(cluster.raw.Create(t.Context(), again))
		}, verdictNotStoppable},
		{"it is final", stopped, func(*fakeCluster) {}, verdictNotStoppable},
		{"the final execution is gone with its Pipeline", stopped, func(cluster *fakeCluster) {
			gone(cluster)
			cluster.must(cluster.raw.Delete(t.Context(), makePipeline()))
		}, verdictNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, tt.cached.DeepCopy(), makePipeline(), makeStopRequest("r", false))
			op := cluster.newOperator("op")
			op.freezeCache()
			tt.happen(cluster)
			cluster.must(op.reconcileRequest("r"))
			if got := describeVerdict(cluster.getRequest("r")); got != tt.want {
				t.Errorf("the verdict is %q, want %q; calls %v", got, tt.want, cluster.callNames())
			}
		})
	}
}

// "PipelineNotFoundException: The pipeline was specified in a request but cannot be found", also if the cache has it still.
func TestALiveReadOfAPipelineThatIsGone(t *testing.T) {
	another := makePipeline()
	another.Name, another.UID = "another", "uid-of-another"
	renamed := another.DeepCopy()
	renamed.Spec.PipelineName = "web"
	for _, tt := range []struct {
		name string
		now  *v1alpha1.Pipeline
		want string
	}{
		{"nothing is there", nil, verdictNotFound},
		{"another is there", another, verdictNotFound},
		{"another of that pipelineName is there", renamed, verdictNotStoppable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), makeStopRequest("r", false))
			op := cluster.newOperator("op")
			op.freezeCache()
			cluster.must(cluster.raw.Delete(t.Context(), makePipeline()))
			if tt.now != nil {
				cluster.must(cluster.raw.Create(t.Context(), tt.now.DeepCopy()))
			}
			cluster.must(op.reconcileRequest("r"))
			if got := describeVerdict(cluster.getRequest("r")); got != tt.want {
				t.Errorf("the verdict is %q, want %q; calls %v", got, tt.want, cluster.callNames())
			}
		})
	}
}

// A namespace with more executions and Pipelines than a page has.
func TestALiveReadOfManyPages(t *testing.T) {
	for _, found := range []bool{true, false} {
		t.Run(fmt.Sprintf("found %v", found), func(t *testing.T) {
			cluster := newCluster(t, makeStopRequest("r", false))
			for i := range 7 {
				execution, pipeline := makeExecution(), makePipeline()
				execution.Name, execution.UID = fmt.Sprintf("a-%d", i), types.UID(fmt.Sprintf("uid-of-a-%d", i))
				pipeline.Name, pipeline.UID = execution.Name, execution.UID
				cluster.must(cluster.raw.Create(t.Context(), execution))
				cluster.must(cluster.raw.Create(t.Context(), pipeline))
			}
			op := cluster.newOperator("op")
			op.freezeCache()
			want := verdictNotFound
			if found { // Both are on the last page.
				cluster.must(cluster.raw.Create(t.Context(), makeExecutionIn(v1alpha1.ExecutionStopping, "r")))
				want = verdictAccepted
			}
			op.pages = 2
			cluster.must(op.reconcileRequest("r"))
			if got := describeVerdict(cluster.getRequest("r")); got != want {
				t.Errorf("the verdict is %q, want %q; calls %v", got, want, cluster.callNames())
			}
		})
	}
}

// "the same name recreated is another execution": also between the live list and the live read.
func TestTheExecutionIsReplacedWhileItIsLookedFor(t *testing.T) {
	for name, want := range map[string]string{"replaced": verdictNotStoppable, "deleted": verdictNotStoppable} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), makeExecutionIn(v1alpha1.ExecutionInProgress), makeStopRequest("r", false))
			op := cluster.newOperator("op")
			op.hideFromCache(executionKey)
			cluster.before = func(c apiCall) error {
				if c.name != "live get PipelineExecution" {
					return nil
				}
				execution := cluster.getExecution()
				cluster.must(cluster.raw.Delete(context.Background(), execution))
				if name == "replaced" {
					execution.UID, execution.ResourceVersion = "uid-of-another", ""
					cluster.must(cluster.raw.Create(context.Background(), execution))
				}
				return nil
			}
			cluster.must(op.reconcileRequest("r"))
			if got := describeVerdict(cluster.getRequest("r")); got != want {
				t.Errorf("the verdict is %q, want %q", got, want)
			}
		})
	}
}

// A read that fails is no verdict.
func TestAReadThatFailsRejectsNothing(t *testing.T) {
	for _, call := range []string{"list PipelineExecution", "live list PipelineExecution", "live get PipelineExecution", "list Pipeline", "live list Pipeline"} {
		t.Run(call, func(t *testing.T) {
			objects := []client.Object{makeStopRequest("r", false)}
			if call == "live get PipelineExecution" {
				objects = append(objects, makeExecutionIn(v1alpha1.ExecutionSucceeded))
			}
			cluster := newCluster(t, objects...)
			op := cluster.newOperator("op")
			op.hideFromCache(executionKey)
			cluster.before = func(c apiCall) error {
				if c.name == call {
					return errTimeout
				}
				return nil
			}
			if err := op.reconcileRequest("r"); !errors.Is(err, errTimeout) {
				t.Errorf("error %v", err)
			}
			if len(cluster.writtenCalls()) != 0 || describeVerdict(cluster.getRequest("r")) != "" {
				t.Errorf("writes %v, verdict %q", cluster.writtenCalls(), describeVerdict(cluster.getRequest("r")))
			}
		})
	}
}

// I1: "A StopRequest gets exactly one verdict, and it never changes", whatever becomes of its execution.
func TestAVerdictIsNeverOverwritten(t *testing.T) {
	states := map[string]*v1alpha1.PipelineExecution{
		"stopping by it": makeExecutionIn(v1alpha1.ExecutionStopping, "r"), "stopping by another": makeExecutionIn(v1alpha1.ExecutionStopping, "first"),
		"stopped by it": makeExecutionIn(v1alpha1.ExecutionStopped, "r"), "succeeded": makeExecutionIn(v1alpha1.ExecutionSucceeded), "its record lost": makeExecutionIn(v1alpha1.ExecutionStopping),
		"running": makeExecutionIn(v1alpha1.ExecutionInProgress), "gone": nil,
	}
	verdicts := map[string]string{"stopping by it": verdictAccepted, "stopped by it": verdictAccepted, "gone": verdictNotStoppable}
	for first, before := range states {
		for then, after := range states {
			if first == "running" || first == "its record lost" {
				continue // It has no verdict yet.
			}
			t.Run(first+", then "+then, func(t *testing.T) {
				cluster := newCluster(t, makePipeline(), makeStopRequest("r", false))
				op := cluster.newOperator("op")
				setExecution(cluster, before)
				cluster.must(op.reconcileRequest("r"))
				given := meta.FindStatusCondition(cluster.getRequest("r").Status.Conditions, v1alpha1.ConditionAccepted)
				if want, known := verdicts[first]; given == nil || (known && describeVerdict(cluster.getRequest("r")) != want) {
					t.Fatalf("the verdict is %+v", given)
				}
				setExecution(cluster, after)
				cluster.must(op.reconcileRequest("r"))
				if diff := cmp.Diff(given, meta.FindStatusCondition(cluster.getRequest("r").Status.Conditions, v1alpha1.ConditionAccepted)); diff != "" {
					t.Errorf("the verdict (-before +after):\n%s", diff)
				}
				checkWrites(t, "once more", cluster.writesDuring(func() { cluster.must(op.reconcileRequest("r")) }))
			})
		}
	}
}

// setExecution puts the execution into the world as given, or takes it away.
func setExecution(cluster *fakeCluster, execution *v1alpha1.PipelineExecution) {
	cluster.t.Helper()
	ctx := context.Background()
	cluster.must(client.IgnoreNotFound(cluster.raw.Delete(ctx, makeExecution())))
	if execution != nil {
		cluster.must(cluster.raw.Create(ctx, execution.DeepCopy()))
		status := execution.DeepCopy()
		cluster.must(cluster.raw.Get(ctx, executionKey, execution.DeepCopy()))
		status.ResourceVersion = ""
		current := cluster.getExecution()
		current.Status = status.Status
		cluster.must(cluster.raw.Status().Update(ctx, current))
	}
}

// "re-applying is a no-op", and so is every look at a request about which nothing is new.
func TestNoWriteWhenNothingChanges(t *testing.T) {
	tests := map[string]struct {
		execution *v1alpha1.PipelineExecution
		writes    []string
	}{
		"the execution has not looked at it":       {makeExecutionIn(v1alpha1.ExecutionInProgress), nil},
		"a new execution has not looked at it":     {makeExecutionIn(""), nil},
		"the execution is fencing":                 {makeExecutionIn(v1alpha1.ExecutionInProgress, "r"), []string{callAnswer}},
		"the execution is fencing another request": {makeExecutionIn(v1alpha1.ExecutionInProgress, "first"), []string{callAnswer}},
		"stopping":   {makeExecutionIn(v1alpha1.ExecutionStopping, "r"), []string{callAnswer}},
		"stopped":    {makeExecutionIn(v1alpha1.ExecutionStopped, "r"), []string{callAnswer}},
		"rejected":   {makeExecutionIn(v1alpha1.ExecutionFailed), []string{callAnswer}},
		"duplicated": {makeExecutionIn(v1alpha1.ExecutionStopping, "first"), []string{callAnswer}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), tt.execution, makeStopRequest("r", false))
			op := cluster.newOperator("op")
			checkWrites(t, "first", cluster.writesDuring(func() { cluster.must(op.reconcileRequest("r")) }), tt.writes...)
			cluster.clock.SetTime(cluster.clock.Now().Add(time.Hour))
			checkWrites(t, "an hour later", cluster.writesDuring(func() { cluster.must(op.reconcileRequest("r")) }))
		})
	}
}

// A request that is concluded costs one read of the cache.
func TestAConcludedRequestIsLeftAlone(t *testing.T) {
	for _, execution := range []*v1alpha1.PipelineExecution{makeExecutionIn(v1alpha1.ExecutionStopped, "r"), makeExecutionIn(v1alpha1.ExecutionSucceeded)} {
		cluster := newCluster(t, execution, makeStopRequest("r", false))
		op := cluster.newOperator("op")
		cluster.must(op.reconcileRequest("r"))
		cluster.calls = nil
		cluster.must(op.reconcileRequest("r"))
		if diff := cmp.Diff([]string{"get StopRequest"}, cluster.callNames()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	}
	// One that is gone is no error.
	cluster := newCluster(t)
	cluster.must(cluster.newOperator("op").reconcileRequest("gone"))
}

// An accepted request has no event of its own: its execution has them. A rejected one has a Warning, once.
func TestEventsOfARequest(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecutionIn(v1alpha1.ExecutionInProgress, "r"), makeStopRequest("r", false), makeStopRequest("second", false))
	op := cluster.newOperator("op")
	reconcileTwice := func(name string) []string {
		for range 2 {
			cluster.must(op.reconcileRequest(name))
		}
		return op.recordedEvents()
	}
	for _, state := range []v1alpha1.ExecutionState{v1alpha1.ExecutionInProgress, v1alpha1.ExecutionStopping, v1alpha1.ExecutionStopped} {
		setExecution(cluster, makeExecutionIn(state, "r"))
		if got := reconcileTwice("r"); got != nil {
			t.Errorf("in state %s the request has the events %q", state, got)
		}
	}
	if got := describeVerdict(cluster.getRequest("r")); got != verdictAccepted {
		t.Errorf("the verdict is %q", got)
	}
	if got := reconcileTwice("second"); len(got) != 1 || !strings.HasPrefix(got[0], "Warning PipelineExecutionNotStoppableException ") {
		t.Errorf("a rejected request has the events %q", got)
	}
}

// What could not be written is not told, and is tried again.
func TestAVerdictThatCannotBeWritten(t *testing.T) {
	conflict := apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("stoprequests").GroupResource(), "r", errors.New("changed"))
	for name, fail := range map[string]error{"conflict": conflict, "no answer": errTimeout} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makeExecutionIn(v1alpha1.ExecutionStopping, "r"), makeStopRequest("r", false))
			op := cluster.newOperator("op")
			cluster.before = func(c apiCall) error {
				if c.name == callAnswer {
					return fail
				}
				return nil
			}
			got, err := op.requests.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "team", Name: "r"}})
			if err == nil && got.RequeueAfter == 0 {
				t.Error("nobody would try again")
			}
			if told := op.recordedEvents(); told != nil {
				t.Errorf("%q is told", told)
			}
			cluster.before = nil
			cluster.must(op.reconcileRequest("r"))
			if got := describeVerdict(cluster.getRequest("r")); got != verdictAccepted {
				t.Errorf("the verdict is %q", got)
			}
		})
	}
}

// "a request whose execution is deleted mid-stop gets its end (Stopped with a reason of its own […])": when what it ran is
// gone, but for what was left to go on.
func TestTheExecutionIsDeletedWhileItStops(t *testing.T) {
	stopped := func(cluster *fakeCluster) string {
		if c := meta.FindStatusCondition(cluster.getRequest("r").Status.Conditions, v1alpha1.ConditionStopped); c != nil {
			return string(c.Status) + "/" + c.Reason
		}
		return ""
	}
	cluster := newCluster(t, makePipeline(), makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	cluster.createStopRequest("r", false)
	cluster.must(op.settle())
	cluster.must(cluster.raw.Delete(t.Context(), cluster.getExecution()))
	for _, name := range []string{"a", "b"} {
		cluster.must(op.reconcileRequest("r"))
		if got := stopped(cluster); got != "" {
			t.Errorf("the Job of %q is left, and the request reads Stopped=%s", name, got)
		}
		cluster.must(cluster.raw.Delete(t.Context(), cluster.findJob(name)))
	}
	orphan := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "orphan", UID: "orphan", Labels: map[string]string{
		v1alpha1.LabelExecutionID: executionUID, v1alpha1.LabelOrphaned: "true",
	}}}
	cluster.must(cluster.raw.Create(t.Context(), orphan))
	// "kubectl delete --cascade=orphan" leaves Jobs without our mark, and without an owner.
	left := orphan.DeepCopy()
	left.Name, left.UID, left.ResourceVersion = "left", "left", ""
	delete(left.Labels, v1alpha1.LabelOrphaned)
	cluster.must(cluster.raw.Create(t.Context(), left))
	cluster.must(op.reconcileRequest("r"))
	if got, v := stopped(cluster), describeVerdict(cluster.getRequest("r")); got != "True/ExecutionDeleted" || v != verdictAccepted {
		t.Errorf("Stopped=%q, Accepted=%q", got, v)
	}
}

// One that was not accepted when its execution went can never be: it is rejected, and not pending for ever.
func TestTheExecutionIsDeletedBeforeTheVerdict(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecutionIn(v1alpha1.ExecutionInProgress, "r"), makeStopRequest("r", false))
	op := cluster.newOperator("op")
	cluster.must(op.reconcileRequest("r"))
	if got := describeVerdict(cluster.getRequest("r")); got != "" {
		t.Fatalf("the verdict is %q", got)
	}
	cluster.must(cluster.raw.Delete(t.Context(), cluster.getExecution()))
	cluster.must(op.reconcileRequest("r"))
	if got := describeVerdict(cluster.getRequest("r")); got != verdictNotStoppable {
		t.Errorf("the verdict is %q, want %q", got, verdictNotStoppable)
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// "Only after a live read: a cache that lags must not reject".
func TestALiveReadBeforeARejection(t *testing.T) {
	executionKey, pipelineKey := executionKey, types.NamespacedName{Namespace: "team", Name: "web"}
	anothers := makeExecutionIn(v1alpha1.ExecutionInProgress)
	anothers.Spec.PipelineName = "another"
	ending := makePipeline()
	ending.DeletionTimestamp, ending.Finalizers = &metav1.Time{Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}, []string{"example.com/hold"}
	// Those that the operator has not looked at come before those that show their id.
	lookUpExecution := []string{"list PipelineExecution", "list PipelineExecution"}
	// By the field, and by the name of the object.
	lookUpPipeline := []string{"list Pipeline", "list Pipeline"}
	foundNew := []string{"list PipelineExecution", "get PipelineExecution"}
	shown := makeExecutionIn(v1alpha1.ExecutionInProgress)
	shown.Status.PipelineExecutionID = string(shown.UID)
	tests := []struct {
		name    string
		objects []client.Object
		hidden  *types.NamespacedName
		want    string
		// live are the live reads.
		live []string
	}{
		{"nothing is there", nil, nil, verdictNotFound, slices.Concat(lookUpExecution, lookUpPipeline)},
		{
			"the Pipeline is there", []client.Object{makePipeline()}, nil, verdictNotStoppable,
			append(slices.Clone(lookUpExecution), "get Pipeline"),
		},
		{
			"the Pipeline is not cached yet", []client.Object{makePipeline()}, &pipelineKey, verdictNotStoppable,
			slices.Concat(lookUpExecution, lookUpPipeline),
		},
		{"the Pipeline is being deleted", []client.Object{ending}, nil, verdictNotFound, slices.Concat(lookUpExecution, lookUpPipeline)},
		{
			// It has not looked at the request yet, and will.
			"the execution is not cached yet", []client.Object{makePipeline(), makeExecutionIn(v1alpha1.ExecutionInProgress)}, &executionKey, "",
			foundNew,
		},
		{
			"the same, and it shows its id", []client.Object{makePipeline(), shown}, &executionKey, "",
			append(slices.Clone(lookUpExecution), "get PipelineExecution"),
		},
		{"the same, and new", []client.Object{makeExecutionIn("")}, &executionKey, "", foundNew},
		{
			"it is not cached yet, and has accepted the request", []client.Object{makeExecutionIn(v1alpha1.ExecutionStopping, "r")}, &executionKey, verdictAccepted,
			foundNew,
		},
		{
			"it is not cached yet, and has succeeded", []client.Object{makeExecutionIn(v1alpha1.ExecutionSucceeded)}, &executionKey, verdictNotStoppable,
			foundNew,
		},
		{
			"it is not cached yet, and a stop is in force", []client.Object{makeExecutionIn(v1alpha1.ExecutionStopping, "first")}, &executionKey, verdictDuplicated,
			foundNew,
		},
		{"a stop is in force", []client.Object{makeExecutionIn(v1alpha1.ExecutionStopping, "first")}, nil, verdictDuplicated, []string{"get PipelineExecution"}},
		// "E exists and belongs to pipelineName: go on at 4, whether or not the Pipeline object still exists."
		{"the execution is there without its Pipeline", []client.Object{makeExecutionIn(v1alpha1.ExecutionStopping, "r")}, nil, verdictAccepted, nil},
		{"the execution is another pipeline's", []client.Object{makePipeline(), anothers}, nil, verdictNotStoppable, []string{"get Pipeline"}},
		{"the execution is another pipeline's, and there is none of that name", []client.Object{anothers}, nil, verdictNotFound, lookUpPipeline},
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

// "The pipeline was specified in an invalid format or cannot be found", also if the cache still has it.
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

// An execution that comes to show its id while it is looked for is found: it is never in neither of the two lists.
func TestTheExecutionIsLookedAtWhileItIsLookedFor(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecution(), makeStopRequest("r", false))
	op := cluster.newOperator("op")
	op.hideFromCache(executionKey)
	lists := 0
	cluster.after = func(c apiCall) error {
		if c.name != "live list PipelineExecution" {
			return nil
		}
		lists++
		if lists == 1 {
			looked := cluster.getExecution()
			looked.Status.PipelineExecutionID = string(looked.UID)
			return cluster.raw.Status().Update(t.Context(), looked)
		}
		return nil
	}
	cluster.must(op.reconcileRequest("r"))
	if got := describeVerdict(cluster.getRequest("r")); got != "" || lists == 0 {
		t.Errorf("the verdict is %q after %d lists; calls %v", got, lists, cluster.callNames())
	}
}

// A request that finds too many look-ups waiting is looked at again soon, and nothing is reported.
func TestARequestComesBackIfTooManyLookUp(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeStopRequest("r", false))
	op := cluster.newOperator("op")
	inside, release := make(chan struct{}, lookupCallers), make(chan struct{})
	var waiting sync.WaitGroup
	for i := range lookupCallers {
		waiting.Go(func() {
			_, _ = op.requests.unknown.executions.Look(t.Context(), fmt.Sprint(i), func() (*v1alpha1.PipelineExecution, error) {
				inside <- struct{}{}
				<-release
				return nil, nil
			})
		})
	}
	<-inside
	for op.requests.unknown.executions.Waiting() < lookupCallers {
		runtime.Gosched()
	}
	result, err := op.requests.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "team", Name: "r"}})
	if err != nil || result.RequeueAfter != lookupRetryDelay {
		t.Errorf("again after %s, %v", result.RequeueAfter, err)
	}
	close(release)
	waiting.Wait()
	cluster.must(op.reconcileRequest("r"))
	if got := describeVerdict(cluster.getRequest("r")); got != verdictNotStoppable {
		t.Errorf("the verdict is %q", got)
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

// A read that fails leads to no verdict.
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

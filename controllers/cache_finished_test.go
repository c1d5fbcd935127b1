// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/heap"
)

// finishedAt is when the finished objects of these tests ended.
var finishedAt = metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))

// makeStopped returns an execution of two stages that was stopped, with all that a status has then.
func makeStopped() *v1alpha1.PipelineExecution {
	execution := makeExecutionIn(v1alpha1.ExecutionStopping, "stop-it")
	execution.Labels, execution.Annotations = buildMark(execution)
	execution.ResourceVersion, execution.Generation, execution.CreationTimestamp = "7", 1, finishedAt
	execution.Spec.StartedBy = "alice"
	execution.Spec.Variables = []v1alpha1.Variable{{Name: "TAG", Value: "v1"}}
	execution.Status.Version, execution.Status.ObservedGeneration = 4, 1
	execution.Status.PipelineExecutionID, execution.Status.PipelineRevision = string(execution.UID), "web-1"
	execution.Status.State, execution.Status.CompletionTime = v1alpha1.ExecutionStopped, &finishedAt
	execution.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue, Reason: "Stopped", Message: "long"}}
	return execution
}

// makeFinishedRequest returns a request that was accepted and whose execution has stopped.
func makeFinishedRequest() *v1alpha1.StopRequest {
	sr := makeStopRequest("stop-it", false)
	sr.ResourceVersion, sr.Generation, sr.CreationTimestamp = "8", 1, finishedAt
	sr.Spec.Reason, sr.Spec.RequestedBy, sr.Spec.EscalateAfterSeconds = "on hold", "alice", ptr.To[int64](60)
	sr.Status = v1alpha1.StopRequestStatus{
		ObservedGeneration: 1, Version: 3, PipelineExecutionID: sr.Spec.PipelineExecutionID, Mode: v1alpha1.StopModeWait,
		State: v1alpha1.ExecutionStopped, Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted, Message: "long"},
			{Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue, Reason: "Stopped", Message: "long", LastTransitionTime: finishedAt},
		},
	}
	return sr
}

func TestTheCacheKeepsLittleOfAFinishedExecution(t *testing.T) {
	execution := makeStopped()
	want := &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{
			Name: execution.Name, Namespace: execution.Namespace, UID: execution.UID,
			ResourceVersion: "7", Generation: 1, CreationTimestamp: finishedAt,
		},
		Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "web"},
		Status: v1alpha1.PipelineExecutionStatus{
			ObservedGeneration: 1, Version: 4, PipelineExecutionID: string(execution.UID), State: v1alpha1.ExecutionStopped,
			PipelineRevision: "web-1", CompletionTime: &finishedAt,
		},
	}
	once := transformed(t, execution)
	if diff := cmp.Diff(want, once); diff != "" {
		t.Errorf("the cache keeps (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(once, transformed(t, once.(client.Object))); diff != "" {
		t.Errorf("a second time it keeps something else (-first +second):\n%s", diff)
	}
}

func TestTheCacheKeepsLittleOfAFinishedRequest(t *testing.T) {
	sr := makeFinishedRequest()
	want := &v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{
			Name: sr.Name, Namespace: sr.Namespace, UID: sr.UID, ResourceVersion: "8", Generation: 1, CreationTimestamp: finishedAt,
		},
		Spec: v1alpha1.StopRequestSpec{PipelineName: "web", PipelineExecutionID: sr.Spec.PipelineExecutionID},
		Status: v1alpha1.StopRequestStatus{ObservedGeneration: 1, Version: 3, Conditions: []metav1.Condition{{
			Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue, Reason: "Stopped", LastTransitionTime: finishedAt,
		}}},
	}
	if diff := cmp.Diff(want, transformed(t, sr)); diff != "" {
		t.Errorf("the cache keeps (-want +got):\n%s", diff)
	}
}

// What still has to be written is in the cache whole: a write replaces the whole status.
func TestTheCacheKeepsWhatIsNotAtRest(t *testing.T) {
	for name, edit := range map[string]func(*v1alpha1.PipelineExecution){
		"it has not ended":                        func(e *v1alpha1.PipelineExecution) { e.Status.State = v1alpha1.ExecutionStopping },
		"its status is behind its generation":     func(e *v1alpha1.PipelineExecution) { e.Generation++ },
		"its status is that of a copied one":      func(e *v1alpha1.PipelineExecution) { e.Status.PipelineExecutionID = "another" },
		"nobody has looked at it, only a restore": func(e *v1alpha1.PipelineExecution) { e.Status.PipelineExecutionID = "" },
	} {
		execution := makeStopped()
		edit(execution)
		if diff := cmp.Diff(execution.Status, transformed(t, execution).(*v1alpha1.PipelineExecution).Status); diff != "" {
			t.Errorf("%s: the status in the cache is another (-want +got):\n%s", name, diff)
		}
	}
	for name, edit := range map[string]func(*v1alpha1.StopRequest){
		"it is not finished":                  func(sr *v1alpha1.StopRequest) { sr.Status.Conditions[1].Status = metav1.ConditionFalse },
		"its status is behind its generation": func(sr *v1alpha1.StopRequest) { sr.Generation++ },
		"its status is that of another":       func(sr *v1alpha1.StopRequest) { sr.Status.UID = "another" },
	} {
		sr := makeFinishedRequest()
		edit(sr)
		if diff := cmp.Diff(sr.Status, transformed(t, sr).(*v1alpha1.StopRequest).Status); diff != "" {
			t.Errorf("%s: the status of the request in the cache is another (-want +got):\n%s", name, diff)
		}
	}
	deleted := makeStopped()
	deleted.Generation, deleted.DeletionTimestamp = 2, &finishedAt
	if kept := transformed(t, deleted).(*v1alpha1.PipelineExecution); kept.Status.Stop != nil || !kept.DeletionTimestamp.Equal(&finishedAt) {
		t.Error("of one that is being deleted, which moves its generation, the cache keeps too much or too little")
	}
}

// What keeps an execution from being deleted, and what deletes it, is kept.
func TestTheCacheKeepsHowLongAnExecutionIsKept(t *testing.T) {
	execution := makeStopped()
	execution.Annotations = map[string]string{v1alpha1.AnnotationKeep: "because", "other": "large"}
	execution.Spec.TTLSecondsAfterFinished = ptr.To[int32](7)
	kept := transformed(t, execution).(*v1alpha1.PipelineExecution)
	if _, ok := kept.Annotations[v1alpha1.AnnotationKeep]; !ok || len(kept.Annotations) != 1 || *kept.Spec.TTLSecondsAfterFinished != 7 {
		t.Errorf("the cache keeps %+v and %+v", kept.Annotations, kept.Spec)
	}
	sr := makeFinishedRequest()
	sr.Spec.TTLSecondsAfterFinished = ptr.To[int32](7)
	if kept := transformed(t, sr).(*v1alpha1.StopRequest); *kept.Spec.TTLSecondsAfterFinished != 7 {
		t.Errorf("the cache keeps %+v of a request", kept.Spec)
	}
	pipeline := makePipeline()
	pipeline.Spec.History, pipeline.Spec.TTLSecondsAfterFinished = &v1alpha1.ExecutionHistory{Failed: ptr.To[int32](3)}, ptr.To[int32](7)
	if kept := transformed(t, pipeline).(*v1alpha1.Pipeline); *kept.Spec.History.Failed != 3 || *kept.Spec.TTLSecondsAfterFinished != 7 {
		t.Errorf("the cache keeps %+v of a Pipeline", kept.Spec)
	}
}

// A start of the operator shows it every object that has ever finished. None of them is reconciled, so that none costs a request.
func TestAStartReconcilesNothingThatIsFinished(t *testing.T) {
	execution, sr := transformed(t, makeStopped()).(*v1alpha1.PipelineExecution), transformed(t, makeFinishedRequest()).(*v1alpha1.StopRequest)
	behind := makeStopped()
	behind.Generation++
	behind = transformed(t, behind).(*v1alpha1.PipelineExecution)
	successor := makeExecution()
	successor.UID = "uid-of-successor"
	c := buildClient(t, execution, sr)
	for _, controller := range NewControllers(Dependencies{Nonce: foreseeable, Client: c, APIReader: c}) {
		for _, o := range []client.Object{execution, sr} {
			names := enqueuedBy(t, c, controller.Name, nil, o)
			if _, retains := controller.Reconciler.(*RetentionReconciler); retains && slices.Equal(names, []string{execution.Spec.PipelineName}) {
				continue // Once for all of a pipeline.
			}
			if len(names) > 0 {
				t.Errorf("%s: a start reconciles %v because of a finished %T", controller.Name, names, o)
			}
		}
	}
	for name, tt := range map[string]struct{ before, after client.Object }{
		"its status is behind":             {execution, behind},
		"it is gone":                       {execution, nil},
		"another has its name":             {execution, successor},
		"another has its name and is over": {successor, execution},
	} {
		if names := enqueuedBy(t, c, "pipelineexecution", tt.before, tt.after); len(names) != 1 {
			t.Errorf("%s: %v is reconciled", name, names)
		}
	}
}

// A request that asks to stop a finished execution gets the verdict of the contract, and one that the execution had accepted before it
// ended is accepted, although the cache does not have that record.
func TestVerdictsOnAFinishedExecutionOfTheCache(t *testing.T) {
	accepted, again := makeStopRequest("stop-it", false), makeStopRequest("again", true)
	cluster := newCluster(t, makeStopped(), accepted, again)
	op := cluster.newOperator("operator")
	op.cache = buildClient(t, transformed(t, makeStopped()).(client.Object), accepted, again)
	for _, tt := range []struct{ name, want string }{{"stop-it", verdictAccepted}, {"again", verdictNotStoppable}} {
		req := ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "team", Name: tt.name}}
		if _, err := op.requests.Reconcile(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if got := describeVerdict(cluster.getRequest(tt.name)); got != tt.want {
			t.Errorf("%s: the verdict is %s, want %s", tt.name, got, tt.want)
		}
	}

	// The verdict that was given is enough to write how the stop ended: nothing is read live for that.
	cluster.calls = nil
	ended := makeStopRequest("stop-it", false)
	ended.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted}}
	op.cache = buildClient(t, transformed(t, makeStopped()).(client.Object), ended)
	if _, err := op.requests.findExecution(t.Context(), ended); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"list PipelineExecution"}, cluster.callNames()); diff != "" {
		t.Errorf("an accepted request reads (-want +got):\n%s", diff)
	}
}

// maxPerFinished bounds in bytes what a finished execution takes of the heap: the object, its key and its places in the indexes. The
// process may take half as much again until it collects garbage: see main.
const maxPerFinished = 1200

// The memory of the process is what 100,000 finished executions decide about. This measures the heap, whose size does not depend on
// the machine, with the indexes that the cache keeps: each twice, for its namespace and for all.
func TestAFinishedExecutionTakesLittleMemory(t *testing.T) {
	const executions = 20_000
	indexers := toolscache.Indexers{toolscache.NamespaceIndex: toolscache.MetaNamespaceIndexFunc}
	for _, i := range Indexes() {
		if _, ok := i.Object.(*v1alpha1.PipelineExecution); ok {
			indexers[i.Field] = func(o any) ([]string, error) {
				var keys []string
				for _, value := range i.Values(o.(client.Object)) {
					keys = append(keys, "team-a/"+value, "__all_namespaces/"+value)
				}
				return keys, nil
			}
		}
	}
	before := heap.InUse()
	store := toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, indexers)
	template := makeStopped()
	template.Namespace = "team-a"
	for i := range executions {
		template.Name, template.UID = fmt.Sprintf("web-nightly-%05d", i), types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i))
		template.Status.PipelineExecutionID = string(template.UID)
		execution := &v1alpha1.PipelineExecution{}
		if err := json.Unmarshal(mustMarshal(t, template), execution); err != nil {
			t.Fatal(err)
		}
		if err := store.Add(transformed(t, execution)); err != nil {
			t.Fatal(err)
		}
	}
	each := (heap.InUse() - before) / executions
	t.Logf("a finished execution takes %d bytes", each)
	if each > maxPerFinished {
		t.Errorf("a finished execution takes %d bytes, more than %d", each, maxPerFinished)
	}
	runtime.KeepAlive(store)
}

// Ids of one hash are told from each other.
func TestIDsOfOneHash(t *testing.T) {
	execution, other := makeExecution(), makeExecution()
	other.Name = "other"
	for i := 0; other.UID == execution.UID || hashID(string(other.UID)) != hashID(string(execution.UID)); i++ {
		other.UID = types.UID(fmt.Sprintf("uid-of-other-%d", i))
	}
	for _, sought := range []*v1alpha1.PipelineExecution{execution, other} {
		c := buildClient(t, execution, other)
		id := string(sought.UID)
		found, err := executionByID(t.Context(), c, sought.Namespace, id)
		if err != nil || found == nil || found.Name != sought.Name {
			t.Errorf("%v is found for the id of %s, and the error %v", found, sought.Name, err)
		}
		if found := findUnfinished(t.Context(), c, sought.Namespace, id); found == nil || found.Name != sought.Name {
			t.Errorf("%v is reconciled for the id of %s", found, sought.Name)
		}
	}
	alone := buildClient(t, execution)
	if found, err := executionByID(t.Context(), alone, other.Namespace, string(other.UID)); found != nil || err != nil {
		t.Errorf("%v is found for another id, and the error %v", found, err)
	}
	if found := findUnfinished(t.Context(), alone, other.Namespace, string(other.UID)); found != nil {
		t.Errorf("%v is reconciled for another id", found)
	}
}

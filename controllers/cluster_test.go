// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clienttesting "k8s.io/client-go/testing"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"haltline.dev/haltline/api/v1alpha1"
)

// fakeCluster is an API server in memory with all of the cluster except the operator. It records every call and can refuse any.
type fakeCluster struct {
	t     *testing.T
	raw   client.WithWatch
	clock *testclock.FakePassiveClock
	calls []apiCall
	// before runs ahead of a call and can refuse it; after runs when it was carried out, and can lose its answer.
	before, after func(apiCall) error
	// jobs are the Jobs that were created, in their order.
	jobs []createdJob
	// effects counts the calls of operators that changed something, and what the cluster did.
	effects, uids int
}

// apiCall is a call of an operator.
type apiCall struct {
	who string
	// name is its verb and kind, such as "create Job". Reads of the API server itself begin with "live", and a placeholder is not a Job.
	name string
	// object is what is written.
	object client.Object
	// effects are how many changes there were before.
	effects int
}

// createdJob is a Job that was created.
type createdJob struct {
	name, by    string
	placeholder bool
	// published is set if the stop of its execution was published by then.
	published bool
}

func newCluster(t *testing.T, objects ...client.Object) *fakeCluster {
	t.Helper()
	return &fakeCluster{
		t: t, raw: buildClient(t, objects...),
		clock: testclock.NewFakePassiveClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
	}
}

// indexer registers with a fake client what setupIndexes registers with a cache.
type indexer struct{ *fake.ClientBuilder }

func (i indexer) IndexField(_ context.Context, o client.Object, field string, values client.IndexerFunc) error {
	i.WithIndex(o, field, values)
	return nil
}

// sharedScheme and sharedDecoder take long to make, so that all clusters share them.
var (
	sharedScheme = sync.OnceValue(func() *runtime.Scheme {
		scheme := runtime.NewScheme()
		utilruntime.Must(clientgoscheme.AddToScheme(scheme))
		utilruntime.Must(v1alpha1.AddToScheme(scheme))
		return scheme
	})
	sharedDecoder = sync.OnceValue(func() runtime.Decoder { return serializer.NewCodecFactory(sharedScheme()).UniversalDecoder() })
)

func buildClient(t *testing.T, objects ...client.Object) client.WithWatch {
	t.Helper()
	scheme := sharedScheme()
	// A tracker of its own, since that of the fake client is slow because of managed fields.
	tracker := clienttesting.NewObjectTracker(scheme, sharedDecoder())
	b := fake.NewClientBuilder().WithScheme(scheme).WithObjectTracker(tracker).WithObjects(objects...).
		WithStatusSubresource(&v1alpha1.Pipeline{}, &v1alpha1.PipelineExecution{}, &v1alpha1.StopRequest{}, &v1alpha1.ApprovalResult{})
	b.WithIndex(&corev1.Event{}, "involvedObject.uid", func(o client.Object) []string { return []string{string(o.(*corev1.Event).InvolvedObject.UID)} })
	b.WithIndex(&corev1.Event{}, "type", func(o client.Object) []string { return []string{o.(*corev1.Event).Type} })
	b.WithIndex(&v1alpha1.PipelineExecution{}, fieldExecutionID, func(o client.Object) []string {
		return []string{o.(*v1alpha1.PipelineExecution).Status.PipelineExecutionID}
	})
	b.WithIndex(&v1alpha1.PipelineExecution{}, fieldPipelineName, func(o client.Object) []string {
		return []string{o.(*v1alpha1.PipelineExecution).Spec.PipelineName}
	})
	b.WithIndex(&v1alpha1.PipelineExecution{}, fieldState, func(o client.Object) []string {
		return []string{string(o.(*v1alpha1.PipelineExecution).Status.State)}
	})
	b.WithIndex(&v1alpha1.Pipeline{}, fieldPipelineName, func(o client.Object) []string { return []string{o.(*v1alpha1.Pipeline).Spec.PipelineName} })
	b.WithIndex(&v1alpha1.Pipeline{}, fieldName, func(o client.Object) []string { return []string{o.GetName()} })
	if err := setupIndexes(t.Context(), indexer{b}); err != nil {
		t.Fatal(err)
	}
	return b.Build()
}

func (cluster *fakeCluster) must(err error) {
	cluster.t.Helper()
	if err != nil {
		cluster.t.Fatal(err)
	}
}

// listObjects returns each object of the cluster.
func (cluster *fakeCluster) listObjects() []client.Object {
	cluster.t.Helper()
	var all []client.Object
	for _, list := range []client.ObjectList{
		&v1alpha1.PipelineList{}, &v1alpha1.PipelineExecutionList{}, &v1alpha1.StopRequestList{}, &v1alpha1.ApprovalResultList{},
		&appsv1.ControllerRevisionList{}, &batchv1.JobList{}, &corev1.PodList{},
	} {
		cluster.must(cluster.raw.List(context.Background(), list))
		cluster.must(meta.EachListItem(list, func(o runtime.Object) error {
			all = append(all, o.(client.Object))
			return nil
		}))
	}
	return all
}

// callNames returns the names of the calls, in their order.
func (cluster *fakeCluster) callNames() []string {
	var n []string
	for _, c := range cluster.calls {
		n = append(n, c.name)
	}
	return n
}

// writtenCalls returns the names of the calls that change something.
func (cluster *fakeCluster) writtenCalls() []string {
	return slices.DeleteFunc(cluster.callNames(), isRead)
}

func isRead(call string) bool {
	verb, _, _ := strings.Cut(strings.TrimPrefix(call, "live "), " ")
	return verb == "get" || verb == "list"
}

// writesDuring runs f and returns the names of its calls that change something.
func (cluster *fakeCluster) writesDuring(f func()) []string {
	cluster.calls = nil
	f()
	return cluster.writtenCalls()
}

// isStopPublished reports whether the stop of an execution, or a verdict that a stop request reads, can be seen.
func (cluster *fakeCluster) isStopPublished() bool {
	executions, requests := &v1alpha1.PipelineExecutionList{}, &v1alpha1.StopRequestList{}
	cluster.must(cluster.raw.List(context.Background(), executions))
	cluster.must(cluster.raw.List(context.Background(), requests))
	return slices.ContainsFunc(executions.Items, func(execution v1alpha1.PipelineExecution) bool {
		return execution.Status.State == v1alpha1.ExecutionStopping || execution.Status.State == v1alpha1.ExecutionStopped
	}) || slices.ContainsFunc(requests.Items, func(sr v1alpha1.StopRequest) bool { return isAccepted(&sr) })
}

func (cluster *fakeCluster) getExecution() *v1alpha1.PipelineExecution {
	cluster.t.Helper()
	execution := &v1alpha1.PipelineExecution{}
	cluster.must(cluster.raw.Get(context.Background(), executionKey, execution))
	return execution
}

func (cluster *fakeCluster) getRequest(name string) *v1alpha1.StopRequest {
	cluster.t.Helper()
	sr := &v1alpha1.StopRequest{}
	cluster.must(cluster.raw.Get(context.Background(), types.NamespacedName{Namespace: "team", Name: name}, sr))
	return sr
}

// createStopRequest creates a request to stop the execution.
func (cluster *fakeCluster) createStopRequest(name string, abandon bool) {
	cluster.t.Helper()
	cluster.must(cluster.raw.Create(context.Background(), makeStopRequest(name, abandon)))
}

// deleteHeld deletes an object that a finalizer of somebody else keeps.
func (cluster *fakeCluster) deleteHeld(o client.Object) {
	cluster.t.Helper()
	ctx := context.Background()
	cluster.must(cluster.raw.Get(ctx, client.ObjectKeyFromObject(o), o))
	o.SetFinalizers([]string{"example.com/hold"})
	cluster.must(cluster.raw.Update(ctx, o))
	cluster.must(cluster.raw.Delete(ctx, o))
}

// summarize returns all that a person could see in the end, except ids and times.
func (cluster *fakeCluster) summarize() string {
	var lines []string
	for _, o := range cluster.listObjects() {
		switch o := o.(type) {
		case *v1alpha1.PipelineExecution:
			line := "execution " + string(o.Status.State)
			for _, s := range o.Status.Stages {
				for _, a := range s.Actions {
					line += fmt.Sprintf(" %s/%s=%s,ended=%v", s.Name, a.Name, a.State, a.CompletionTime != nil)
				}
			}
			if o.Status.Stop != nil {
				line += fmt.Sprintf(" stop=%s,%d", o.Status.Stop.Mode, len(o.Status.Stop.Requests))
			}
			lines = append(lines, line)
		case *v1alpha1.StopRequest:
			for _, c := range o.Status.Conditions {
				lines = append(lines, fmt.Sprintf("request %s %s=%s/%s", o.Name, c.Type, c.Status, c.Reason))
			}
		case *batchv1.Job:
			lines = append(lines, fmt.Sprintf("job %s suspended=%v placeholder=%q orphaned=%q owners=%d conditions=%v", o.Annotations[v1alpha1.AnnotationAction],
				ptr.Deref(o.Spec.Suspend, false), o.Labels[v1alpha1.LabelPlaceholder], o.Labels[v1alpha1.LabelOrphaned], len(o.OwnerReferences), jobConditionTypes(o)))
		case *corev1.Pod:
			lines = append(lines, "pod")
		case *appsv1.ControllerRevision:
			lines = append(lines, "revision "+o.Name)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func jobConditionTypes(j *batchv1.Job) []batchv1.JobConditionType {
	var all []batchv1.JobConditionType
	for _, c := range j.Status.Conditions {
		all = append(all, c.Type)
	}
	return all
}

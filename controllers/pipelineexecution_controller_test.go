// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/metrics"
)

const (
	executionUID     = "0b9c2f4e-52a1-4d0c-9a57-3f1f6f1d2c11"
	jobSpec          = `{"backoffLimit":0,"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"main","image":"busybox"}]}}}`
	jobSpecReordered = `{"template":{"spec":{"containers":[{"image":"busybox","name":"main"}],"restartPolicy":"Never"}},"backoffLimit":0}`
)

var (
	executionKey = types.NamespacedName{Namespace: "team", Name: "run-1"}

	errTimeout = apierrors.NewTimeoutError("the server did not answer", 1)
	errQuota   = apierrors.NewForbidden(batchv1.Resource("jobs"), "j", errors.New("exceeded quota: q"))
	errDied    = errors.New("the operator has died")
)

// world is an API server in memory with all of the cluster but the operator. It records every call and can refuse any.
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
	// name is its verb and kind, such as "create Job"; reads of the API server itself are "live", a tombstone is no Job.
	name string
	// object is what is written.
	object client.Object
	// effects are how many changes there were before.
	effects int
}

// creation is a Job that was created.
type createdJob struct {
	name, by    string
	placeholder bool
	// published says that the stop of its execution was, by then.
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

// sharedScheme and sharedDecoder take long to make, so that all worlds share them.
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
	// A tracker of its own, since that of the fake client is slow for the sake of managed fields.
	tracker := clienttesting.NewObjectTracker(scheme, sharedDecoder())
	b := fake.NewClientBuilder().WithScheme(scheme).WithObjectTracker(tracker).WithObjects(objects...).
		WithStatusSubresource(&v1alpha1.Pipeline{}, &v1alpha1.PipelineExecution{}, &v1alpha1.StopRequest{})
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
		&v1alpha1.PipelineList{}, &v1alpha1.PipelineExecutionList{}, &v1alpha1.StopRequestList{},
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

// names are the calls, in their order.
func (cluster *fakeCluster) callNames() []string {
	var n []string
	for _, c := range cluster.calls {
		n = append(n, c.name)
	}
	return n
}

// writes are the calls that change something.
func (cluster *fakeCluster) writtenCalls() []string {
	return slices.DeleteFunc(cluster.callNames(), isRead)
}

func isRead(call string) bool {
	verb, _, _ := strings.Cut(strings.TrimPrefix(call, "live "), " ")
	return verb == "get" || verb == "list"
}

// since runs f and returns what it wrote.
func (cluster *fakeCluster) writesDuring(f func()) []string {
	cluster.calls = nil
	f()
	return cluster.writtenCalls()
}

// operator is an operator with a cache of its own.
type operator struct {
	cluster    *fakeCluster
	name       string
	executions *PipelineExecutionReconciler
	requests   *StopRequestReconciler
	recorder   *eventRecorder
	// cache is what it reads from: the API server, or an older state of it.
	cache client.Client
	// pages has live lists come in pages of so many.
	pages int
}

func (cluster *fakeCluster) newOperator(name string) *operator {
	op := &operator{cluster: cluster, name: name, recorder: &eventRecorder{FakeRecorder: events.NewFakeRecorder(10000)}, cache: cluster.raw}
	for _, c := range NewControllers(Dependencies{
		Client: op.newClient(""), APIReader: op.newClient("live "), Recorder: op.recorder, Metrics: metrics.New(), Clock: cluster.clock,
	}) {
		switch sr := c.Reconciler.(type) {
		case *PipelineExecutionReconciler:
			op.executions = sr
		case *StopRequestReconciler:
			op.requests = sr
		}
	}
	return op
}

// freeze has the cache show from now on what there is now.
func (op *operator) freezeCache() {
	op.cache = buildClient(op.cluster.t, op.cluster.listObjects()...)
}

// hide freezes the cache without an object.
func (op *operator) hideFromCache(key types.NamespacedName) {
	kept := slices.DeleteFunc(op.cluster.listObjects(), func(o client.Object) bool { return client.ObjectKeyFromObject(o) == key })
	op.cache = buildClient(op.cluster.t, kept...)
}

// eventRecorder keeps what each event is about beside its object, too: its reason with the kind, name and uid of a workload,
// or its reason alone.
type eventRecorder struct {
	*events.FakeRecorder
	related []string
}

func (r *eventRecorder) Eventf(o, related runtime.Object, eventType, reason, action, note string, args ...any) {
	about := reason
	if workload, ok := related.(*metav1.PartialObjectMetadata); ok {
		about += fmt.Sprintf(" %s %s %s/%s %s", workload.APIVersion, workload.Kind, workload.Namespace, workload.Name, workload.UID)
	}
	r.related = append(r.related, about)
	r.FakeRecorder.Eventf(o, related, eventType, reason, action, note, args...)
}

// told are the events, as "Type Reason note".
func (op *operator) recordedEvents() []string {
	var told []string
	for len(op.recorder.Events) > 0 {
		told = append(told, <-op.recorder.Events)
	}
	return told
}

// do records a call, carries it out, and has it go wrong where the world wants it.
func (op *operator) recordCall(name string, o runtime.Object, written client.Object, carryOut func() error) error {
	gvk, err := apiutil.GVKForObject(o, op.cluster.raw.Scheme())
	op.cluster.must(err)
	kind := strings.TrimSuffix(gvk.Kind, "List")
	if kind == "Job" && written != nil && written.GetLabels()[v1alpha1.LabelPlaceholder] != "" {
		kind = "placeholder"
	}
	call := apiCall{op.name, name + " " + kind, written, op.cluster.effects}
	op.cluster.calls = append(op.cluster.calls, call)
	if op.cluster.before != nil {
		if err := op.cluster.before(call); err != nil {
			return err
		}
	}
	if err := carryOut(); err != nil {
		return err
	}
	if !isRead(call.name) {
		op.cluster.effects++
	}
	if op.cluster.after != nil {
		return op.cluster.after(call)
	}
	return nil
}

func (op *operator) newClient(prefix string) client.Client {
	reader := func() client.Reader {
		if prefix == "" {
			return op.cache
		}
		return op.cluster.raw
	}
	forbidden := func(name string, o client.Object) error {
		op.cluster.t.Errorf("%s calls %s of %T", op.name, name, o)
		return errors.New("no right to " + name)
	}
	return interceptor.NewClient(op.cluster.raw, interceptor.Funcs{
		Get: func(ctx context.Context, _ client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return op.recordCall(prefix+"get", o, nil, func() error { return reader().Get(ctx, key, o, opts...) })
		},
		List: func(ctx context.Context, _ client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return op.recordCall(prefix+"list", list, nil, func() error {
				if prefix != "" && op.pages > 0 {
					return op.listPage(ctx, list, opts...)
				}
				return reader().List(ctx, list, opts...)
			})
		},
		Create: func(ctx context.Context, raw client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return op.recordCall(prefix+"create", o, o, func() error { return op.create(ctx, raw, o, opts...) })
		},
		Patch: func(ctx context.Context, raw client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
			return op.recordCall(prefix+"patch", o, o, func() error { return raw.Patch(ctx, o, patch, opts...) })
		},
		SubResourceUpdate: func(ctx context.Context, raw client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			return op.recordCall(prefix+"update "+sub, o, o, func() error { return raw.SubResource(sub).Update(ctx, o, opts...) })
		},
		Update: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.UpdateOption) error {
			return forbidden("update", o)
		},
		Delete: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.DeleteOption) error {
			return forbidden("delete", o)
		},
		SubResourcePatch: func(_ context.Context, _ client.Client, _ string, o client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
			return forbidden("patch status", o)
		},
	})
}

// create gives the object an id, and keeps in mind which Jobs were created when.
func (op *operator) create(ctx context.Context, raw client.WithWatch, o client.Object, opts ...client.CreateOption) error {
	op.cluster.uids++
	o.SetUID(types.UID(fmt.Sprintf("uid-%d", op.cluster.uids)))
	published := op.cluster.isStopPublished()
	if err := raw.Create(ctx, o, opts...); err != nil {
		return err
	}
	if job, ok := o.(*batchv1.Job); ok {
		op.cluster.jobs = append(op.cluster.jobs, createdJob{job.Name, op.name, job.Labels[v1alpha1.LabelPlaceholder] != "", published})
	}
	return nil
}

// page is one page of a live list: the fake client has only whole lists.
func (op *operator) listPage(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(opts)
	var from int
	if o.Continue != "" {
		if _, err := fmt.Sscan(o.Continue, &from); err != nil {
			return err
		}
	}
	o.Continue, o.Limit = "", 0
	if err := op.cluster.raw.List(ctx, list, &o); err != nil {
		return err
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	to := min(from+op.pages, len(items))
	if to < len(items) {
		list.SetContinue(fmt.Sprint(to))
	}
	return meta.SetList(list, items[from:to])
}

// published reports whether the stop of an execution, or a verdict that a stop request reads, can be seen.
func (cluster *fakeCluster) isStopPublished() bool {
	executions, requests := &v1alpha1.PipelineExecutionList{}, &v1alpha1.StopRequestList{}
	cluster.must(cluster.raw.List(context.Background(), executions))
	cluster.must(cluster.raw.List(context.Background(), requests))
	return slices.ContainsFunc(executions.Items, func(execution v1alpha1.PipelineExecution) bool {
		return execution.Status.State == v1alpha1.ExecutionStopping || execution.Status.State == v1alpha1.ExecutionStopped
	}) || slices.ContainsFunc(requests.Items, func(sr v1alpha1.StopRequest) bool { return isAccepted(&sr) })
}

// run reconciles the execution.
func (op *operator) reconcileExecution() (ctrl.Result, error) {
	return op.executions.Reconcile(context.Background(), ctrl.Request{NamespacedName: executionKey})
}

// answer reconciles a stop request.
func (op *operator) reconcileRequest(name string) error {
	_, err := op.requests.Reconcile(context.Background(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "team", Name: name}})
	return err
}

// settle has the operator and the cluster do what they do until nothing changes, and returns the errors on the way.
func (op *operator) settle() error {
	var errs []error
	for still := 0; len(errs) < 30; {
		before := op.cluster.effects
		_, err := op.reconcileExecution()
		requests := &v1alpha1.StopRequestList{}
		op.cluster.must(op.cluster.raw.List(context.Background(), requests))
		for _, sr := range requests.Items {
			err = errors.Join(err, op.reconcileRequest(sr.Name))
		}
		op.cluster.runJobController()
		errs = append(errs, err)
		still++
		if op.cluster.effects != before {
			still = 0
		}
		// What a quota refuses stays so; any other error passes.
		if still > 0 && err == nil || still > 1 && errors.Is(err, errQuota) {
			return errors.Join(errs...)
		}
	}
	op.cluster.t.Errorf("I8: it does not converge; the last: %s", op.cluster.summarize())
	return errors.Join(errs...)
}

// jobController gives Jobs their pods, and ends those of suspended ones.
func (cluster *fakeCluster) runJobController() {
	cluster.t.Helper()
	ctx := context.Background()
	jobs := &batchv1.JobList{}
	cluster.must(cluster.raw.List(ctx, jobs))
	for i := range jobs.Items {
		job := &jobs.Items[i]
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: job.Namespace, Name: job.Name + "-pod", Labels: map[string]string{
				batchv1.ControllerUidLabel: string(job.UID), batchv1.JobNameLabel: job.Name,
				v1alpha1.LabelExecutionID: job.Labels[v1alpha1.LabelExecutionID],
			},
		}}
		switch {
		case isFinished(job):
		case ptr.Deref(job.Spec.Suspend, false):
			if !cluster.isDeleting(pod) {
				cluster.countEffect(cluster.raw.Delete(ctx, pod))
			}
			cluster.setJobCondition(job, batchv1.JobSuspended)
		default:
			cluster.countEffect(cluster.raw.Create(ctx, pod))
		}
	}
}

// happened takes into account what changed something, unless it was so before.
func (cluster *fakeCluster) countEffect(err error) {
	cluster.t.Helper()
	if err == nil {
		cluster.effects++
		return
	}
	cluster.must(client.IgnoreAlreadyExists(client.IgnoreNotFound(err)))
}

// isDeleting reports whether a pod is there that was deleted, and that a finalizer keeps.
func (cluster *fakeCluster) isDeleting(pod *corev1.Pod) bool {
	cluster.t.Helper()
	current := &corev1.Pod{}
	err := cluster.raw.Get(context.Background(), client.ObjectKeyFromObject(pod), current)
	cluster.must(client.IgnoreNotFound(err))
	return err == nil && current.DeletionTimestamp != nil
}

func isFinished(job *batchv1.Job) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed
	})
}

// conclude gives a Job a condition, once.
func (cluster *fakeCluster) setJobCondition(job *batchv1.Job, t batchv1.JobConditionType) {
	cluster.t.Helper()
	if !slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool { return c.Type == t }) {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{Type: t, Status: corev1.ConditionTrue})
		cluster.countEffect(cluster.raw.Status().Update(context.Background(), job))
	}
}

// finish ends the Job of an action.
func (cluster *fakeCluster) finishJob(name string, how batchv1.JobConditionType) {
	cluster.t.Helper()
	cluster.must(client.IgnoreNotFound(cluster.raw.Delete(context.Background(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: cluster.findJob(name).Name + "-pod"}})))
	cluster.setJobCondition(cluster.findJob(name), how)
}

func (cluster *fakeCluster) findJob(name string) *batchv1.Job {
	cluster.t.Helper()
	for _, o := range cluster.listObjects() {
		if job, ok := o.(*batchv1.Job); ok && job.Annotations[v1alpha1.AnnotationAction] == name {
			return job
		}
	}
	cluster.t.Fatalf("no Job of action %q: %s", name, cluster.summarize())
	return nil
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

// ask creates a request to stop the execution.
func (cluster *fakeCluster) createStopRequest(name string, abandon bool) {
	cluster.t.Helper()
	cluster.must(cluster.raw.Create(context.Background(), makeStopRequest(name, abandon)))
}

// show is all that a person could see in the end, but for ids and times.
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
			lines = append(lines, fmt.Sprintf("job %s suspended=%v tombstone=%q orphaned=%q owners=%d conditions=%v", o.Annotations[v1alpha1.AnnotationAction],
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

func makeAction(name string, runOrder int32) v1alpha1.Action {
	return v1alpha1.Action{Name: name, RunOrder: runOrder, Job: &v1alpha1.JobTemplate{Spec: runtime.RawExtension{Raw: []byte(jobSpec)}}}
}

// thePipeline has a group of two actions, and a stage behind it.
func makePipeline() *v1alpha1.Pipeline {
	orphan := makeAction("b", 1)
	orphan.OnAbandon = v1alpha1.OnAbandonOrphan
	return &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web", UID: "uid-of-web", Generation: 1},
		Spec: v1alpha1.PipelineSpec{Stages: []v1alpha1.Stage{
			{Name: "s", Actions: []v1alpha1.Action{makeAction("a", 1), orphan}}, {Name: "u", Actions: []v1alpha1.Action{makeAction("c", 1)}},
		}},
	}
}

// only is a Pipeline of one action.
func makePipelineOf(name string) *v1alpha1.Pipeline {
	pipeline := makePipeline()
	pipeline.Spec.Stages = []v1alpha1.Stage{{Name: "s", Actions: []v1alpha1.Action{makeAction(name, 1)}}}
	return pipeline
}

func makeExecution() *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: executionKey.Namespace, Name: executionKey.Name, UID: executionUID, Generation: 1},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "web"},
		Status:     v1alpha1.PipelineExecutionStatus{ObservedGeneration: -1},
	}
}

func makeStopRequest(name string, abandon bool) *v1alpha1.StopRequest {
	return &v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, UID: types.UID("uid-of-" + name), Generation: 1},
		Spec:       v1alpha1.StopRequestSpec{PipelineName: "web", PipelineExecutionID: executionUID, Abandon: abandon, Reason: "a test"},
		Status:     v1alpha1.StopRequestStatus{ObservedGeneration: -1},
	}
}

// noJobs is a quota that takes no Jobs of these actions, and takes tombstones: as an operator that is paused.
func refuseJobs(actions ...string) func(apiCall) error {
	return func(c apiCall) error {
		if c.name == "create Job" && slices.Contains(actions, c.object.GetAnnotations()[v1alpha1.AnnotationAction]) {
			return errQuota
		}
		return nil
	}
}

// The writes of docs/architecture.md, "What a step costs".
const (
	callOwn               = "patch PipelineExecution"
	callPin               = "create ControllerRevision"
	callWriteStatus       = "update status PipelineExecution"
	callAnswer            = "update status StopRequest"
	callCreateJob         = "create Job"
	callCreatePlaceholder = "create placeholder"
	callPatchJob          = "patch Job"
)

func checkWrites(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 {
		t.Errorf("%s: writes (-want +got):\n%s", what, diff)
	}
}

// "a run of G groups takes 2G + 1 of them", "and A Job creates, plus what cannot be avoided on first sight"; "Right after
// its own write a step knows better, so a healthy start pays nothing for this."
func TestWritesOfARun(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecution())
	op := cluster.newOperator("op")
	first := true
	step := func(what string, want ...string) {
		t.Helper()
		checkWrites(t, what, cluster.writesDuring(func() {
			_, err := op.reconcileExecution()
			cluster.must(err)
		}), want...)
		live := slices.DeleteFunc(cluster.callNames(), func(n string) bool { return !strings.HasPrefix(n, "live") })
		// The Pipeline is read before it is made an owner.
		if first != slices.Equal(live, []string{"live get Pipeline"}) || !first && len(live) > 0 {
			t.Errorf("%s reads live: %v", what, live)
		}
		first = false
		// "When faults end, everything converges, and then writes stop."
		checkWrites(t, what+", and again", cluster.writesDuring(func() {
			_, err := op.reconcileExecution()
			cluster.must(err)
		}))
	}
	step("first sight and the first group", callOwn, callPin, callWriteStatus, callCreateJob, callCreateJob, callWriteStatus)
	cluster.runJobController()
	step("nothing has happened")
	cluster.finishJob("a", batchv1.JobComplete)
	step("one of the group ends", callWriteStatus)
	cluster.finishJob("b", batchv1.JobComplete)
	step("the next group", callWriteStatus, callCreateJob, callWriteStatus)
	cluster.finishJob("c", batchv1.JobComplete)
	step("the end", callWriteStatus)
	if s := cluster.getExecution().Status.State; s != v1alpha1.ExecutionSucceeded {
		t.Errorf("the execution is %s", s)
	}
	if told := op.recordedEvents(); len(told) != 2 || !strings.HasPrefix(told[0], "Normal Started ") || !strings.HasPrefix(told[1], "Normal Succeeded ") {
		t.Errorf("events %q", told)
	}
}

// "a stop and wait | a status write for the acceptance, one for each action that ends, two on the StopRequest"
func TestWritesOfAStopAndWait(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	cluster.createStopRequest("w", false)
	checkWrites(t, "accepting", cluster.writesDuring(func() { cluster.must(op.settle()) }), callWriteStatus, callAnswer)
	cluster.finishJob("a", batchv1.JobFailed)
	checkWrites(t, "one action ends", cluster.writesDuring(func() { cluster.must(op.settle()) }), callWriteStatus)
	cluster.finishJob("b", batchv1.JobComplete)
	checkWrites(t, "the other one ends", cluster.writesDuring(func() { cluster.must(op.settle()) }), callWriteStatus, callAnswer)
	checkStopped(t, cluster, 2)
}

// "a stop and abandon | the same, and a patch and a list of pods for each Job"
func TestWritesOfAStopAndAbandon(t *testing.T) {
	pipeline := makePipeline()
	pipeline.Spec.Stages[0].Actions[1].OnAbandon = v1alpha1.OnAbandonTerminate
	cluster := newCluster(t, pipeline, makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	cluster.createStopRequest("x", true)
	checkWrites(t, "all of it", cluster.writesDuring(func() { cluster.must(op.settle()) }), callWriteStatus, callPatchJob, callPatchJob, callAnswer, callWriteStatus, callAnswer)
	lists := slices.DeleteFunc(cluster.callNames(), func(n string) bool { return n != "live list Pod" })
	if len(lists) != 2 {
		t.Errorf("pods were listed %d times for two Jobs", len(lists))
	}
	checkStopped(t, cluster, 2)
}

// An orphan is a patch, and nothing is waited for.
func TestWritesOfAnOrphan(t *testing.T) {
	pipeline := makePipelineOf("b")
	pipeline.Spec.Stages[0].Actions[0].OnAbandon = v1alpha1.OnAbandonOrphan
	cluster := newCluster(t, pipeline, makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	cluster.createStopRequest("x", true)
	checkWrites(t, "all of it", cluster.writesDuring(func() { cluster.must(op.settle()) }), callWriteStatus, callPatchJob, callWriteStatus, callAnswer)
	if job := cluster.findJob("b"); len(job.OwnerReferences) != 0 || job.Labels[v1alpha1.LabelOrphaned] != "true" || ptr.Deref(job.Spec.Suspend, false) {
		t.Errorf("the orphan is %+v", job)
	}
}

func checkStopped(t *testing.T, cluster *fakeCluster, jobs int) {
	t.Helper()
	if execution := cluster.getExecution(); execution.Status.State != v1alpha1.ExecutionStopped || len(cluster.jobs) != jobs {
		t.Errorf("%d Jobs were created; %s", len(cluster.jobs), cluster.summarize())
	}
}

// When must it be looked at again, though nothing happens to it?
func TestRequeue(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	look := func(what string, want time.Duration) {
		t.Helper()
		if got, err := op.reconcileExecution(); err != nil || got.RequeueAfter != want {
			t.Errorf("%s: again after %s, %v; want %s", what, got.RequeueAfter, err, want)
		}
	}
	look("running", 5*time.Minute)
	sr := makeStopRequest("w", false)
	sr.Spec.EscalateAfterSeconds = ptr.To[int64](7)
	cluster.must(cluster.raw.Create(t.Context(), sr))
	look("a stop was accepted", 5*time.Second)
	cluster.clock.SetTime(cluster.clock.Now().Add(5 * time.Second))
	look("it escalates soon", 2*time.Second)
	cluster.clock.SetTime(cluster.clock.Now().Add(2 * time.Second))
	look("it has escalated", 5*time.Second)
	if execution := cluster.getExecution(); execution.Status.Stop.Mode != v1alpha1.StopModeAbandon || !ptr.Deref(cluster.findJob("a").Spec.Suspend, false) {
		t.Errorf("it did not escalate: %s", cluster.summarize())
	}
	cluster.runJobController()
	look("it is Stopped", 0)
}

// What has ended is left alone, and what is gone is no error.
func TestNothingToDo(t *testing.T) {
	ended := makeExecution()
	ended.Status.State = v1alpha1.ExecutionFailed
	for name, execution := range map[string]*v1alpha1.PipelineExecution{"final": ended, "gone": nil} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), makeStopRequest("w", true))
			if execution != nil {
				cluster = newCluster(t, makePipeline(), makeStopRequest("w", true), execution)
			}
			got, err := cluster.newOperator("op").reconcileExecution()
			if diff := cmp.Diff([]string{"get PipelineExecution"}, cluster.callNames()); diff != "" || err != nil || got != (ctrl.Result{}) {
				t.Errorf("%+v, %v; calls (-want +got):\n%s", got, err, diff)
			}
		})
	}
}

// deleteHeld deletes an object that a finalizer of another keeps.
func (cluster *fakeCluster) deleteHeld(o client.Object) {
	cluster.t.Helper()
	ctx := context.Background()
	cluster.must(cluster.raw.Get(ctx, client.ObjectKeyFromObject(o), o))
	o.SetFinalizers([]string{"example.com/hold"})
	cluster.must(cluster.raw.Update(ctx, o))
	cluster.must(cluster.raw.Delete(ctx, o))
}

// Of an execution that is being deleted nothing more is started. What it runs is followed, and can be stopped.
func TestAnExecutionThatIsBeingDeleted(t *testing.T) {
	const inProgress, stopped = v1alpha1.ExecutionInProgress, v1alpha1.ExecutionStopped
	nothing := func(*fakeCluster) {}
	tests := []struct {
		name    string
		before  func(apiCall) error
		running bool
		// happens is what happens after the deletion; late does when that has settled.
		happens, late func(*fakeCluster)
		state         v1alpha1.ExecutionState
		// jobs and tombstones are how many were created.
		jobs, placeholders int
	}{
		{"before it took its Pipeline", nil, false, nothing, nothing, inProgress, 0, 0},
		{"before it took its Pipeline, and it is stopped", nil, false, func(cluster *fakeCluster) { cluster.createStopRequest("r", false) }, nothing, stopped, 0, 0},
		{"with open intents", refuseJobs("a", "b"), true, func(cluster *fakeCluster) { cluster.before = nil }, nothing, inProgress, 0, 0},
		{"with open intents, and it is stopped", refuseJobs("a", "b"), true, func(cluster *fakeCluster) { cluster.createStopRequest("r", false) }, nothing, stopped, 0, 2},
		{"while a group runs, which ends", nil, true, func(cluster *fakeCluster) {
			cluster.finishJob("a", batchv1.JobComplete)
			cluster.finishJob("b", batchv1.JobComplete)
		}, nothing, inProgress, 2, 0},
		{"while a group runs, and it is stopped", nil, true, func(cluster *fakeCluster) { cluster.createStopRequest("r", false) }, func(cluster *fakeCluster) {
			cluster.finishJob("a", batchv1.JobComplete)
			cluster.finishJob("b", batchv1.JobFailed)
		}, stopped, 2, 0},
		{"while a group runs, and it is abandoned", nil, true, func(cluster *fakeCluster) { cluster.createStopRequest("r", true) }, nothing, stopped, 2, 0},
		{"while a group runs, and a stop of it escalates", nil, true, func(cluster *fakeCluster) {
			sr := makeStopRequest("r", false)
			sr.Spec.EscalateAfterSeconds = ptr.To[int64](7)
			cluster.must(cluster.raw.Create(context.Background(), sr))
		}, func(cluster *fakeCluster) { cluster.clock.SetTime(cluster.clock.Now().Add(7 * time.Second)) }, stopped, 2, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), makeExecution())
			op := cluster.newOperator("op")
			cluster.before = tt.before
			if tt.running {
				cluster.must(ignoreQuota(op.settle()))
			}
			cluster.deleteHeld(cluster.getExecution())
			for _, happen := range []func(*fakeCluster){tt.happens, tt.late} {
				happen(cluster)
				cluster.must(ignoreQuota(op.settle()))
			}
			placeholders := len(slices.DeleteFunc(slices.Clone(cluster.jobs), func(c createdJob) bool { return !c.placeholder }))
			execution := cluster.getExecution()
			if execution.Status.State != tt.state || len(cluster.jobs)-placeholders != tt.jobs || placeholders != tt.placeholders {
				t.Errorf("it is %s, want %s; created %+v", execution.Status.State, tt.state, cluster.jobs)
			}
			if tt.state == stopped && describeVerdict(cluster.getRequest("r")) != verdictAccepted {
				t.Errorf("the request reads %q", describeVerdict(cluster.getRequest("r")))
			}
			if !tt.running && (len(execution.OwnerReferences) != 0 || execution.Status.PipelineRevision != "") {
				t.Errorf("it took its Pipeline: %+v, %q", execution.OwnerReferences, execution.Status.PipelineRevision)
			}
		})
	}
}

// Where the Job of an execution that is being deleted is lost, no tombstone is made: it would go with the execution.
func TestALostJobOfAnExecutionThatIsBeingDeleted(t *testing.T) {
	for _, deleted := range []bool{false, true} {
		cluster := newCluster(t, makePipelineOf("a"), makeExecution())
		op := cluster.newOperator("op")
		cluster.must(op.settle())
		if deleted {
			cluster.deleteHeld(cluster.getExecution())
		}
		job := cluster.findJob("a")
		cluster.must(cluster.raw.Delete(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: job.Name + "-pod"}}))
		cluster.must(cluster.raw.Delete(t.Context(), job))
		cluster.must(op.settle())
		if a := cluster.getExecution().Status.Stages[0].Actions[0]; a.State != v1alpha1.ActionFailed || a.Reason != v1alpha1.ReasonWorkloadLost {
			t.Errorf("being deleted: %v; the action is %+v", deleted, a)
		}
		if got := slices.Contains(cluster.writtenCalls(), callCreatePlaceholder); got == deleted {
			t.Errorf("being deleted: %v; a tombstone: %v", deleted, got)
		}
	}
}

// An operator that was paused may create the Job again that was lost. It is ended before the loss is said, and the execution
// fails as it does without it.
func TestALostJobIsCreatedAgainByAPausedOperator(t *testing.T) {
	for _, abandon := range []bool{false, true} {
		t.Run(fmt.Sprintf("abandon %v", abandon), func(t *testing.T) {
			cluster := newCluster(t, makePipelineOf("a"), makeExecution())
			op := cluster.newOperator("op")
			cluster.must(op.settle())
			lost := cluster.findJob("a")
			again := lost.DeepCopy()
			again.UID, again.ResourceVersion = "uid-of-again", ""
			cluster.must(cluster.raw.Delete(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: lost.Name + "-pod"}}))
			cluster.must(cluster.raw.Delete(t.Context(), lost))
			cluster.must(cluster.raw.Create(t.Context(), again))
			state := v1alpha1.ExecutionFailed
			if abandon {
				cluster.createStopRequest("r", true)
				state = v1alpha1.ExecutionStopped
			}
			cluster.must(op.settle())
			if execution := cluster.getExecution(); execution.Status.State != state {
				t.Errorf("the execution is %s, want %s: %s", execution.Status.State, state, cluster.summarize())
			}
			if job := cluster.findJob("a"); job.UID != again.UID || !ptr.Deref(job.Spec.Suspend, false) || ptr.Deref(job.Spec.Parallelism, 1) != 0 {
				t.Errorf("the Job that was created again is %+v", job)
			}
		})
	}
}

// "What the API server refuses is said in the status": by a policy about owners, or about revisions.
func TestAPipelineThatCannotBeTaken(t *testing.T) {
	forbidden := apierrors.NewForbidden(v1alpha1.GroupVersion.WithResource("pipelineexecutions").GroupResource(), "run-1", errors.New("no owners here"))
	invalid := apierrors.NewInvalid(v1alpha1.GroupVersion.WithKind("PipelineExecution").GroupKind(), "run-1", nil)
	conflict := apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("pipelineexecutions").GroupResource(), "run-1", errors.New("changed"))
	tests := []struct {
		name, call string
		fail       error
		// said is whether the status says so, quiet whether the error is none to report.
		said, quiet bool
		writes      []string
	}{
		{"owning it is forbidden", callOwn, forbidden, true, false, []string{callOwn, callWriteStatus}},
		{"owning it is invalid", callOwn, invalid, true, false, []string{callOwn, callWriteStatus}},
		{"owning it has no answer", callOwn, errTimeout, false, false, []string{callOwn}},
		{"owning it meets a conflict", callOwn, conflict, false, true, []string{callOwn}},
		{"pinning it is forbidden", callPin, forbidden, true, false, []string{callOwn, callPin, callWriteStatus}},
		{"pinning it is invalid", callPin, invalid, true, false, []string{callOwn, callPin, callWriteStatus}},
		{"pinning it has no answer", callPin, errTimeout, false, false, []string{callOwn, callPin}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, makePipelineOf("a"), makeExecution())
			op := cluster.newOperator("op")
			cluster.before = func(c apiCall) error {
				if c.name == tt.call {
					return tt.fail
				}
				return nil
			}
			checkWrites(t, "refused", cluster.writesDuring(func() {
				if got, err := op.reconcileExecution(); tt.quiet && (err != nil || got.RequeueAfter == 0) || !tt.quiet && !errors.Is(err, tt.fail) {
					t.Errorf("got %+v, %v: it would not be tried again", got, err)
				}
			}), tt.writes...)
			ready := meta.FindStatusCondition(cluster.getExecution().Status.Conditions, v1alpha1.ConditionReady)
			if tt.said != (ready != nil && ready.Reason == v1alpha1.ReasonStartBlocked && strings.Contains(ready.Message, tt.fail.Error())) {
				t.Errorf("it reads %+v", ready)
			}
			if tt.said { // Nothing new is nothing to write.
				checkWrites(t, "refused again", cluster.writesDuring(func() { _, _ = op.reconcileExecution() }), tt.call)
			}
			cluster.before = nil
			cluster.must(op.settle())
			if execution := cluster.getExecution(); len(cluster.jobs) != 1 || len(execution.OwnerReferences) != 1 || execution.OwnerReferences[0].UID != "uid-of-web" {
				t.Errorf("in the end: %s", cluster.summarize())
			}
			ready = meta.FindStatusCondition(cluster.getExecution().Status.Conditions, v1alpha1.ConditionReady)
			if ready.Reason != string(v1alpha1.ExecutionInProgress) {
				t.Errorf("it runs, and reads %s: %s", ready.Reason, ready.Message)
			}
		})
	}
}

// A stop does not depend on who owns the execution.
func TestAStopOfAnExecutionThatCannotBeOwned(t *testing.T) {
	forbidden := apierrors.NewForbidden(v1alpha1.GroupVersion.WithResource("pipelineexecutions").GroupResource(), "run-1", errors.New("no owners here"))
	for name, fail := range map[string]error{"forbidden": forbidden, "no answer": errTimeout} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipelineOf("a"), makeExecution(), makeStopRequest("r", false))
			op := cluster.newOperator("op")
			cluster.before = func(c apiCall) error {
				if c.name == callOwn {
					return fail
				}
				return nil
			}
			cluster.must(op.settle())
			checkStopped(t, cluster, 0)
			if execution := cluster.getExecution(); len(execution.OwnerReferences) != 0 || execution.Status.PipelineRevision != "" {
				t.Errorf("owners %+v, revision %q", execution.OwnerReferences, execution.Status.PipelineRevision)
			}
		})
	}
	// After a conflict the execution is out of date: it is read again.
	cluster := newCluster(t, makePipelineOf("a"), makeExecution(), makeStopRequest("r", false))
	op := cluster.newOperator("op")
	cluster.before = func(c apiCall) error {
		if c.name == callOwn {
			cluster.before = nil
			return apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("pipelineexecutions").GroupResource(), "run-1", errors.New("changed"))
		}
		return nil
	}
	checkWrites(t, "a conflict", cluster.writesDuring(func() {
		if got, err := op.reconcileExecution(); err != nil || got.RequeueAfter == 0 {
			t.Errorf("%+v, %v; want another look", got, err)
		}
	}), callOwn)
	cluster.must(op.settle())
	checkStopped(t, cluster, 0)
}

// "The cache may hold one that was deleted since; as an owner it would have the garbage collector delete the execution."
func TestAPipelineThatIsNotWhatTheCacheHas(t *testing.T) {
	ctx := context.Background()
	remove := func(cluster *fakeCluster) { cluster.must(cluster.raw.Delete(ctx, makePipelineOf("a"))) }
	tests := map[string]func(*fakeCluster){
		"gone": remove,
		"another of its name": func(cluster *fakeCluster) {
			remove(cluster)
			pipeline := makePipelineOf("a")
			pipeline.UID = "uid-of-another"
			cluster.must(cluster.raw.Create(ctx, pipeline))
		},
		"being deleted": func(cluster *fakeCluster) { cluster.deleteHeld(makePipelineOf("a")) },
	}
	for name, happen := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipelineOf("a"), makeExecution())
			op := cluster.newOperator("op")
			op.freezeCache()
			happen(cluster)
			checkWrites(t, "the cache is behind", cluster.writesDuring(func() {
				_, err := op.reconcileExecution()
				cluster.must(err)
			}), callWriteStatus)
			execution := cluster.getExecution()
			ready := meta.FindStatusCondition(execution.Status.Conditions, v1alpha1.ConditionReady)
			if len(execution.OwnerReferences) != 0 || execution.Status.PipelineRevision != "" || ready.Reason != v1alpha1.ReasonWaitingForPipeline {
				t.Errorf("owners %+v, revision %q, %s", execution.OwnerReferences, execution.Status.PipelineRevision, ready.Reason)
			}
			op.cache = cluster.raw
			cluster.must(op.settle())
			if execution, another := cluster.getExecution(), name == "another of its name"; another != (len(execution.OwnerReferences) == 1 && len(cluster.jobs) == 1) {
				t.Errorf("in the end: %s", cluster.summarize())
			}
		})
	}
	// A read that fails is no word about it.
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	cluster.before = func(c apiCall) error {
		if c.name == "live get Pipeline" {
			return errTimeout
		}
		return nil
	}
	checkWrites(t, "no answer", cluster.writesDuring(func() {
		if _, err := op.reconcileExecution(); !errors.Is(err, errTimeout) {
			t.Errorf("error %v", err)
		}
	}))
}

// Two events of one reason and one object are taken for one, unless they are about two Jobs.
func TestEventsAreAboutTheirJobs(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	a, b := cluster.findJob("a"), cluster.findJob("b")
	cluster.finishJob("a", batchv1.JobFailed)
	cluster.finishJob("b", batchv1.JobFailed)
	cluster.must(op.settle())
	about := func(j *batchv1.Job) string { return fmt.Sprintf("ActionFailed batch/v1 Job team/%s %s", j.Name, j.UID) }
	if diff := cmp.Diff([]string{"Started", about(a), about(b), "Failed"}, op.recorder.related); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// A suspension that is refused is said, and tried again.
func TestASuspensionThatIsRefused(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	cluster.before = func(c apiCall) error {
		if c.name == callPatchJob {
			return errQuota
		}
		return nil
	}
	cluster.createStopRequest("r", true)
	if err := op.settle(); !errors.Is(err, errQuota) {
		t.Errorf("error %v: it would not be tried again", err)
	}
	execution := cluster.getExecution()
	waits := execution.Status.Stop.WaitingFor
	if execution.Status.State != v1alpha1.ExecutionStopping || len(waits) != 1 || waits[0].Reason != "SuspendRefused" || !strings.Contains(waits[0].Message, "exceeded quota") {
		t.Errorf("it is %s, and waits for %+v", execution.Status.State, waits)
	}
	cluster.before = nil
	cluster.must(op.settle())
	checkStopped(t, cluster, 1)
}

// A stop that comes before the Pipeline, or with it: nothing is pinned and nothing starts.
func TestStopBeforeTheStart(t *testing.T) {
	for name, objects := range map[string][]client.Object{
		"no Pipeline":           {makeExecution(), makeStopRequest("w", false)},
		"the Pipeline is there": {makePipeline(), makeExecution(), makeStopRequest("w", false)},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, objects...)
			cluster.must(cluster.newOperator("op").settle())
			checkStopped(t, cluster, 0)
			if slices.Contains(cluster.callNames(), callPin) {
				t.Errorf("a revision was made: %v", cluster.callNames())
			}
		})
	}
}

// "A delete carries a UID precondition; a write that decides carries a resourceVersion": and the fake client, as the API
// server, refuses one that is out of date. Here a stop comes between the decision to start and its write.
func TestAStopBeforeTheIntentIsWritten(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecution())
	paused, other := cluster.newOperator("paused"), cluster.newOperator("other")
	once := true
	cluster.before = func(c apiCall) error {
		if c.who == "paused" && c.name == callWriteStatus && once {
			once = false
			cluster.createStopRequest("w", false)
			cluster.must(other.settle())
		}
		return nil
	}
	// A conflict is nothing to report; the execution is looked at again.
	if got, err := paused.reconcileExecution(); err != nil || got.RequeueAfter == 0 {
		t.Errorf("%+v, %v; want another look", got, err)
	}
	checkStopped(t, cluster, 0)
	if told := paused.recordedEvents(); told != nil {
		t.Errorf("nothing was written, and %q is told", told)
	}
	cluster.must(paused.settle())
	checkStopped(t, cluster, 0)
}

// A conflict that is the answer to the very write of the intent: no Job of it.
func TestAConflictOnTheIntent(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecution())
	op := cluster.newOperator("op")
	refused := 0
	cluster.before = func(c apiCall) error {
		if c.name == callWriteStatus && refused == 0 {
			refused++
			return apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("pipelineexecutions").GroupResource(), "run-1", errors.New("changed"))
		}
		return nil
	}
	checkWrites(t, "refused", cluster.writesDuring(func() {
		if got, err := op.reconcileExecution(); err != nil || got.RequeueAfter == 0 {
			t.Errorf("%+v, %v; want another look", got, err)
		}
	}), callOwn, callPin, callWriteStatus)
	checkWrites(t, "again", cluster.writesDuring(func() {
		_, err := op.reconcileExecution()
		cluster.must(err)
	}), callWriteStatus, callCreateJob, callCreateJob, callWriteStatus)
}

// "Before a step creates anything on the word of the cache, it compares the execution's resourceVersion with the API
// server's": here the intent is open, and the cache is older than what became of the execution since.
func TestAStaleExecutionCreatesNothing(t *testing.T) {
	tests := map[string]func(*fakeCluster, *operator){
		"it was stopped, and the tombstones are lost": func(cluster *fakeCluster, other *operator) {
			cluster.createStopRequest("w", false)
			cluster.must(client.IgnoreNotFound(ignoreQuota(other.settle())))
			for _, name := range []string{"a", "b"} {
				cluster.must(cluster.raw.Delete(context.Background(), cluster.findJob(name)))
			}
		},
		"it is gone": func(cluster *fakeCluster, _ *operator) {
			cluster.must(cluster.raw.Delete(context.Background(), cluster.getExecution()))
		},
		"another has its name": func(cluster *fakeCluster, _ *operator) {
			execution := cluster.getExecution()
			cluster.must(cluster.raw.Delete(context.Background(), execution))
			execution.UID, execution.ResourceVersion = "uid-of-another", ""
			cluster.must(cluster.raw.Create(context.Background(), execution))
		},
		"somebody set a label": func(cluster *fakeCluster, _ *operator) {
			execution := cluster.getExecution()
			execution.Labels = map[string]string{"a": "b"}
			cluster.must(cluster.raw.Update(context.Background(), execution))
		},
	}
	for name, happen := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), makeExecution())
			cluster.before = refuseJobs("a", "b")
			stale := cluster.newOperator("stale")
			if _, err := stale.reconcileExecution(); !errors.Is(err, errQuota) {
				t.Fatalf("error %v", err)
			}
			stale.freezeCache()
			happen(cluster, cluster.newOperator("other"))
			cluster.before, cluster.jobs = nil, nil
			checkWrites(t, "stale", cluster.writesDuring(func() {
				_, err := stale.reconcileExecution()
				cluster.must(err)
			}))
			if cluster.jobs != nil || !slices.Contains(cluster.callNames(), "live get PipelineExecution") {
				t.Errorf("created %+v; calls %v", cluster.jobs, cluster.callNames())
			}
		})
	}
}

func ignoreQuota(err error) error {
	if errors.Is(err, errQuota) {
		return nil
	}
	return err
}

// The live read that fails starts nothing either.
func TestAStartThatCannotBeCheckedIsNone(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	cluster.before = refuseJobs("a")
	_ = op.settle()
	cluster.before = func(c apiCall) error {
		if c.name == "live get PipelineExecution" {
			return errTimeout
		}
		return nil
	}
	if _, err := op.reconcileExecution(); !errors.Is(err, errTimeout) || cluster.jobs != nil {
		t.Errorf("error %v, created %+v", err, cluster.jobs)
	}
}

// "An intent whose Job does not exist (live read) gets a tombstone", and "The write after the fence turns the state to
// Stopping": only that write publishes the stop.
func TestTheFenceComesBeforeThePublication(t *testing.T) {
	for _, abandon := range []bool{false, true} {
		t.Run(fmt.Sprintf("abandon %v", abandon), func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), makeExecution())
			op := cluster.newOperator("op")
			cluster.before = refuseJobs("b")
			if err := ignoreQuota(op.settle()); err != nil {
				t.Fatal(err)
			}
			cluster.createStopRequest("r", abandon)
			var states []string
			cluster.after = func(c apiCall) error {
				switch c.name {
				case callWriteStatus:
					states = append(states, string(cluster.getExecution().Status.State))
				case callCreatePlaceholder:
					states = append(states, c.name)
				case callAnswer:
					if isAccepted(cluster.getRequest("r")) {
						states = append(states, "Accepted")
					}
				}
				return nil
			}
			_ = op.settle()
			want := []string{"InProgress", callCreatePlaceholder, "Stopping", "Accepted"}
			if len(states) < len(want) || !slices.Equal(states[:len(want)], want) {
				t.Errorf("in this order: %v; want first %v", states, want)
			}
			if a := cluster.getExecution().Status.Stages[0].Actions[1]; a.State != v1alpha1.ActionNotStarted || a.Workload.UID != "" {
				t.Errorf("the fenced action is %+v", a)
			}
			if n := len(cluster.jobs); n != 2 || cluster.jobs[0].placeholder || !cluster.jobs[1].placeholder {
				t.Errorf("created %+v", cluster.jobs)
			}
		})
	}
}

// While the tombstone is refused the stop is not published, nothing starts, and the execution says why.
func TestAFenceThatIsRefused(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	refuse := func(c apiCall) error {
		if c.name == callCreateJob || c.name == callCreatePlaceholder {
			return errQuota
		}
		return nil
	}
	cluster.before = refuse
	_ = op.settle()
	cluster.createStopRequest("r", false)
	if err := op.settle(); !errors.Is(err, errQuota) {
		t.Errorf("error %v: it would not be tried again", err)
	}
	execution, sr := cluster.getExecution(), cluster.getRequest("r")
	ready := meta.FindStatusCondition(execution.Status.Conditions, v1alpha1.ConditionReady)
	if execution.Status.State != v1alpha1.ExecutionInProgress || ready.Reason != v1alpha1.ReasonFencing || !strings.Contains(ready.Message, "exceeded quota") {
		t.Errorf("the execution is %s: %s: %s", execution.Status.State, ready.Reason, ready.Message)
	}
	if meta.FindStatusCondition(sr.Status.Conditions, v1alpha1.ConditionAccepted) != nil {
		t.Errorf("the request has a verdict: %+v", sr.Status.Conditions)
	}
	cluster.before = refuseJobs("a")
	cluster.must(op.settle())
	checkStopped(t, cluster, 1)
	if !cluster.jobs[0].placeholder {
		t.Errorf("created %+v", cluster.jobs)
	}
}

// "A paused or partitioned operator that wakes up later finds the name taken."
func TestAPausedOperatorFindsTheNameTaken(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	paused, other := cluster.newOperator("paused"), cluster.newOperator("other")
	once := true
	cluster.before = func(c apiCall) error {
		switch {
		case c.who == "other":
			return refuseJobs("a")(c)
		case c.name == callCreateJob && once:
			once = false
			cluster.createStopRequest("w", false)
			cluster.must(ignoreQuota(other.settle()))
			if !cluster.isStopPublished() {
				t.Error("the stop was not published")
			}
		}
		return nil
	}
	if _, err := paused.reconcileExecution(); err == nil {
		t.Error("the operator takes its start for one that was carried out")
	}
	cluster.must(paused.settle())
	checkStopped(t, cluster, 1)
	if !cluster.jobs[0].placeholder {
		t.Errorf("created %+v", cluster.jobs)
	}
}

// scenario is what happens to an execution from its beginning to its end.
type scenario struct {
	name     string
	pipeline *v1alpha1.Pipeline
	// before refuses calls all along.
	before func(apiCall) error
	// happens are what happens, each time when everything has settled.
	happens []func(*fakeCluster)
	state   v1alpha1.ExecutionState
}

func listScenarios() []scenario {
	finish := func(name string, how batchv1.JobConditionType) func(*fakeCluster) {
		return func(cluster *fakeCluster) { cluster.finishJob(name, how) }
	}
	ask := func(name string, abandon bool) func(*fakeCluster) {
		return func(cluster *fakeCluster) { cluster.createStopRequest(name, abandon) }
	}
	both := func(f ...func(*fakeCluster)) func(*fakeCluster) {
		return func(cluster *fakeCluster) {
			for _, g := range f {
				g(cluster)
			}
		}
	}
	const complete, failed = batchv1.JobComplete, batchv1.JobFailed
	return []scenario{
		{"it succeeds", makePipeline(), nil, []func(*fakeCluster){both(finish("a", complete), finish("b", complete)), finish("c", complete)}, v1alpha1.ExecutionSucceeded},
		{"it fails", makePipeline(), nil, []func(*fakeCluster){finish("a", failed), finish("b", complete)}, v1alpha1.ExecutionFailed},
		{"stop and wait", makePipeline(), nil, []func(*fakeCluster){ask("w", false), both(finish("a", complete), finish("b", failed))}, v1alpha1.ExecutionStopped},
		{"stop and abandon", makePipeline(), nil, []func(*fakeCluster){ask("x", true)}, v1alpha1.ExecutionStopped},
		{"wait, then abandon, and duplicates", makePipeline(), nil, []func(*fakeCluster){ask("w", false), ask("v", false), ask("x", true)}, v1alpha1.ExecutionStopped},
		{"stop before the start", makePipeline(), nil, []func(*fakeCluster){}, v1alpha1.ExecutionStopped},
		{"stop and wait with an open intent", makePipeline(), refuseJobs("b"), []func(*fakeCluster){ask("w", false), finish("a", complete)}, v1alpha1.ExecutionStopped},
		{"stop and abandon with open intents", makePipeline(), refuseJobs("a", "b"), []func(*fakeCluster){ask("x", true)}, v1alpha1.ExecutionStopped},
	}
}

// fault is how the call of an index goes wrong.
type fault struct {
	name string
	// effect says that the call is carried out; dies, that the operator does nothing more until it starts again.
	effect, dies bool
}

var faults = []fault{
	{"is refused", false, false}, {"loses its answer", true, false}, {"is not reached", false, true}, {"is the last", true, true},
}

// begins reports whether a reconciliation begins with the call.
func isFirstCall(c apiCall) bool {
	return c.name == "get PipelineExecution" || c.name == "get StopRequest"
}

// tell plays a scenario in which the call of an index, if it is not negative, goes wrong. It returns the world in the end,
// and how many calls there were.
func (s *scenario) play(t *testing.T, index int, f fault) (*fakeCluster, int) {
	objects := []client.Object{s.pipeline.DeepCopy(), makeExecution()}
	if len(s.happens) == 0 {
		objects = append(objects, makeStopRequest("w", false))
	}
	cluster := newCluster(t, objects...)
	op := cluster.newOperator("op")
	calls, dead := 0, false
	fails := func(c apiCall, after bool) error {
		switch {
		case dead:
			return errDied
		case calls == index+1 && after == f.effect:
			dead = f.dies
			return errTimeout
		case s.before != nil && !after:
			return s.before(c)
		}
		return nil
	}
	cluster.before = func(c apiCall) error {
		if isFirstCall(c) {
			dead = false
		}
		if !dead {
			calls++
		}
		return fails(c, false)
	}
	cluster.after = func(c apiCall) error { return fails(c, true) }
	_ = op.settle()
	for _, happen := range s.happens {
		happen(cluster)
		_ = op.settle()
	}
	return cluster, calls
}

// "So a crash between any two calls is made good by doing the same again." Each call of each scenario goes wrong in each way,
// and in the end everything is as if it had not.
func TestACrashAfterEachCall(t *testing.T) {
	for _, s := range listScenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			healthy, calls := s.play(t, -1, fault{effect: true})
			checkHistory(t, healthy)
			want := healthy.summarize()
			read, ended := map[string]bool{}, map[string]bool{}
			if got := healthy.getExecution().Status.State; got != s.state {
				t.Fatalf("without a fault it ends %s, want %s:\n%s", got, s.state, want)
			}
			for _, f := range faults {
				for index := range calls {
					if c := healthy.calls[index]; isRead(c.name) {
						// A read has no effect, one that fails ends a reconciliation, and the same read of the same world is one.
						same := fmt.Sprint(c.name, c.effects)
						if f.effect || f.dies || read[same] {
							continue
						}
						read[same] = true
					}
					call := fmt.Sprint(index, f.effect)
					if f.dies && ended[call] {
						continue // Nothing more was done after it anyway.
					}
					cluster, _ := s.play(t, index, f)
					ended[call] = index+1 == len(cluster.calls) || isFirstCall(cluster.calls[index+1])
					checkHistory(t, cluster)
					if diff := cmp.Diff(want, cluster.summarize()); diff != "" {
						t.Errorf("call %d of %d (%s) %s (-want +got):\n%s", index+1, calls, healthy.calls[index].name, f.name, diff)
					}
					if t.Failed() {
						t.Fatalf("call %d of %d %s: %v", index+1, calls, f.name, cluster.callNames())
					}
				}
			}
		})
	}
}

// checkHistory checks what must hold of all that was done: I3, "No Job of an execution is created after Accepted is
// published", and I4, "At most one Job ever runs for one (execution, stage, action, attempt)".
func checkHistory(t *testing.T, cluster *fakeCluster) {
	t.Helper()
	created := map[string]int{}
	for _, c := range cluster.jobs {
		created[c.name]++
		if c.published && !c.placeholder {
			t.Errorf("I3: %+v after the stop was published", c)
		}
	}
	for name, n := range created {
		if n > 1 {
			t.Errorf("I4: %d Jobs of the name %s: %+v", n, name, cluster.jobs)
		}
	}
}

// Nothing of ours is deleted, and nothing of another is changed: a foreign Job of the name fails the action.
func TestAForeignJobOfTheName(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	cluster.before = refuseJobs("a")
	_ = op.settle()
	foreign := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: cluster.getExecution().Status.Stages[0].Actions[0].Workload.Name, UID: "foreign"}}
	cluster.must(cluster.raw.Create(t.Context(), foreign))
	version := foreign.ResourceVersion
	cluster.before = nil
	cluster.must(op.settleWithoutJobController())
	execution := cluster.getExecution()
	if a := execution.Status.Stages[0].Actions[0]; execution.Status.State != v1alpha1.ExecutionFailed || a.Reason != v1alpha1.ReasonJobNameTaken {
		t.Errorf("the execution is %s, the action %+v", execution.Status.State, a)
	}
	cluster.must(cluster.raw.Get(t.Context(), client.ObjectKeyFromObject(foreign), foreign))
	if foreign.ResourceVersion != version {
		t.Errorf("I7: the foreign Job was changed: %+v", foreign)
	}
}

// settleWithoutCluster runs the operator until it writes no more, and no Job controller.
func (op *operator) settleWithoutJobController() error {
	for range 10 {
		before := op.cluster.effects
		if _, err := op.reconcileExecution(); err != nil {
			return err
		}
		if op.cluster.effects == before {
			return nil
		}
	}
	return errors.New("it does not settle")
}

// A revision that was tampered with, or is gone, is not run: what is in progress finishes, nothing more starts.
func TestARevisionThatIsLost(t *testing.T) {
	for name, lose := range map[string]func(*fakeCluster, *appsv1.ControllerRevision) error{
		"gone": func(cluster *fakeCluster, sr *appsv1.ControllerRevision) error {
			return cluster.raw.Delete(context.Background(), sr)
		},
		"tampered with": func(cluster *fakeCluster, sr *appsv1.ControllerRevision) error {
			sr.Data.Raw = []byte(strings.ReplaceAll(string(sr.Data.Raw), "busybox", "evil"))
			return cluster.raw.Update(context.Background(), sr)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), makeExecution())
			op := cluster.newOperator("op")
			cluster.must(op.settle())
			for _, o := range cluster.listObjects() {
				if sr, ok := o.(*appsv1.ControllerRevision); ok {
					cluster.must(lose(cluster, sr))
				}
			}
			cluster.finishJob("a", batchv1.JobComplete)
			cluster.finishJob("b", batchv1.JobComplete)
			cluster.must(op.settle())
			execution := cluster.getExecution()
			ready := meta.FindStatusCondition(execution.Status.Conditions, v1alpha1.ConditionReady)
			if execution.Status.State != v1alpha1.ExecutionFailed || ready.Reason != v1alpha1.ReasonRevisionLost || len(cluster.jobs) != 2 {
				t.Errorf("%s: %s, created %+v", execution.Status.State, ready.Reason, cluster.jobs)
			}
		})
	}
}

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
)

const (
	theUID           = "0b9c2f4e-52a1-4d0c-9a57-3f1f6f1d2c11"
	jobSpec          = `{"backoffLimit":0,"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"main","image":"busybox"}]}}}`
	jobSpecReordered = `{"template":{"spec":{"containers":[{"image":"busybox","name":"main"}],"restartPolicy":"Never"}},"backoffLimit":0}`
)

var (
	theExecution = types.NamespacedName{Namespace: "team", Name: "run-1"}

	errTimeout = apierrors.NewTimeoutError("the server did not answer", 1)
	errQuota   = apierrors.NewForbidden(batchv1.Resource("jobs"), "j", errors.New("exceeded quota: q"))
	errDied    = errors.New("the operator has died")
)

// world is an API server in memory with all of the cluster but the operator. It records every call and can refuse any.
type world struct {
	t     *testing.T
	raw   client.WithWatch
	clock *testclock.FakePassiveClock
	calls []apiCall
	// before runs ahead of a call and can refuse it; after runs when it was carried out, and can lose its answer.
	before, after func(apiCall) error
	// jobs are the Jobs that were created, in their order.
	jobs []creation
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
type creation struct {
	name, by  string
	tombstone bool
	// published says that the stop of its execution was, by then.
	published bool
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	return &world{
		t: t, raw: build(t, objects...),
		clock: testclock.NewFakePassiveClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
	}
}

// indexer registers with a fake client what setupIndexes registers with a cache.
type indexer struct{ *fake.ClientBuilder }

func (i indexer) IndexField(_ context.Context, o client.Object, field string, values client.IndexerFunc) error {
	i.WithIndex(o, field, values)
	return nil
}

// theScheme and theDecoder take long to make, so that all worlds share them.
var (
	theScheme = sync.OnceValue(func() *runtime.Scheme {
		scheme := runtime.NewScheme()
		utilruntime.Must(clientgoscheme.AddToScheme(scheme))
		utilruntime.Must(v1alpha1.AddToScheme(scheme))
		return scheme
	})
	theDecoder = sync.OnceValue(func() runtime.Decoder { return serializer.NewCodecFactory(theScheme()).UniversalDecoder() })
)

func build(t *testing.T, objects ...client.Object) client.WithWatch {
	t.Helper()
	scheme := theScheme()
	// A tracker of its own, since that of the fake client is slow for the sake of managed fields.
	tracker := clienttesting.NewObjectTracker(scheme, theDecoder())
	b := fake.NewClientBuilder().WithScheme(scheme).WithObjectTracker(tracker).WithObjects(objects...).
		WithStatusSubresource(&v1alpha1.Pipeline{}, &v1alpha1.PipelineExecution{}, &v1alpha1.StopRequest{})
	if err := setupIndexes(t.Context(), indexer{b}); err != nil {
		t.Fatal(err)
	}
	return b.Build()
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// every is each object of the world.
func (w *world) every() []client.Object {
	w.t.Helper()
	var all []client.Object
	for _, list := range []client.ObjectList{
		&v1alpha1.PipelineList{}, &v1alpha1.PipelineExecutionList{}, &v1alpha1.StopRequestList{},
		&appsv1.ControllerRevisionList{}, &batchv1.JobList{}, &corev1.PodList{},
	} {
		w.must(w.raw.List(context.Background(), list))
		w.must(meta.EachListItem(list, func(o runtime.Object) error {
			all = append(all, o.(client.Object))
			return nil
		}))
	}
	return all
}

// names are the calls, in their order.
func (w *world) names() []string {
	var n []string
	for _, c := range w.calls {
		n = append(n, c.name)
	}
	return n
}

// writes are the calls that change something.
func (w *world) writes() []string {
	return slices.DeleteFunc(w.names(), isRead)
}

func isRead(call string) bool {
	verb, _, _ := strings.Cut(strings.TrimPrefix(call, "live "), " ")
	return verb == "get" || verb == "list"
}

// since runs f and returns what it wrote.
func (w *world) since(f func()) []string {
	w.calls = nil
	f()
	return w.writes()
}

// operator is an operator with a cache of its own.
type operator struct {
	w          *world
	name       string
	executions *PipelineExecutionReconciler
	requests   *StopRequestReconciler
	recorder   *recorder
	// cache is what it reads from: the API server, or an older state of it.
	cache client.Client
	// pages has live lists come in pages of so many.
	pages int
}

func (w *world) operator(name string) *operator {
	op := &operator{w: w, name: name, recorder: &recorder{FakeRecorder: events.NewFakeRecorder(10000)}, cache: w.raw}
	for _, c := range NewControllers(Dependencies{Client: op.client(""), APIReader: op.client("live "), Recorder: op.recorder, Clock: w.clock}) {
		switch r := c.Reconciler.(type) {
		case *PipelineExecutionReconciler:
			op.executions = r
		case *StopRequestReconciler:
			op.requests = r
		}
	}
	return op
}

// freeze has the cache show from now on what there is now.
func (op *operator) freeze() {
	op.cache = build(op.w.t, op.w.every()...)
}

// hide freezes the cache without an object.
func (op *operator) hide(key types.NamespacedName) {
	kept := slices.DeleteFunc(op.w.every(), func(o client.Object) bool { return client.ObjectKeyFromObject(o) == key })
	op.cache = build(op.w.t, kept...)
}

// recorder keeps what each event is about beside the execution, too: the name and id of a Job, or nothing.
type recorder struct {
	*events.FakeRecorder
	about []string
}

func (r *recorder) Eventf(o, related runtime.Object, eventType, reason, action, note string, args ...any) {
	about := reason
	if job, ok := related.(*batchv1.Job); ok {
		about += fmt.Sprintf(" %s/%s %s", job.Namespace, job.Name, job.UID)
	}
	r.about = append(r.about, about)
	r.FakeRecorder.Eventf(o, related, eventType, reason, action, note, args...)
}

// told are the events, as "Type Reason note".
func (op *operator) told() []string {
	var told []string
	for len(op.recorder.Events) > 0 {
		told = append(told, <-op.recorder.Events)
	}
	return told
}

// do records a call, carries it out, and has it go wrong where the world wants it.
func (op *operator) do(name string, o runtime.Object, written client.Object, carryOut func() error) error {
	gvk, err := apiutil.GVKForObject(o, op.w.raw.Scheme())
	op.w.must(err)
	kind := strings.TrimSuffix(gvk.Kind, "List")
	if kind == "Job" && written != nil && written.GetLabels()[v1alpha1.LabelPlaceholder] != "" {
		kind = "tombstone"
	}
	call := apiCall{op.name, name + " " + kind, written, op.w.effects}
	op.w.calls = append(op.w.calls, call)
	if op.w.before != nil {
		if err := op.w.before(call); err != nil {
			return err
		}
	}
	if err := carryOut(); err != nil {
		return err
	}
	if !isRead(call.name) {
		op.w.effects++
	}
	if op.w.after != nil {
		return op.w.after(call)
	}
	return nil
}

func (op *operator) client(prefix string) client.Client {
	reader := func() client.Reader {
		if prefix == "" {
			return op.cache
		}
		return op.w.raw
	}
	forbidden := func(name string, o client.Object) error {
		op.w.t.Errorf("%s calls %s of %T", op.name, name, o)
		return errors.New("no right to " + name)
	}
	return interceptor.NewClient(op.w.raw, interceptor.Funcs{
		Get: func(ctx context.Context, _ client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return op.do(prefix+"get", o, nil, func() error { return reader().Get(ctx, key, o, opts...) })
		},
		List: func(ctx context.Context, _ client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return op.do(prefix+"list", list, nil, func() error {
				if prefix != "" && op.pages > 0 {
					return op.page(ctx, list, opts...)
				}
				return reader().List(ctx, list, opts...)
			})
		},
		Create: func(ctx context.Context, raw client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return op.do(prefix+"create", o, o, func() error { return op.create(ctx, raw, o, opts...) })
		},
		Patch: func(ctx context.Context, raw client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
			return op.do(prefix+"patch", o, o, func() error { return raw.Patch(ctx, o, patch, opts...) })
		},
		SubResourceUpdate: func(ctx context.Context, raw client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			return op.do(prefix+"update "+sub, o, o, func() error { return raw.SubResource(sub).Update(ctx, o, opts...) })
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
	op.w.uids++
	o.SetUID(types.UID(fmt.Sprintf("uid-%d", op.w.uids)))
	published := op.w.published()
	if err := raw.Create(ctx, o, opts...); err != nil {
		return err
	}
	if job, ok := o.(*batchv1.Job); ok {
		op.w.jobs = append(op.w.jobs, creation{job.Name, op.name, job.Labels[v1alpha1.LabelPlaceholder] != "", published})
	}
	return nil
}

// page is one page of a live list: the fake client has only whole lists.
func (op *operator) page(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(opts)
	var from int
	if o.Continue != "" {
		if _, err := fmt.Sscan(o.Continue, &from); err != nil {
			return err
		}
	}
	o.Continue, o.Limit = "", 0
	if err := op.w.raw.List(ctx, list, &o); err != nil {
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
func (w *world) published() bool {
	executions, requests := &v1alpha1.PipelineExecutionList{}, &v1alpha1.StopRequestList{}
	w.must(w.raw.List(context.Background(), executions))
	w.must(w.raw.List(context.Background(), requests))
	return slices.ContainsFunc(executions.Items, func(e v1alpha1.PipelineExecution) bool {
		return e.Status.State == v1alpha1.ExecutionStopping || e.Status.State == v1alpha1.ExecutionStopped
	}) || slices.ContainsFunc(requests.Items, func(r v1alpha1.StopRequest) bool { return isAccepted(&r) })
}

// run reconciles the execution.
func (op *operator) run() (ctrl.Result, error) {
	return op.executions.Reconcile(context.Background(), ctrl.Request{NamespacedName: theExecution})
}

// answer reconciles a stop request.
func (op *operator) answer(name string) error {
	_, err := op.requests.Reconcile(context.Background(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "team", Name: name}})
	return err
}

// settle has the operator and the cluster do what they do until nothing changes, and returns the errors on the way.
func (op *operator) settle() error {
	var errs []error
	for still := 0; len(errs) < 30; {
		before := op.w.effects
		_, err := op.run()
		requests := &v1alpha1.StopRequestList{}
		op.w.must(op.w.raw.List(context.Background(), requests))
		for _, r := range requests.Items {
			err = errors.Join(err, op.answer(r.Name))
		}
		op.w.jobController()
		errs = append(errs, err)
		still++
		if op.w.effects != before {
			still = 0
		}
		// What a quota refuses stays so; any other error passes.
		if still > 0 && err == nil || still > 1 && errors.Is(err, errQuota) {
			return errors.Join(errs...)
		}
	}
	op.w.t.Errorf("I8: it does not converge; the last: %s", op.w.show())
	return errors.Join(errs...)
}

// jobController gives Jobs their pods, and ends those of suspended ones.
func (w *world) jobController() {
	w.t.Helper()
	ctx := context.Background()
	jobs := &batchv1.JobList{}
	w.must(w.raw.List(ctx, jobs))
	for i := range jobs.Items {
		job := &jobs.Items[i]
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: job.Namespace, Name: job.Name + "-pod", Labels: map[string]string{
				batchv1.ControllerUidLabel: string(job.UID), batchv1.JobNameLabel: job.Name,
				v1alpha1.LabelExecutionID: job.Labels[v1alpha1.LabelExecutionID],
			},
		}}
		switch {
		case finished(job):
		case ptr.Deref(job.Spec.Suspend, false):
			w.happened(w.raw.Delete(ctx, pod))
			w.conclude(job, batchv1.JobSuspended)
		default:
			w.happened(w.raw.Create(ctx, pod))
		}
	}
}

// happened takes into account what changed something, unless it was so before.
func (w *world) happened(err error) {
	w.t.Helper()
	if err == nil {
		w.effects++
		return
	}
	w.must(client.IgnoreAlreadyExists(client.IgnoreNotFound(err)))
}

func finished(job *batchv1.Job) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed
	})
}

// conclude gives a Job a condition, once.
func (w *world) conclude(job *batchv1.Job, t batchv1.JobConditionType) {
	w.t.Helper()
	if !slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool { return c.Type == t }) {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{Type: t, Status: corev1.ConditionTrue})
		w.happened(w.raw.Status().Update(context.Background(), job))
	}
}

// finish ends the Job of an action.
func (w *world) finish(name string, how batchv1.JobConditionType) {
	w.t.Helper()
	w.must(client.IgnoreNotFound(w.raw.Delete(context.Background(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: w.jobOf(name).Name + "-pod"}})))
	w.conclude(w.jobOf(name), how)
}

func (w *world) jobOf(name string) *batchv1.Job {
	w.t.Helper()
	for _, o := range w.every() {
		if job, ok := o.(*batchv1.Job); ok && job.Annotations[v1alpha1.AnnotationAction] == name {
			return job
		}
	}
	w.t.Fatalf("no Job of action %q: %s", name, w.show())
	return nil
}

func (w *world) execution() *v1alpha1.PipelineExecution {
	w.t.Helper()
	e := &v1alpha1.PipelineExecution{}
	w.must(w.raw.Get(context.Background(), theExecution, e))
	return e
}

func (w *world) request(name string) *v1alpha1.StopRequest {
	w.t.Helper()
	r := &v1alpha1.StopRequest{}
	w.must(w.raw.Get(context.Background(), types.NamespacedName{Namespace: "team", Name: name}, r))
	return r
}

// ask creates a request to stop the execution.
func (w *world) ask(name string, abandon bool) {
	w.t.Helper()
	w.must(w.raw.Create(context.Background(), stopRequest(name, abandon)))
}

// show is all that a person could see in the end, but for ids and times.
func (w *world) show() string {
	var lines []string
	for _, o := range w.every() {
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

func act(name string, runOrder int32) v1alpha1.Action {
	return v1alpha1.Action{Name: name, RunOrder: runOrder, Job: &v1alpha1.JobTemplate{Spec: runtime.RawExtension{Raw: []byte(jobSpec)}}}
}

// thePipeline has a group of two actions, and a stage behind it.
func thePipeline() *v1alpha1.Pipeline {
	orphan := act("b", 1)
	orphan.OnAbandon = v1alpha1.OnAbandonOrphan
	return &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web", UID: "uid-of-web", Generation: 1},
		Spec: v1alpha1.PipelineSpec{Stages: []v1alpha1.Stage{
			{Name: "s", Actions: []v1alpha1.Action{act("a", 1), orphan}}, {Name: "u", Actions: []v1alpha1.Action{act("c", 1)}},
		}},
	}
}

// only is a Pipeline of one action.
func only(name string) *v1alpha1.Pipeline {
	p := thePipeline()
	p.Spec.Stages = []v1alpha1.Stage{{Name: "s", Actions: []v1alpha1.Action{act(name, 1)}}}
	return p
}

func newExecution() *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: theExecution.Namespace, Name: theExecution.Name, UID: theUID, Generation: 1},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "web"},
		Status:     v1alpha1.PipelineExecutionStatus{ObservedGeneration: -1},
	}
}

func stopRequest(name string, abandon bool) *v1alpha1.StopRequest {
	return &v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, UID: types.UID("uid-of-" + name), Generation: 1},
		Spec:       v1alpha1.StopRequestSpec{PipelineName: "web", PipelineExecutionID: theUID, Abandon: abandon, Reason: "a test"},
		Status:     v1alpha1.StopRequestStatus{ObservedGeneration: -1},
	}
}

// noJobs is a quota that takes no Jobs of these actions, and takes tombstones: as an operator that is paused.
func noJobs(actions ...string) func(apiCall) error {
	return func(c apiCall) error {
		if c.name == "create Job" && slices.Contains(actions, c.object.GetAnnotations()[v1alpha1.AnnotationAction]) {
			return errQuota
		}
		return nil
	}
}

// The writes of docs/architecture.md, "What a step costs".
const (
	own      = "patch PipelineExecution"
	pin      = "create ControllerRevision"
	record   = "update status PipelineExecution"
	answered = "update status StopRequest"
	newJob   = "create Job"
	newTomb  = "create tombstone"
	patchJob = "patch Job"
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
	w := newWorld(t, thePipeline(), newExecution())
	op := w.operator("op")
	first := true
	step := func(what string, want ...string) {
		t.Helper()
		checkWrites(t, what, w.since(func() {
			_, err := op.run()
			w.must(err)
		}), want...)
		live := slices.DeleteFunc(w.names(), func(n string) bool { return !strings.HasPrefix(n, "live") })
		// The Pipeline is read before it is made an owner.
		if first != slices.Equal(live, []string{"live get Pipeline"}) || !first && len(live) > 0 {
			t.Errorf("%s reads live: %v", what, live)
		}
		first = false
		// "When faults end, everything converges, and then writes stop."
		checkWrites(t, what+", and again", w.since(func() {
			_, err := op.run()
			w.must(err)
		}))
	}
	step("first sight and the first group", own, pin, record, newJob, newJob, record)
	w.jobController()
	step("nothing has happened")
	w.finish("a", batchv1.JobComplete)
	step("one of the group ends", record)
	w.finish("b", batchv1.JobComplete)
	step("the next group", record, newJob, record)
	w.finish("c", batchv1.JobComplete)
	step("the end", record)
	if s := w.execution().Status.State; s != v1alpha1.ExecutionSucceeded {
		t.Errorf("the execution is %s", s)
	}
	if told := op.told(); len(told) != 2 || !strings.HasPrefix(told[0], "Normal Started ") || !strings.HasPrefix(told[1], "Normal Succeeded ") {
		t.Errorf("events %q", told)
	}
}

// "a stop and wait | a status write for the acceptance, one for each action that ends, two on the StopRequest"
func TestWritesOfAStopAndWait(t *testing.T) {
	w := newWorld(t, thePipeline(), newExecution())
	op := w.operator("op")
	w.must(op.settle())
	w.ask("w", false)
	checkWrites(t, "accepting", w.since(func() { w.must(op.settle()) }), record, answered)
	w.finish("a", batchv1.JobFailed)
	checkWrites(t, "one action ends", w.since(func() { w.must(op.settle()) }), record)
	w.finish("b", batchv1.JobComplete)
	checkWrites(t, "the other one ends", w.since(func() { w.must(op.settle()) }), record, answered)
	checkStopped(t, w, 2)
}

// "a stop and abandon | the same, and a patch and a list of pods for each Job"
func TestWritesOfAStopAndAbandon(t *testing.T) {
	p := thePipeline()
	p.Spec.Stages[0].Actions[1].OnAbandon = v1alpha1.OnAbandonTerminate
	w := newWorld(t, p, newExecution())
	op := w.operator("op")
	w.must(op.settle())
	w.ask("x", true)
	checkWrites(t, "all of it", w.since(func() { w.must(op.settle()) }), record, patchJob, patchJob, answered, record, answered)
	lists := slices.DeleteFunc(w.names(), func(n string) bool { return n != "live list Pod" })
	if len(lists) != 2 {
		t.Errorf("pods were listed %d times for two Jobs", len(lists))
	}
	checkStopped(t, w, 2)
}

// An orphan is a patch, and nothing is waited for.
func TestWritesOfAnOrphan(t *testing.T) {
	p := only("b")
	p.Spec.Stages[0].Actions[0].OnAbandon = v1alpha1.OnAbandonOrphan
	w := newWorld(t, p, newExecution())
	op := w.operator("op")
	w.must(op.settle())
	w.ask("x", true)
	checkWrites(t, "all of it", w.since(func() { w.must(op.settle()) }), record, patchJob, record, answered)
	if job := w.jobOf("b"); len(job.OwnerReferences) != 0 || job.Labels[v1alpha1.LabelOrphaned] != "true" || ptr.Deref(job.Spec.Suspend, false) {
		t.Errorf("the orphan is %+v", job)
	}
}

func checkStopped(t *testing.T, w *world, jobs int) {
	t.Helper()
	if e := w.execution(); e.Status.State != v1alpha1.ExecutionStopped || len(w.jobs) != jobs {
		t.Errorf("%d Jobs were created; %s", len(w.jobs), w.show())
	}
}

// When must it be looked at again, though nothing happens to it?
func TestRequeue(t *testing.T) {
	w := newWorld(t, only("a"), newExecution())
	op := w.operator("op")
	look := func(what string, want time.Duration) {
		t.Helper()
		if got, err := op.run(); err != nil || got.RequeueAfter != want {
			t.Errorf("%s: again after %s, %v; want %s", what, got.RequeueAfter, err, want)
		}
	}
	look("running", 5*time.Minute)
	r := stopRequest("w", false)
	r.Spec.EscalateAfterSeconds = ptr.To[int64](7)
	w.must(w.raw.Create(t.Context(), r))
	look("a stop was accepted", 5*time.Second)
	w.clock.SetTime(w.clock.Now().Add(5 * time.Second))
	look("it escalates soon", 2*time.Second)
	w.clock.SetTime(w.clock.Now().Add(2 * time.Second))
	look("it has escalated", 5*time.Second)
	if e := w.execution(); e.Status.Stop.Mode != v1alpha1.StopModeAbandon || !ptr.Deref(w.jobOf("a").Spec.Suspend, false) {
		t.Errorf("it did not escalate: %s", w.show())
	}
	w.jobController()
	look("it is Stopped", 0)
}

// What has ended is left alone, and what is gone is no error.
func TestNothingToDo(t *testing.T) {
	ended := newExecution()
	ended.Status.State = v1alpha1.ExecutionFailed
	for name, e := range map[string]*v1alpha1.PipelineExecution{"final": ended, "gone": nil} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, thePipeline(), stopRequest("w", true))
			if e != nil {
				w = newWorld(t, thePipeline(), stopRequest("w", true), e)
			}
			got, err := w.operator("op").run()
			if diff := cmp.Diff([]string{"get PipelineExecution"}, w.names()); diff != "" || err != nil || got != (ctrl.Result{}) {
				t.Errorf("%+v, %v; calls (-want +got):\n%s", got, err, diff)
			}
		})
	}
}

// deleteHeld deletes an object that a finalizer of another keeps.
func (w *world) deleteHeld(o client.Object) {
	w.t.Helper()
	ctx := context.Background()
	w.must(w.raw.Get(ctx, client.ObjectKeyFromObject(o), o))
	o.SetFinalizers([]string{"example.com/hold"})
	w.must(w.raw.Update(ctx, o))
	w.must(w.raw.Delete(ctx, o))
}

// Of an execution that is being deleted nothing more is started. What it runs is followed, and can be stopped.
func TestAnExecutionThatIsBeingDeleted(t *testing.T) {
	const inProgress, stopped = v1alpha1.ExecutionInProgress, v1alpha1.ExecutionStopped
	nothing := func(*world) {}
	tests := []struct {
		name    string
		before  func(apiCall) error
		running bool
		// happens is what happens after the deletion; late does when that has settled.
		happens, late func(*world)
		state         v1alpha1.ExecutionState
		// jobs and tombstones are how many were created.
		jobs, tombstones int
	}{
		{"before it took its Pipeline", nil, false, nothing, nothing, inProgress, 0, 0},
		{"before it took its Pipeline, and it is stopped", nil, false, func(w *world) { w.ask("r", false) }, nothing, stopped, 0, 0},
		{"with open intents", noJobs("a", "b"), true, func(w *world) { w.before = nil }, nothing, inProgress, 0, 0},
		{"with open intents, and it is stopped", noJobs("a", "b"), true, func(w *world) { w.ask("r", false) }, nothing, stopped, 0, 2},
		{"while a group runs, which ends", nil, true, func(w *world) {
			w.finish("a", batchv1.JobComplete)
			w.finish("b", batchv1.JobComplete)
		}, nothing, inProgress, 2, 0},
		{"while a group runs, and it is stopped", nil, true, func(w *world) { w.ask("r", false) }, func(w *world) {
			w.finish("a", batchv1.JobComplete)
			w.finish("b", batchv1.JobFailed)
		}, stopped, 2, 0},
		{"while a group runs, and it is abandoned", nil, true, func(w *world) { w.ask("r", true) }, nothing, stopped, 2, 0},
		{"while a group runs, and a stop of it escalates", nil, true, func(w *world) {
			r := stopRequest("r", false)
			r.Spec.EscalateAfterSeconds = ptr.To[int64](7)
			w.must(w.raw.Create(context.Background(), r))
		}, func(w *world) { w.clock.SetTime(w.clock.Now().Add(7 * time.Second)) }, stopped, 2, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, thePipeline(), newExecution())
			op := w.operator("op")
			w.before = tt.before
			if tt.running {
				w.must(ignoreQuota(op.settle()))
			}
			w.deleteHeld(w.execution())
			for _, happen := range []func(*world){tt.happens, tt.late} {
				happen(w)
				w.must(ignoreQuota(op.settle()))
			}
			tombstones := len(slices.DeleteFunc(slices.Clone(w.jobs), func(c creation) bool { return !c.tombstone }))
			e := w.execution()
			if e.Status.State != tt.state || len(w.jobs)-tombstones != tt.jobs || tombstones != tt.tombstones {
				t.Errorf("it is %s, want %s; created %+v", e.Status.State, tt.state, w.jobs)
			}
			if tt.state == stopped && verdict(w.request("r")) != accepted {
				t.Errorf("the request reads %q", verdict(w.request("r")))
			}
			if !tt.running && (len(e.OwnerReferences) != 0 || e.Status.PipelineRevision != "") {
				t.Errorf("it took its Pipeline: %+v, %q", e.OwnerReferences, e.Status.PipelineRevision)
			}
		})
	}
}

// Where the Job of an execution that is being deleted is lost, no tombstone is made: it would go with the execution.
func TestALostJobOfAnExecutionThatIsBeingDeleted(t *testing.T) {
	for _, deleted := range []bool{false, true} {
		w := newWorld(t, only("a"), newExecution())
		op := w.operator("op")
		w.must(op.settle())
		if deleted {
			w.deleteHeld(w.execution())
		}
		job := w.jobOf("a")
		w.must(w.raw.Delete(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: job.Name + "-pod"}}))
		w.must(w.raw.Delete(t.Context(), job))
		w.must(op.settle())
		if a := w.execution().Status.Stages[0].Actions[0]; a.State != v1alpha1.ActionFailed || a.Reason != v1alpha1.ReasonJobLost {
			t.Errorf("being deleted: %v; the action is %+v", deleted, a)
		}
		if got := slices.Contains(w.writes(), newTomb); got == deleted {
			t.Errorf("being deleted: %v; a tombstone: %v", deleted, got)
		}
	}
}

// An operator that was paused may create the Job again that was lost. It is ended before the loss is said, and the execution
// fails as it does without it.
func TestALostJobIsCreatedAgainByAPausedOperator(t *testing.T) {
	for _, abandon := range []bool{false, true} {
		t.Run(fmt.Sprintf("abandon %v", abandon), func(t *testing.T) {
			w := newWorld(t, only("a"), newExecution())
			op := w.operator("op")
			w.must(op.settle())
			lost := w.jobOf("a")
			again := lost.DeepCopy()
			again.UID, again.ResourceVersion = "uid-of-again", ""
			w.must(w.raw.Delete(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: lost.Name + "-pod"}}))
			w.must(w.raw.Delete(t.Context(), lost))
			w.must(w.raw.Create(t.Context(), again))
			state := v1alpha1.ExecutionFailed
			if abandon {
				w.ask("r", true)
				state = v1alpha1.ExecutionStopped
			}
			w.must(op.settle())
			if e := w.execution(); e.Status.State != state {
				t.Errorf("the execution is %s, want %s: %s", e.Status.State, state, w.show())
			}
			if job := w.jobOf("a"); job.UID != again.UID || !ptr.Deref(job.Spec.Suspend, false) || ptr.Deref(job.Spec.Parallelism, 1) != 0 {
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
		{"owning it is forbidden", own, forbidden, true, false, []string{own, record}},
		{"owning it is invalid", own, invalid, true, false, []string{own, record}},
		{"owning it has no answer", own, errTimeout, false, false, []string{own}},
		{"owning it meets a conflict", own, conflict, false, true, []string{own}},
		{"pinning it is forbidden", pin, forbidden, true, false, []string{own, pin, record}},
		{"pinning it is invalid", pin, invalid, true, false, []string{own, pin, record}},
		{"pinning it has no answer", pin, errTimeout, false, false, []string{own, pin}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, only("a"), newExecution())
			op := w.operator("op")
			w.before = func(c apiCall) error {
				if c.name == tt.call {
					return tt.fail
				}
				return nil
			}
			checkWrites(t, "refused", w.since(func() {
				if got, err := op.run(); tt.quiet && (err != nil || got.RequeueAfter == 0) || !tt.quiet && !errors.Is(err, tt.fail) {
					t.Errorf("got %+v, %v: it would not be tried again", got, err)
				}
			}), tt.writes...)
			ready := meta.FindStatusCondition(w.execution().Status.Conditions, v1alpha1.ConditionReady)
			if tt.said != (ready != nil && ready.Reason == v1alpha1.ReasonStartBlocked && strings.Contains(ready.Message, tt.fail.Error())) {
				t.Errorf("it reads %+v", ready)
			}
			if tt.said { // Nothing new is nothing to write.
				checkWrites(t, "refused again", w.since(func() { _, _ = op.run() }), tt.call)
			}
			w.before = nil
			w.must(op.settle())
			if e := w.execution(); len(w.jobs) != 1 || len(e.OwnerReferences) != 1 || e.OwnerReferences[0].UID != "uid-of-web" {
				t.Errorf("in the end: %s", w.show())
			}
			ready = meta.FindStatusCondition(w.execution().Status.Conditions, v1alpha1.ConditionReady)
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
			w := newWorld(t, only("a"), newExecution(), stopRequest("r", false))
			op := w.operator("op")
			w.before = func(c apiCall) error {
				if c.name == own {
					return fail
				}
				return nil
			}
			w.must(op.settle())
			checkStopped(t, w, 0)
			if e := w.execution(); len(e.OwnerReferences) != 0 || e.Status.PipelineRevision != "" {
				t.Errorf("owners %+v, revision %q", e.OwnerReferences, e.Status.PipelineRevision)
			}
		})
	}
	// After a conflict the execution is out of date: it is read again.
	w := newWorld(t, only("a"), newExecution(), stopRequest("r", false))
	op := w.operator("op")
	w.before = func(c apiCall) error {
		if c.name == own {
			w.before = nil
			return apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("pipelineexecutions").GroupResource(), "run-1", errors.New("changed"))
		}
		return nil
	}
	checkWrites(t, "a conflict", w.since(func() {
		if got, err := op.run(); err != nil || got.RequeueAfter == 0 {
			t.Errorf("%+v, %v; want another look", got, err)
		}
	}), own)
	w.must(op.settle())
	checkStopped(t, w, 0)
}

// "The cache may hold one that was deleted since; as an owner it would have the garbage collector delete the execution."
func TestAPipelineThatIsNotWhatTheCacheHas(t *testing.T) {
	ctx := context.Background()
	remove := func(w *world) { w.must(w.raw.Delete(ctx, only("a"))) }
	tests := map[string]func(*world){
		"gone": remove,
		"another of its name": func(w *world) {
			remove(w)
			p := only("a")
			p.UID = "uid-of-another"
			w.must(w.raw.Create(ctx, p))
		},
		"being deleted": func(w *world) { w.deleteHeld(only("a")) },
	}
	for name, happen := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, only("a"), newExecution())
			op := w.operator("op")
			op.freeze()
			happen(w)
			checkWrites(t, "the cache is behind", w.since(func() {
				_, err := op.run()
				w.must(err)
			}), record)
			e := w.execution()
			ready := meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionReady)
			if len(e.OwnerReferences) != 0 || e.Status.PipelineRevision != "" || ready.Reason != v1alpha1.ReasonWaitingForPipeline {
				t.Errorf("owners %+v, revision %q, %s", e.OwnerReferences, e.Status.PipelineRevision, ready.Reason)
			}
			op.cache = w.raw
			w.must(op.settle())
			if e, another := w.execution(), name == "another of its name"; another != (len(e.OwnerReferences) == 1 && len(w.jobs) == 1) {
				t.Errorf("in the end: %s", w.show())
			}
		})
	}
	// A read that fails is no word about it.
	w := newWorld(t, only("a"), newExecution())
	op := w.operator("op")
	w.before = func(c apiCall) error {
		if c.name == "live get Pipeline" {
			return errTimeout
		}
		return nil
	}
	checkWrites(t, "no answer", w.since(func() {
		if _, err := op.run(); !errors.Is(err, errTimeout) {
			t.Errorf("error %v", err)
		}
	}))
}

// Two events of one reason and one object are taken for one, unless they are about two Jobs.
func TestEventsAreAboutTheirJobs(t *testing.T) {
	w := newWorld(t, thePipeline(), newExecution())
	op := w.operator("op")
	w.must(op.settle())
	a, b := w.jobOf("a"), w.jobOf("b")
	w.finish("a", batchv1.JobFailed)
	w.finish("b", batchv1.JobFailed)
	w.must(op.settle())
	about := func(j *batchv1.Job) string { return fmt.Sprintf("ActionFailed team/%s %s", j.Name, j.UID) }
	if diff := cmp.Diff([]string{"Started", about(a), about(b), "Failed"}, op.recorder.about); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// A suspension that is refused is said, and tried again.
func TestASuspensionThatIsRefused(t *testing.T) {
	w := newWorld(t, only("a"), newExecution())
	op := w.operator("op")
	w.must(op.settle())
	w.before = func(c apiCall) error {
		if c.name == patchJob {
			return errQuota
		}
		return nil
	}
	w.ask("r", true)
	if err := op.settle(); !errors.Is(err, errQuota) {
		t.Errorf("error %v: it would not be tried again", err)
	}
	e := w.execution()
	waits := e.Status.Stop.WaitingFor
	if e.Status.State != v1alpha1.ExecutionStopping || len(waits) != 1 || waits[0].Reason != "SuspendRefused" || !strings.Contains(waits[0].Message, "exceeded quota") {
		t.Errorf("it is %s, and waits for %+v", e.Status.State, waits)
	}
	w.before = nil
	w.must(op.settle())
	checkStopped(t, w, 1)
}

// A stop that comes before the Pipeline, or with it: nothing is pinned and nothing starts.
func TestStopBeforeTheStart(t *testing.T) {
	for name, objects := range map[string][]client.Object{
		"no Pipeline":           {newExecution(), stopRequest("w", false)},
		"the Pipeline is there": {thePipeline(), newExecution(), stopRequest("w", false)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, objects...)
			w.must(w.operator("op").settle())
			checkStopped(t, w, 0)
			if slices.Contains(w.names(), pin) {
				t.Errorf("a revision was made: %v", w.names())
			}
		})
	}
}

// "A delete carries a UID precondition; a write that decides carries a resourceVersion": and the fake client, as the API
// server, refuses one that is out of date. Here a stop comes between the decision to start and its write.
func TestAStopBeforeTheIntentIsWritten(t *testing.T) {
	w := newWorld(t, thePipeline(), newExecution())
	paused, other := w.operator("paused"), w.operator("other")
	once := true
	w.before = func(c apiCall) error {
		if c.who == "paused" && c.name == record && once {
			once = false
			w.ask("w", false)
			w.must(other.settle())
		}
		return nil
	}
	// A conflict is nothing to report; the execution is looked at again.
	if got, err := paused.run(); err != nil || got.RequeueAfter == 0 {
		t.Errorf("%+v, %v; want another look", got, err)
	}
	checkStopped(t, w, 0)
	if told := paused.told(); told != nil {
		t.Errorf("nothing was written, and %q is told", told)
	}
	w.must(paused.settle())
	checkStopped(t, w, 0)
}

// A conflict that is the answer to the very write of the intent: no Job of it.
func TestAConflictOnTheIntent(t *testing.T) {
	w := newWorld(t, thePipeline(), newExecution())
	op := w.operator("op")
	refused := 0
	w.before = func(c apiCall) error {
		if c.name == record && refused == 0 {
			refused++
			return apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("pipelineexecutions").GroupResource(), "run-1", errors.New("changed"))
		}
		return nil
	}
	checkWrites(t, "refused", w.since(func() {
		if got, err := op.run(); err != nil || got.RequeueAfter == 0 {
			t.Errorf("%+v, %v; want another look", got, err)
		}
	}), own, pin, record)
	checkWrites(t, "again", w.since(func() {
		_, err := op.run()
		w.must(err)
	}), record, newJob, newJob, record)
}

// "Before a step creates anything on the word of the cache, it compares the execution's resourceVersion with the API
// server's": here the intent is open, and the cache is older than what became of the execution since.
func TestAStaleExecutionCreatesNothing(t *testing.T) {
	tests := map[string]func(*world, *operator){
		"it was stopped, and the tombstones are lost": func(w *world, other *operator) {
			w.ask("w", false)
			w.must(client.IgnoreNotFound(ignoreQuota(other.settle())))
			for _, name := range []string{"a", "b"} {
				w.must(w.raw.Delete(context.Background(), w.jobOf(name)))
			}
		},
		"it is gone": func(w *world, _ *operator) { w.must(w.raw.Delete(context.Background(), w.execution())) },
		"another has its name": func(w *world, _ *operator) {
			e := w.execution()
			w.must(w.raw.Delete(context.Background(), e))
			e.UID, e.ResourceVersion = "uid-of-another", ""
			w.must(w.raw.Create(context.Background(), e))
		},
		"somebody set a label": func(w *world, _ *operator) {
			e := w.execution()
			e.Labels = map[string]string{"a": "b"}
			w.must(w.raw.Update(context.Background(), e))
		},
	}
	for name, happen := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, thePipeline(), newExecution())
			w.before = noJobs("a", "b")
			stale := w.operator("stale")
			if _, err := stale.run(); !errors.Is(err, errQuota) {
				t.Fatalf("error %v", err)
			}
			stale.freeze()
			happen(w, w.operator("other"))
			w.before, w.jobs = nil, nil
			checkWrites(t, "stale", w.since(func() {
				_, err := stale.run()
				w.must(err)
			}))
			if w.jobs != nil || !slices.Contains(w.names(), "live get PipelineExecution") {
				t.Errorf("created %+v; calls %v", w.jobs, w.names())
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
	w := newWorld(t, only("a"), newExecution())
	op := w.operator("op")
	w.before = noJobs("a")
	_ = op.settle()
	w.before = func(c apiCall) error {
		if c.name == "live get PipelineExecution" {
			return errTimeout
		}
		return nil
	}
	if _, err := op.run(); !errors.Is(err, errTimeout) || w.jobs != nil {
		t.Errorf("error %v, created %+v", err, w.jobs)
	}
}

// "An intent whose Job does not exist (live read) gets a tombstone", and "The write after the fence turns the state to
// Stopping": only that write publishes the stop.
func TestTheFenceComesBeforeThePublication(t *testing.T) {
	for _, abandon := range []bool{false, true} {
		t.Run(fmt.Sprintf("abandon %v", abandon), func(t *testing.T) {
			w := newWorld(t, thePipeline(), newExecution())
			op := w.operator("op")
			w.before = noJobs("b")
			if err := ignoreQuota(op.settle()); err != nil {
				t.Fatal(err)
			}
			w.ask("r", abandon)
			var states []string
			w.after = func(c apiCall) error {
				switch c.name {
				case record:
					states = append(states, string(w.execution().Status.State))
				case newTomb:
					states = append(states, c.name)
				case answered:
					if isAccepted(w.request("r")) {
						states = append(states, "Accepted")
					}
				}
				return nil
			}
			_ = op.settle()
			want := []string{"InProgress", newTomb, "Stopping", "Accepted"}
			if len(states) < len(want) || !slices.Equal(states[:len(want)], want) {
				t.Errorf("in this order: %v; want first %v", states, want)
			}
			if a := w.execution().Status.Stages[0].Actions[1]; a.State != v1alpha1.ActionNotStarted || a.Workload.UID != "" {
				t.Errorf("the fenced action is %+v", a)
			}
			if n := len(w.jobs); n != 2 || w.jobs[0].tombstone || !w.jobs[1].tombstone {
				t.Errorf("created %+v", w.jobs)
			}
		})
	}
}

// While the tombstone is refused the stop is not published, nothing starts, and the execution says why.
func TestAFenceThatIsRefused(t *testing.T) {
	w := newWorld(t, only("a"), newExecution())
	op := w.operator("op")
	refuse := func(c apiCall) error {
		if c.name == newJob || c.name == newTomb {
			return errQuota
		}
		return nil
	}
	w.before = refuse
	_ = op.settle()
	w.ask("r", false)
	if err := op.settle(); !errors.Is(err, errQuota) {
		t.Errorf("error %v: it would not be tried again", err)
	}
	e, r := w.execution(), w.request("r")
	ready := meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionReady)
	if e.Status.State != v1alpha1.ExecutionInProgress || ready.Reason != v1alpha1.ReasonFencing || !strings.Contains(ready.Message, "exceeded quota") {
		t.Errorf("the execution is %s: %s: %s", e.Status.State, ready.Reason, ready.Message)
	}
	if meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionAccepted) != nil {
		t.Errorf("the request has a verdict: %+v", r.Status.Conditions)
	}
	w.before = noJobs("a")
	w.must(op.settle())
	checkStopped(t, w, 1)
	if !w.jobs[0].tombstone {
		t.Errorf("created %+v", w.jobs)
	}
}

// "A paused or partitioned operator that wakes up later finds the name taken."
func TestAPausedOperatorFindsTheNameTaken(t *testing.T) {
	w := newWorld(t, only("a"), newExecution())
	paused, other := w.operator("paused"), w.operator("other")
	once := true
	w.before = func(c apiCall) error {
		switch {
		case c.who == "other":
			return noJobs("a")(c)
		case c.name == newJob && once:
			once = false
			w.ask("w", false)
			w.must(ignoreQuota(other.settle()))
			if !w.published() {
				t.Error("the stop was not published")
			}
		}
		return nil
	}
	if _, err := paused.run(); err == nil {
		t.Error("the operator takes its start for one that was carried out")
	}
	w.must(paused.settle())
	checkStopped(t, w, 1)
	if !w.jobs[0].tombstone {
		t.Errorf("created %+v", w.jobs)
	}
}

// story is what happens to an execution from its beginning to its end.
type story struct {
	name     string
	pipeline *v1alpha1.Pipeline
	// before refuses calls all along.
	before func(apiCall) error
	// happens are what happens, each time when everything has settled.
	happens []func(*world)
	state   v1alpha1.ExecutionState
}

func stories() []story {
	finish := func(name string, how batchv1.JobConditionType) func(*world) {
		return func(w *world) { w.finish(name, how) }
	}
	ask := func(name string, abandon bool) func(*world) { return func(w *world) { w.ask(name, abandon) } }
	both := func(f ...func(*world)) func(*world) {
		return func(w *world) {
			for _, g := range f {
				g(w)
			}
		}
	}
	const complete, failed = batchv1.JobComplete, batchv1.JobFailed
	return []story{
		{"it succeeds", thePipeline(), nil, []func(*world){both(finish("a", complete), finish("b", complete)), finish("c", complete)}, v1alpha1.ExecutionSucceeded},
		{"it fails", thePipeline(), nil, []func(*world){finish("a", failed), finish("b", complete)}, v1alpha1.ExecutionFailed},
		{"stop and wait", thePipeline(), nil, []func(*world){ask("w", false), both(finish("a", complete), finish("b", failed))}, v1alpha1.ExecutionStopped},
		{"stop and abandon", thePipeline(), nil, []func(*world){ask("x", true)}, v1alpha1.ExecutionStopped},
		{"wait, then abandon, and duplicates", thePipeline(), nil, []func(*world){ask("w", false), ask("v", false), ask("x", true)}, v1alpha1.ExecutionStopped},
		{"stop before the start", thePipeline(), nil, []func(*world){}, v1alpha1.ExecutionStopped},
		{"stop and wait with an open intent", thePipeline(), noJobs("b"), []func(*world){ask("w", false), finish("a", complete)}, v1alpha1.ExecutionStopped},
		{"stop and abandon with open intents", thePipeline(), noJobs("a", "b"), []func(*world){ask("x", true)}, v1alpha1.ExecutionStopped},
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
func begins(c apiCall) bool {
	return c.name == "get PipelineExecution" || c.name == "get StopRequest"
}

// tell plays a story in which the call of an index, if it is not negative, goes wrong. It returns the world in the end,
// and how many calls there were.
func (s *story) tell(t *testing.T, index int, f fault) (*world, int) {
	objects := []client.Object{s.pipeline.DeepCopy(), newExecution()}
	if len(s.happens) == 0 {
		objects = append(objects, stopRequest("w", false))
	}
	w := newWorld(t, objects...)
	op := w.operator("op")
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
	w.before = func(c apiCall) error {
		if begins(c) {
			dead = false
		}
		if !dead {
			calls++
		}
		return fails(c, false)
	}
	w.after = func(c apiCall) error { return fails(c, true) }
	_ = op.settle()
	for _, happen := range s.happens {
		happen(w)
		_ = op.settle()
	}
	return w, calls
}

// "So a crash between any two calls is made good by doing the same again." Each call of each story goes wrong in each way,
// and in the end everything is as if it had not.
func TestACrashAfterEachCall(t *testing.T) {
	for _, s := range stories() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			healthy, calls := s.tell(t, -1, fault{effect: true})
			checkHistory(t, healthy)
			want := healthy.show()
			read, ended := map[string]bool{}, map[string]bool{}
			if got := healthy.execution().Status.State; got != s.state {
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
					w, _ := s.tell(t, index, f)
					ended[call] = index+1 == len(w.calls) || begins(w.calls[index+1])
					checkHistory(t, w)
					if diff := cmp.Diff(want, w.show()); diff != "" {
						t.Errorf("call %d of %d (%s) %s (-want +got):\n%s", index+1, calls, healthy.calls[index].name, f.name, diff)
					}
					if t.Failed() {
						t.Fatalf("call %d of %d %s: %v", index+1, calls, f.name, w.names())
					}
				}
			}
		})
	}
}

// checkHistory checks what must hold of all that was done: I3, "No Job of an execution is created after Accepted is
// published", and I4, "At most one Job ever runs for one (execution, stage, action, attempt)".
func checkHistory(t *testing.T, w *world) {
	t.Helper()
	created := map[string]int{}
	for _, c := range w.jobs {
		created[c.name]++
		if c.published && !c.tombstone {
			t.Errorf("I3: %+v after the stop was published", c)
		}
	}
	for name, n := range created {
		if n > 1 {
			t.Errorf("I4: %d Jobs of the name %s: %+v", n, name, w.jobs)
		}
	}
}

// Nothing of ours is deleted, and nothing of another is changed: a foreign Job of the name fails the action.
func TestAForeignJobOfTheName(t *testing.T) {
	w := newWorld(t, only("a"), newExecution())
	op := w.operator("op")
	w.before = noJobs("a")
	_ = op.settle()
	foreign := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: w.execution().Status.Stages[0].Actions[0].Workload.Name, UID: "foreign"}}
	w.must(w.raw.Create(t.Context(), foreign))
	version := foreign.ResourceVersion
	w.before = nil
	w.must(op.settleWithoutCluster())
	e := w.execution()
	if a := e.Status.Stages[0].Actions[0]; e.Status.State != v1alpha1.ExecutionFailed || a.Reason != v1alpha1.ReasonJobNameTaken {
		t.Errorf("the execution is %s, the action %+v", e.Status.State, a)
	}
	w.must(w.raw.Get(t.Context(), client.ObjectKeyFromObject(foreign), foreign))
	if foreign.ResourceVersion != version {
		t.Errorf("I7: the foreign Job was changed: %+v", foreign)
	}
}

// settleWithoutCluster runs the operator until it writes no more, and no Job controller.
func (op *operator) settleWithoutCluster() error {
	for range 10 {
		before := op.w.effects
		if _, err := op.run(); err != nil {
			return err
		}
		if op.w.effects == before {
			return nil
		}
	}
	return errors.New("it does not settle")
}

// A revision that was tampered with, or is gone, is not run: what is in progress finishes, nothing more starts.
func TestARevisionThatIsLost(t *testing.T) {
	for name, lose := range map[string]func(*world, *appsv1.ControllerRevision) error{
		"gone": func(w *world, r *appsv1.ControllerRevision) error { return w.raw.Delete(context.Background(), r) },
		"tampered with": func(w *world, r *appsv1.ControllerRevision) error {
			r.Data.Raw = []byte(strings.ReplaceAll(string(r.Data.Raw), "busybox", "evil"))
			return w.raw.Update(context.Background(), r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, thePipeline(), newExecution())
			op := w.operator("op")
			w.must(op.settle())
			for _, o := range w.every() {
				if r, ok := o.(*appsv1.ControllerRevision); ok {
					w.must(lose(w, r))
				}
			}
			w.finish("a", batchv1.JobComplete)
			w.finish("b", batchv1.JobComplete)
			w.must(op.settle())
			e := w.execution()
			ready := meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionReady)
			if e.Status.State != v1alpha1.ExecutionFailed || ready.Reason != v1alpha1.ReasonRevisionLost || len(w.jobs) != 2 {
				t.Errorf("%s: %s, created %+v", e.Status.State, ready.Reason, w.jobs)
			}
		})
	}
}

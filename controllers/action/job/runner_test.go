// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

const jobUID = "job-1"

var (
	jobs       = schema.GroupResource{Group: "batch", Resource: "jobs"}
	errTimeout = apierrors.NewTimeoutError("the server did not answer", 1)
	errQuota   = apierrors.NewForbidden(jobs, jobName, errors.New("exceeded quota: q"))
	errInvalid = apierrors.NewInvalid(schema.GroupKind{Group: "batch", Kind: "Job"}, jobName, nil)
	errLarge   = apierrors.NewRequestEntityTooLargeError("limit is 3145728")
	errRead    = apierrors.NewForbidden(jobs, jobName, errors.New("no right to read"))
	errEnding  = &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: 403, Reason: metav1.StatusReasonForbidden, Message: "the namespace is being terminated",
		Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}},
	}}
)

// cluster is an API server in memory. It records every call and can refuse any.
type cluster struct {
	t    *testing.T
	raw  client.WithWatch
	base map[string]string // the resourceVersion of each object when the test began
	// stale are the Jobs that the cache shows instead of those of the API server; nil stands for none.
	stale map[string]*batchv1.Job
	// calls are the verbs and kinds, in their order. Reads of the API server itself are "live".
	calls []string
	// patches are the bodies of patches.
	patches []string
	// fail refuses a call; first does so with the first calls of a name, nil being no refusal.
	fail  map[string]error
	first map[string][]error
	uids  int
}

func newCluster(t *testing.T, objects ...client.Object) *cluster {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c := &cluster{t: t, raw: fake.NewClientBuilder().WithScheme(scheme).Build(), fail: map[string]error{}, first: map[string][]error{}, base: map[string]string{}}
	for _, o := range objects {
		if j, ok := o.(*batchv1.Job); !ok || j != nil {
			c.add(o)
		}
	}
	return c
}

// add puts an object into the cluster as it is, a deletion that is under way included.
func (c *cluster) add(o client.Object) {
	c.t.Helper()
	o = o.DeepCopyObject().(client.Object)
	deletion := o.GetDeletionTimestamp()
	if deletion == nil {
		c.must(c.raw.Create(c.t.Context(), o))
	} else {
		// The fake client refuses to create what is being deleted, and sets the time of a deletion itself.
		builder := fake.NewClientBuilder().WithScheme(c.raw.Scheme()).WithObjects(o)
		builder = builder.WithObjects(c.listAll()...)
		c.raw = builder.Build()
	}
	c.base[o.GetName()] = o.GetResourceVersion()
}

func (c *cluster) listAll() []client.Object {
	var all []client.Object
	for _, list := range []client.ObjectList{&batchv1.JobList{}, &corev1.PodList{}} {
		c.must(c.raw.List(c.t.Context(), list))
		c.must(meta.EachListItem(list, func(o runtime.Object) error {
			all = append(all, o.(client.Object))
			return nil
		}))
	}
	return all
}

func (c *cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// recordCall records a call and returns the error that it is to have.
func (c *cluster) recordCall(verb string, o runtime.Object) error {
	kind := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", o), "*v1."), "List")
	name := verb + " " + kind
	c.calls = append(c.calls, name)
	if errs := c.first[name]; len(errs) > 0 {
		c.first[name] = errs[1:]
		return errs[0]
	}
	return c.fail[name]
}

// provider returns one on this cluster, with a cache and a live reader.
func (c *cluster) provider() *Provider {
	return &Provider{Client: c.intercepted(""), APIReader: c.intercepted("live ")}
}

// execute does an operation as the operator does it: through a registry.
func (c *cluster) execute(scope action.Scope, op plan.Operation) (plan.Observation, error) {
	return action.NewRegistry(c.provider()).Execute(c.t.Context(), scope, op)
}

func (c *cluster) intercepted(prefix string) client.Client {
	refuse := func(verb string, o runtime.Object) error {
		return errors.Join(c.recordCall(prefix+verb, o), fmt.Errorf("unexpected %s", verb))
	}
	return interceptor.NewClient(c.raw, interceptor.Funcs{
		Get: func(ctx context.Context, raw client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if err := c.recordCall(prefix+"get", o); err != nil {
				return err
			}
			if old, isStale := c.stale[key.Name]; isStale && prefix == "" {
				if old == nil {
					return apierrors.NewNotFound(jobs, key.Name)
				}
				old.DeepCopyInto(o.(*batchv1.Job))
				return nil
			}
			return raw.Get(ctx, key, o, opts...)
		},
		List: func(ctx context.Context, raw client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if err := c.recordCall(prefix+"list", list); err != nil {
				return err
			}
			return raw.List(ctx, list, opts...)
		},
		Create: func(ctx context.Context, raw client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := c.recordCall(prefix+"create", o); err != nil {
				return err
			}
			c.uids++
			o.SetUID(types.UID(fmt.Sprintf("made-%d", c.uids)))
			return raw.Create(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, raw client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
			data, err := patch.Data(o)
			c.must(err)
			c.patches = append(c.patches, string(data))
			if err := c.recordCall(prefix+"patch", o); err != nil {
				return err
			}
			return raw.Patch(ctx, o, patch, opts...)
		},
		Update: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.UpdateOption) error {
			return refuse("update", o)
		},
		Delete: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.DeleteOption) error {
			return refuse("delete", o)
		},
		DeleteAllOf: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.DeleteAllOfOption) error {
			return refuse("delete all", o)
		},
	})
}

// job returns the Job as the API server has it, or nil.
func (c *cluster) job() *batchv1.Job {
	c.t.Helper()
	job := &batchv1.Job{}
	err := c.raw.Get(c.t.Context(), client.ObjectKey{Namespace: "team", Name: jobName}, job)
	if apierrors.IsNotFound(err) {
		return nil
	}
	c.must(err)
	return job
}

// checkUntouched checks that nothing that was there before has been written to.
func (c *cluster) checkUntouched() {
	c.t.Helper()
	if job := c.job(); job != nil && job.ResourceVersion != c.base[jobName] {
		c.t.Errorf("Job %q was written to: %+v", jobName, job)
	}
}

// makeJob is a Job of the action that runs, as the API server has it.
func makeJob(change ...func(*batchv1.Job)) *batchv1.Job {
	job := newJob(makeScope(), makeConfirmed(plan.OperationObserve))
	job.UID = jobUID
	job.Spec.Suspend = ptr.To(false)
	for _, c := range change {
		c(job)
	}
	return job
}

// The changes of makeJob.
func withoutOwner(j *batchv1.Job)  { j.OwnerReferences = nil }
func asOrphan(j *batchv1.Job)      { withoutOwner(j); j.Labels[v1alpha1.LabelOrphaned] = "true" }
func asPlaceholder(j *batchv1.Job) { j.Labels[v1alpha1.LabelPlaceholder] = "true"; asSuspended(j) }
func asSuspended(j *batchv1.Job)   { j.Spec.Suspend = ptr.To(true) }
func asEmpty(j *batchv1.Job)       { j.Spec.Parallelism = ptr.To[int32](0) }
func asComplete(j *batchv1.Job)    { j.Status.Conditions = jobConditions(batchv1.JobComplete) }
func asFailed(reason, message string) func(*batchv1.Job) {
	return func(j *batchv1.Job) {
		j.Status.Conditions = jobConditions(batchv1.JobFailureTarget, batchv1.JobFailed)
		j.Status.Conditions[1].Reason, j.Status.Conditions[1].Message = reason, message
	}
}
func asDecided(t batchv1.JobConditionType) func(*batchv1.Job) {
	return func(j *batchv1.Job) { j.Status.Conditions = jobConditions(t) }
}

func asConfirmedSuspended(j *batchv1.Job) { j.Status.Conditions = jobConditions(batchv1.JobSuspended) }
func asResumed(j *batchv1.Job) {
	j.Status.Conditions = jobConditions(batchv1.JobSuspended)
	j.Status.Conditions[0].Status = corev1.ConditionFalse
}
func asDeleting(j *batchv1.Job) {
	j.DeletionTimestamp, j.Finalizers = ptr.To(at(0)), []string{"foregroundDeletion"}
}
func asTakenOver(j *batchv1.Job) {
	j.OwnerReferences = []metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: "Other", Name: "o", UID: "other", Controller: ptr.To(true)}}
}
func asHeld(j *batchv1.Job)       { asDeleting(j); j.Finalizers = append(j.Finalizers, "example.com/hold") }
func withOtherUID(j *batchv1.Job) { j.UID = "job-2" }

func jobConditions(types ...batchv1.JobConditionType) []batchv1.JobCondition {
	var c []batchv1.JobCondition
	for _, t := range types {
		c = append(c, batchv1.JobCondition{Type: t, Status: corev1.ConditionTrue, Reason: "R", Message: "m"})
	}
	return c
}

// started is a task on an action whose Job was created.
func makeConfirmed(verb plan.OperationType) plan.Operation {
	t := makeStart(minimalSpec)
	t.Type, t.Workload.UID = verb, jobUID
	return t
}

// intent is a task on an action of which it is not known whether it started.
func makeUnconfirmed(verb plan.OperationType) plan.Operation {
	t := makeStart(minimalSpec)
	t.Type = verb
	return t
}

// run is one call of Do: what there is, what it must say, and what it may call.
type call struct {
	name string
	job  *batchv1.Job
	pods []*corev1.Pod
	// deleted says that the execution is being deleted.
	deleted bool
	fail    map[string]error
	first   map[string][]error
	want    plan.Observation
	// says are parts of the message, where want has none; err is a part of the error.
	says  []string
	err   string
	calls []string
	// created and suspended say what must be there in the end that was not there before; nothing else may have changed.
	created, suspended bool
	// specs are what the patches ask of the spec, as JSON.
	specs []string
}

func (tt *call) check(t *testing.T, op plan.Operation) {
	t.Helper()
	c := newCluster(t, tt.job)
	for _, p := range tt.pods {
		c.add(p)
	}
	maps.Copy(c.fail, tt.fail)
	maps.Copy(c.first, tt.first)
	scope := makeScope()
	if tt.deleted {
		scope.Execution.DeletionTimestamp = ptr.To(at(0))
	}
	o, err := c.execute(scope, op)
	if (err != nil) != (tt.err != "") || (err != nil && !strings.Contains(err.Error(), tt.err)) {
		t.Errorf("error %v, want one about %q", err, tt.err)
	}
	for _, part := range tt.says {
		if !strings.Contains(o.Message, part) {
			t.Errorf("message %q does not have %q", o.Message, part)
		}
	}
	if len(tt.says) > 0 {
		o.Message = ""
	}
	if diff := cmp.Diff(tt.want, o); diff != "" {
		t.Errorf("observation (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(tt.calls, c.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if tt.created || tt.suspended {
		c.checkJob(tt.created, op)
	} else {
		c.checkUntouched()
	}
	if (c.job() != nil) != (tt.job != nil || tt.created) {
		t.Errorf("in the end the Job is %+v", c.job())
	}
	if op.Type == plan.OperationTerminate {
		if diff := cmp.Diff(tt.specs, c.patchedSpecs()); diff != "" {
			t.Errorf("patches (-want +got):\n%s", diff)
		}
	}
}

// patchedSpecs returns what the patches ask of the spec. Each of them must be guarded.
func (c *cluster) patchedSpecs() []string {
	c.t.Helper()
	var specs []string
	for _, p := range c.patches {
		var patch struct {
			Metadata struct{ UID, ResourceVersion string }
			Spec     json.RawMessage
		}
		c.must(json.Unmarshal([]byte(p), &patch))
		if patch.Metadata.UID == "" || patch.Metadata.ResourceVersion == "" {
			c.t.Errorf("the patch %s could meet another Job, or one that was changed", p)
		}
		specs = append(specs, string(patch.Spec))
	}
	return specs
}

func (c *cluster) checkJob(created bool, op plan.Operation) {
	c.t.Helper()
	job := c.job()
	switch {
	case !isOurs(job, makeScope()) || job.Labels[v1alpha1.LabelExecutionID] != executionUID:
		c.t.Errorf("the Job is not the execution's: %+v", job.ObjectMeta)
	case isSuspended(job) != (op.Type != plan.OperationStart):
		c.t.Errorf("suspended: %v", isSuspended(job))
	case created && isPlaceholder(job) != (op.Type != plan.OperationStart):
		c.t.Errorf("a placeholder: %v", isPlaceholder(job))
	case isPlaceholder(job) && !isEmpty(job):
		c.t.Errorf("a placeholder that would run something: %+v", job.Spec)
	}
}

// "Only then are Jobs created […]. AlreadyExists means that it really started". "A Job of our name that is not ours
// (controller UID) is never touched: the action fails with a reason."
func TestStart(t *testing.T) {
	create := []string{"create Job"}
	look := []string{"create Job", "live get Job"}
	tests := []call{
		{name: "created", want: plan.Observation{Phase: plan.PhaseRunning, UID: "made-1"}, calls: create, created: true},
		{name: "ours is there", job: makeJob(), want: plan.Observation{Phase: plan.PhaseRunning, UID: jobUID}, calls: look},
		{name: "ours is there and has ended", job: makeJob(asComplete), want: plan.Observation{Phase: plan.PhaseSucceeded, UID: jobUID}, calls: look},
		{
			// A paused operator that wakes up later finds the name taken.
			name: "fenced since", job: makeJob(asPlaceholder), err: "fenced by a stop", calls: look,
		},
		{
			name: "somebody else's", job: makeJob(withoutOwner), want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNameTaken},
			says: []string{jobName, "left alone", "delete or rename it"}, calls: look,
		},
		{
			name: "of another controller, with our labels", job: makeJob(asTakenOver), want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNameTaken},
			says: []string{"is not this execution's"}, calls: look,
		},
		{
			name: "somebody else's that looks like a placeholder", job: makeJob(asPlaceholder, withoutOwner),
			want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNameTaken}, says: []string{jobName}, calls: look,
		},
		{
			name: "invalid", fail: map[string]error{"create Job": errInvalid},
			want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobRefused}, says: []string{"is invalid", "change the action's job"}, calls: create,
		},
		{
			name: "too large", fail: map[string]error{"create Job": errLarge},
			want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobRefused}, says: []string{"3145728"}, calls: create,
		},
		{
			name: "no such JSON", fail: map[string]error{"create Job": apierrors.NewBadRequest("cannot be decoded")},
			want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobRefused}, says: []string{"cannot be decoded"}, calls: create,
		},
		{
			name: "forbidden by a quota", fail: map[string]error{"create Job": errQuota},
			want: plan.Observation{Phase: plan.PhaseBlocked}, says: []string{"Trying again", "exceeded quota"}, err: "exceeded quota", calls: create,
		},
		{
			name: "forbidden since the namespace ends", fail: map[string]error{"create Job": errEnding},
			want: plan.Observation{Phase: plan.PhaseBlocked}, says: []string{"being terminated"}, err: "being terminated", calls: create,
		},
		// Nobody knows whether it was created: nothing may be recorded.
		{name: "no answer", fail: map[string]error{"create Job": errTimeout}, err: "did not answer", calls: create},
		{name: "the Job that exists cannot be read", job: makeJob(), fail: map[string]error{"live get Job": errTimeout}, err: "did not answer", calls: look},
		{
			name: "it existed and is gone", fail: map[string]error{"create Job": apierrors.NewAlreadyExists(jobs, jobName)},
			err: "existed and is gone", calls: look,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.check(t, makeUnconfirmed(plan.OperationStart)) })
	}
}

// A template that cannot be a Job fails the action and bothers nobody.
func TestStartOfABadTemplate(t *testing.T) {
	bad := makeStart(`{"templat":{}}`)
	tt := call{want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonInvalidJobTemplate}, says: []string{`unknown field "templat"`}}
	tt.check(t, bad)
}

// A start of which nobody knows any more what it runs fails, and says so.
func TestStartOfWhatIsNotKnown(t *testing.T) {
	unknown := makeUnconfirmed(plan.OperationStart)
	unknown.Definition = v1alpha1.Action{}
	tt := call{want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonRevisionLost}, says: []string{"not known any more"}}
	tt.check(t, unknown)
}

// "An intent whose Job does not exist (live read) gets a placeholder: a suspended, marked Job under the very name."
func TestFence(t *testing.T) {
	never := plan.Observation{Phase: plan.PhaseNeverStarted}
	create := []string{"create Job"}
	look := []string{"create Job", "live get Job"}
	twice := []string{"create Job", "create Job"}
	// Whatever ran under the name before is looked for.
	then := func(calls ...string) []string { return append(slices.Clone(calls), "live list Pod") }
	refused := func(errs ...error) map[string][]error { return map[string][]error{"create Job": errs} }
	tests := []call{
		{name: "a placeholder is created", want: never, calls: then(create...), created: true},
		{name: "a placeholder is there", job: makeJob(asPlaceholder), want: never, calls: then(look...)},
		{name: "it really started", job: makeJob(), want: plan.Observation{Phase: plan.PhaseRunning, UID: jobUID}, calls: look},
		{name: "it really started and succeeded", job: makeJob(asComplete), want: plan.Observation{Phase: plan.PhaseSucceeded, UID: jobUID}, calls: look},
		{
			name: "it really started and failed", job: makeJob(asFailed("BackoffLimitExceeded", "twice")),
			want: plan.Observation{Phase: plan.PhaseFailed, UID: jobUID, Reason: "BackoffLimitExceeded", Message: "twice"}, calls: look,
		},
		{
			name: "somebody else's", job: makeJob(withoutOwner), want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNameTaken},
			says: []string{"left alone"}, calls: look,
		},
		{
			name: "somebody else's that looks like a placeholder", job: makeJob(asPlaceholder, asTakenOver),
			want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNameTaken}, says: []string{jobName}, calls: look,
		},
		// Nobody can create anything in it any more, a paused operator neither.
		{name: "the namespace ends", fail: map[string]error{"create Job": errEnding}, want: never, calls: then(create...)},
		{
			// "A quota or a policy that refuses the placeholder of an open intent delays the publication of the stop".
			name: "forbidden by a quota", fail: map[string]error{"create Job": errQuota},
			want: plan.Observation{Phase: plan.PhaseBlocked}, says: []string{"Trying again", "placeholder", "exceeded quota"}, err: "exceeded quota", calls: twice,
		},
		{
			name: "refused by a policy", fail: map[string]error{"create Job": errInvalid},
			want: plan.Observation{Phase: plan.PhaseBlocked}, says: []string{"placeholder"}, err: "is invalid", calls: twice,
		},
		{
			// One that was created, and deleted by somebody else before its uid was recorded.
			name: "pods of a Job of its name are left", pods: []*corev1.Pod{makePod()}, want: plan.Observation{Phase: plan.PhaseBlocked},
			says: []string{"deleted by somebody else", jobName + "-x7k2p"}, err: "have to end", calls: then(create...), created: true,
		},
		{
			name: "a try of a Job of its name is left that had ended", pods: []*corev1.Pod{makePod(func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })},
			want: never, calls: then(create...), created: true,
		},
		{name: "the pods cannot be listed", fail: map[string]error{"live list Pod": errTimeout}, err: "did not answer", calls: then(create...), created: true},
		// A policy that asks for more than the plain placeholder has may let one pass that looks like the Job itself.
		{name: "forbidden, and one like the Job is not", first: refused(errQuota), want: never, calls: then(twice...), created: true},
		{name: "invalid, and one like the Job is not", first: refused(errInvalid), want: never, calls: then(twice...), created: true},
		{
			name: "one like the Job is refused for another reason", first: refused(errInvalid, errQuota),
			want: plan.Observation{Phase: plan.PhaseBlocked}, says: []string{"exceeded quota"}, err: "exceeded quota", calls: twice,
		},
		{name: "no answer about one like the Job", first: refused(errQuota, errTimeout), err: "did not answer", calls: twice},
		{name: "the namespace ends before one like the Job", first: refused(errQuota, errEnding), want: never, calls: then(twice...)},
		{
			name: "refused, and a placeholder is there", job: makeJob(asPlaceholder), first: refused(errQuota),
			want: never, calls: then(append(slices.Clone(twice), "live get Job")...),
		},
		{
			name: "refused, and it really started", job: makeJob(), first: refused(errQuota),
			want: plan.Observation{Phase: plan.PhaseRunning, UID: jobUID}, calls: append(slices.Clone(twice), "live get Job"),
		},
		{name: "no answer", fail: map[string]error{"create Job": errTimeout}, err: "did not answer", calls: create},
		{
			name: "it existed and is gone", fail: map[string]error{"create Job": apierrors.NewAlreadyExists(jobs, jobName)},
			err: "existed and is gone", calls: look,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.check(t, makeUnconfirmed(plan.OperationFence)) })
	}
}

// A placeholder that looks like the Job runs nothing, and is the user's in all else.
func TestAPlaceholderLikeTheJob(t *testing.T) {
	c := newCluster(t)
	c.first["create Job"] = []error{errQuota}
	op := makeUnconfirmed(plan.OperationFence)
	op.Definition.Job.Metadata.Labels = map[string]string{"example.com/team": "payments"}
	_, err := c.execute(makeScope(), op)
	c.must(err)
	want := mustBuild(t, makeScope(), op)
	want.Labels[v1alpha1.LabelPlaceholder] = "true"
	asSuspended(want)
	asEmpty(want)
	got := c.job()
	got.ResourceVersion, got.TypeMeta, got.ManagedFields, got.UID = "", metav1.TypeMeta{}, nil, ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the placeholder (-want +got):\n%s", diff)
	}
	if o, err := c.execute(makeScope(), makeUnconfirmed(plan.OperationStart)); !errors.Is(err, errFenced) {
		t.Errorf("a start after it: %+v, %v", o, err)
	}
}

// Where no Job can be made of the template, or it is not known, what was said of the plain placeholder stays.
func TestNoPlaceholderLikeTheJob(t *testing.T) {
	unknown := makeUnconfirmed(plan.OperationFence)
	unknown.Definition = v1alpha1.Action{}
	bad := makeStart(`{"templat":{}}`)
	bad.Type = plan.OperationFence
	for name, op := range map[string]plan.Operation{"no such template": bad, "the definition is gone": unknown} {
		t.Run(name, func(t *testing.T) {
			tt := call{
				fail: map[string]error{"create Job": errQuota}, want: plan.Observation{Phase: plan.PhaseBlocked},
				says: []string{"exceeded quota"}, err: "exceeded quota", calls: []string{"create Job"},
			}
			tt.check(t, op)
		})
	}
}

// "Retries" of a fence and of a start write nothing more.
func TestStartAndFenceAgain(t *testing.T) {
	for _, verb := range []plan.OperationType{plan.OperationStart, plan.OperationFence} {
		c := newCluster(t)
		first, err := c.execute(makeScope(), makeUnconfirmed(verb))
		c.must(err)
		version := c.job().ResourceVersion
		second, err := c.execute(makeScope(), makeUnconfirmed(verb))
		c.must(err)
		if diff := cmp.Diff(first, second); diff != "" || c.job().ResourceVersion != version {
			t.Errorf("verb %d again (-first +second):\n%s", verb, diff)
		}
	}
}

// A fence that comes before a start wins, and a start that comes before a fence is in progress.
func TestStartAgainstFence(t *testing.T) {
	c := newCluster(t)
	_, err := c.execute(makeScope(), makeUnconfirmed(plan.OperationFence))
	c.must(err)
	if o, err := c.execute(makeScope(), makeUnconfirmed(plan.OperationStart)); !errors.Is(err, errFenced) || o != (plan.Observation{}) {
		t.Errorf("a start after the fence: %+v, %v", o, err)
	}
	c = newCluster(t)
	_, err = c.execute(makeScope(), makeUnconfirmed(plan.OperationStart))
	c.must(err)
	o, err := c.execute(makeScope(), makeUnconfirmed(plan.OperationFence))
	c.must(err)
	if want := (plan.Observation{Phase: plan.PhaseRunning, UID: "made-1"}); o != want {
		t.Errorf("a fence after the start: %+v, want %+v", o, want)
	}
}

func TestObserve(t *testing.T) {
	running := plan.Observation{Phase: plan.PhaseRunning, UID: jobUID}
	because := func(reason string) plan.Observation {
		return plan.Observation{Phase: plan.PhaseRunning, UID: jobUID, Reason: reason}
	}
	lost := plan.Observation{Phase: plan.PhaseFailed, UID: jobUID, Reason: v1alpha1.ReasonWorkloadLost}
	cached := []string{"get Job"}
	searched := []string{"get Job", "live get Job", "live list Pod"}
	reserving := append(slices.Clone(searched), "create Job")
	looking := append(slices.Clone(reserving), "live get Job")
	many := []*corev1.Pod{}
	for _, name := range []string{"p1", "p2", "p3", "p4", "p5"} {
		many = append(many, makePod(func(p *corev1.Pod) { p.Name = name }))
	}
	record := makePod(func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })
	sibling := makePod(func(p *corev1.Pod) { p.Labels[batchv1.JobNameLabel] = "another-action" })
	anothers := makePod(func(p *corev1.Pod) { p.Name = "anothers"; delete(p.Labels, v1alpha1.LabelExecutionID) })
	elsewhere := makePod(func(p *corev1.Pod) { p.Namespace = "other" })
	tests := []call{
		{name: "runs", job: makeJob(), want: running, calls: cached},
		{name: "complete", job: makeJob(asComplete), want: plan.Observation{Phase: plan.PhaseSucceeded, UID: jobUID}, calls: cached},
		{
			name: "failed, with the reason of the Job", job: makeJob(asFailed("DeadlineExceeded", "Job was active longer than specified deadline")),
			want: plan.Observation{
				Phase: plan.PhaseFailed, UID: jobUID, Reason: "DeadlineExceeded", Message: "Job was active longer than specified deadline",
			},
			calls: cached,
		},
		{
			// Its pods have not ended yet: the condition Failed comes when they have.
			name: "about to fail", job: makeJob(func(j *batchv1.Job) { j.Status.Conditions = jobConditions(batchv1.JobFailureTarget) }),
			want: running, calls: cached,
		},
		{
			name: "about to complete", job: makeJob(func(j *batchv1.Job) { j.Status.Conditions = jobConditions(batchv1.JobSuccessCriteriaMet) }),
			want: running, calls: cached,
		},
		{
			name: "suspended by somebody else", job: makeJob(asSuspended), want: because("JobSuspended"),
			says: []string{"suspended by somebody else", "resumed"}, calls: cached,
		},
		{name: "being deleted", job: makeJob(asDeleting), want: because("JobDeleting"), says: []string{"being deleted by somebody else"}, calls: cached},
		{name: "being deleted, and suspended", job: makeJob(asDeleting, asSuspended), want: because("JobDeleting"), says: []string{"being deleted"}, calls: cached},
		{
			name: "being deleted, and kept by a finalizer", job: makeJob(asHeld), want: because("JobFinalizer"),
			says: []string{"kept by finalizers", "example.com/hold"}, calls: cached,
		},
		{name: "being deleted after its end", job: makeJob(asDeleting, asComplete), want: plan.Observation{Phase: plan.PhaseSucceeded, UID: jobUID}, calls: cached},
		{
			name: "lost, its pods are left", pods: []*corev1.Pod{makePod()},
			want: plan.Observation{Phase: plan.PhaseRunning, UID: jobUID, Reason: v1alpha1.ReasonWorkloadLost},
			says: []string{"deleted by somebody else", jobName + "-x7k2p"}, calls: searched,
		},
		{
			name: "lost, many pods are left", pods: many, want: plan.Observation{Phase: plan.PhaseRunning, UID: jobUID, Reason: v1alpha1.ReasonWorkloadLost},
			says: []string{"p1, p2, p3, and 2 more"}, calls: searched,
		},
		// Its name is held, so that no operator that was paused creates it again.
		{name: "lost", want: lost, says: []string{"before it finished", "not run again"}, calls: reserving, created: true},
		{name: "lost, a try that ended is left", pods: []*corev1.Pod{record}, want: lost, says: []string{"not run again"}, calls: reserving, created: true},
		{name: "lost, pods of others are left", pods: []*corev1.Pod{sibling, anothers, elsewhere}, want: lost, says: []string{"not run again"}, calls: reserving, created: true},
		{name: "lost, and its name is held", job: makeJob(withOtherUID, asPlaceholder), want: lost, says: []string{"not run again"}, calls: looking},
		{name: "lost, and somebody else's has its name", job: makeJob(withOtherUID, withoutOwner), want: lost, says: []string{"not run again"}, calls: looking},
		{name: "lost, and the execution is being deleted", deleted: true, want: lost, says: []string{"not run again"}, calls: searched},
		{
			name: "lost, its pods are left, and the execution is being deleted", deleted: true, pods: []*corev1.Pod{makePod()},
			want: because(v1alpha1.ReasonWorkloadLost), says: []string{jobName + "-x7k2p"}, calls: searched,
		},
		{name: "lost with its namespace", fail: map[string]error{"create Job": errEnding}, want: lost, says: []string{"not run again"}, calls: reserving},
		{
			// One that was created, and deleted by somebody else before its uid was recorded.
			name: "lost, and pods of an earlier Job of its name are left",
			pods: []*corev1.Pod{makePod(func(p *corev1.Pod) { p.Labels[batchv1.ControllerUidLabel] = "job-0" })},
			want: because(v1alpha1.ReasonWorkloadLost), says: []string{jobName + "-x7k2p"}, calls: reserving, created: true,
		},
		{
			name: "lost, and its name cannot be held yet", fail: map[string]error{"create Job": errQuota},
			want: plan.Observation{Phase: plan.PhaseBlocked}, says: []string{"Trying again", "placeholder", "exceeded quota"}, err: "exceeded quota",
			calls: append(slices.Clone(reserving), "create Job"),
		},
		{name: "lost, and it is not known whether its name is held", fail: map[string]error{"create Job": errTimeout}, err: "did not answer", calls: reserving},
		{
			name: "lost, and its name is held by one like the Job", first: map[string][]error{"create Job": {errInvalid}},
			want: lost, says: []string{"not run again"}, calls: append(slices.Clone(reserving), "create Job"), created: true,
		},
		// "it is never run twice": a Job of the name with another uid is not the one that was started. One of ours was created
		// again by an operator that was paused; it is ended before the loss is said.
		{
			name: "lost, and it was created again", job: makeJob(withOtherUID), want: plan.Observation{Phase: plan.PhaseRunning, UID: "job-2"},
			calls: append(slices.Clone(looking), "patch Job"), suspended: true,
		},
		{
			name: "lost, created again, and its pods have to end", job: makeJob(withOtherUID, asSuspended, asEmpty, asConfirmedSuspended),
			pods: []*corev1.Pod{makePod(asDeletedPod, func(p *corev1.Pod) { p.Labels[batchv1.ControllerUidLabel] = "job-2" })},
			want: plan.Observation{Phase: plan.PhaseRunning, UID: "job-2"}, calls: append(slices.Clone(looking), "live list Pod"),
		},
		{
			name: "lost, created again, and being deleted", job: makeJob(withOtherUID, asDeleting),
			want: plan.Observation{Phase: plan.PhaseRunning, UID: "job-2", Reason: "JobDeleting"}, says: []string{"being deleted"}, calls: looking,
		},
		{name: "the cache does not answer", fail: map[string]error{"get Job": errTimeout}, err: "did not answer", calls: cached},
		{name: "the API server does not answer", fail: map[string]error{"live get Job": errRead}, err: "no right to read", calls: searched[:2]},
		{name: "the pods cannot be listed", fail: map[string]error{"live list Pod": errTimeout}, err: "did not answer", calls: searched},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.check(t, makeConfirmed(plan.OperationObserve)) })
	}
}

// "A Job that was seen and is gone was lost": gone from the API server, not from a cache that lags.
func TestObserveWithAStaleCache(t *testing.T) {
	tests := map[string]*batchv1.Job{"does not have it": nil, "has an earlier one of the name": makeJob(withOtherUID)}
	for name, old := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, makeJob(asComplete))
			c.stale = map[string]*batchv1.Job{jobName: old}
			o, err := c.execute(makeScope(), makeConfirmed(plan.OperationObserve))
			if want := (plan.Observation{Phase: plan.PhaseSucceeded, UID: jobUID}); err != nil || o != want {
				t.Errorf("got %+v, %v; want %+v", o, err, want)
			}
			if diff := cmp.Diff([]string{"get Job", "live get Job"}, c.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// "Terminate ends their pods (grace period respected) and Stopped waits until no pod of theirs is left". Nothing is
// deleted: the name of the Job stays taken.
func TestTerminate(t *testing.T) {
	ending := plan.Observation{Phase: plan.PhaseRunning, UID: jobUID}
	ended := plan.Observation{Phase: plan.PhaseEnded, UID: jobUID}
	because := func(reason string) plan.Observation {
		return plan.Observation{Phase: plan.PhaseRunning, UID: jobUID, Reason: reason}
	}
	cached := []string{"get Job"}
	patched := []string{"get Job", "patch Job"}
	patchedTwice := []string{"get Job", "patch Job", "patch Job"}
	listed := []string{"get Job", "live list Pod"}
	gone := []string{"get Job", "live get Job", "live list Pod"}
	reserving := append(slices.Clone(gone), "create Job")
	looking := append(slices.Clone(reserving), "live get Job")
	both, suspend, drain := `{"parallelism":0,"suspend":true}`, `{"suspend":true}`, `{"parallelism":0}`
	refused := func(errs ...error) map[string][]error { return map[string][]error{"patch Job": errs} }
	record := makePod(func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })
	endedButDeleted := makePod(asDeletedPod, func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })
	done := makeJob(asSuspended, asEmpty, asConfirmedSuspended)
	tests := []call{
		{name: "it runs", job: makeJob(), want: ending, calls: patched, suspended: true, specs: []string{both}},
		{name: "it was resumed by somebody else", job: makeJob(asResumed), want: ending, calls: patched, suspended: true, specs: []string{both}},
		{name: "it was emptied and resumed by somebody else", job: makeJob(asEmpty, asResumed), want: ending, calls: patched, suspended: true, specs: []string{both}},
		// "So a Job whose spec is not suspended and whose condition says Suspended is left alone until the condition is False".
		{name: "it was just resumed by somebody else", job: makeJob(asConfirmedSuspended), want: ending, calls: cached},
		{name: "suspended, and the Job controller has not said so", job: makeJob(asSuspended, asEmpty), want: ending, calls: cached},
		{name: "suspended again, and the condition is of the past", job: makeJob(asSuspended, asEmpty, asResumed), want: ending, calls: cached},
		// A queue that resumes it brings no pod back.
		{name: "suspended by somebody else", job: makeJob(asSuspended), want: ending, calls: patched, suspended: true, specs: []string{drain}},
		{name: "suspended by somebody else, and said to be", job: makeJob(asSuspended, asConfirmedSuspended), want: ending, calls: patched, suspended: true, specs: []string{drain}},
		{
			name: "suspended by somebody else, of many pods", job: makeJob(asSuspended, func(j *batchv1.Job) { j.Spec.Parallelism = ptr.To[int32](3) }),
			want: ending, calls: patched, suspended: true, specs: []string{drain},
		},
		{
			// It was suspended before its startTime was recorded, and cannot become Complete.
			name: "its success is decided, and its pod has ended", job: makeJob(asSuspended, asEmpty, asDecided(batchv1.JobSuccessCriteriaMet)),
			pods: []*corev1.Pod{record}, want: ended, calls: listed,
		},
		{
			name: "its failure is decided, and its pods are left", job: makeJob(asSuspended, asEmpty, asDecided(batchv1.JobFailureTarget)),
			pods: []*corev1.Pod{makePod(asDeletedPod)}, want: ending, calls: listed,
		},
		{
			name: "pods of an earlier Job of the name are left", job: done,
			pods: []*corev1.Pod{makePod(func(p *corev1.Pod) { p.Labels[batchv1.ControllerUidLabel] = "job-0" })},
			want: ending, calls: listed,
		},
		{
			name: "the Job controller has said so before the pods are gone", job: done, pods: []*corev1.Pod{makePod(asDeletedPod)},
			want: ending, calls: listed,
		},
		{
			name: "a pod that has ended and is being deleted is there", job: done, pods: []*corev1.Pod{endedButDeleted},
			want: ending, calls: listed,
		},
		{name: "its pods are gone", job: done, want: ended, calls: listed},
		{name: "a try that had ended stays", job: done, pods: []*corev1.Pod{record}, want: ended, calls: listed},
		{name: "it finished by itself", job: makeJob(asComplete), want: ended, calls: cached},
		{name: "it failed by itself", job: makeJob(asFailed("R", "m")), want: ended, calls: cached},
		{name: "it finished before it was suspended", job: makeJob(asSuspended, asComplete), want: ended, calls: cached},
		{name: "somebody else deletes it", job: makeJob(asDeleting), want: because("JobDeleting"), says: []string{"being deleted by somebody else"}, calls: cached},
		{
			name: "somebody else deletes it, and a finalizer keeps it", job: makeJob(asHeld), want: because("JobFinalizer"),
			says: []string{"kept by finalizers", "example.com/hold"}, calls: cached,
		},
		{
			// "An object whose controller is not this execution is never changed or deleted."
			name: "another controller has it", job: makeJob(asTakenOver), want: because("JobTakenOver"), says: []string{"taken over", "left alone"}, calls: cached,
		},
		{name: "nobody controls it", job: makeJob(withoutOwner), want: because("JobTakenOver"), says: []string{"left alone"}, calls: cached},
		{name: "another controller has it, and deletes it", job: makeJob(asTakenOver, asDeleting), want: because("JobTakenOver"), says: []string{"left alone"}, calls: cached},
		{name: "another controller has it, and it has finished", job: makeJob(asTakenOver, asComplete), want: ended, calls: cached},
		{name: "it is gone", want: ended, calls: reserving, created: true},
		{name: "it is gone, and its name is held", job: makeJob(withOtherUID, asPlaceholder), want: ended, calls: looking},
		{name: "it is gone, and so is its namespace soon", fail: map[string]error{"create Job": errEnding}, want: ended, calls: reserving},
		{name: "it is gone, and the execution is being deleted", deleted: true, want: ended, calls: gone},
		{
			name: "it is gone, and its pods are not", pods: []*corev1.Pod{makePod()}, want: because(v1alpha1.ReasonWorkloadLost),
			says: []string{"its pods have to end", jobName + "-x7k2p"}, calls: gone,
		},
		{
			name: "it is gone, and its name cannot be held yet", fail: map[string]error{"create Job": errQuota},
			want: plan.Observation{Phase: plan.PhaseBlocked}, says: []string{"Trying again", "exceeded quota"}, err: "exceeded quota",
			calls: append(slices.Clone(reserving), "create Job"),
		},
		{name: "it is gone, and it is not known whether its name is held", fail: map[string]error{"create Job": errTimeout}, err: "did not answer", calls: reserving},
		{name: "it is gone, and somebody else's has its name", job: makeJob(withOtherUID, withoutOwner), want: ended, calls: looking},
		{
			// By an operator that was paused.
			name: "it is gone, and was created again", job: makeJob(withOtherUID), want: plan.Observation{Phase: plan.PhaseRunning, UID: "job-2"},
			calls: append(slices.Clone(looking), "patch Job"), suspended: true, specs: []string{both},
		},
		{
			name: "it was created again, and the pods of the first are left", job: makeJob(withOtherUID), pods: []*corev1.Pod{makePod()},
			want: because(v1alpha1.ReasonWorkloadLost), says: []string{"its pods have to end"}, calls: gone,
		},
		{
			name: "the patch is forbidden", job: makeJob(), fail: map[string]error{"patch Job": errQuota},
			want: because("SuspendRefused"), says: []string{"Trying again", "exceeded quota"}, err: "suspending Job", calls: patchedTwice, specs: []string{both, suspend},
		},
		{
			name: "the patch is invalid", job: makeJob(), fail: map[string]error{"patch Job": errInvalid},
			want: because("SuspendRefused"), says: []string{"Trying again", "is invalid"}, err: "suspending Job", calls: patchedTwice, specs: []string{both, suspend},
		},
		{
			// "That Job has to be suspended first."
			name: "it may not be emptied while it runs", job: makeJob(), first: refused(errInvalid),
			want: ending, calls: patchedTwice, suspended: true, specs: []string{both, suspend},
		},
		{
			name: "it may not be emptied while it runs, and there is no answer", job: makeJob(), first: refused(errInvalid, errTimeout),
			want: ending, err: "did not answer", calls: patchedTwice, specs: []string{both, suspend},
		},
		{
			name: "it may never be emptied, and the Job controller has not said it is suspended", job: makeJob(asSuspended), first: refused(errInvalid),
			want: ending, calls: patched, specs: []string{drain},
		},
		{
			name: "it may never be emptied, and its pods are left", job: makeJob(asSuspended, asConfirmedSuspended), first: refused(errQuota), pods: []*corev1.Pod{makePod(asDeletedPod)},
			want: ending, calls: append(slices.Clone(patched), "live list Pod"), specs: []string{drain},
		},
		{
			name: "it may never be emptied, and its pods are gone", job: makeJob(asSuspended, asConfirmedSuspended), first: refused(errInvalid),
			want: ended, calls: append(slices.Clone(patched), "live list Pod"), specs: []string{drain},
		},
		{
			name: "no answer to the one that empties it", job: makeJob(asSuspended, asConfirmedSuspended), first: refused(errTimeout),
			want: ending, err: "did not answer", calls: patched, specs: []string{drain},
		},
		{name: "no answer to the patch", job: makeJob(), fail: map[string]error{"patch Job": errTimeout}, want: ending, err: "did not answer", calls: patched, specs: []string{both}},
		{
			name: "it is gone before the patch", job: makeJob(), fail: map[string]error{"patch Job": apierrors.NewNotFound(jobs, jobName)},
			want: ending, calls: patched, specs: []string{both},
		},
		{
			name: "it is gone before the one that empties it", job: makeJob(asSuspended), fail: map[string]error{"patch Job": apierrors.NewNotFound(jobs, jobName)},
			want: ending, calls: patched, specs: []string{drain},
		},
		{name: "its pods cannot be listed", job: done, fail: map[string]error{"live list Pod": errTimeout}, err: "did not answer", calls: listed},
		{name: "it is gone, and its pods cannot be listed", fail: map[string]error{"live list Pod": errTimeout}, err: "did not answer", calls: gone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.check(t, makeConfirmed(plan.OperationTerminate)) })
	}
}

// "each with a UID precondition": a patch with another uid is refused by the API server, since the field is immutable. Its
// resourceVersion keeps it from a Job that was resumed since.
func TestTerminateGuardsAndPatchesOnce(t *testing.T) {
	c := newCluster(t, makeJob())
	version := c.job().ResourceVersion
	for range 3 {
		_, err := c.execute(makeScope(), makeConfirmed(plan.OperationTerminate))
		c.must(err)
	}
	guarded := `{"metadata":{"resourceVersion":"` + version + `","uid":"` + jobUID + `"},"spec":{"parallelism":0,"suspend":true}}`
	if diff := cmp.Diff([]string{guarded}, c.patches); diff != "" {
		t.Errorf("patches (-want +got):\n%s", diff)
	}
	want := makeJob(asSuspended, asEmpty)
	got := c.job()
	got.ResourceVersion, got.TypeMeta, got.ManagedFields = "", metav1.TypeMeta{}, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the Job (-want +got):\n%s", diff)
	}
}

// On the word of a cache that does not show what became of the Job since, nothing is changed.
func TestTerminateWithAStaleCache(t *testing.T) {
	c := newCluster(t, makeJob())
	c.stale = map[string]*batchv1.Job{jobName: c.job()}
	changed := c.job()
	asSuspended(changed)
	c.must(c.raw.Update(t.Context(), changed))
	c.base[jobName] = changed.ResourceVersion
	o, err := c.execute(makeScope(), makeConfirmed(plan.OperationTerminate))
	if want := (plan.Observation{Phase: plan.PhaseRunning, UID: jobUID}); !apierrors.IsConflict(err) || o != want {
		t.Errorf("got %+v, %v; want %+v and a conflict", o, err, want)
	}
	c.checkUntouched()
}

// When the one that was created again has ended too, the loss is said of an action that was in progress, and the end of one
// that was abandoned. An end alone is none for an action in progress: it would neither fail nor succeed.
func TestALostJobThatWasCreatedAgain(t *testing.T) {
	ends := map[string]func(*batchv1.Job){"it ends": asConfirmedSuspended, "it was complete": asComplete, "it had failed": asFailed("R", "m")}
	for verb, want := range map[plan.OperationType]plan.Phase{plan.OperationObserve: plan.PhaseFailed, plan.OperationTerminate: plan.PhaseEnded} {
		for name, end := range ends {
			t.Run(fmt.Sprintf("%s, verb %d", name, verb), func(t *testing.T) {
				c := newCluster(t, makeJob(withOtherUID))
				o, err := c.execute(makeScope(), makeConfirmed(verb))
				if job := c.job(); err != nil || o.Phase != plan.PhaseRunning || !isSuspended(job) || !isEmpty(job) {
					t.Fatalf("got %+v, %v; the Job is %+v", o, err, job.Spec)
				}
				job := c.job()
				end(job)
				c.must(c.raw.Status().Update(t.Context(), job))
				o, err = c.execute(makeScope(), makeConfirmed(verb))
				if err != nil || o.Phase != want || (verb == plan.OperationObserve && o.Reason != v1alpha1.ReasonWorkloadLost) {
					t.Errorf("got %+v, %v; want the phase %d", o, err, want)
				}
			})
		}
	}
}

// "Orphan leaves the Job running, without our controller reference holding it to the execution's life, and marked so
// that a person finds it."
func TestOrphan(t *testing.T) {
	keeper := metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "keeper", UID: "keeper"}
	owned := func(j *batchv1.Job) { j.OwnerReferences = append(j.OwnerReferences, keeper); j.Labels["team"] = "a" }
	c := newCluster(t, makeJob(owned))
	version := c.job().ResourceVersion
	first, err := c.execute(makeScope(), makeConfirmed(plan.OperationOrphan))
	c.must(err)
	if first.Phase != plan.PhaseEnded || first.UID != jobUID || !strings.Contains(first.Message, v1alpha1.LabelOrphaned) {
		t.Errorf("got %+v", first)
	}

	job := c.job()
	if diff := cmp.Diff([]metav1.OwnerReference{keeper}, job.OwnerReferences); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
	labels := map[string]string{v1alpha1.LabelExecutionID: executionUID, v1alpha1.LabelOrphaned: "true", "team": "a"}
	if diff := cmp.Diff(labels, job.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if isSuspended(job) || job.UID != jobUID {
		t.Errorf("the work does not go on: %+v", job.Spec)
	}
	// "a write that decides carries a resourceVersion"
	if len(c.patches) != 1 || !strings.Contains(c.patches[0], `"resourceVersion":"`+version+`"`) {
		t.Errorf("patches %v do not carry resourceVersion %s", c.patches, version)
	}

	again, err := c.execute(makeScope(), makeConfirmed(plan.OperationOrphan))
	c.must(err)
	if diff := cmp.Diff(first, again); diff != "" || len(c.patches) != 1 {
		t.Errorf("%d patches, again (-first +second):\n%s", len(c.patches), diff)
	}
	if diff := cmp.Diff([]string{"get Job", "patch Job", "get Job"}, c.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestOrphanOfOthersAndOfNothing(t *testing.T) {
	left := plan.Observation{Phase: plan.PhaseEnded, UID: jobUID}
	says := []string{"left to go on"}
	cached := []string{"get Job"}
	tests := []call{
		{name: "taken over by another controller", job: makeJob(asTakenOver), want: left, says: says, calls: cached},
		{name: "nobody's", job: makeJob(withoutOwner), want: left, says: says, calls: cached},
		{name: "gone", want: left, calls: []string{"get Job", "live get Job", "live list Pod", "create Job"}, created: true},
		{
			name: "gone, and its pods are not", pods: []*corev1.Pod{makePod()},
			want: plan.Observation{Phase: plan.PhaseRunning, UID: jobUID, Reason: v1alpha1.ReasonWorkloadLost},
			says: []string{"its pods have to end"}, calls: []string{"get Job", "live get Job", "live list Pod"},
		},
		{
			name: "changed by somebody else before the patch", job: makeJob(), fail: map[string]error{"patch Job": apierrors.NewConflict(jobs, jobName, errors.New("changed"))},
			err: "releasing Job", calls: []string{"get Job", "patch Job"},
		},
		{name: "no answer", job: makeJob(), fail: map[string]error{"get Job": errTimeout}, err: "did not answer", calls: cached},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.check(t, makeConfirmed(plan.OperationOrphan)) })
	}
}

// "The resourceVersion keeps another's change from being overwritten": here a real conflict, by a cache that lags.
func TestOrphanWithAStaleCache(t *testing.T) {
	c := newCluster(t, makeJob())
	c.stale = map[string]*batchv1.Job{jobName: c.job()}
	changed := c.job()
	changed.OwnerReferences = append(changed.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "new", UID: "new"})
	c.must(c.raw.Update(t.Context(), changed))
	o, err := c.execute(makeScope(), makeConfirmed(plan.OperationOrphan))
	if !apierrors.IsConflict(err) || o.Phase != 0 {
		t.Errorf("got %+v, %v; want a conflict", o, err)
	}
	if n := len(c.job().OwnerReferences); n != 2 {
		t.Errorf("%d owners, want both", n)
	}
}

// A verb that nobody knows must not look like success.
func TestNoSuchVerb(t *testing.T) {
	c := newCluster(t)
	if o, err := c.execute(makeScope(), plan.Operation{Type: 99}); err == nil || o.Phase != 0 || c.calls != nil {
		t.Errorf("got %+v, %v, calls %v", o, err, c.calls)
	}
}

// A Pipeline is checked by a dry run; nothing is created, and only what the template is to blame for is said.
func TestCheck(t *testing.T) {
	tests := []struct {
		name, spec  string
		fail        error
		refusal     string
		err         bool
		wantsNoCall bool
	}{
		{name: "it would be created", spec: minimalSpec},
		{name: "the API server would refuse it", spec: minimalSpec, fail: errInvalid, refusal: "job: "},
		{name: "a quota would refuse it now", spec: minimalSpec, fail: errQuota},
		{name: "its name is taken", spec: minimalSpec, fail: apierrors.NewAlreadyExists(jobs, jobName)},
		{name: "no answer", spec: minimalSpec, fail: errTimeout, err: true},
		{name: "no JobSpec", spec: `{"templat":1}`, refusal: "job.spec: ", wantsNoCall: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t)
			c.fail["create Job"] = tt.fail
			op := makeStart(tt.spec)
			refusal, err := action.NewRegistry(c.provider()).TryStart(t.Context(), action.Trial{
				Namespace: "team", PipelineName: "deploy@prod", Key: op.Key, Definition: &op.Definition,
			})
			if !strings.HasPrefix(refusal, tt.refusal) || (refusal == "") != (tt.refusal == "") || (err != nil) != tt.err {
				t.Errorf("got %q, %v; want %q", refusal, err, tt.refusal)
			}
			if c.job() != nil || (c.calls == nil) != tt.wantsNoCall {
				t.Errorf("calls %v left %+v", c.calls, c.job())
			}
		})
	}
}

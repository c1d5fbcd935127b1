// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/test/simcluster"
)

var (
	jobs       = schema.GroupResource{Group: "batch", Resource: "jobs"}
	errTimeout = errors.New("the server did not answer")
	errQuota   = apierrors.NewForbidden(jobs, jobName, errors.New("exceeded quota: q"))
	errInvalid = apierrors.NewInvalid(schema.GroupKind{Group: "batch", Kind: "Job"}, jobName, field.ErrorList{field.Required(field.NewPath("spec.template.spec.containers"), "")})
	// errDenied is a denial by a policy, which names no field.
	errDenied      = apierrors.NewInvalid(schema.GroupKind{Group: "batch", Kind: "Job"}, jobName, nil)
	errBadRequest  = apierrors.NewBadRequest("admission webhook denied the request")
	errWebhookDown = apierrors.NewInternalError(errors.New("failed calling webhook"))
	errLarge       = apierrors.NewRequestEntityTooLargeError("limit is 3145728")
	errRead        = apierrors.NewForbidden(jobs, jobName, errors.New("no right to read"))
	errEnding      = &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: 403, Reason: metav1.StatusReasonForbidden, Message: "the namespace is being terminated",
		Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}},
	}}
)

// fakeCluster is an API server in memory. It records every call and can refuse any.
type fakeCluster struct {
	t   *testing.T
	raw client.WithWatch
	// versions are the resourceVersions that the objects had when the test began.
	versions map[string]string
	// stale are the Jobs that the cache shows instead of those of the API server; nil stands for none.
	stale map[string]*batchv1.Job
	// calls are the verbs and kinds, in their order. Reads of the API server itself are "live".
	calls []string
	// patches are the bodies of patches.
	patches []string
	// failAlways refuses all calls of a name. failFirst refuses the first calls of a name; nil is no refusal.
	failAlways map[string]error
	failFirst  map[string][]error
	uids       int
	// graces are the grace periods that deletions ask for; -1 for one that asks for none.
	graces []int64
}

func newCluster(t *testing.T, objects ...client.Object) *fakeCluster {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	cluster := &fakeCluster{
		t: t, raw: fake.NewClientBuilder().WithScheme(scheme).
			WithIndex(&corev1.Event{}, "involvedObject.uid", func(o client.Object) []string { return []string{string(o.(*corev1.Event).InvolvedObject.UID)} }).
			WithIndex(&corev1.Event{}, "type", func(o client.Object) []string { return []string{o.(*corev1.Event).Type} }).
			Build(),
		failAlways: map[string]error{}, failFirst: map[string][]error{}, versions: map[string]string{},
	}
	for _, o := range objects {
		if j, ok := o.(*batchv1.Job); !ok || j != nil {
			cluster.add(o)
		}
	}
	return cluster
}

// add puts an object into the cluster as it is, a deletion that is under way included.
func (cluster *fakeCluster) add(o client.Object) {
	cluster.t.Helper()
	o = o.DeepCopyObject().(client.Object)
	deletion := o.GetDeletionTimestamp()
	if deletion == nil {
		cluster.must(cluster.raw.Create(cluster.t.Context(), o))
	} else {
		// The fake client refuses to create what is being deleted, and sets the time of a deletion itself.
		builder := fake.NewClientBuilder().WithScheme(cluster.raw.Scheme()).WithObjects(o)
		builder = builder.WithObjects(cluster.listAll()...)
		cluster.raw = builder.Build()
	}
	cluster.versions[o.GetName()] = o.GetResourceVersion()
}

func (cluster *fakeCluster) listAll() []client.Object {
	var all []client.Object
	for _, list := range []client.ObjectList{&batchv1.JobList{}, &corev1.PodList{}} {
		cluster.must(cluster.raw.List(cluster.t.Context(), list))
		cluster.must(meta.EachListItem(list, func(o runtime.Object) error {
			all = append(all, o.(client.Object))
			return nil
		}))
	}
	return all
}

func (cluster *fakeCluster) must(err error) {
	cluster.t.Helper()
	if err != nil {
		cluster.t.Fatal(err)
	}
}

// recordCall records a call and returns the error that it is to have.
func (cluster *fakeCluster) recordCall(verb string, o runtime.Object) error {
	kind := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", o), "*v1."), "List")
	name := verb + " " + kind
	cluster.calls = append(cluster.calls, name)
	if errs := cluster.failFirst[name]; len(errs) > 0 {
		cluster.failFirst[name] = errs[1:]
		return errs[0]
	}
	return cluster.failAlways[name]
}

// provider returns one on this cluster, with a cache and a live reader.
func (cluster *fakeCluster) provider() *Provider {
	return &Provider{Client: cluster.intercepted(""), APIReader: cluster.intercepted("live ")}
}

// execute does an operation as the operator does it: through a registry.
func (cluster *fakeCluster) execute(scope action.Scope, op plan.Operation) (plan.Observation, error) {
	return action.NewRegistry(cluster.provider()).Execute(cluster.t.Context(), scope, op)
}

func (cluster *fakeCluster) intercepted(prefix string) client.Client {
	refuse := func(verb string, o runtime.Object) error {
		return errors.Join(cluster.recordCall(prefix+verb, o), fmt.Errorf("unexpected %s", verb))
	}
	return interceptor.NewClient(cluster.raw, interceptor.Funcs{
		Get: func(ctx context.Context, raw client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if err := cluster.recordCall(prefix+"get", o); err != nil {
				return err
			}
			if old, isStale := cluster.stale[key.Name]; isStale && prefix == "" {
				if old == nil {
					return apierrors.NewNotFound(jobs, key.Name)
				}
				old.DeepCopyInto(o.(*batchv1.Job))
				return nil
			}
			return raw.Get(ctx, key, o, opts...)
		},
		List: func(ctx context.Context, raw client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if err := cluster.recordCall(prefix+"list", list); err != nil {
				return err
			}
			return raw.List(ctx, list, opts...)
		},
		Create: func(ctx context.Context, raw client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := cluster.recordCall(prefix+"create", o); err != nil {
				return err
			}
			cluster.uids++
			o.SetUID(types.UID(fmt.Sprintf("made-%d", cluster.uids)))
			return raw.Create(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, raw client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
			data, err := patch.Data(o)
			cluster.must(err)
			cluster.patches = append(cluster.patches, string(data))
			if err := cluster.recordCall(prefix+"patch", o); err != nil {
				return err
			}
			return simcluster.AnswerPatch(raw.Patch(ctx, o, patch, opts...))
		},
		Update: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.UpdateOption) error {
			return refuse("update", o)
		},
		Delete: func(ctx context.Context, raw client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			options := (&client.DeleteOptions{}).ApplyOptions(opts)
			guard := options.Preconditions
			if _, isPod := o.(*corev1.Pod); !isPod || guard == nil || guard.UID == nil || *guard.UID != o.GetUID() {
				return refuse("delete", o)
			}
			if err := cluster.recordCall(prefix+"delete", o); err != nil {
				return err
			}
			cluster.graces = append(cluster.graces, ptr.Deref(options.GracePeriodSeconds, -1))
			return raw.Delete(ctx, o)
		},
		DeleteAllOf: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.DeleteAllOfOption) error {
			return refuse("delete all", o)
		},
	})
}

// job returns the Job as the API server has it, or nil.
func (cluster *fakeCluster) job() *batchv1.Job {
	cluster.t.Helper()
	job := &batchv1.Job{}
	err := cluster.raw.Get(cluster.t.Context(), client.ObjectKey{Namespace: "team", Name: jobName}, job)
	if apierrors.IsNotFound(err) {
		return nil
	}
	cluster.must(err)
	return job
}

// checkUntouched checks that nothing that was there before has been written to.
func (cluster *fakeCluster) checkUntouched() {
	cluster.t.Helper()
	if job := cluster.job(); job != nil && job.ResourceVersion != cluster.versions[jobName] {
		cluster.t.Errorf("Job %q was written to: %+v", jobName, job)
	}
}

// patchedSpecs returns what the patches ask of the spec. Each of them must be guarded.
func (cluster *fakeCluster) patchedSpecs() []string {
	cluster.t.Helper()
	var specs []string
	for _, p := range cluster.patches {
		if uid, state := simcluster.ReadGuard([]byte(p)); !uid || !state {
			cluster.t.Errorf("the patch %s could meet another Job, or one that was changed", p)
		}
		var operations []struct {
			Op, Path string
			Value    any
		}
		cluster.must(json.Unmarshal([]byte(p), &operations))
		spec := map[string]any{}
		for _, o := range operations {
			if name, isSpec := strings.CutPrefix(o.Path, "/spec/"); isSpec && o.Op == "add" {
				spec[name] = o.Value
			}
		}
		content, err := json.Marshal(spec)
		cluster.must(err)
		specs = append(specs, string(content))
	}
	return specs
}

func (cluster *fakeCluster) checkJob(created bool, op plan.Operation) {
	cluster.t.Helper()
	job := cluster.job()
	switch {
	case !isOurs(job, makeScope()) || job.Labels[v1alpha1.LabelExecutionID] != executionUID:
		cluster.t.Errorf("the Job is not the execution's: %+v", job.ObjectMeta)
	case isSuspended(job) != (op.Type != plan.OperationStart):
		cluster.t.Errorf("suspended: %v", isSuspended(job))
	case created && isPlaceholder(job) != (op.Type != plan.OperationStart):
		cluster.t.Errorf("a placeholder: %v", isPlaceholder(job))
	case isPlaceholder(job) && !isEmpty(job):
		cluster.t.Errorf("a placeholder that would run something: %+v", job.Spec)
	}
}

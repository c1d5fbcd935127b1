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

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/metrics"
	"haltline.dev/haltline/test/simcluster"
)

// operator is an operator with a cache of its own.
type operator struct {
	cluster    *fakeCluster
	name       string
	executions *PipelineExecutionReconciler
	requests   *StopRequestReconciler
	revisions  *RevisionReconciler
	results    *ApprovalResultReconciler
	recorder   *eventRecorder
	// cache is what it reads from: the API server, or an older state of it.
	cache client.Client
	// pages has live lists come in pages of so many.
	pages int
}

func (cluster *fakeCluster) newOperator(name string) *operator {
	op := &operator{cluster: cluster, name: name, recorder: &eventRecorder{FakeRecorder: events.NewFakeRecorder(10000)}, cache: cluster.raw}
	for _, c := range NewControllers(Dependencies{
		Nonce: foreseeable, Client: op.newClient(""), APIReader: op.newClient("live "), Recorder: op.recorder, Metrics: metrics.New(), Clock: cluster.clock,
	}) {
		switch sr := c.Reconciler.(type) {
		case *PipelineExecutionReconciler:
			op.executions = sr
		case *StopRequestReconciler:
			op.requests = sr
		case *ApprovalResultReconciler:
			op.results = sr
		case *RevisionReconciler:
			op.revisions = sr
		}
	}
	return op
}

// freezeCache has the cache show from now on what there is now.
func (op *operator) freezeCache() {
	op.cache = buildClient(op.cluster.t, op.cluster.listObjects()...)
}

// hideFromCache freezes the cache without an object.
func (op *operator) hideFromCache(key types.NamespacedName) {
	kept := slices.DeleteFunc(op.cluster.listObjects(), func(o client.Object) bool { return client.ObjectKeyFromObject(o) == key })
	op.cache = buildClient(op.cluster.t, kept...)
}

// recordedEvents returns the events since the last call, as "Type Reason note".
func (op *operator) recordedEvents() []string {
	var recorded []string
	for len(op.recorder.Events) > 0 {
		recorded = append(recorded, <-op.recorder.Events)
	}
	return recorded
}

// recordCall records a call, carries it out, and lets it go wrong if the test wants that.
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
				if names, ok := list.(*metav1.PartialObjectMetadataList); ok {
					return listNames(ctx, reader(), names, opts...)
				}
				return reader().List(ctx, list, opts...)
			})
		},
		Create: func(ctx context.Context, raw client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return op.recordCall(prefix+"create", o, o, func() error { return op.create(ctx, raw, o, opts...) })
		},
		Patch: func(ctx context.Context, raw client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
			return op.recordCall(prefix+"patch", o, o, func() error { return simcluster.AnswerPatch(raw.Patch(ctx, o, patch, opts...)) })
		},
		SubResourcePatch: func(
			ctx context.Context, raw client.Client, sub string, o client.Object, patch client.Patch, opts ...client.SubResourcePatchOption,
		) error {
			return op.recordCall(prefix+"patch "+sub, o, o, func() error { return simcluster.AnswerPatch(raw.SubResource(sub).Patch(ctx, o, patch, opts...)) })
		},
		Update: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.UpdateOption) error {
			return forbidden("update", o)
		},
		Delete: func(ctx context.Context, raw client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			guard := (&client.DeleteOptions{}).ApplyOptions(opts).Preconditions
			if _, isRevision := o.(*appsv1.ControllerRevision); !isRevision || guard == nil || guard.UID == nil {
				return forbidden("delete", o)
			}
			return op.recordCall(prefix+"delete", o, o, func() error { return raw.Delete(ctx, o, opts...) })
		},
		SubResourceUpdate: func(_ context.Context, _ client.Client, _ string, o client.Object, _ ...client.SubResourceUpdateOption) error {
			return forbidden("update status", o)
		},
	})
}

// create gives the object an id, and records which Jobs were created.
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

// listNames lists the metadata of objects. The fake client applies a field selector only to whole objects.
func listNames(ctx context.Context, reader client.Reader, names *metav1.PartialObjectMetadataList, opts ...client.ListOption) error {
	if (&client.ListOptions{}).ApplyOptions(opts).FieldSelector == nil {
		return reader.List(ctx, names, opts...)
	}
	var list client.ObjectList = &v1alpha1.PipelineExecutionList{}
	if names.Kind == "PipelineList" {
		list = &v1alpha1.PipelineList{}
	}
	if err := reader.List(ctx, list, opts...); err != nil {
		return err
	}
	names.Items = nil
	return meta.EachListItem(list, func(o runtime.Object) error {
		names.Items = append(names.Items, metav1.PartialObjectMetadata{ObjectMeta: *o.(metav1.ObjectMetaAccessor).GetObjectMeta().(*metav1.ObjectMeta)})
		return nil
	})
}

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
	if names, ok := list.(*metav1.PartialObjectMetadataList); ok {
		if err := listNames(ctx, op.cluster.raw, names, &o); err != nil {
			return err
		}
	} else if err := op.cluster.raw.List(ctx, list, &o); err != nil {
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

// reconcileExecution reconciles the execution.
func (op *operator) reconcileExecution() (ctrl.Result, error) {
	return op.executions.Reconcile(context.Background(), ctrl.Request{NamespacedName: executionKey})
}

// checkTriedAgain checks that what the API server refuses is tried again within seconds, and is no error.
func checkTriedAgain(t *testing.T, op *operator) {
	t.Helper()
	if got, err := op.reconcileExecution(); err != nil || got.RequeueAfter <= 0 || got.RequeueAfter > 15*time.Second {
		t.Errorf("again after %s, %v", got.RequeueAfter, err)
	}
}

// reconcileRequest reconciles a stop request.
func (op *operator) reconcileRequest(name string) error {
	_, err := op.requests.Reconcile(context.Background(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "team", Name: name}})
	return err
}

// settle runs the operator and the cluster until nothing changes, and returns the errors on the way.
func (op *operator) settle() error {
	var errs []error
	for idle := 0; len(errs) < 30; {
		before := op.cluster.effects
		_, err := op.reconcileExecution()
		requests := &v1alpha1.StopRequestList{}
		op.cluster.must(op.cluster.raw.List(context.Background(), requests))
		for _, sr := range requests.Items {
			err = errors.Join(err, op.reconcileRequest(sr.Name))
		}
		op.cluster.runJobController()
		errs = append(errs, err)
		idle++
		if op.cluster.effects != before {
			idle = 0
		}
		// What a quota refuses stays so; any other error passes.
		if idle > 0 && err == nil || idle > 1 && errors.Is(err, errQuota) {
			return errors.Join(errs...)
		}
	}
	op.cluster.t.Errorf("I8: it does not converge; the last: %s", op.cluster.summarize())
	return errors.Join(errs...)
}

// settleWithoutJobController runs the operator until it writes no more, and does not run the Job controller.
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

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers"
)

// Call is a call of the operator.
type Call struct {
	// Number counts the calls of a process from 1.
	Number int
	// Verb is get, list, create, update-status, patch or delete; Cached says that a cache answers.
	Verb   string
	Cached bool
	Kind   Kind
	Key    client.ObjectKey
	// Guarded says that the write names the resourceVersion or the uid of what it changes.
	Guarded bool
	// Versioned says that the write names the resourceVersion.
	Versioned bool
	// Reconcile counts the reconciliations of the process, Controller names the reconciler.
	Reconcile  int
	Controller string
	// Of is the object that is reconciled, and OfUID its uid, once it was read.
	Of    client.ObjectKey
	OfUID types.UID
	// Err is how it ended. A process that crashed on the call has no answer.
	Err error
	// By is the process.
	By string
	// Before is the length of the history when the call began.
	Before int
}

func (c *Call) String() string {
	from := ""
	if c.Cached {
		from = " (cache)"
	}
	return fmt.Sprintf("%s %s %s%s", c.Verb, c.Kind, c.Key.Name, from)
}

// Writes reports whether the call asks for a change.
func (c *Call) Writes() bool { return c.Verb != "get" && c.Verb != "list" && c.Verb != "try" }

// apiClient reads from the cache of a process, or live, and writes. What the operator does not use panics, since the
// interface is nil.
type apiClient struct {
	client.Client
	process *Process
	live    bool
}

func (c *apiClient) Scheme() *runtime.Scheme { return Scheme }

func (c *apiClient) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	k := kindOf(o)
	return c.process.call(&Call{Verb: "get", Cached: !c.live, Kind: k, Key: key}, func() error {
		found := c.objects(k)[key]
		if found == nil {
			return apierrors.NewNotFound(k.resource(), key.Name)
		}
		assign(found, o)
		c.process.read(key, found)
		return nil
	})
}

func (c *apiClient) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	k, o := kindOf(list), (&client.ListOptions{}).ApplyOptions(opts)
	return c.process.call(&Call{Verb: "list", Cached: !c.live, Kind: k}, func() error {
		var found []client.Object
		for _, object := range sorted(c.objects(k)) {
			if o.Namespace == object.GetNamespace() && c.matches(k, object, o) {
				found = append(found, object)
			}
		}
		assignList(found, list)
		return nil
	})
}

func (c *apiClient) objects(k Kind) map[client.ObjectKey]client.Object {
	if c.live {
		return c.process.store.objects[k]
	}
	return c.process.Cache.objects[k]
}

func (c *apiClient) matches(k Kind, object client.Object, o *client.ListOptions) bool {
	if o.LabelSelector != nil && !o.LabelSelector.Matches(labels.Set(object.GetLabels())) {
		return false
	}
	if o.FieldSelector == nil {
		return true
	}
	if c.live {
		panic("the API server has no index " + o.FieldSelector.String())
	}
	for _, r := range o.FieldSelector.Requirements() {
		if !indexed(k, object, r.Field, r.Value) {
			return false
		}
	}
	return true
}

var indexes = controllers.Indexes()

func indexed(k Kind, object client.Object, field, value string) bool {
	for _, i := range indexes {
		if i.Field != field || kindOf(i.Object) != k {
			continue
		}
		for _, v := range i.Values(object) {
			if v == value {
				return true
			}
		}
		return false
	}
	panic("no index " + field + " of " + k.String())
}

func (c *apiClient) Create(_ context.Context, o client.Object, opts ...client.CreateOption) error {
	k, options := kindOf(o), (&client.CreateOptions{}).ApplyOptions(opts)
	call := &Call{Verb: "create", Kind: k, Key: client.ObjectKeyFromObject(o)}
	if len(options.DryRun) > 0 {
		call.Verb = "try"
		return c.process.call(call, func() error { return c.try(k, o) })
	}
	return c.process.call(call, func() error { return c.process.store.Create(o) })
}

// try is a creation that the API server only checks.
func (c *apiClient) try(k Kind, o client.Object) error {
	switch {
	case c.process.store.Terminating:
		return namespaceTerminating(k, client.ObjectKeyFromObject(o))
	case c.process.store.Find(k, client.ObjectKeyFromObject(o)) != nil:
		return apierrors.NewAlreadyExists(k.resource(), o.GetName())
	}
	return nil
}

func (c *apiClient) Delete(_ context.Context, o client.Object, opts ...client.DeleteOption) error {
	options := (&client.DeleteOptions{}).ApplyOptions(opts)
	call := &Call{Verb: "delete", Kind: kindOf(o), Key: client.ObjectKeyFromObject(o)}
	if p := options.Preconditions; p != nil {
		call.Guarded, call.Versioned = p.UID != nil, p.ResourceVersion != nil
	}
	return c.process.call(call, func() error { return c.process.store.Delete(call.Kind, call.Key, *options) })
}

func (c *apiClient) Patch(_ context.Context, o client.Object, p client.Patch, _ ...client.PatchOption) error {
	data, err := p.Data(o)
	if err != nil {
		return err
	}
	patch := parse(data)
	call := &Call{Verb: "patch", Kind: kindOf(o), Key: client.ObjectKeyFromObject(o)}
	call.Versioned = patch.version() != ""
	call.Guarded = call.Versioned || patch.uid() != ""
	return c.process.call(call, func() error { return c.process.store.patch(call.Kind, call.Key, patch, o) })
}

func (c *apiClient) Status() client.SubResourceWriter { return &statusClient{process: c.process} }

type statusClient struct {
	client.SubResourceWriter
	process *Process
}

func (c *statusClient) Update(_ context.Context, o client.Object, _ ...client.SubResourceUpdateOption) error {
	call := &Call{Verb: "update-status", Kind: kindOf(o), Key: client.ObjectKeyFromObject(o)}
	call.Versioned = o.GetResourceVersion() != ""
	call.Guarded = call.Versioned
	return c.process.call(call, func() error { return c.process.store.updateStatus(call.Kind, call.Key, o) })
}

// updateStatus takes the status of an object and nothing else of it.
func (s *Store) updateStatus(k Kind, key client.ObjectKey, o client.Object) error {
	old := s.objects[k][key]
	switch {
	case old == nil:
		return apierrors.NewNotFound(k.resource(), key.Name)
	case o.GetUID() != "" && o.GetUID() != old.GetUID():
		return conflict(k, key, "Precondition failed: UID in precondition: %v, UID in object meta: %v", o.GetUID(), old.GetUID())
	case o.GetResourceVersion() == "":
		return invalid(k, key, "resourceVersion", 0, "must be specified for an update")
	case o.GetResourceVersion() != old.GetResourceVersion():
		return conflict(k, key, "the object has been modified; please apply your changes to the latest version and try again")
	}
	next := old.DeepCopyObject().(client.Object)
	switch t := next.(type) {
	case *v1alpha1.Pipeline:
		o.(*v1alpha1.Pipeline).Status.DeepCopyInto(&t.Status)
	case *v1alpha1.PipelineExecution:
		o.(*v1alpha1.PipelineExecution).Status.DeepCopyInto(&t.Status)
	case *v1alpha1.StopRequest:
		o.(*v1alpha1.StopRequest).Status.DeepCopyInto(&t.Status)
	default:
		panic("the operator writes no status of a " + k.String())
	}
	s.put(k, key, old, next)
	s.answer(k, key, o)
	return nil
}

// answer gives the caller what is stored now.
func (s *Store) answer(k Kind, key client.ObjectKey, o client.Object) {
	if stored := s.objects[k][key]; stored != nil && !equality.Semantic.DeepEqual(stored, o) {
		assign(stored, o)
	}
}

// NewClient returns a client that reads what is stored now, for those who act beside the operator.
func NewClient(s *Store) client.Client {
	return &apiClient{process: &Process{store: s}, live: true}
}

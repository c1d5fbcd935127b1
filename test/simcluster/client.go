// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"haltline.dev/haltline/api/v1alpha1"
)

// ClientOption changes a client.
type ClientOption func(*storeClient)

// CalledBy logs the calls of a client with a caller, and records its changes under the name of the caller.
func CalledBy(caller *Caller) ClientOption {
	return func(c *storeClient) { c.caller = caller }
}

// ReadingFrom has a cache answer the reads of a client, with indexes for its field selectors.
func ReadingFrom(cache *Cache, indexes ...Index) ClientOption {
	return func(c *storeClient) { c.cache, c.indexes = cache, indexes }
}

// Index finds objects by a field selector of a cached list.
type Index struct {
	// Object stands for the kind.
	Object client.Object
	// Field names the index.
	Field string
	// Values are those by which an object is found.
	Values client.IndexerFunc
}

// NewClient returns a client that reads what is stored now, unless an option has it read from a cache. A method that is not
// here (DeleteAllOf, Apply, server-side apply) panics.
func NewClient(s *Store, options ...ClientOption) client.Client {
	c := &storeClient{store: s}
	for _, option := range options {
		option(c)
	}
	return c
}

// storeClient is a client of a store. What is not implemented panics, since the interface is nil.
type storeClient struct {
	client.Client
	store   *Store
	caller  *Caller
	cache   *Cache
	indexes []Index
}

func (c *storeClient) Scheme() *runtime.Scheme { return Scheme }

func (c *storeClient) GroupVersionKindFor(o runtime.Object) (schema.GroupVersionKind, error) {
	return apiutil.GVKForObject(o, Scheme)
}

func (c *storeClient) IsObjectNamespaced(runtime.Object) (bool, error) { return true, nil }

func (c *storeClient) call(call *Call, do func() error) error {
	return c.caller.call(c.store, call, do)
}

func (c *storeClient) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	k := KindOf(o)
	return c.call(&Call{Verb: "get", Cached: c.cache != nil, Kind: k, Key: key}, func() error {
		if node, ok := o.(*corev1.Node); ok {
			node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
			return nil
		}
		found := c.objects(k)[key]
		if found == nil {
			return apierrors.NewNotFound(k.resource(), key.Name)
		}
		assign(found, o)
		c.caller.noteRead(key, found)
		return nil
	})
}

func (c *storeClient) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	k, o := KindOf(list), (&client.ListOptions{}).ApplyOptions(opts)
	return c.call(&Call{Verb: "list", Cached: c.cache != nil, Kind: k}, func() error {
		if k == ClusterEvent {
			return nil
		}
		var found []client.Object
		for _, object := range sorted(c.objects(k)) {
			if (o.Namespace == "" || o.Namespace == object.GetNamespace()) && c.matches(k, object, o) {
				found = append(found, object)
			}
		}
		assignList(found, list)
		return nil
	})
}

func (c *storeClient) objects(k Kind) map[client.ObjectKey]client.Object {
	if c.cache != nil {
		return c.cache.objects[k]
	}
	return c.store.objects[k]
}

func (c *storeClient) matches(k Kind, object client.Object, o *client.ListOptions) bool {
	if o.LabelSelector != nil && !o.LabelSelector.Matches(labels.Set(object.GetLabels())) {
		return false
	}
	if o.FieldSelector == nil {
		return true
	}
	for _, r := range o.FieldSelector.Requirements() {
		if c.cache == nil {
			if selectableField(object, r.Field) != r.Value {
				return false
			}
			continue
		}
		if !c.isIndexed(k, object, r.Field, r.Value) {
			return false
		}
	}
	return true
}

// selectableField returns the value of a field by which the API server selects.
func selectableField(object client.Object, field string) string {
	if field == "metadata.name" {
		return object.GetName()
	}
	switch o := object.(type) {
	case *v1alpha1.PipelineExecution:
		switch field {
		case "status.pipelineRevision":
			return o.Status.PipelineRevision
		case "status.pipelineExecutionId":
			return o.Status.PipelineExecutionID
		case "status.state":
			return string(o.Status.State)
		case "spec.pipelineName":
			return o.Spec.PipelineName
		}
	case *v1alpha1.Pipeline:
		if field == "spec.pipelineName" {
			return o.Spec.PipelineName
		}
	}
	panic("the API server does not select by " + field)
}

// isIndexed reports whether an index has an object under a value.
func (c *storeClient) isIndexed(k Kind, object client.Object, field, value string) bool {
	for _, i := range c.indexes {
		if i.Field != field || KindOf(i.Object) != k {
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

func (c *storeClient) Create(_ context.Context, o client.Object, opts ...client.CreateOption) error {
	k, options := KindOf(o), (&client.CreateOptions{}).ApplyOptions(opts)
	call := &Call{Verb: "create", Kind: k, Key: client.ObjectKeyFromObject(o)}
	if len(options.DryRun) > 0 {
		call.Verb = "try"
		return c.call(call, func() error { return c.store.tryCreate(k, call.Key) })
	}
	return c.call(call, func() error { return c.store.Create(o) })
}

// Update takes everything of an object except its status.
func (c *storeClient) Update(_ context.Context, o client.Object, _ ...client.UpdateOption) error {
	call := &Call{Verb: "update", Kind: KindOf(o), Key: client.ObjectKeyFromObject(o)}
	call.HasState = o.GetResourceVersion() != ""
	call.HasUID = call.HasState || o.GetUID() != ""
	return c.call(call, func() error { return c.store.update(call.Kind, call.Key, o) })
}

func (c *storeClient) Delete(_ context.Context, o client.Object, opts ...client.DeleteOption) error {
	options := (&client.DeleteOptions{}).ApplyOptions(opts)
	call := &Call{Verb: "delete", Kind: KindOf(o), Key: client.ObjectKeyFromObject(o)}
	if p := options.Preconditions; p != nil {
		call.HasUID, call.HasState = p.UID != nil, p.ResourceVersion != nil
	}
	return c.call(call, func() error { return c.store.Delete(call.Kind, call.Key, *options) })
}

func (c *storeClient) Patch(_ context.Context, o client.Object, p client.Patch, _ ...client.PatchOption) error {
	return c.patch("patch", o, p)
}

func (c *storeClient) patch(verb string, o client.Object, p client.Patch) error {
	call := &Call{Verb: verb, Kind: KindOf(o), Key: client.ObjectKeyFromObject(o)}
	data, err := p.Data(o)
	if err != nil {
		return err
	}
	body := patchBody{p.Type(), data}
	g := remember(c.store.memo.guards, string(data), func() guard { uid, state := ReadGuard(data); return guard{uid, state} })
	call.HasUID, call.HasState = g.uid, g.state
	return c.call(call, func() error {
		return c.store.patch(call.Kind, call.Key, body, verb == "patch-status", o)
	})
}

func (c *storeClient) Status() client.SubResourceWriter { return &statusClient{client: c} }

type statusClient struct {
	client.SubResourceWriter
	client *storeClient
}

func (c *statusClient) Update(_ context.Context, o client.Object, _ ...client.SubResourceUpdateOption) error {
	call := &Call{Verb: "update-status", Kind: KindOf(o), Key: client.ObjectKeyFromObject(o)}
	call.HasState = o.GetResourceVersion() != ""
	call.HasUID = call.HasState
	return c.client.call(call, func() error { return c.client.store.updateStatus(call.Kind, call.Key, o) })
}

func (c *statusClient) Patch(_ context.Context, o client.Object, p client.Patch, _ ...client.SubResourcePatchOption) error {
	return c.client.patch("patch-status", o, p)
}

// fill gives the caller what is stored now.
func (s *Store) fill(k Kind, key client.ObjectKey, o client.Object) {
	if stored := s.objects[k][key]; stored != nil && !equality.Semantic.DeepEqual(stored, o) {
		assign(stored, o)
	}
}

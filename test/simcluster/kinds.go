// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"cmp"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// Kind is a kind that a store has.
type Kind int

// The kinds that the operator reads or writes.
const (
	Pipeline Kind = iota
	Execution
	StopRequest
	Job
	Pod
	Revision
	ApprovalResult
	Claim
	kinds
	// ClusterEvent and Node are read by the operator, and the store keeps none: there are no events, and every node is ready.
	ClusterEvent
	Node
)

// Kinds are all kinds, in a fixed order.
var Kinds = []Kind{Pipeline, Execution, StopRequest, Job, Pod, Revision, ApprovalResult, Claim}

var names = [...]string{
	Pipeline: "Pipeline", Execution: "PipelineExecution", StopRequest: "StopRequest", Job: "Job", Pod: "Pod", Revision: "ControllerRevision",
	ApprovalResult: "ApprovalResult", Claim: "PersistentVolumeClaim",
	ClusterEvent: "Event", Node: "Node",
}

// Scheme knows the kinds of a store.
var Scheme = newScheme()

func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(s))
	utilruntime.Must(v1alpha1.AddToScheme(s))
	return s
}

func (k Kind) String() string { return names[k] }

// KindNamed returns the kind of a name, or false if there is none.
func KindNamed(name string) (Kind, bool) {
	i := slices.Index(names[:], name)
	return Kind(i), i >= 0
}

// GVK returns the name of the kind in the API.
func (k Kind) GVK() schema.GroupVersionKind {
	switch k {
	case Job:
		return batchv1.SchemeGroupVersion.WithKind("Job")
	case Pod:
		return corev1.SchemeGroupVersion.WithKind("Pod")
	case Claim:
		return corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim")
	case Revision:
		return appsv1.SchemeGroupVersion.WithKind("ControllerRevision")
	default:
		return v1alpha1.GroupVersion.WithKind(names[k])
	}
}

// resource returns the name of the kind in errors of the API server.
func (k Kind) resource() schema.GroupResource {
	plural, _ := meta.UnsafeGuessKindToResource(k.GVK())
	return plural.GroupResource()
}

// New returns an empty object of the kind.
func (k Kind) New() client.Object {
	switch k {
	case Pipeline:
		return &v1alpha1.Pipeline{}
	case Execution:
		return &v1alpha1.PipelineExecution{}
	case StopRequest:
		return &v1alpha1.StopRequest{}
	case ApprovalResult:
		return &v1alpha1.ApprovalResult{}
	case Job:
		return &batchv1.Job{}
	case Pod:
		return &corev1.Pod{}
	case Claim:
		return &corev1.PersistentVolumeClaim{}
	default:
		return &appsv1.ControllerRevision{}
	}
}

// KindOf returns the kind of an object or of a list.
func KindOf(o runtime.Object) Kind {
	switch t := o.(type) {
	case *v1alpha1.Pipeline, *v1alpha1.PipelineList:
		return Pipeline
	case *v1alpha1.PipelineExecution, *v1alpha1.PipelineExecutionList:
		return Execution
	case *v1alpha1.StopRequest, *v1alpha1.StopRequestList:
		return StopRequest
	case *v1alpha1.ApprovalResult, *v1alpha1.ApprovalResultList:
		return ApprovalResult
	case *batchv1.Job, *batchv1.JobList:
		return Job
	case *corev1.Pod, *corev1.PodList:
		return Pod
	case *corev1.PersistentVolumeClaim, *corev1.PersistentVolumeClaimList:
		return Claim
	case *appsv1.ControllerRevision, *appsv1.ControllerRevisionList:
		return Revision
	case *corev1.EventList:
		return ClusterEvent
	case *corev1.Node:
		return Node
	case *metav1.PartialObjectMetadata:
		return kindByName(t.Kind)
	case *metav1.PartialObjectMetadataList:
		return kindByName(t.Kind)
	}
	panic(fmt.Sprintf("the store has no kind for %T", o))
}

func kindByName(kind string) Kind {
	for _, k := range Kinds {
		if names[k] == kind || names[k]+"List" == kind {
			return k
		}
	}
	panic("the store has no kind " + kind)
}

// assign copies a stored object into that of a caller, typed or with metadata only.
func assign(from, to runtime.Object) {
	switch t := to.(type) {
	case *v1alpha1.Pipeline:
		from.(*v1alpha1.Pipeline).DeepCopyInto(t)
	case *v1alpha1.PipelineExecution:
		from.(*v1alpha1.PipelineExecution).DeepCopyInto(t)
	case *v1alpha1.StopRequest:
		from.(*v1alpha1.StopRequest).DeepCopyInto(t)
	case *v1alpha1.ApprovalResult:
		from.(*v1alpha1.ApprovalResult).DeepCopyInto(t)
	case *batchv1.Job:
		from.(*batchv1.Job).DeepCopyInto(t)
	case *corev1.Pod:
		from.(*corev1.Pod).DeepCopyInto(t)
	case *corev1.PersistentVolumeClaim:
		from.(*corev1.PersistentVolumeClaim).DeepCopyInto(t)
	case *appsv1.ControllerRevision:
		from.(*appsv1.ControllerRevision).DeepCopyInto(t)
	case *metav1.PartialObjectMetadata:
		MetadataOf(from.(client.Object)).DeepCopyInto(t)
	default:
		panic(fmt.Sprintf("cannot assign to %T", to))
	}
}

// MetadataOf returns only the metadata of an object.
func MetadataOf(o client.Object) *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{ObjectMeta: *objectMeta(o).DeepCopy()}
	m.SetGroupVersionKind(KindOf(o).GVK())
	return m
}

func objectMeta(o client.Object) *metav1.ObjectMeta {
	return o.(metav1.ObjectMetaAccessor).GetObjectMeta().(*metav1.ObjectMeta)
}

// withResourceVersion returns an object with another resourceVersion. It has everything else in common with the first one, and
// neither must be changed in depth.
func withResourceVersion(o client.Object, resourceVersion string) client.Object {
	var next client.Object
	switch t := o.(type) {
	case *v1alpha1.Pipeline:
		c := *t
		next = &c
	case *v1alpha1.PipelineExecution:
		c := *t
		next = &c
	case *v1alpha1.StopRequest:
		c := *t
		next = &c
	case *v1alpha1.ApprovalResult:
		c := *t
		next = &c
	case *batchv1.Job:
		c := *t
		next = &c
	case *corev1.Pod:
		c := *t
		next = &c
	case *corev1.PersistentVolumeClaim:
		c := *t
		next = &c
	case *appsv1.ControllerRevision:
		c := *t
		next = &c
	default:
		panic(fmt.Sprintf("the store has no %T", o))
	}
	next.SetResourceVersion(resourceVersion)
	return next
}

// assignList puts the objects into a list.
func assignList(objects []client.Object, to client.ObjectList) {
	items := make([]runtime.Object, 0, len(objects))
	for _, o := range objects {
		if _, metadataOnly := to.(*metav1.PartialObjectMetadataList); metadataOnly {
			items = append(items, MetadataOf(o))
		} else {
			items = append(items, o.DeepCopyObject())
		}
	}
	to.SetContinue("")
	if err := meta.SetList(to, items); err != nil {
		panic(err)
	}
}

func sorted[V any](m map[client.ObjectKey]V) []V {
	keys := make([]client.ObjectKey, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b client.ObjectKey) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	values := make([]V, 0, len(keys))
	for _, k := range keys {
		values = append(values, m[k])
	}
	return values
}

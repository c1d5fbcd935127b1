// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// history is all that happened in a namespace: what the audit log has, completed by what the test's own watch saw of the
// writes during which the API server was killed.
type history struct {
	namespace string
	entries   []*entry
	lost      []*entry
	lives     map[types.UID]*life
}

// life is the versions of an object, by their resourceVersions.
type life struct {
	uid      types.UID
	versions []version
	// gone is when it went; nil while it is there.
	gone *span
}

type version struct {
	rv     uint64
	object client.Object
	// entry is the request that wrote it; nil where only the watch knows of it.
	entry *entry
	at    time.Time
}

// newHistory puts the history of a namespace together.
func newHistory(namespace string, log *auditLog, r *recorder) *history {
	h := &history{namespace: namespace, entries: log.of(namespace), lost: log.lost(namespace), lives: map[types.UID]*life{}}
	for _, e := range h.entries {
		if o := stored(e); o != nil {
			h.add(version{rv: number(o.GetResourceVersion()), object: o, entry: e, at: e.StageTimestamp})
		}
	}
	seen, gone := r.of(namespace)
	for _, s := range seen {
		h.add(version{rv: number(s.object.GetResourceVersion()), object: s.object, at: s.at})
	}
	for uid, g := range gone {
		h.lives[uid].gone = &g
	}
	for _, l := range h.lives {
		l.order()
	}
	return h
}

func (h *history) add(v version) {
	uid := v.object.GetUID()
	if h.lives[uid] == nil {
		h.lives[uid] = &life{uid: uid}
	}
	h.lives[uid].versions = append(h.lives[uid].versions, v)
}

// order sorts the versions and keeps one of each, that of the audit log first.
func (l *life) order() {
	slices.SortStableFunc(l.versions, func(a, b version) int { return cmp.Compare(a.rv, b.rv) })
	l.versions = slices.CompactFunc(l.versions, func(a, b version) bool { return a.rv == b.rv })
}

// kinds are the types of the objects of a history, by their resources.
var kinds = map[string]client.Object{
	"pipelines":           &v1alpha1.Pipeline{},
	"pipelineexecutions":  &v1alpha1.PipelineExecution{},
	"stoprequests":        &v1alpha1.StopRequest{},
	"jobs":                &batchv1.Job{},
	"pods":                &corev1.Pod{},
	"controllerrevisions": &appsv1.ControllerRevision{},
}

func resourceOf(o client.Object) string {
	for resource, empty := range kinds {
		if reflect.TypeOf(empty) == reflect.TypeOf(o) {
			return resource
		}
	}
	return ""
}

// stored returns the object that a request stored, or nil.
func stored(e *entry) client.Object {
	if !e.ok() || !slices.Contains([]string{"create", "update", "patch"}, e.Verb) {
		return nil
	}
	empty, known := kinds[strings.TrimSuffix(e.resource(), "/status")]
	if !known {
		return nil
	}
	o := empty.DeepCopyObject().(client.Object)
	if json.Unmarshal(e.ResponseObject, o) != nil || o.GetUID() == "" {
		return nil
	}
	return o
}

// of returns the lives of the objects of a type, in the order of their creation.
func of[T client.Object](h *history) []*life {
	var found []*life
	for _, l := range h.lives {
		if _, ok := l.first().object.(T); ok {
			found = append(found, l)
		}
	}
	slices.SortFunc(found, func(a, b *life) int { return cmp.Compare(a.first().rv, b.first().rv) })
	return found
}

func (l *life) first() version { return l.versions[0] }

func (l *life) last() version { return l.versions[len(l.versions)-1] }

// when returns the first version of which something holds, or nil.
func (l *life) when(holds func(client.Object) bool) *version {
	for i := range l.versions {
		if holds(l.versions[i].object) {
			return &l.versions[i]
		}
	}
	return nil
}

// asOf returns the version of a moment: the last one that is not later. Nil before the first.
func (l *life) asOf(rv uint64) *version {
	var found *version
	for i := range l.versions {
		if l.versions[i].rv <= rv {
			found = &l.versions[i]
		}
	}
	return found
}

// goneBefore reports whether an object may have been gone at a moment.
func (l *life) goneBefore(rv uint64) bool { return l.gone != nil && l.gone.low < rv }

// before reports whether something held at some time before a moment.
func (l *life) before(rv uint64, holds func(client.Object) bool) bool {
	v := l.when(holds)
	return v != nil && v.rv < rv
}

// isWhole reports whether every write of an object is known. Where the API server was killed before it answered one, what
// it wrote may be known to nobody. The log does not say which object a creation without an answer was about: it may have
// been that of any whose creation is not known.
func (h *history) isWhole(l *life) bool {
	o, created := l.last().object, l.first().entry != nil && l.first().entry.Verb == "create"
	return !slices.ContainsFunc(h.lost, func(e *entry) bool {
		if e.ObjectRef.Resource != resourceOf(o) || e.ObjectRef.Namespace != o.GetNamespace() {
			return false
		}
		return e.ObjectRef.Name == o.GetName() || e.ObjectRef.Name == "" && e.Verb == "create" && !created
	})
}

// execution returns the life of the execution of an id, or nil.
func (h *history) execution(id string) *life {
	l := h.lives[types.UID(id)]
	if l == nil {
		return nil
	}
	if _, ok := l.first().object.(*v1alpha1.PipelineExecution); !ok {
		return nil
	}
	return l
}

// executionOf returns the id of the execution that an object is about, or is.
func executionOf(o client.Object) string {
	switch o := o.(type) {
	case *v1alpha1.PipelineExecution:
		return string(o.UID)
	case *v1alpha1.StopRequest:
		return o.Spec.PipelineExecutionID
	}
	if controlledByExecution(o) {
		return string(metav1.GetControllerOf(o).UID)
	}
	return o.GetLabels()[v1alpha1.LabelExecutionID]
}

func ofExecution(o client.Object) *v1alpha1.PipelineExecution { return o.(*v1alpha1.PipelineExecution) }

func ofRequest(o client.Object) *v1alpha1.StopRequest { return o.(*v1alpha1.StopRequest) }

func ofJob(o client.Object) *batchv1.Job { return o.(*batchv1.Job) }

func ofPod(o client.Object) *corev1.Pod { return o.(*corev1.Pod) }

// controlledByExecution reports whether an execution is the controller of an object.
func controlledByExecution(o client.Object) bool {
	owner := metav1.GetControllerOf(o)
	return owner != nil && owner.Kind == "PipelineExecution"
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// Change is one committed write.
type Change struct {
	// Seq is the resourceVersion that the write gave.
	Seq int
	// At is the time of the write.
	At time.Time
	// By is the name of the writer.
	By string
	// Call is the number of the call that wrote, if a caller with a log made it; 0 otherwise.
	Call int
	Kind Kind
	Key  client.ObjectKey
	// Old is nil for a creation, New for a removal. Neither is ever changed.
	Old, New client.Object
}

// Store is the API server: the objects, and every change that led to them.
type Store struct {
	Clock   *clocktesting.FakePassiveClock
	History []Change
	// Terminating is true while the namespace is being deleted.
	Terminating bool
	// Wrote is called after every change, if it is set.
	Wrote func(Change)

	objects [kinds]map[client.ObjectKey]client.Object
	// byKind are the positions of a kind's changes in History.
	byKind [kinds][]int
	uids   int
	state  uint64
	// versions are the stored contents by the names of objects.
	versions map[string]*version
	// memo remembers what the writes of other stores gave. All of its maps are nil if there were none.
	memo *Memo
	// writer and call are those of the next changes.
	writer string
	call   int
}

// epoch is the time in a new store.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// NewStore returns a store with nothing in it.
func NewStore() *Store { return NewStoreWith(&Memo{}) }

// NewStoreWith returns a store with nothing in it, which need not compute what the memo has.
func NewStoreWith(memo *Memo) *Store {
	s := &Store{Clock: clocktesting.NewFakePassiveClock(epoch), versions: map[string]*version{}, memo: memo, writer: "user"}
	for k := range s.objects {
		s.objects[k] = map[client.ObjectKey]client.Object{}
	}
	return s
}

// As records the changes that a function makes under the name of a writer.
func (s *Store) As(writer string, do func()) {
	before, call := s.writer, s.call
	s.writer, s.call = writer, 0
	defer func() { s.writer, s.call = before, call }()
	do()
}

// State is a hash of all objects, without their resourceVersions and the versions of their statuses, which begin with one: nobody decides
// on their numbers.
func (s *Store) State() uint64 { return s.state }

// All returns the objects of a kind in the order of their names. They must not be changed.
func (s *Store) All(k Kind) []client.Object { return sorted(s.objects[k]) }

// Count returns how many objects of a kind there are.
func (s *Store) Count(k Kind) int { return len(s.objects[k]) }

// Find returns an object, or nil. It must not be changed.
func (s *Store) Find(k Kind, key client.ObjectKey) client.Object {
	return s.objects[k][key]
}

// ByUID returns an object, or nil. It must not be changed.
func (s *Store) ByUID(uid types.UID) client.Object {
	for _, k := range Kinds {
		for _, o := range s.objects[k] {
			if o.GetUID() == uid {
				return o
			}
		}
	}
	return nil
}

// Changes returns how many changes a kind has seen.
func (s *Store) Changes(k Kind) int { return len(s.byKind[k]) }

// Load stores objects as they are, with their uids and statuses if they have any. It panics if one is there already.
func (s *Store) Load(objects ...client.Object) {
	for _, o := range objects {
		k, key := KindOf(o), client.ObjectKeyFromObject(o)
		if s.objects[k][key] != nil {
			panic(fmt.Sprintf("there is a %s %q already", k, key.Name))
		}
		uid, created, next := o.GetUID(), o.GetCreationTimestamp(), o.DeepCopyObject().(client.Object)
		s.initialize(next)
		copyStatus(o, next)
		if uid != "" {
			next.SetUID(uid)
		}
		if !created.IsZero() {
			next.SetCreationTimestamp(created)
		}
		s.commit(k, key, nil, next)
		s.fill(k, key, o)
	}
}

// Create stores a new object, with what the API server gives it.
func (s *Store) Create(o client.Object) error {
	k, key := KindOf(o), client.ObjectKeyFromObject(o)
	if s.Terminating {
		return newNamespaceTerminating(k, key)
	}
	if s.objects[k][key] != nil {
		return apierrors.NewAlreadyExists(k.resource(), key.Name)
	}
	s.initialize(o)
	s.commit(k, key, nil, o)
	return nil
}

// initialize gives a new object its uid, its time and its defaults.
func (s *Store) initialize(o client.Object) {
	s.uids++
	o.SetUID(types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", s.uids)))
	o.SetCreationTimestamp(metav1.NewTime(s.Clock.Now().Truncate(time.Second)))
	applyDefaults(o)
}

// tryCreate is a creation that is a dry run.
func (s *Store) tryCreate(k Kind, key client.ObjectKey) error {
	switch {
	case s.Terminating:
		return newNamespaceTerminating(k, key)
	case s.objects[k][key] != nil:
		return apierrors.NewAlreadyExists(k.resource(), key.Name)
	}
	return nil
}

// Mutate changes an object that was read right before. It reports whether anything changed.
func (s *Store) Mutate(k Kind, key client.ObjectKey, change func(client.Object)) bool {
	old := s.objects[k][key]
	if old == nil {
		return false
	}
	next := old.DeepCopyObject().(client.Object)
	change(next)
	return s.put(k, key, old, next)
}

// put stores the next version of an object, and removes the object if nothing keeps it any more. A write that changes nothing
// is no change.
func (s *Store) put(k Kind, key client.ObjectKey, old, next client.Object) bool {
	return s.finish(k, key, old, s.outcomeOf(k, key, old, next))
}

// outcome is what a write makes of an object. It depends on the object and on what is written alone.
type outcome struct {
	// next is the version that the object gets; nil if it is removed.
	next *version
	// unchanged is true if the write changes nothing.
	unchanged bool
	// err is the answer to a write that is refused.
	err error
}

// outcomeOf returns the outcome of writing the next state of an object.
func (s *Store) outcomeOf(k Kind, key client.ObjectKey, old, next client.Object) outcome {
	written := s.newVersion(k, key, next)
	switch {
	case written.raw == s.versions[objectID(k, key)].raw:
		return outcome{unchanged: true}
	case next.GetDeletionTimestamp() != nil && len(next.GetFinalizers()) == 0 && !isInGrace(next):
		return outcome{}
	case specChanged(old, next):
		next = withResourceVersion(next, "")
		next.SetGeneration(old.GetGeneration() + 1)
		written = s.newVersion(k, key, next)
	}
	return outcome{next: written}
}

// finish records an outcome. It reports whether there is a change.
func (s *Store) finish(k Kind, key client.ObjectKey, old client.Object, o outcome) bool {
	if !o.unchanged {
		s.commitVersion(k, key, old, o.next)
	}
	return !o.unchanged
}

// commit stores a new object, or removes an old one.
func (s *Store) commit(k Kind, key client.ObjectKey, old, next client.Object) {
	if next == nil {
		s.commitVersion(k, key, old, nil)
		return
	}
	s.commitVersion(k, key, old, s.newVersion(k, key, next))
	next.SetResourceVersion(s.objects[k][key].GetResourceVersion())
}

// commitVersion records a change. Without a next version the object is removed.
func (s *Store) commitVersion(k Kind, key client.ObjectKey, old client.Object, next *version) {
	c := Change{Seq: len(s.History) + 1, At: s.Clock.Now(), By: s.writer, Call: s.call, Kind: k, Key: key, Old: old}
	id := objectID(k, key)
	if old != nil {
		s.state ^= s.versions[id].hash
	}
	if next == nil {
		delete(s.objects[k], key)
		delete(s.versions, id)
	} else {
		c.New = withResourceVersion(next.object, strconv.Itoa(c.Seq))
		s.objects[k][key] = c.New
		s.versions[id] = next
		s.state ^= next.hash
	}
	s.byKind[k] = append(s.byKind[k], len(s.History))
	s.History = append(s.History, c)
	if s.Wrote != nil {
		s.Wrote(c)
	}
}

// newVersion returns an object as it is stored.
func (s *Store) newVersion(k Kind, key client.ObjectKey, o client.Object) *version {
	o = withResourceVersion(o, "")
	of := content{k, string(encode(o))}
	return remember(s.memo.stored, of, func() *version {
		return &version{content: of, object: decode(of), hash: hash(objectID(k, key), statusVersion.ReplaceAllString(of.raw, `"version":1`))}
	})
}

// Delete removes an object, or marks it as deleted, as the API server does.
func (s *Store) Delete(k Kind, key client.ObjectKey, o client.DeleteOptions) error {
	old := s.objects[k][key]
	if old == nil {
		return apierrors.NewNotFound(k.resource(), key.Name)
	}
	switch p := o.Preconditions; {
	case p == nil:
	case p.UID != nil && *p.UID != old.GetUID():
		return newConflict(k, key, "Precondition failed: UID in precondition: %v, UID in object meta: %v", *p.UID, old.GetUID())
	case p.ResourceVersion != nil && *p.ResourceVersion != old.GetResourceVersion():
		return newConflict(k, key, "Precondition failed: ResourceVersion in precondition: %v", *p.ResourceVersion)
	}
	next := old.DeepCopyObject().(client.Object)
	if !markDeleted(next, o, metav1.NewTime(s.Clock.Now().Truncate(time.Second))) {
		return nil
	}
	if len(next.GetFinalizers()) == 0 && !isInGrace(next) {
		s.commit(k, key, old, nil)
		return nil
	}
	s.put(k, key, old, next)
	return nil
}

// objectID names an object of any kind.
func objectID(k Kind, key client.ObjectKey) string {
	return strconv.Itoa(int(k)) + "/" + key.Namespace + "/" + key.Name
}

func encode(o client.Object) []byte {
	raw, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return raw
}

// decode returns an object as it is after it went through JSON, as everything that is read did: only the seconds of times are left.
func decode(c content) client.Object {
	stored := c.kind.New()
	if err := json.Unmarshal([]byte(c.raw), stored); err != nil {
		panic(err)
	}
	return stored
}

// specChanged reports whether a write gives the object another generation.
func specChanged(old, next client.Object) bool {
	switch t := next.(type) {
	case *v1alpha1.Pipeline:
		return !equality.Semantic.DeepEqual(t.Spec, old.(*v1alpha1.Pipeline).Spec)
	case *batchv1.Job:
		return !equality.Semantic.DeepEqual(t.Spec, old.(*batchv1.Job).Spec)
	default:
		// The specs of the other kinds are immutable.
		return false
	}
}

// statusVersion is the version of a status that has one.
var statusVersion = regexp.MustCompile(`"version":[1-9]\d*`)

func hash(id, raw string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	_, _ = h.Write([]byte(raw))
	return h.Sum64()
}

func hasFinalizer(o client.Object, finalizer string) bool {
	return slices.Contains(o.GetFinalizers(), finalizer)
}

func removeFinalizer(finalizer string) func(client.Object) {
	return func(o client.Object) {
		o.SetFinalizers(slices.DeleteFunc(slices.Clone(o.GetFinalizers()), func(f string) bool { return f == finalizer }))
	}
}

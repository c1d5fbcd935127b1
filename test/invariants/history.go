// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// Writer is who made a change.
type Writer int

const (
	// WriterUnknown made a change that only a watch saw. It counts as the operator if only the operator may make such a change.
	WriterUnknown Writer = iota
	// WriterOperator is any process of the operator.
	WriterOperator
	// WriterOther is a person or a program of the cluster.
	WriterOther
)

// Change is one write that was stored.
type Change struct {
	// Position orders the changes of a history: the resourceVersion that the write gave, of a removal the last one at which it
	// can have happened.
	Position uint64
	// After is the position after which a removal happened. It is Position-1 unless a watch missed the removal.
	After uint64
	// Time is when the change was stored, of a removal when it was last asked for; zero if that is not known.
	Time time.Time
	// Kind and Key name the object.
	Kind simcluster.Kind
	Key  client.ObjectKey
	// Old is the version before, nil for a creation. New is nil for a removal. Neither may be changed.
	Old, New client.Object
	// Writer is who wrote, and By the name of the writer.
	Writer Writer
	By     string
	// Verb is that of the request; empty if only a watch saw the change.
	Verb string
	// Request is the operator's request that made the change, if it is known.
	Request *Request
}

// mayBeOperators reports whether the operator made the change, or nobody knows who did.
func (c *Change) mayBeOperators() bool { return c.Writer != WriterOther }

// isCreation reports whether the change is known to have created the object.
func (c *Change) isCreation() bool { return c.Old == nil && c.Verb == "create" }

// uid returns that of the object.
func (c *Change) uid() types.UID {
	if c.New != nil {
		return c.New.GetUID()
	}
	return c.Old.GetUID()
}

// Request is one of the operator's requests that ask for a change.
type Request struct {
	// Text describes the request in a line.
	Text string
	Verb string
	Kind simcluster.Kind
	Key  client.ObjectKey
	// At is the position after which the request was made.
	At uint64
	// Execution is the execution that the request is about, if it is known.
	Execution types.UID
	// Guard is what the request demands of the object; nil if the API server did not read the request.
	Guard *Guard
	// Reconciliation is the one that made the request. This part is optional.
	Reconciliation *Reconciliation
	// Excused is true if the request may be made at rest: it repeats one that somebody refuses.
	Excused bool
}

// Guard is what a write demands of the object that it changes: its uid, and the state that the write was decided on.
type Guard struct{ UID, State bool }

// Reconciliation is what a controller did for an object at one time.
type Reconciliation struct {
	// Process and Number identify it.
	Process string
	Number  int
	// Began is the position after which it began.
	Began uint64
	// Controller is its name.
	Controller string
	// Object is the key of the object that was reconciled, and UID its uid once the controller had read it.
	Object client.ObjectKey
	UID    types.UID
}

// LostWrite is a write whose outcome nobody knows, since the API server was killed before it answered.
type LostWrite struct {
	Verb string
	Kind simcluster.Kind
	// Key has no name if the write is a creation: the audit log does not have it.
	Key client.ObjectKey
}

// RecordedEvent is a Kubernetes event that the operator recorded.
type RecordedEvent struct {
	// Reconciliation is the one that recorded it. This part is optional.
	Reconciliation *Reconciliation
}

// Rest describes the time when the faults had ended and nothing more was to be done.
type Rest struct {
	// Executions is the position at which every execution has to have ended.
	Executions uint64
	// StopRequests is the position at which every stop request has to be concluded.
	StopRequests uint64
	// Waiting are the executions that wait for a person, and so need not have ended.
	Waiting map[types.UID]bool
	// Requests is how many of the operator's requests were made before the rest.
	Requests int
}

// History is everything that happened in a namespace.
type History struct {
	// Changes are in the order of their positions.
	Changes []Change
	// Requests are those of the operator that ask for a change, in the order in which they were made, refused ones included.
	Requests []*Request
	// Events are those that the operator recorded.
	Events []RecordedEvent
	// Lost are the writes whose outcome nobody knows.
	Lost []LostWrite
	// Rest is nil if the history did not come to its end. The checks of what has to be so at the end need it.
	Rest *Rest

	lives map[types.UID]*Life
	// byKind are the lives of a kind in the order of their first versions.
	byKind map[simcluster.Kind][]*Life
	jobs   map[types.UID]*jobRecord
	wipes  map[types.UID][]wipe
}

// Index orders the changes and prepares the look-ups. It has to be called before Check.
func (h *History) Index() {
	slices.SortStableFunc(h.Changes, func(a, b Change) int { return cmp.Compare(a.Position, b.Position) })
	h.lives, h.byKind = map[types.UID]*Life{}, map[simcluster.Kind][]*Life{}
	h.jobs, h.wipes = map[types.UID]*jobRecord{}, map[types.UID][]wipe{}
	for i := range h.Changes {
		c := &h.Changes[i]
		c.Old, c.New = withoutRestoredAnswer(c.Old), withoutRestoredAnswer(c.New)
		h.indexLife(c)
		switch c.Kind {
		case simcluster.Execution:
			h.indexExecution(c)
		case simcluster.Job:
			h.indexJob(c)
		}
	}
}

// withoutRestoredAnswer returns an object as it is, or a stop request without the status that a restore gave it from another one: that is
// no answer to this request.
func withoutRestoredAnswer(o client.Object) client.Object {
	sr, isRequest := o.(*v1alpha1.StopRequest)
	if !isRequest || !sr.IsRestoredCopy() {
		return o
	}
	sr = sr.DeepCopy()
	sr.Status = v1alpha1.StopRequestStatus{ObservedGeneration: -1, Version: sr.Status.Version}
	return sr
}

func (h *History) indexLife(c *Change) {
	uid := c.uid()
	l := h.lives[uid]
	if l == nil {
		l = &Life{UID: uid, Kind: c.Kind, Key: c.Key}
		h.lives[uid] = l
		h.byKind[c.Kind] = append(h.byKind[c.Kind], l)
	}
	if c.New == nil {
		l.Removal = c
	} else {
		l.Versions = append(l.Versions, c)
	}
}

func (h *History) indexExecution(c *Change) {
	execution, ok := c.New.(*v1alpha1.PipelineExecution)
	if !ok {
		return
	}
	h.indexWipe(c, execution)
	h.indexWorkloads(c, execution)
}

// end is the position behind the last change.
func (h *History) end() uint64 {
	if len(h.Changes) == 0 {
		return 1
	}
	return h.Changes[len(h.Changes)-1].Position + 1
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/test/invariants"
	"haltline.dev/haltline/test/simcluster"
)

// history is everything that happened in a namespace: what the audit log has, completed by what the test's own watch saw of the
// writes during which the API server was killed.
type history struct {
	*invariants.History
	// entries are the answered requests, and unanswered those whose outcome nobody knows.
	entries, unanswered []*entry
}

// version is a version of an object.
type version struct {
	position uint64
	object   client.Object
	// entry is the request that wrote it; nil if only the watch saw it.
	entry *entry
	at    time.Time
}

// newHistory makes the history of a namespace.
func newHistory(namespace string, log *auditLog, r *watchRecorder) *history {
	h := &history{History: &invariants.History{}, entries: log.answeredIn(namespace), unanswered: log.unansweredIn(namespace)}
	seen, gone := r.recordsIn(namespace)
	for _, versions := range groupVersions(h.entries, seen) {
		h.addVersions(versions)
		if at, isGone := gone[versions[0].object.GetUID()]; isGone {
			h.addRemoval(versions[len(versions)-1].object, at)
		}
	}
	h.Index()
	h.addRequests()
	h.addLost()
	return h
}

// groupVersions returns the versions of each object in their order, each version once: that of the audit log if it has it.
func groupVersions(entries []*entry, seen []seenVersion) map[types.UID][]version {
	versions := map[types.UID][]version{}
	add := func(v version) { versions[v.object.GetUID()] = append(versions[v.object.GetUID()], v) }
	for _, e := range entries {
		if o := storedObject(e); o != nil {
			add(version{parseVersion(o.GetResourceVersion()), o, e, e.StageTimestamp})
		}
	}
	for _, s := range seen {
		add(version{parseVersion(s.object.GetResourceVersion()), s.object, nil, s.at})
	}
	for uid, all := range versions {
		slices.SortStableFunc(all, func(a, b version) int { return cmp.Compare(a.position, b.position) })
		versions[uid] = slices.CompactFunc(all, func(a, b version) bool { return a.position == b.position })
	}
	return versions
}

func (h *history) addVersions(versions []version) {
	var old client.Object
	for _, v := range versions {
		c := invariants.Change{
			Position: v.position, After: v.position - 1, Time: v.at, Kind: simcluster.KindOf(v.object),
			Key: client.ObjectKeyFromObject(v.object), Old: old, New: v.object, By: "somebody (seen by the watch)",
		}
		if v.entry != nil {
			c.Verb, c.By, c.Writer = v.entry.Verb, v.entry.agent(), v.entry.writer()
		}
		h.Changes = append(h.Changes, c)
		old = v.object
	}
}

// addRemoval adds the removal of an object, by whoever last asked to delete it.
func (h *history) addRemoval(last client.Object, at span) {
	c := invariants.Change{
		Position: at.high, After: at.low, Kind: simcluster.KindOf(last), Key: client.ObjectKeyFromObject(last), Old: last,
		By: "somebody (seen by the watch)",
	}
	for _, e := range h.entries {
		if e.Verb == "delete" && e.isStored() && e.ObjectRef.Name == last.GetName() && kindOfResource[e.ObjectRef.Resource] == c.Kind {
			c.Verb, c.By, c.Writer, c.Time = e.Verb, e.agent(), e.writer(), e.RequestReceivedTimestamp
		}
	}
	h.Changes = append(h.Changes, c)
}

// addRequests adds what the operator asked for, in the order in which it asked.
func (h *history) addRequests() {
	byReceipt := slices.Clone(h.entries)
	slices.SortStableFunc(byReceipt, func(a, b *entry) int { return a.RequestReceivedTimestamp.Compare(b.RequestReceivedTimestamp) })
	for _, e := range byReceipt {
		switch {
		case !e.isOperators() || e.isDryRun():
		case e.ObjectRef.Resource == "events":
			h.Events = append(h.Events, invariants.RecordedEvent{})
		default:
			h.Requests = append(h.Requests, h.newRequest(e))
		}
	}
}

func (h *history) newRequest(e *entry) *invariants.Request {
	verb := e.Verb
	if e.ObjectRef.Subresource != "" {
		verb += "-" + e.ObjectRef.Subresource
	}
	request := &invariants.Request{
		Text: describeRequest(e), Verb: verb, Kind: kindOfResource[e.ObjectRef.Resource],
		Key:       client.ObjectKey{Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name},
		Execution: h.findExecution(e), Guard: readGuard(e),
	}
	if o := storedObject(e); o != nil {
		request.At = parseVersion(o.GetResourceVersion()) - 1
	}
	return request
}

// readGuard returns what a request demands of the object, or nil if it was refused before the API server read what was sent.
func readGuard(e *entry) *invariants.Guard {
	if len(e.RequestObject) == 0 {
		return nil
	}
	uid, state := simcluster.ReadGuard(e.RequestObject)
	return &invariants.Guard{UID: uid, State: state}
}

func (h *history) addLost() {
	for _, e := range h.unanswered {
		if kind, known := kindOfResource[e.ObjectRef.Resource]; known {
			h.Lost = append(h.Lost, invariants.LostWrite{
				Verb: e.Verb, Kind: kind, Key: client.ObjectKey{Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name},
			})
		}
	}
}

// setRest marks the end of the history as a rest. What the operator asked for after a time counts as made at rest.
func (h *history) setRest(since time.Time) {
	requests := 0
	for _, e := range h.entries {
		if e.isOperators() && !e.isDryRun() && e.ObjectRef.Resource != "events" && !e.RequestReceivedTimestamp.After(since) {
			requests++
		}
	}
	h.Rest = &invariants.Rest{Executions: math.MaxUint64, StopRequests: math.MaxUint64, Requests: requests}
}

// kindOfResource are the kinds of a history, by their resources.
var kindOfResource = map[string]simcluster.Kind{
	"pipelines":           simcluster.Pipeline,
	"pipelineexecutions":  simcluster.Execution,
	"stoprequests":        simcluster.StopRequest,
	"approvalresults":     simcluster.ApprovalResult,
	"jobs":                simcluster.Job,
	"pods":                simcluster.Pod,
	"controllerrevisions": simcluster.Revision,
}

// storedObject returns the object that a request stored, or nil.
func storedObject(e *entry) client.Object {
	if !e.isStored() || !slices.Contains([]string{"create", "update", "patch"}, e.Verb) {
		return nil
	}
	kind, known := kindOfResource[strings.TrimSuffix(e.resource(), "/status")]
	if !known {
		return nil
	}
	o := kind.New()
	if json.Unmarshal(e.ResponseObject, o) != nil || o.GetUID() == "" {
		return nil
	}
	return o
}

// findExecution returns the execution that a request is about, or nothing.
func (h *history) findExecution(e *entry) types.UID {
	kind, known := kindOfResource[e.ObjectRef.Resource]
	if !known {
		return ""
	}
	for _, l := range h.Lives(kind) {
		if l.Key.Name == e.ObjectRef.Name {
			return invariants.ExecutionOf(l.Last().New)
		}
	}
	var sent metav1.PartialObjectMetadata
	if json.Unmarshal(e.RequestObject, &sent) == nil {
		return invariants.ExecutionOf(&sent)
	}
	return ""
}

// findWritesAfter describes the writes that the operator asked for after a time, by the clock of the API server, in any
// namespace. A dry run is no write. An event that was not answered is tried again by client-go, 10 seconds later and at most 12
// times; I9 bounds the number of events.
func findWritesAfter(log *auditLog, since time.Time) []string {
	var found []string
	for _, e := range log.answered {
		if e.isOperators() && !e.isDryRun() && e.ObjectRef.Resource != "events" && e.RequestReceivedTimestamp.After(since) {
			found = append(found, describeRequest(e))
		}
	}
	return found
}

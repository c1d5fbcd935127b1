// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"encoding/json"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// othersUntouched: every Job that the operator wrote to was under the control of an execution.
func othersUntouched(h *history, f *findings) {
	for _, l := range jobs(h) {
		for i, v := range l.versions {
			if v.entry == nil || !v.entry.operators() || v.entry.Verb == "create" {
				continue
			}
			f.checked++
			if i == 0 || !controlledByExecution(l.versions[i-1].object) {
				f.violate(executionOf(v.object), "the operator wrote at %d to Job %s, which no execution controls", v.rv, v.object.GetName())
			}
		}
		if first := l.first(); !controlledByExecution(first.object) {
			f.checked++
			if l.gone != nil {
				f.violate("", "Job %s of somebody else's is gone", first.object.GetName())
			}
		}
	}
}

// Bounds that a healthy operator is far below.
const (
	maxStatusWrites = 40
	maxStatusBytes  = 32 << 10
	maxEvents       = 60
)

// bounded: an execution is written a bounded number of times, and does not grow without end.
func bounded(h *history, f *findings) {
	for _, l := range append(executions(h), requests(h)...) {
		f.checked++
		o := l.last().object
		writes := slices.DeleteFunc(slices.Clone(l.versions), func(v version) bool { return v.entry == nil || !v.entry.operators() })
		if len(writes) > maxStatusWrites {
			f.violate(executionOf(o), "%s was written %d times", o.GetName(), len(writes))
		}
		if raw, err := json.Marshal(o); err != nil || len(raw) > maxStatusBytes {
			f.violate(executionOf(o), "%s has %d bytes", o.GetName(), len(raw))
		}
	}
	events := slices.DeleteFunc(slices.Clone(h.entries), func(e *entry) bool { return e.ObjectRef.Resource != "events" || !e.operators() })
	if limit := maxEvents * len(executions(h)); len(events) > limit {
		f.violate("", "%d events were written", len(events))
	}
}

// guardedWrites: the operator deletes nothing, an update names the version that it is about, and a patch that or the uid.
func guardedWrites(h *history, f *findings) {
	for _, e := range h.entries {
		if !e.operators() || e.ObjectRef.Resource == "events" {
			continue
		}
		f.checked++
		switch e.Verb {
		case "delete", "deletecollection":
			f.violate("", "the operator deleted: %s", line(e))
		case "update", "patch":
			if len(e.RequestObject) == 0 {
				// It was refused before the API server read what was sent.
				continue
			}
			sent := metav1.PartialObjectMetadata{}
			err := json.Unmarshal(e.RequestObject, &sent)
			if err != nil || sent.ResourceVersion == "" && (e.Verb == "update" || sent.UID == "") {
				f.violate(h.about(e), "a write without a guard: %s", line(e))
			}
		}
	}
}

// quiet returns the operator's writes after a moment, by the clock of the API server. Trying whether a Job could be
// created is no write. An event that was not answered is tried again by client-go, 10 seconds later and at most 12 times;
// how many events there are, bounded says.
func quiet(log *auditLog, since time.Time) []string {
	var found []string
	for _, e := range log.answered {
		if e.operators() && !e.dryRun() && e.ObjectRef.Resource != "events" && e.RequestReceivedTimestamp.After(since) {
			found = append(found, line(e))
		}
	}
	return found
}

// about returns the execution that a request is about.
func (h *history) about(e *entry) string {
	for _, l := range h.lives {
		if o := l.last().object; o.GetName() == e.ObjectRef.Name && resourceOf(o) == e.ObjectRef.Resource {
			return executionOf(o)
		}
	}
	var sent metav1.PartialObjectMetadata
	if json.Unmarshal(e.RequestObject, &sent) == nil {
		return executionOf(&sent)
	}
	return string(types.UID(""))
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"encoding/json"
	"strconv"
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
)

// Bounds of I9. A reconciliation writes a status at most eight times, and does a few things for each action.
const (
	maxWritesOfReconcile = 16
	maxNotesOfReconcile  = 16
	maxStatusBytes       = 16 << 10
	maxWritesOfRun       = 200
)

// bounded is I9: "Status, events and writes for each reconcile are bounded; rejections live on the StopRequest, never on
// the execution."
func bounded(r *record) {
	writes, notes := map[string]int{}, map[int]int{}
	total := 0
	for _, c := range r.calls {
		if !c.Writes() {
			continue
		}
		total++
		id := c.By + "/" + c.Reconciliation.Controller + "/" + strconv.Itoa(c.Reconciliation.Number)
		writes[id]++
		if writes[id] == maxWritesOfReconcile+1 {
			r.violated("I9", c.Before, "reconciliation %s wrote more than %d times", id, maxWritesOfReconcile)
		}
	}
	if total > maxWritesOfRun && !r.sim.Stuck {
		r.violated("I9", len(r.changes), "the operator wrote %d times", total)
	}
	for _, n := range r.notes {
		notes[n.Reconciliation]++
		if notes[n.Reconciliation] == maxNotesOfReconcile+1 {
			r.violated("I9", len(r.changes), "reconciliation %d recorded more than %d events", n.Reconciliation, maxNotesOfReconcile)
		}
	}
	for i, c := range r.changes {
		e, ok := executionOf(c)
		if !ok {
			continue
		}
		if size := jsonSize(e.Status); size > maxStatusBytes {
			r.violated("I9", i, "the status of execution %q has %d bytes", e.Name, size)
		}
		for _, condition := range e.Status.Conditions {
			if strings.HasSuffix(condition.Reason, "Exception") {
				r.violated("I9", i, "execution %q shows the rejection %s", e.Name, condition.Reason)
			}
		}
	}
}

func jsonSize(status v1alpha1.PipelineExecutionStatus) int {
	raw, err := json.Marshal(status)
	if err != nil {
		panic(err)
	}
	return len(raw)
}

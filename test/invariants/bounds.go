// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"encoding/json"
	"slices"
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// Bounds of I9, which a healthy operator is far below.
const (
	// MaxWritesOfReconciliation and MaxEventsOfReconciliation leave room for a few things for each action.
	MaxWritesOfReconciliation = 16
	MaxEventsOfReconciliation = 16
	// MaxWritesOfObject is for the whole life of an execution or of a stop request.
	MaxWritesOfObject = 40
	// MaxStatusBytes is for the status of an execution, MaxObjectBytes for a whole execution or stop request.
	MaxStatusBytes = 16 << 10
	MaxObjectBytes = 32 << 10
	// MaxEventsOfExecution is an average over all executions.
	MaxEventsOfExecution = 60
)

// checkBounds is I9: "Status, events and writes for each reconciliation are bounded. Rejections are recorded on the StopRequest,
// never on the execution." The bounds of a reconciliation are checked if the history has the reconciliations.
func checkBounds(h *History, r *Result) {
	h.checkBoundsOfReconciliations(r)
	for _, l := range append(h.Lives(simcluster.Execution), h.Lives(simcluster.StopRequest)...) {
		r.Checked++
		checkBoundsOfObject(r, l)
	}
	executions := h.Lives(simcluster.Execution)
	for _, l := range executions {
		for _, c := range l.Versions {
			h.checkBoundsOfStatus(r, c, c.New.(*v1alpha1.PipelineExecution))
		}
	}
	if len(h.Events) > MaxEventsOfExecution*len(executions) {
		r.violate(h.end(), "", "%d events were recorded", len(h.Events))
	}
}

func (h *History) checkBoundsOfReconciliations(r *Result) {
	type id struct {
		process string
		number  int
	}
	writes, events := map[id]int{}, map[id]int{}
	for _, request := range h.Requests {
		by := request.Reconciliation
		if by == nil {
			continue
		}
		key := id{by.Process, by.Number}
		writes[key]++
		if writes[key] == MaxWritesOfReconciliation+1 {
			r.violate(request.At+1, request.Execution, "reconciliation %d of %s wrote more than %d times", by.Number, by.Process, MaxWritesOfReconciliation)
		}
	}
	for _, event := range h.Events {
		by := event.Reconciliation
		if by == nil {
			continue
		}
		key := id{by.Process, by.Number}
		events[key]++
		if events[key] == MaxEventsOfReconciliation+1 {
			r.violate(h.end(), "", "reconciliation %d of %s recorded more than %d events", by.Number, by.Process, MaxEventsOfReconciliation)
		}
	}
}

func checkBoundsOfObject(r *Result, l *Life) {
	o := l.Last().New
	writes := slices.DeleteFunc(slices.Clone(l.Versions), func(c *Change) bool { return c.Writer != WriterOperator })
	if len(writes) > MaxWritesOfObject {
		r.violate(l.Last().Position, ExecutionOf(o), "%s %q was written %d times", l.Kind, l.Key.Name, len(writes))
	}
	if size := jsonSize(o); size > MaxObjectBytes {
		r.violate(l.Last().Position, ExecutionOf(o), "%s %q has %d bytes", l.Kind, l.Key.Name, size)
	}
}

func (h *History) checkBoundsOfStatus(r *Result, c *Change, execution *v1alpha1.PipelineExecution) {
	if size := jsonSize(execution.Status); size > MaxStatusBytes {
		r.violate(c.Position, execution.UID, "the status of execution %q has %d bytes", execution.Name, size)
	}
	// Why a retry is refused is recorded on the retry itself, since that is the request. If somebody overwrites its state, the reason stays.
	hasFailed := execution.Status.State == v1alpha1.ExecutionFailed || h.isWiped(execution.UID, c.Position, partState)
	isRefusedRetry := execution.Spec.RetryOf != nil && execution.Status.RetryOf == nil && hasFailed
	for _, condition := range execution.Status.Conditions {
		if strings.HasSuffix(condition.Reason, "Exception") && !isRefusedRetry {
			r.violate(c.Position, execution.UID, "execution %q shows the rejection %s", execution.Name, condition.Reason)
		}
	}
}

func jsonSize(o any) int {
	raw, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return len(raw)
}

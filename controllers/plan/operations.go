// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/stop"
)

// OperationType is what must be done about an action.
type OperationType int

const (
	// OperationStart creates the workload of an unconfirmed intent.
	OperationStart OperationType = iota + 1
	// OperationFence keeps the workload of an unconfirmed intent from ever being created, or finds that it was.
	OperationFence
	// OperationObserve looks how far the workload is.
	OperationObserve
	// OperationTerminate ends the workload of an abandoned action, and looks whether it has ended.
	OperationTerminate
	// OperationOrphan lets the workload of an abandoned action go on outside the execution.
	OperationOrphan
)

// Operation is what must be done about one action.
type Operation struct {
	Type OperationType
	Key  ActionKey
	// Workload is the object that does the work. Its uid is empty while the start is unconfirmed.
	Workload v1alpha1.WorkloadReference
	// StartTime is when the action was decided to start.
	StartTime *metav1.Time
	// HeldUp is whether the status shows something that keeps the action.
	HeldUp bool
	// Reason and Message are what the status says of why the action goes on.
	Reason, Message string
	// KeepFromStarting is whether work that was created and has never run is to be kept from starting: a stop is in force.
	KeepFromStarting bool
	// GracePeriodSeconds is what the time that the work has for ending is shortened to; nil leaves it as the work itself has it.
	GracePeriodSeconds *int64
	// Definition is what the action runs; empty if the pinned definition is gone.
	Definition v1alpha1.Action
	// Outputs are those of the actions before it, named NAMESPACE_NAME, in the order of the stages.
	Outputs []v1alpha1.Variable
	// Workspace is what its containers mount; nil if they mount nothing.
	Workspace *Mount
}

// Operations returns what the status of an execution asks for. Every operation can be done again: it depends on nothing
// but the status that was written. A final status asks for nothing.
func Operations(status *v1alpha1.PipelineExecutionStatus, definition *v1alpha1.PipelineDefinition) []Operation {
	if status.State.IsFinal() {
		return nil
	}
	var operations []Operation
	for key, a := range actions(status) {
		if !hasActiveWorkload(a) {
			continue
		}
		def := findDefinition(definition, key)
		t := operationType(a, def.OnAbandon, isStopInForce(status))
		operations = append(operations, Operation{
			Type: t, Key: key, KeepFromStarting: t == OperationObserve && isStopInForce(status),
			Workload: a.Workload, StartTime: a.StartTime, HeldUp: isHeldUp(a), Reason: a.Reason, Message: a.Message, Definition: def,
			GracePeriodSeconds: stop.GracePeriodSeconds(status.Stop),
			Outputs:            outputsBefore(status, definition, key, a.RunOrder),
			Workspace:          mountOf(status, definition, &def),
		})
	}
	return operations
}

func operationType(a *v1alpha1.ActionStatus, onAbandon v1alpha1.OnAbandon, stopped bool) OperationType {
	switch {
	case isUnconfirmed(a) && (stopped || a.TimedOut != nil):
		return OperationFence
	case isUnconfirmed(a):
		return OperationStart
	case a.State == v1alpha1.ActionInProgress && a.TimedOut == nil:
		return OperationObserve
	case onAbandon == v1alpha1.OnAbandonOrphan:
		return OperationOrphan
	default:
		return OperationTerminate
	}
}

// BeforeRecording returns the operations that may be done while a stop is not recorded yet. It is recorded first: what is to start
// would have to be stopped again, and what has to end can wait for one write. If it cannot be recorded, what has to end anyway ends.
func BeforeRecording(operations []Operation, blocked bool) []Operation {
	return slices.DeleteFunc(operations, func(op Operation) bool {
		switch op.Type {
		case OperationStart:
			return true
		case OperationTerminate, OperationOrphan:
			return !blocked
		default:
			return false
		}
	})
}

// HasStart reports whether one of the operations creates what an action runs.
func HasStart(operations []Operation) bool {
	for _, op := range operations {
		if op.Type == OperationStart {
			return true
		}
	}
	return false
}

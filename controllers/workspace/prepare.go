// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package workspace

import (
	"context"
	"fmt"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// Claims are the PersistentVolumeClaims of executions.
type Claims struct {
	// Client creates claims.
	Client client.Client
	// APIReader reads from the API server: the cache has no claims.
	APIReader client.Reader
}

// Prepared is what remains to be done in a step, once the claim of the execution was looked at.
type Prepared struct {
	// UID is that of the claim, if it was found or created just now.
	UID string
	// Operations are those that may be carried out.
	Operations []plan.Operation

	// held are the actions that the claim keeps from starting.
	held map[plan.ActionKey]plan.Observation
	// fenced are the actions that fail once nothing can start them any more.
	fenced map[plan.ActionKey]plan.Observation
}

// Prepare sees to the claim before an action is started that mounts it. Until its uid is recorded, nothing that mounts it is started, so
// that an action can fail without a fence. If the recorded one is gone, what was to start is fenced instead, since an operator that was
// paused may have seen it there. Without such a start, Prepare does nothing. What it returns beside an error can be used.
func (c *Claims) Prepare(
	ctx context.Context, execution *v1alpha1.PipelineExecution, definition *v1alpha1.PipelineDefinition, operations []plan.Operation, now metav1.Time,
) (Prepared, error) {
	first := firstStart(operations)
	switch {
	case first == nil:
		return Prepared{Operations: operations}, nil
	case first.Workspace.UID == "":
		uid, o, err := c.ensure(ctx, execution, definition.Workspace, first, now)
		return holdStarts(operations, uid, o), err
	}
	why, err := c.findLoss(ctx, execution.Namespace, first.Workspace)
	switch {
	case err != nil:
		return holdStarts(operations, "", plan.Observation{}), action.PendingIfAnswer(err)
	case why != "":
		return fenceStarts(operations, why), nil
	}
	return Prepared{Operations: operations}, nil
}

// Complete returns what was observed of the actions, those included that the claim kept from starting.
func (p *Prepared) Complete(observed map[plan.ActionKey]plan.Observation) map[plan.ActionKey]plan.Observation {
	maps.Copy(observed, p.held)
	for key, failed := range p.fenced {
		if observed[key].Phase == plan.PhaseNeverStarted {
			observed[key] = failed
		}
	}
	return observed
}

func isMountingStart(op *plan.Operation) bool {
	return op.Type == plan.OperationStart && op.Workspace != nil
}

func firstStart(operations []plan.Operation) *plan.Operation {
	for i := range operations {
		if isMountingStart(&operations[i]) {
			return &operations[i]
		}
	}
	return nil
}

// holdStarts takes out every start that mounts the claim, and has what was observed of the claim observed of those.
func holdStarts(operations []plan.Operation, uid string, o plan.Observation) Prepared {
	p := Prepared{UID: uid, held: map[plan.ActionKey]plan.Observation{}}
	for _, op := range operations {
		switch {
		case !isMountingStart(&op):
			p.Operations = append(p.Operations, op)
		case o.Phase != 0:
			p.held[op.Key] = o
		}
	}
	return p
}

// fenceStarts makes every start that mounts the claim a fence. What is fenced has failed, because the claim was lost.
func fenceStarts(operations []plan.Operation, why string) Prepared {
	p := Prepared{fenced: map[plan.ActionKey]plan.Observation{}}
	for _, op := range operations {
		if isMountingStart(&op) {
			op.Type = plan.OperationFence
			p.fenced[op.Key] = plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonWorkspaceLost, Message: fmt.Sprintf(
				"%s The action is not started with an empty one; start another execution.", why)}
		}
		p.Operations = append(p.Operations, op)
	}
	return p
}

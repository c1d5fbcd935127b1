// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package workspace

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/internal/events"
	"haltline.dev/haltline/internal/text"
)

// maxEvents bounds how many events of a claim are looked at, and maxShownEvent what is shown of one, in characters.
const (
	maxEvents     = 20
	maxShownEvent = 300
)

// Explain adds to an action whose pod is not scheduled how its claim is, if that is not bound. A claim that waits for its first consumer
// is Pending until then, so this fails nothing.
func (c *Claims) Explain(
	ctx context.Context, execution *v1alpha1.PipelineExecution, operations []plan.Operation, observed map[plan.ActionKey]plan.Observation,
) error {
	said, known := "", false
	for _, op := range operations {
		o := observed[op.Key]
		if op.Workspace == nil || !isUnscheduled(o) || isKept(o, op) {
			continue
		}
		if !known {
			var err error
			if said, err = c.describe(ctx, execution.Namespace, op.Workspace.ClaimName); err != nil {
				return action.PendingIfAnswer(err)
			}
			known = true
		}
		o.Message = strings.TrimSpace(said + " " + o.Message)
		observed[op.Key] = o
	}
	return nil
}

// isUnscheduled reports whether the work of an action waits for a node.
func isUnscheduled(o plan.Observation) bool {
	return o.Phase == plan.PhaseRunning && (o.Reason == corev1.PodReasonUnschedulable || o.Reason == "FailedScheduling")
}

// isKept reports whether an observation is that of an earlier look, which describes the claim already.
func isKept(o plan.Observation, op plan.Operation) bool {
	return o.Message == op.Message && strings.HasPrefix(o.Message, "PersistentVolumeClaim ")
}

// describe returns in a sentence how a claim is that is not bound; nothing if it is.
func (c *Claims) describe(ctx context.Context, namespace, name string) (string, error) {
	claim, err := c.get(ctx, namespace, name)
	switch {
	case err != nil:
		return "", err
	case claim == nil:
		return fmt.Sprintf("PersistentVolumeClaim %q of the workspace is gone.", name), nil
	case claim.Status.Phase == corev1.ClaimBound:
		return "", nil
	}
	why, err := c.lastEvent(ctx, claim)
	if err != nil {
		return "", err
	}
	return describeUnbound(claim, why), nil
}

// describeUnbound returns how a claim is, with what the last event about it says.
func describeUnbound(claim *corev1.PersistentVolumeClaim, event *corev1.Event) string {
	phase := claim.Status.Phase
	if phase == "" {
		phase = corev1.ClaimPending
	}
	if event == nil {
		return fmt.Sprintf("PersistentVolumeClaim %q of the workspace is %s.", claim.Name, phase)
	}
	return fmt.Sprintf("PersistentVolumeClaim %q of the workspace is %s: %s: %s.", claim.Name, phase, event.Reason,
		strings.TrimRight(text.Bound(event.Message, maxShownEvent), "."))
}

// lastEvent returns the newest event about a claim, or nil.
func (c *Claims) lastEvent(ctx context.Context, claim *corev1.PersistentVolumeClaim) (*corev1.Event, error) {
	list := &corev1.EventList{}
	err := c.APIReader.List(ctx, list, client.InNamespace(claim.Namespace), client.Limit(maxEvents),
		client.MatchingFields{"involvedObject.uid": string(claim.UID)})
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the events of PersistentVolumeClaim %q: %w", claim.Name, err)
	}
	return events.Newest(list.Items), nil
}

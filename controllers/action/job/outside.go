// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/internal/events"
)

// maxEvents bounds how many events of one object are read.
const maxEvents = 100

// findCauseOutside returns what the cluster knows of why a pod does not run well that the pod does not show: that its node does
// not answer, or what the newest warning about it says, such as that a volume cannot be mounted.
func (p *Provider) findCauseOutside(ctx context.Context, pod *corev1.Pod) (cause, error) {
	if pod.Spec.NodeName != "" {
		state, err := p.describeNode(ctx, pod.Spec.NodeName)
		if err != nil {
			return cause{}, err
		}
		if state != nodeReady && state != nodeUnknown {
			return cause{v1alpha1.ReasonNodeNotReady, fmt.Sprintf("Pod %q is on a node that %s.", pod.Name, state)}, nil
		}
	}
	warning, err := p.findWarning(ctx, pod)
	if err != nil || warning == nil {
		return whyPending(pod), err
	}
	return cause{warning.Reason, fmt.Sprintf("Pod %q: %s", pod.Name, warning.Message)}, nil
}

// addNode adds to the cause of a pod that does not end whether its node is to blame.
func (p *Provider) addNode(ctx context.Context, pod *corev1.Pod, c cause) (cause, error) {
	if c.reason != v1alpha1.ReasonPodNotEnding || pod.Spec.NodeName == "" {
		return c, nil
	}
	state, err := p.describeNode(ctx, pod.Spec.NodeName)
	switch {
	case err != nil:
		return c, err
	case state == nodeUnknown:
		c.message += fmt.Sprintf(" It is on node %q, which the operator may not read; `kubectl describe pod %s` shows what is left of it.",
			pod.Spec.NodeName, pod.Name)
	case state == nodeReady:
		c.message += fmt.Sprintf(" Its node %q is ready; `kubectl describe pod %s` shows what is left of it.", pod.Spec.NodeName, pod.Name)
	default:
		c.message += fmt.Sprintf(" It is on a node that %s.", state)
	}
	return c, nil
}

// What describeNode returns of a node that has no problem, and of one that the operator may not read.
const (
	nodeReady   = "is ready"
	nodeUnknown = "is unknown"
)

// describeNode returns what is wrong with a node, nodeReady, or nodeUnknown.
func (p *Provider) describeNode(ctx context.Context, name string) (string, error) {
	node := &corev1.Node{}
	err := p.APIReader.Get(ctx, client.ObjectKey{Name: name}, node)
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Sprintf("is gone: %q", name), nil
	case apierrors.IsForbidden(err):
		return nodeUnknown, nil
	case err != nil:
		return "", fmt.Errorf("reading node %q: %w", name, err)
	case !isReadyNode(node):
		return fmt.Sprintf("is not ready: %q", name), nil
	default:
		return nodeReady, nil
	}
}

func isReadyNode(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// findWarning returns the newest warning about an object, or nil, also if the operator may not read events.
func (p *Provider) findWarning(ctx context.Context, about client.Object) (*corev1.Event, error) {
	list := &corev1.EventList{}
	err := p.APIReader.List(ctx, list, client.InNamespace(about.GetNamespace()), client.MatchingFields{
		"involvedObject.uid": string(about.GetUID()), "type": corev1.EventTypeWarning,
	}, client.Limit(maxEvents))
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the events of %q: %w", about.GetName(), err)
	}
	return events.Newest(list.Items), nil
}

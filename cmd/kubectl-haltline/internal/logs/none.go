// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
	"haltline.dev/haltline/internal/text"
)

// explainNone adds why an action has no pod, if somebody who wants its logs has to know.
func (c *chooser) explainNone(key view.ActionKey, a *v1alpha1.ActionStatus) {
	// Of what is not asked for by its name, it is enough to see what has run.
	isNamed := c.wish.Action != nil || c.wish.Failed
	switch {
	case a.TakenOverFrom != "":
		original := c.nameOfOriginal(a.TakenOverFrom)
		c.noticeWith(fmt.Sprintf("logs %s %s", original, key), "%s was not run again: its result was taken over from execution %s, which has its logs", key, original)
	case a.State == v1alpha1.ActionNotStarted:
		if isNamed {
			c.noticeWith("explain "+c.execution.Name, "%s has not started%s. To see why", key, describe(a))
		}
	case a.Approval != nil:
		if isNamed {
			c.notice("%s is an approval and runs nothing%s", key, describe(a))
		}
	case view.IsActive(a) && a.State != v1alpha1.ActionAbandoned:
		c.noticeWith("explain "+c.execution.Name, "%s has no pod yet%s. To see why", key, describe(a))
	case a.Workload.UID == "":
		c.notice("%s never ran%s", key, describe(a))
	case a.State == v1alpha1.ActionAbandoned:
		c.notice("%s has no pod any more: a stop ended it, and Kubernetes deletes a pod that is ended with its logs. %s", key, c.whereElse(key))
	default:
		c.notice("%s has no pod any more: somebody deleted it, or its node is gone. %s", key, c.whereElse(key))
	}
}

// describe returns the reason and message of an action, for the end of a sentence.
func describe(a *v1alpha1.ActionStatus) string {
	switch {
	case a.Reason != "" && a.Message != "":
		return fmt.Sprintf(" (%s: %s)", a.Reason, a.Message)
	case a.Reason+a.Message != "":
		return fmt.Sprintf(" (%s)", a.Reason+a.Message)
	default:
		return ""
	}
}

// nameOfOriginal returns the name of the execution that ran an action, or its id if that is an earlier one than the one that is retried.
func (c *chooser) nameOfOriginal(id string) string {
	if of := c.execution.Status.RetryOf; of != nil && of.PipelineExecutionID == id {
		return of.Name
	}
	return id
}

// whereElse returns how the logs of an action are found where the cluster collects logs.
func (c *chooser) whereElse(key view.ActionKey) string {
	return fmt.Sprintf("If the cluster collects logs, look there for pods with the labels %s=%s, %s=%s and %s=%s", v1alpha1.LabelExecutionID,
		c.execution.UID, v1alpha1.LabelStage, text.FitLabel(key.Stage), v1alpha1.LabelAction, text.FitLabel(key.Action))
}

// explainNotStarted adds why a pod has no log, or why the container that is asked for has none.
func (c *chooser) explainNotStarted(key view.ActionKey, pod *corev1.Pod, isKnown bool) {
	what := "pod " + pod.Name
	if c.wish.Container != "" && isKnown {
		what = fmt.Sprintf("container %q of pod %s", c.wish.Container, pod.Name)
	}
	switch {
	case pod.Status.Phase == corev1.PodFailed && pod.Status.Reason != "":
		c.notice("%s: %s wrote nothing: it failed before a container started (%s)", key, what,
			text.Printable(strings.TrimSuffix(pod.Status.Reason+": "+pod.Status.Message, ": ")))
	case pod.Status.Phase == corev1.PodFailed, pod.Status.Phase == corev1.PodSucceeded:
		c.notice("%s: %s wrote nothing: it never started", key, what)
	default:
		c.noticeWith("explain "+c.execution.Name, "%s: %s has not started%s. To see why", key, what, whyWaiting(pod))
	}
}

// whyWaiting returns the reason of the first container that waits, for the end of a sentence.
func whyWaiting(pod *corev1.Pod) string {
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, s := range statuses {
			if s.State.Waiting != nil && s.State.Waiting.Reason != "" {
				return " (" + text.Printable(s.State.Waiting.Reason) + ")"
			}
		}
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return " (" + text.Printable(condition.Reason) + ")"
		}
	}
	return ""
}

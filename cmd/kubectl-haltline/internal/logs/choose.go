// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package logs chooses the containers whose logs belong to an execution, and prints them.
package logs

import (
	"cmp"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// Wish is which logs somebody wants to read.
type Wish struct {
	// Action is the only action whose logs are wanted; nil if all are.
	Action *view.ActionKey
	// Failed is whether only the logs of actions are wanted that failed.
	Failed bool
	// Container is the name of the only container that is wanted; empty if all are.
	Container string
	// Flags are added to every command that is suggested, such as "-n team"; empty if it needs none.
	Flags string
}

// Source is the log of one run of a container.
type Source struct {
	Action    view.ActionKey
	Pod       string
	PodUID    types.UID
	Container string
	// IsOneOfSeveral is whether the pod has other containers as well.
	IsOneOfSeveral bool
	// Restarts is how often the container was started again.
	Restarts int32
	// IsRunning is whether the container runs, so that its log goes on.
	IsRunning bool
}

// Choice is which logs there are to read, and why others are not there.
type Choice struct {
	// Sources are in the order of their actions, then of the age of their pods.
	Sources []Source
	// Notices are sentences about actions that have no log, and what to do.
	Notices []string
}

// Choose returns the logs of an execution that are wanted. The pods are those that have the id of the execution in a label; others than those
// of its Jobs are left out.
func Choose(execution *v1alpha1.PipelineExecution, pods []corev1.Pod, wish Wish) Choice {
	c := chooser{execution: execution, wish: wish}
	if !view.IsSeen(execution) {
		c.noticeWith("explain "+execution.Name, "Execution %q has not started anything, since no operator has looked at it. To see why", execution.Name)
		return c.choice
	}
	for key, a := range view.Actions(execution) {
		if c.wants(key, a) {
			c.add(key, a, podsOf(a, pods))
		}
	}
	if wish.Failed && !c.found {
		c.notice("No action of execution %q has failed", execution.Name)
	}
	return c.choice
}

type chooser struct {
	execution *v1alpha1.PipelineExecution
	wish      Wish
	// found is whether an action is wanted.
	found  bool
	choice Choice
}

func (c *chooser) wants(key view.ActionKey, a *v1alpha1.ActionStatus) bool {
	wanted := (c.wish.Action == nil || *c.wish.Action == key) && (!c.wish.Failed || a.State == v1alpha1.ActionFailed)
	c.found = c.found || wanted
	return wanted
}

// podsOf returns the pods of the Job of an action, the oldest first.
func podsOf(a *v1alpha1.ActionStatus, pods []corev1.Pod) []corev1.Pod {
	var own []corev1.Pod
	for _, pod := range pods {
		if a.Workload.UID != "" && pod.Labels[batchv1.ControllerUidLabel] == a.Workload.UID {
			own = append(own, pod)
		}
	}
	slices.SortFunc(own, func(a, b corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return own
}

// add adds the logs of an action, or why there are none.
func (c *chooser) add(key view.ActionKey, a *v1alpha1.ActionStatus, pods []corev1.Pod) {
	if len(pods) == 0 {
		c.explainNone(key, a)
		return
	}
	for i := range pods {
		c.addPod(key, &pods[i])
	}
}

// addPod adds the logs of the containers of a pod that have been started, init containers first.
func (c *chooser) addPod(key view.ActionKey, pod *corev1.Pod) {
	started, named := false, false
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if c.wish.Container != "" && c.wish.Container != s.Name {
			continue
		}
		named = true
		if !hasStarted(&s) {
			continue
		}
		started = true
		c.choice.Sources = append(c.choice.Sources, Source{
			Action: key, Pod: pod.Name, PodUID: pod.UID, Container: s.Name, IsOneOfSeveral: len(allContainers(pod)) > 1,
			Restarts: s.RestartCount, IsRunning: s.State.Running != nil,
		})
	}
	switch {
	case c.wish.Container != "" && !hasContainer(pod, c.wish.Container):
		c.notice("%s: pod %s has no container %q; it has %s", key, pod.Name, c.wish.Container, containerNames(pod))
	case !started:
		c.explainNotStarted(key, pod, named)
	}
}

// hasStarted reports whether a container has a log.
func hasStarted(s *corev1.ContainerStatus) bool {
	return s.State.Running != nil || s.State.Terminated != nil || s.LastTerminationState.Terminated != nil
}

func allContainers(pod *corev1.Pod) []corev1.Container {
	return slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers)
}

func hasContainer(pod *corev1.Pod, name string) bool {
	return slices.ContainsFunc(allContainers(pod), func(c corev1.Container) bool { return c.Name == name })
}

func containerNames(pod *corev1.Pod) string {
	names := ""
	for i, c := range allContainers(pod) {
		if i > 0 {
			names += ", "
		}
		names += c.Name
	}
	return names
}

func (c *chooser) notice(format string, args ...any) {
	c.choice.Notices = append(c.choice.Notices, fmt.Sprintf(format, args...)+".")
}

// noticeWith adds a sentence that ends with a command of the plugin.
func (c *chooser) noticeWith(command, format string, args ...any) {
	line := "kubectl haltline " + command
	if c.wish.Flags != "" {
		line += " " + c.wish.Flags
	}
	c.choice.Notices = append(c.choice.Notices, fmt.Sprintf(format, args...)+": "+line)
}

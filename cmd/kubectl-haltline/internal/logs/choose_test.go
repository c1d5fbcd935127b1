// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/golden"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/sample"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

var (
	ran     = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
	waiting = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}
)

// pod returns the n-th pod of the Job of an action, with a container main in a state.
func pod(job string, n int, state corev1.ContainerState) corev1.Pod {
	name := fmt.Sprintf("%s-pod%d", job, n)
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: sample.Namespace, Name: name, UID: types.UID(name), Labels: map[string]string{batchv1.ControllerUidLabel: job},
			CreationTimestamp: metav1.NewTime(sample.Start.Add(time.Duration(n) * time.Second)),
		},
		Spec:   corev1.PodSpec{Containers: []corev1.Container{{Name: "main"}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "main", State: state}}},
	}
}

// withInit returns a pod with an init container that has ended.
func withInit(p corev1.Pod) corev1.Pod {
	p.Spec.InitContainers = []corev1.Container{{Name: "setup"}}
	p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "setup", State: ran}}
	return p
}

// action returns an action in a state, whose Job has its name as its uid.
func action(name string, state v1alpha1.ActionState, change func(*v1alpha1.ActionStatus)) v1alpha1.ActionStatus {
	at := metav1.NewTime(sample.Start)
	a := v1alpha1.ActionStatus{Name: name, State: state}
	if state != v1alpha1.ActionNotStarted {
		a.Workload = v1alpha1.WorkloadReference{APIVersion: "batch/v1", Kind: "Job", Name: "job-" + name, UID: name}
		a.StartTime = &at
	}
	if state == v1alpha1.ActionSucceeded || state == v1alpha1.ActionFailed || state == v1alpha1.ActionAbandoned {
		a.CompletionTime = &at
	}
	if change != nil {
		change(&a)
	}
	return a
}

// executionOf returns an execution with one stage, Build.
func executionOf(actions ...v1alpha1.ActionStatus) *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Name: "web-1", UID: "the-id"},
		Status: v1alpha1.PipelineExecutionStatus{
			PipelineExecutionID: "the-id", State: v1alpha1.ExecutionFailed, RetryOf: &v1alpha1.RetryStatus{Name: "web-0", PipelineExecutionID: "id-of-web-0"},
			Stages: []v1alpha1.StageStatus{{Name: "Build", Actions: actions}},
		},
	}
}

func format(c Choice) string {
	var b strings.Builder
	prefixes := Prefixes(c.Sources, false)
	for i, s := range c.Sources {
		fmt.Fprintf(&b, "%s%s %s\n", prefixes[i], s.Pod, s.Container)
	}
	for _, n := range c.Notices {
		fmt.Fprintf(&b, "notice: %s\n", n)
	}
	return b.String()
}

// Which logs are read, what is put before their lines, and what is told about the others.
func TestChoose(t *testing.T) {
	key := func(name string) *view.ActionKey { return &view.ActionKey{Stage: "Build", Action: name} }
	execution := executionOf(
		action("one", v1alpha1.ActionSucceeded, nil),
		action("retried", v1alpha1.ActionFailed, nil),
		action("pulls", v1alpha1.ActionInProgress, nil),
		action("none-yet", v1alpha1.ActionInProgress, func(a *v1alpha1.ActionStatus) { a.Reason, a.Message = "NoPod", "exceeded quota" }),
		action("abandoned", v1alpha1.ActionAbandoned, nil),
		action("gone", v1alpha1.ActionSucceeded, nil),
		action("refused", v1alpha1.ActionFailed, func(a *v1alpha1.ActionStatus) {
			a.Workload.UID, a.Reason, a.Message = "", "JobRefused", "it is invalid"
		}),
		action("taken-over", v1alpha1.ActionSucceeded, func(a *v1alpha1.ActionStatus) {
			a.Workload, a.TakenOverFrom = v1alpha1.WorkloadReference{}, "id-of-web-0"
		}),
		action("taken-over-twice", v1alpha1.ActionSucceeded, func(a *v1alpha1.ActionStatus) {
			a.Workload, a.TakenOverFrom = v1alpha1.WorkloadReference{}, "id-of-another"
		}),
		action("asks", v1alpha1.ActionFailed, func(a *v1alpha1.ActionStatus) {
			a.Workload, a.Approval, a.Reason = v1alpha1.WorkloadReference{}, &v1alpha1.ApprovalStatus{}, "ApprovalRejected"
		}),
		action("later", v1alpha1.ActionNotStarted, nil),
	)
	crashed := pod("pulls", 2, waiting)
	crashed.Status.ContainerStatuses[0].LastTerminationState = ran
	evicted := pod("retried", 3, corev1.ContainerState{})
	evicted.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on memory"}
	pods := []corev1.Pod{
		withInit(pod("retried", 2, ran)), withInit(pod("retried", 1, ran)), evicted, pod("one", 1, ran), pod("pulls", 1, waiting), crashed,
		pod("of-somebody-else", 1, ran), pod("", 1, ran),
	}
	var all strings.Builder
	for _, tt := range []struct {
		name string
		wish Wish
	}{
		{"all", Wish{}},
		{"only what failed", Wish{Failed: true}},
		{"one action with one log", Wish{Action: key("one")}},
		{"one action with several logs", Wish{Action: key("retried")}},
		{"one container", Wish{Action: key("retried"), Container: "main"}},
		{"a container that there is not", Wish{Action: key("one"), Container: "proxy"}},
		{"a container that has not started", Wish{Action: key("pulls"), Container: "main"}},
		{"an action that has not started", Wish{Action: key("later")}},
		{"an approval", Wish{Action: key("asks")}},
		{"an action that did not fail", Wish{Action: key("one"), Failed: true}},
	} {
		fmt.Fprintf(&all, "## %s\n%s\n", tt.name, format(Choose(execution, pods, tt.wish)))
	}
	fmt.Fprintf(&all, "## nobody has looked at it\n%s\n", format(Choose(&v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Name: "web-1"}}, pods, Wish{})))
	golden.Compare(t, "choose", all.String())
}

func TestEndOfName(t *testing.T) {
	for name, want := range map[string]string{"web-1-abcdef-x7k2p": "x7k2p", "web-1-abcdef-3-x7k2p": "3-x7k2p", "x7k2p": "x7k2p"} {
		if got := endOfName(name); got != want {
			t.Errorf("endOfName(%q) is %q, want %q", name, got, want)
		}
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// wrote is the status of a container that ended well and wrote a text into its termination message.
func wrote(container, message string) corev1.ContainerStatus {
	s := ended(container, 0, 10)
	s.State.Terminated.Message = message
	return s
}

func asSucceeded(statuses ...corev1.ContainerStatus) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Phase, p.Status.ContainerStatuses = corev1.PodSucceeded, statuses }
}

// The pods of a Job are listed once it has completed, and only for an action that declares outputs (see TestObserve).
func TestObserveOutputs(t *testing.T) {
	listed := []string{"get Job", "live list Pod"}
	complete := makeJob(asComplete)
	succeeded := func(written string) plan.Observation {
		return plan.Observation{Phase: plan.PhaseSucceeded, UID: jobUID, Written: written}
	}
	failed := func(reason string) plan.Observation {
		return plan.Observation{Phase: plan.PhaseFailed, UID: jobUID, Reason: reason}
	}
	pod := func(changes ...func(*corev1.Pod)) []*corev1.Pod { return []*corev1.Pod{makePod(changes...)} }
	tests := []operationCase{
		{name: "runs", job: makeJob(), want: plan.Observation{Phase: plan.PhaseRunning, UID: jobUID}, calls: []string{"get Job"}},
		{name: "written", job: complete, pods: pod(asSucceeded(wrote("main", "TAG=v1\n"))), want: succeeded("TAG=v1\n"), calls: listed},
		{name: "a proxy was added before", job: complete, pods: pod(asSucceeded(wrote("proxy", "TAG=evil"), wrote("main", "TAG=v1"))), want: succeeded("TAG=v1"), calls: listed},
		{name: "nothing", job: complete, pods: pod(asSucceeded(wrote("main", ""))), want: succeeded(""), calls: listed},
		{name: "after a try that failed", job: complete, pods: []*corev1.Pod{
			makePod(func(p *corev1.Pod) {
				p.Name, p.Status.Phase, p.Status.ContainerStatuses = "a", corev1.PodFailed, []corev1.ContainerStatus{wrote("main", "TAG=v0")}
			}),
			makePod(asSucceeded(wrote("main", "TAG=v1"))),
		}, want: succeeded("TAG=v1"), calls: listed},
		{name: "a pod of an earlier Job of the name", job: complete, pods: []*corev1.Pod{
			makePod(asSucceeded(wrote("main", "TAG=v0")), func(p *corev1.Pod) { p.Name, p.Labels[batchv1.ControllerUidLabel] = "a", "job-0" }),
			makePod(asSucceeded(wrote("main", "TAG=v1"))),
		}, want: succeeded("TAG=v1"), calls: listed},
		{name: "4095 bytes", job: complete, pods: pod(asSucceeded(wrote("main", strings.Repeat("a", 4095)))), want: succeeded(strings.Repeat("a", 4095)), calls: listed},
		{name: "4096 bytes", job: complete, pods: pod(asSucceeded(wrote("main", strings.Repeat("a", 4096)))), want: failed(v1alpha1.ReasonOutputInvalid),
			messageParts: []string{`container "main"`, "4096 bytes or more"}, calls: listed},
		{name: "4 containers share 12 KiB", job: complete, pods: pod(asSucceeded(wrote("main", strings.Repeat("a", 3072)), wrote("b", ""), wrote("c", "")),
			func(p *corev1.Pod) { p.Status.InitContainerStatuses = []corev1.ContainerStatus{wrote("init", "")} }), want: failed(v1alpha1.ReasonOutputInvalid),
			messageParts: []string{"3072 bytes or more"}, calls: listed},
		{name: "the pod is gone", job: complete, want: failed(v1alpha1.ReasonOutputsLost), messageParts: []string{"its pod is gone", jobName}, calls: listed},
		{name: "the container is not shown", job: complete, pods: pod(asSucceeded(wrote("other", "TAG=v1"))), want: failed(v1alpha1.ReasonOutputsLost),
			messageParts: []string{`container "main"`}, calls: listed},
		{name: "the pods cannot be listed", job: complete, failAlways: map[string]error{"live list Pod": errTimeout}, errorPart: "did not answer", calls: listed},
		{name: "deleted after its end", job: makeJob(asDeleting, asComplete), want: failed(v1alpha1.ReasonOutputsLost),
			messageParts: []string{"its pod is gone"}, calls: append(listed, "live list Pod")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			op := makeConfirmed(plan.OperationObserve)
			op.Definition.Namespace, op.Definition.OutputVariables = "BUILD", []v1alpha1.OutputName{"TAG"}
			tt.check(t, op)
		})
	}
}

// A Job that completed before its uid was recorded has outputs as well, however that is found.
func TestOutputsOfAnUnconfirmedJob(t *testing.T) {
	for _, operation := range []plan.OperationType{plan.OperationStart, plan.OperationFence} {
		cluster := newCluster(t, makeJob(asComplete))
		cluster.add(makePod(asSucceeded(wrote("main", "TAG=v1"))))
		op := makeUnconfirmed(operation)
		op.Definition.Namespace, op.Definition.OutputVariables = "BUILD", []v1alpha1.OutputName{"TAG"}
		o, err := cluster.execute(makeScope(), op)
		if want := (plan.Observation{Phase: plan.PhaseSucceeded, UID: jobUID, Written: "TAG=v1"}); err != nil || o != want {
			t.Errorf("operation %d: got %+v, %v; want %+v", operation, o, err, want)
		}
	}
}

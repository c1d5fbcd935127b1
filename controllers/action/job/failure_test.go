// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// asFailedPod has the pod fail with these containers, created at that second.
func asFailedPod(created int, s ...corev1.ContainerStatus) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.CreationTimestamp, p.Status.Phase, p.Status.ContainerStatuses = at(created), corev1.PodFailed, s
	}
}

// The last try that failed is described by its index, its container, its exit code and the end of its termination message.
func TestDescribeLastFailure(t *testing.T) {
	const pod = `Pod "` + jobName + `-x7k2p"`
	said := func(message string) corev1.ContainerStatus {
		s := ended("main", 2, 9)
		s.State.Terminated.Message, s.State.Terminated.Reason = message, "Error"
		return s
	}
	killed := ended("main", 137, 9)
	killed.State.Terminated.Reason = "OOMKilled"
	index := func(p *corev1.Pod) { p.Annotations = map[string]string{batchv1.JobCompletionIndexAnnotation: "7"} }
	evicted := func(p *corev1.Pod) {
		p.Status.Reason, p.Status.Message = "Evicted", "The node was low on resource: memory."
	}
	tests := []struct {
		name string
		pods []*corev1.Pod
		want string
	}{
		{"none", nil, ""},
		{"one that runs", []*corev1.Pod{makePod()}, ""},
		{"an exit code", []*corev1.Pod{makePod(asFailedPod(1, ended("main", 3, 9)))}, pod + ` failed: container "main" ended with exit code 3.`},
		{"a termination message", []*corev1.Pod{makePod(asFailedPod(1, said("no such host\n")))}, pod + ` failed: container "main" ended with exit code 2: "no such host".`},
		{"out of memory", []*corev1.Pod{makePod(asFailedPod(1, killed))}, pod + ` failed: container "main" ended with exit code 137 (OOMKilled).`},
		{"an index", []*corev1.Pod{makePod(asFailedPod(1, ended("main", 3, 9)), index)}, pod + ` of index 7 failed: container "main" ended with exit code 3.`},
		{"not the container that succeeded", []*corev1.Pod{makePod(asFailedPod(1, ended("proxy", 0, 9), ended("main", 3, 9)))}, pod + ` failed: container "main" ended with exit code 3.`},
		{"evicted", []*corev1.Pod{makePod(asFailedPod(1), evicted)}, pod + ` failed: Evicted: The node was low on resource: memory.`},
		{"nothing is known", []*corev1.Pod{makePod(asFailedPod(1))}, pod + ` failed.`},
		{
			"the last of two", []*corev1.Pod{makePod(asFailedPod(5, ended("main", 5, 9))), makePod(asFailedPod(1, ended("main", 1, 4)))},
			pod + ` failed: container "main" ended with exit code 5.`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var last *corev1.Pod
			for _, p := range tt.pods {
				last = laterFailed(last, p)
			}
			if got := describeFailure(last); got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
	long := describeFailure(makePod(asFailedPod(1, said(strings.Repeat("x", 5000)+"the end"))))
	if len(long) > 1000 || !strings.Contains(long, "the end") {
		t.Errorf("a long termination message: %s", long)
	}
}

// The Job controller doubles its wait after each failure.
func TestWhyRetrying(t *testing.T) {
	failed := func(n, succeeded int32) *batchv1.Job {
		return makeJob(func(j *batchv1.Job) { j.Status.Failed, j.Status.Succeeded = n, succeeded })
	}
	tests := []struct {
		name string
		job  *batchv1.Job
		last *corev1.Pod
		want *metav1.Time
	}{
		{"after one failure", failed(1, 0), makePod(asFailedPod(1, ended("main", 3, 9))), timeAt(19)},
		{"after three", failed(3, 0), makePod(asFailedPod(1, ended("main", 3, 9))), timeAt(49)},
		{"after many", failed(20, 0), makePod(asFailedPod(1, ended("main", 3, 9))), timeAt(609)},
		{"not counted yet", failed(0, 0), makePod(asFailedPod(1, ended("main", 3, 9))), nil},
		{"others succeeded", failed(1, 1), makePod(asFailedPod(1, ended("main", 3, 9))), nil},
		{"it is not known when it ended", failed(1, 0), makePod(asFailedPod(1)), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := nextTry(tt.job, tt.last)
			if (got == nil) != (tt.want == nil) || got != nil && !got.Equal(tt.want) {
				t.Errorf("the next try is at %v, want %v", got, tt.want)
			}
			c := whyRetrying(tt.job, tt.last)
			if c.reason != "Retrying" || got != nil != strings.Contains(c.message, "at about 2026-03-01T12:") || !strings.Contains(c.message, "failed") {
				t.Errorf("%+v", c)
			}
		})
	}
}

func timeAt(second int) *metav1.Time {
	t := at(second)
	return &t
}

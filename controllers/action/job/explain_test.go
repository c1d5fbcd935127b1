// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/controllers/plan"
)

// What does not end has its reason: a node that is lost, a finalizer, an image that cannot be pulled.
func TestWhyUnfinished(t *testing.T) {
	const name = jobName + "-x7k2p"
	tests := []struct {
		name            string
		pod             *corev1.Pod
		now             metav1.Time
		reason, message string
	}{
		{"it just runs", makePod(containers(up)), at(0), "", ""},
		{"nothing is known of it yet", makePod(), at(0), "", ""},
		{
			"the grace period runs", makePod(asDeletedPod), at(10),
			"InGracePeriod", `Pod "` + name + `" is in its grace period, until 2026-03-01T12:00:30Z.`,
		},
		{"the end of the grace period", makePod(asDeletedPod), at(30), "InGracePeriod", `Pod "` + name + `" is in its grace period, until 2026-03-01T12:00:30Z.`},
		{"just past it, as on a healthy node", makePod(asDeletedPod), at(40), "InGracePeriod", `Pod "` + name + `" is in its grace period, until 2026-03-01T12:00:30Z.`},
		{
			"past it, with the finalizer of the Job controller", makePod(asDeletedPod), at(41),
			"PodNotEnding", `Pod "` + name + `" should have ended at 2026-03-01T12:00:30Z and has not.`,
		},
		{
			"past it, with no finalizer", makePod(asDeletedPod, finalizers()), at(41),
			"PodNotEnding", `Pod "` + name + `" should have ended at 2026-03-01T12:00:30Z and has not.`,
		},
		{
			"past it, with a foreign finalizer", makePod(asDeletedPod, finalizers("example.com/hold")), at(41),
			"PodFinalizer", `Pod "` + name + `" should have ended at 2026-03-01T12:00:30Z; its finalizers must be removed by whoever set them: example.com/hold.`,
		},
		{
			"past it, with foreign finalizers among ours", makePod(asDeletedPod, finalizers("a.example/x", batchv1.JobTrackingFinalizer, "b.example/y")), at(41),
			"PodFinalizer", `Pod "` + name + `" should have ended at 2026-03-01T12:00:30Z; its finalizers must be removed by whoever set them: a.example/x, b.example/y.`,
		},
		{
			"in its grace period a foreign finalizer is no matter yet", makePod(asDeletedPod, finalizers("example.com/hold")), at(10),
			"InGracePeriod", `Pod "` + name + `" is in its grace period, until 2026-03-01T12:00:30Z.`,
		},
		{
			// What is deleted does not have to start any more.
			"deleted, and its image cannot be pulled", makePod(asDeletedPod, containers(waitingFor("main", "ImagePullBackOff"))), at(10),
			"InGracePeriod", `Pod "` + name + `" is in its grace period, until 2026-03-01T12:00:30Z.`,
		},
		{
			"a time of another zone", makePod(asDeletedPod), metav1.NewTime(at(41).In(time.FixedZone("CET", 3600))),
			"PodNotEnding", `Pod "` + name + `" should have ended at 2026-03-01T12:00:30Z and has not.`,
		},
		{"unschedulable", makePod(condition(unschedulable)), at(0), "Unschedulable", `Pod "` + name + `" cannot be scheduled: 0/3 nodes are available`},
		{
			"scheduled", makePod(condition(corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}), containers(up)), at(0), "", "",
		},
		{
			"not ready is no reason", makePod(condition(corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "ContainersNotReady"})), at(0), "", "",
		},
		{
			"an image that cannot be pulled", makePod(containers(waitingFor("main", "ImagePullBackOff"))), at(0),
			"ImagePullBackOff", `Container "main" of pod "` + name + `", of image "example.com/app:1", cannot start: ImagePullBackOff.`,
		},
		{
			"the same, as the kubelet reports it in between", makePod(containers(waitingFor("main", "ErrImagePull"))), at(0),
			"ImagePullBackOff", `Container "main" of pod "` + name + `", of image "example.com/app:1", cannot start: ImagePullBackOff.`,
		},
		{
			"it crashes", makePod(containers(waitingFor("main", "CrashLoopBackOff"))), at(0),
			"CrashLoopBackOff", `Container "main" of pod "` + name + `" crashes and is started again.`,
		},
		{
			"it crashed and runs for a moment", makePod(containers(crashed(running("main", 0)))), at(5),
			"CrashLoopBackOff", `Container "main" of pod "` + name + `" crashes and is started again: it ended with exit code 3: "no such host".`,
		},
		{
			"it crashed and is about to be started again", makePod(containers(crashed(ended("main", 3, 0)))), at(5),
			"CrashLoopBackOff", `Container "main" of pod "` + name + `" crashes and is started again: it ended with exit code 3: "no such host".`,
		},
		{"it crashed long ago", makePod(containers(crashed(running("main", 0)))), at(600), "", ""},
		{
			"an init container hangs", makePod(initContainers(running("fetch", 0))), at(10),
			"InitContainerRunning", `Init container "fetch" of pod "` + name + `" runs since 2026-03-01T12:00:00Z; the other containers wait for it.`,
		},
		{
			"a sidecar never starts", makePod(asSidecar("proxy"), initContainers(running("proxy", 0))), at(10),
			"SidecarNotStarted", `Sidecar "proxy" of pod "` + name + `" runs since 2026-03-01T12:00:00Z and is not started; the other containers wait for it. See its startup probe.`,
		},
		{"a sidecar has started", makePod(asSidecar("proxy"), initContainers(started(running("proxy", 0))), containers(running("main", 0))), at(10), "", ""},
		{"a container has just ended", makePod(containers(ended("main", 0, 0), running("proxy", 0))), at(9), "", ""},
		{
			"a container has ended and another runs on", makePod(containers(ended("main", 0, 0), running("proxy", 0))), at(10),
			"ContainerRunsOn", `Container "main" of pod "` + name + `" has ended with exit code 0, and container "proxy" runs on; the pod ends when all have.`,
		},
		{"all have ended", makePod(containers(ended("main", 0, 0), ended("proxy", 0, 0))), at(10), "", ""},
		{"it is being created", makePod(containers(waitingFor("main", "ContainerCreating"))), at(0), "", ""},
		{
			"an init container cannot start", makePod(containers(waitingFor("main", "PodInitializing")), initContainers(waitingFor("fetch", "CreateContainerConfigError"))), at(0),
			"CreateContainerConfigError", `Container "fetch" of pod "` + name + `", of image "example.com/app:1", cannot start: CreateContainerConfigError.`,
		},
		{
			"one of several", makePod(containers(up, waitingFor("side", "ContainerCreating"), waitingFor("other", "InvalidImageName"))), at(0),
			"InvalidImageName", `Container "other" of pod "` + name + `", of image "example.com/app:1", cannot start: InvalidImageName.`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := tt.pod.DeepCopy()
			got := whyUnfinished(tt.pod, tt.now)
			if want := (cause{tt.reason, tt.message}); got != want {
				t.Errorf("%+v\nwant %+v", got, want)
			}
			// The message must not change as time goes by: every look would be a write.
			if got.reason != "InGracePeriod" && got.reason != "" {
				if later := whyUnfinished(tt.pod, metav1.NewTime(tt.now.Add(time.Minute))); later != got {
					t.Errorf("a minute later: %+v", later)
				}
			}
			if diff := cmp.Diff(before, tt.pod); diff != "" {
				t.Errorf("the pod was changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestWhyWaiting(t *testing.T) {
	tests := map[string]string{
		"ContainerCreating":          "",
		"PodInitializing":            "",
		"":                           "",
		"ErrImagePull":               "ImagePullBackOff",
		"ImagePullBackOff":           "ImagePullBackOff",
		"CrashLoopBackOff":           "CrashLoopBackOff",
		"CreateContainerConfigError": "CreateContainerConfigError",
		"RunContainerError":          "RunContainerError",
	}
	for reason, want := range tests {
		s := waitingFor("main", reason)
		if got := whyWaiting(&s); got != want {
			t.Errorf("%q is reported as %q, want %q", reason, got, want)
		}
	}
	for _, s := range []corev1.ContainerStatus{up, {}, {State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Error"}}}} {
		if got := whyWaiting(&s); got != "" {
			t.Errorf("%+v waits for %q", s.State, got)
		}
	}
}

// What a stop waits for is explained when it takes long, and at no other time: it costs a list of pods.
func TestExplain(t *testing.T) {
	pull := makePod(containers(waitingFor("main", "ImagePullBackOff")))
	fine := makePod(containers(up), func(p *corev1.Pod) { p.Status.Phase = corev1.PodRunning })
	second := makePod(containers(waitingFor("main", "InvalidImageName")), func(p *corev1.Pod) { p.Name = "z" })
	created := makePod(containers(waitingFor("main", "ContainerCreating")))
	endedPod := makePod(func(p *corev1.Pod) { p.Name, p.Status.Phase = "failed-try", corev1.PodFailed })
	tests := []struct {
		name      string
		ask       bool
		operation plan.OperationType
		job       *batchv1.Job
		pods      []*corev1.Pod
		reason    string
		reads     []string
	}{
		{"it is not asked for", false, plan.OperationObserve, makeJob(), []*corev1.Pod{pull}, "", []string{"get Job"}},
		{"an image cannot be pulled", true, plan.OperationObserve, makeJob(), []*corev1.Pod{pull}, "ImagePullBackOff", []string{"get Job", "live list Pod"}},
		{"it runs", true, plan.OperationObserve, makeJob(), []*corev1.Pod{fine}, "", []string{"get Job", "live list Pod"}},
		{"one of two", true, plan.OperationObserve, makeJob(), []*corev1.Pod{fine, second}, "InvalidImageName", []string{"get Job", "live list Pod"}},
		{"its node is gone", true, plan.OperationObserve, makeJob(), []*corev1.Pod{created}, "NodeNotReady", []string{"get Job", "live list Pod", "live get Node"}},
		{"no pod", true, plan.OperationObserve, makeJob(), nil, "NoPod", []string{"get Job", "live list Pod", "live list Event"}},
		{"only a try that ended", true, plan.OperationObserve, makeJob(), []*corev1.Pod{endedPod}, "Retrying", []string{"get Job", "live list Pod"}},
		{
			"no pod, and the Job controller knows of one", true, plan.OperationObserve, makeJob(func(j *batchv1.Job) { j.Status.Active = 1 }), nil,
			"", []string{"get Job", "live list Pod"},
		},
		{"it has ended", true, plan.OperationObserve, makeJob(asComplete), nil, "", []string{"get Job"}},
		{"it has a message already", true, plan.OperationObserve, makeJob(asSuspended), nil, "JobSuspended", []string{"get Job"}},
		{
			"an abandoned one in its grace period", true, plan.OperationTerminate, makeJob(asSuspended, asEmpty, asConfirmedSuspended), []*corev1.Pod{makePod(asDeletedPod, finalizers("example.com/hold"))},
			"InGracePeriod", []string{"get Job", "live list Pod"},
		},
		{"an abandoned one without pods", true, plan.OperationTerminate, makeJob(asSuspended, asEmpty, asConfirmedSuspended), nil, "", []string{"get Job", "live list Pod"}},
		{"an abandoned one that the Job controller has not suspended", true, plan.OperationTerminate, makeJob(asSuspended, asEmpty), []*corev1.Pod{pull}, "", []string{"get Job"}},
		{"an abandoned one that is asked to suspend now", true, plan.OperationTerminate, makeJob(), []*corev1.Pod{pull}, "", []string{"get Job", "patch Job"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, tt.job)
			for _, p := range tt.pods {
				cluster.add(p)
			}
			scope := makeScope()
			scope.Explain, scope.Now = tt.ask, at(0)
			o, err := cluster.execute(scope, makeConfirmed(tt.operation))
			if err != nil || o.Reason != tt.reason || (o.Reason != "" && o.Message == "") {
				t.Errorf("got %+v, %v; want the reason %q", o, err, tt.reason)
			}
			if diff := cmp.Diff(tt.reads, cluster.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// The message of a pod that does not end must lead a person to it.
func TestExplainNoPod(t *testing.T) {
	cluster := newCluster(t, makeJob())
	scope := makeScope()
	scope.Explain = true
	o, err := cluster.execute(scope, makeConfirmed(plan.OperationObserve))
	want := plan.Observation{
		Phase: plan.PhaseRunning, UID: jobUID, Reason: "NoPod",
		Message: `Job "` + jobName + `" has to finish, and has no pod; ` + "`kubectl describe job " + jobName + "` shows why.",
	}
	if diff := cmp.Diff(want, o); diff != "" || err != nil {
		t.Errorf("error %v, observation (-want +got):\n%s", err, diff)
	}
}

// If the pods cannot be listed, what was seen of the Job is still returned.
func TestExplainFails(t *testing.T) {
	cluster := newCluster(t, makeJob())
	cluster.failAlways["live list Pod"] = errTimeout
	scope := makeScope()
	scope.Explain = true
	o, err := cluster.execute(scope, makeConfirmed(plan.OperationObserve))
	if err == nil || o.Phase != plan.PhaseRunning || o.UID != jobUID {
		t.Errorf("got %+v, %v", o, err)
	}
}

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
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// at returns a time that many seconds after a fixed one.
func at(seconds int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 3, 1, 12, 0, seconds, 0, time.UTC))
}

// makePod returns a pod of the Job, running on a node.
func makePod(change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "team", Name: jobName + "-x7k2p", Labels: map[string]string{
				batchv1.ControllerUidLabel: jobUID, batchv1.JobNameLabel: jobName, v1alpha1.LabelExecutionID: executionUID,
			},
			Finalizers: []string{batchv1.JobTrackingFinalizer},
		},
		Spec:   corev1.PodSpec{NodeName: "node-1"},
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

// asDeletedPod has the pod end at second 30.
func asDeletedPod(p *corev1.Pod) {
	end := at(30)
	p.DeletionTimestamp = &end
}

func finalizers(f ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Finalizers = f }
}

func waitingFor(container, reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: container, Image: "example.com/app:1",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "it changes all the time"}},
	}
}

func containers(s ...corev1.ContainerStatus) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Phase, p.Status.ContainerStatuses = corev1.PodPending, s }
}

func initContainers(s ...corev1.ContainerStatus) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Phase, p.Status.InitContainerStatuses = corev1.PodPending, s }
}

func condition(c corev1.PodCondition) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Conditions = append(p.Status.Conditions, c) }
}

var (
	up = corev1.ContainerStatus{Name: "main", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}

	unschedulable = corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/3 nodes are available",
	}
)

// "when something does not end (node lost, finalizer, image never pulled), the reason"
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
		{
			"past it, with the finalizer of the Job controller", makePod(asDeletedPod), at(31),
			"PodNotEnding", `Pod "` + name + `" should have ended at 2026-03-01T12:00:30Z and has not; see whether its node "node-1" is lost.`,
		},
		{
			"past it, with no finalizer", makePod(asDeletedPod, finalizers()), at(31),
			"PodNotEnding", `Pod "` + name + `" should have ended at 2026-03-01T12:00:30Z and has not; see whether its node "node-1" is lost.`,
		},
		{
			"past it, with a foreign finalizer", makePod(asDeletedPod, finalizers("example.com/hold")), at(31),
			"PodFinalizer", `Pod "` + name + `" should have ended at 2026-03-01T12:00:30Z; its finalizers must be removed by whoever set them: example.com/hold.`,
		},
		{
			"past it, with foreign finalizers among ours", makePod(asDeletedPod, finalizers("a.example/x", batchv1.JobTrackingFinalizer, "b.example/y")), at(31),
			"PodFinalizer", `Pod "` + name + `" should have ended at 2026-03-01T12:00:30Z; its finalizers must be removed by whoever set them: a.example/x, b.example/y.`,
		},
		{
			"in its grace period a foreign finalizer is no matter yet", makePod(asDeletedPod, finalizers("example.com/hold")), at(10),
			"InGracePeriod", `Pod "` + name + `" is in its grace period, until 2026-03-01T12:00:30Z.`,
		},
		{
			// What is deleted need not start any more.
			"deleted, and its image cannot be pulled", makePod(asDeletedPod, containers(waitingFor("main", "ImagePullBackOff"))), at(10),
			"InGracePeriod", `Pod "` + name + `" is in its grace period, until 2026-03-01T12:00:30Z.`,
		},
		{
			"a time of another zone", makePod(asDeletedPod), metav1.NewTime(at(31).In(time.FixedZone("CET", 3600))),
			"PodNotEnding", `Pod "` + name + `" should have ended at 2026-03-01T12:00:30Z and has not; see whether its node "node-1" is lost.`,
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
			"the same, as the kubelet says it in between", makePod(containers(waitingFor("main", "ErrImagePull"))), at(0),
			"ImagePullBackOff", `Container "main" of pod "` + name + `", of image "example.com/app:1", cannot start: ImagePullBackOff.`,
		},
		{
			"it crashes", makePod(containers(waitingFor("main", "CrashLoopBackOff"))), at(0),
			"CrashLoopBackOff", `Container "main" of pod "` + name + `", of image "example.com/app:1", cannot start: CrashLoopBackOff.`,
		},
		{"it is being created", makePod(containers(waitingFor("main", "ContainerCreating"))), at(0), "", ""},
		{"its init containers run", makePod(containers(waitingFor("main", "PodInitializing")), initContainers(up)), at(0), "", ""},
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
			reason, message := whyUnfinished(tt.pod, tt.now)
			if reason != tt.reason || message != tt.message {
				t.Errorf("%s: %s\nwant %s: %s", reason, message, tt.reason, tt.message)
			}
			// "The message does not change as time goes by", else every look would be a write.
			if tt.now.After(at(30).Time) || tt.pod.DeletionTimestamp == nil {
				if _, later := whyUnfinished(tt.pod, metav1.NewTime(tt.now.Add(time.Hour))); later != message {
					t.Errorf("an hour later: %s", later)
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
			t.Errorf("%q is said as %q, want %q", reason, got, want)
		}
	}
	for _, s := range []corev1.ContainerStatus{up, {}, {State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Error"}}}} {
		if got := whyWaiting(&s); got != "" {
			t.Errorf("%+v waits for %q", s.State, got)
		}
	}
}

// Of finalizers those of a deletion's own propagation are nobody's to remove.
func TestWhyDeleting(t *testing.T) {
	const bySomebodyElse = `Job "` + jobName + `" is being deleted by somebody else`
	tests := []struct {
		finalizers      []string
		reason, message string
	}{
		{nil, "JobDeleting", bySomebodyElse + "; its pods have to end."},
		{[]string{"foregroundDeletion"}, "JobDeleting", bySomebodyElse + "; its pods have to end."},
		{[]string{"orphan"}, "JobDeleting", bySomebodyElse + "; its pods have to end."},
		{
			[]string{"example.com/hold", "foregroundDeletion", "z"}, "JobFinalizer", bySomebodyElse + " and kept by finalizers, which must be removed by " +
				"whoever set them: example.com/hold, z. Its pods end when they are deleted by hand.",
		},
	}
	for _, tt := range tests {
		job := makeJob(asDeleting)
		job.Finalizers = tt.finalizers
		before := job.DeepCopy()
		if reason, message := whyDeleting(job); reason != tt.reason || message != tt.message {
			t.Errorf("%v: %s: %s\nwant %s: %s", tt.finalizers, reason, message, tt.reason, tt.message)
		}
		if diff := cmp.Diff(before, job); diff != "" {
			t.Errorf("the Job was changed (-before +after):\n%s", diff)
		}
	}
}

// The Job controller sets uncountedTerminatedPods on its first look at a Job and never removes it, so that it is empty
// where nothing is uncounted (syncJob in k8s.io/kubernetes/pkg/controller/job/job_controller.go).
func TestIsIdle(t *testing.T) {
	none := &batchv1.UncountedTerminatedPods{}
	tests := []struct {
		name   string
		status batchv1.JobStatus
		want   bool
	}{
		{"the Job controller has not looked", batchv1.JobStatus{}, true},
		{"a quota keeps its pod from being created", batchv1.JobStatus{UncountedTerminatedPods: none}, true},
		{"between two tries", batchv1.JobStatus{Failed: 1, UncountedTerminatedPods: none}, true},
		{"a pod runs", batchv1.JobStatus{Active: 1, UncountedTerminatedPods: none}, false},
		{"a pod succeeded", batchv1.JobStatus{Succeeded: 1, UncountedTerminatedPods: none}, false},
		{"a pod succeeded and is not counted", batchv1.JobStatus{UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{Succeeded: []types.UID{"p"}}}, false},
		{"a pod failed and is not counted", batchv1.JobStatus{UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{Failed: []types.UID{"p"}}}, false},
		{"it is about to complete", batchv1.JobStatus{Conditions: jobConditions(batchv1.JobSuccessCriteriaMet), UncountedTerminatedPods: none}, false},
		{"it is about to fail", batchv1.JobStatus{Conditions: jobConditions(batchv1.JobFailureTarget), UncountedTerminatedPods: none}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := isIdle(&batchv1.Job{Status: tt.status}); got != tt.want {
				t.Errorf("isIdle is %v, want %v", got, tt.want)
			}
		})
	}
}

// What a stop waits for is explained when it takes long, and at no other time: it costs a list of pods.
func TestExplain(t *testing.T) {
	pull := makePod(containers(waitingFor("main", "ImagePullBackOff")))
	fine := makePod(containers(up))
	second := makePod(containers(waitingFor("main", "InvalidImageName")), func(p *corev1.Pod) { p.Name = "z" })
	record := makePod(func(p *corev1.Pod) { p.Name, p.Status.Phase = "failed-try", corev1.PodFailed })
	tests := []struct {
		name   string
		ask    bool
		verb   plan.OperationType
		job    *batchv1.Job
		pods   []*corev1.Pod
		reason string
		reads  []string
	}{
		{"nobody asked", false, plan.OperationObserve, makeJob(), []*corev1.Pod{pull}, "", []string{"get Job"}},
		{"an image cannot be pulled", true, plan.OperationObserve, makeJob(), []*corev1.Pod{pull}, "ImagePullBackOff", []string{"get Job", "live list Pod"}},
		{"it runs", true, plan.OperationObserve, makeJob(), []*corev1.Pod{fine}, "", []string{"get Job", "live list Pod"}},
		{"one of two", true, plan.OperationObserve, makeJob(), []*corev1.Pod{fine, second}, "InvalidImageName", []string{"get Job", "live list Pod"}},
		{"no pod", true, plan.OperationObserve, makeJob(), nil, "NoPod", []string{"get Job", "live list Pod", "get Job"}},
		{"only a try that ended", true, plan.OperationObserve, makeJob(), []*corev1.Pod{record}, "NoPod", []string{"get Job", "live list Pod", "get Job"}},
		{
			"no pod, and the Job controller knows of one", true, plan.OperationObserve, makeJob(func(j *batchv1.Job) { j.Status.Active = 1 }), nil,
			"", []string{"get Job", "live list Pod", "get Job"},
		},
		{"it has ended", true, plan.OperationObserve, makeJob(asComplete), nil, "", []string{"get Job"}},
		{"it has a message already", true, plan.OperationObserve, makeJob(asSuspended), nil, "JobSuspended", []string{"get Job"}},
		{
			"an abandoned one in its grace period", true, plan.OperationTerminate, makeJob(asSuspended, asEmpty), []*corev1.Pod{makePod(asDeletedPod, finalizers("example.com/hold"))},
			"InGracePeriod", []string{"get Job", "live list Pod"},
		},
		{"an abandoned one without pods", true, plan.OperationTerminate, makeJob(asSuspended, asEmpty), nil, "", []string{"get Job", "live list Pod"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t, tt.job)
			for _, p := range tt.pods {
				c.add(p)
			}
			scope := makeScope()
			scope.Explain, scope.Now = tt.ask, at(0)
			o, err := c.execute(scope, makeConfirmed(tt.verb))
			if err != nil || o.Reason != tt.reason || (o.Reason != "" && o.Message == "") {
				t.Errorf("got %+v, %v; want the reason %q", o, err, tt.reason)
			}
			if diff := cmp.Diff(tt.reads, c.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// The message of a pod that does not end must lead a person to it.
func TestExplainNoPod(t *testing.T) {
	c := newCluster(t, makeJob())
	scope := makeScope()
	scope.Explain = true
	o, err := c.execute(scope, makeConfirmed(plan.OperationObserve))
	want := plan.Observation{
		Phase: plan.PhaseRunning, UID: jobUID, Reason: "NoPod",
		Message: `Job "` + jobName + `" has to finish, and has no pod; ` + "`kubectl describe job " + jobName + "` shows why.",
	}
	if diff := cmp.Diff(want, o); diff != "" || err != nil {
		t.Errorf("error %v, observation (-want +got):\n%s", err, diff)
	}
}

// A list of pods that fails does not lose what was seen of the Job.
func TestExplainFails(t *testing.T) {
	c := newCluster(t, makeJob())
	c.fail["live list Pod"] = errTimeout
	scope := makeScope()
	scope.Explain = true
	o, err := c.execute(scope, makeConfirmed(plan.OperationObserve))
	if err == nil || o.Phase != plan.PhaseRunning || o.UID != jobUID {
		t.Errorf("got %+v, %v", o, err)
	}
}

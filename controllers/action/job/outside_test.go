// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/controllers/plan"
)

func makeNode(ready corev1.ConditionStatus) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
		{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionTrue}, {Type: corev1.NodeReady, Status: ready},
	}}}
}

func makeEvent(name, eventType, reason string, second int, about client.Object) *corev1.Event {
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name}, Type: eventType, Reason: reason, Message: reason + " it is",
		LastTimestamp: at(second), InvolvedObject: corev1.ObjectReference{UID: about.GetUID()},
	}
}

// What a pod does not show is read from its node and from the newest warning about it, or about the Job if there is no pod.
func TestCausesOutsideThePod(t *testing.T) {
	withUID := func(p *corev1.Pod) { p.UID = "pod-1" }
	pending := makePod(withUID, containers(waitingFor("main", "ContainerCreating")))
	unbound := makePod(withUID, containers(), func(p *corev1.Pod) { p.Spec.NodeName = "" })
	ofPod := func(name, eventType, reason string, second int) *corev1.Event {
		return makeEvent(name, eventType, reason, second, pending)
	}
	ready, lost := makeNode(corev1.ConditionTrue), makeNode(corev1.ConditionUnknown)
	tests := []struct {
		name    string
		pod     *corev1.Pod
		objects []client.Object
		reason  string
		message string
	}{
		{"nothing is known", pending, []client.Object{ready}, "ContainerCreating", "has not started yet"},
		{"nothing is known of a new pod", makePod(withUID, containers()), []client.Object{ready}, "Pending", "has not started yet"},
		{"it runs and is not ready", makePod(withUID, condition(corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse})), []client.Object{ready}, "", ""},
		{"a node that is lost", pending, []client.Object{lost}, "NodeNotReady", `is not ready: "node-1"`},
		{"a node that is gone", pending, nil, "NodeNotReady", `is gone: "node-1"`},
		{"a volume that cannot be mounted", pending, []client.Object{ready, ofPod("a", "Warning", "FailedMount", 1)}, "FailedMount", "FailedMount it is"},
		{"the newest warning", pending, []client.Object{ready, ofPod("a", "Warning", "FailedMount", 1), ofPod("b", "Warning", "FailedAttachVolume", 2)}, "FailedAttachVolume", ""},
		{"no warning", pending, []client.Object{ready, ofPod("a", "Normal", "Pulling", 1)}, "ContainerCreating", ""},
		{"a warning about another", pending, []client.Object{ready, makeEvent("a", "Warning", "FailedMount", 1, ready)}, "ContainerCreating", ""},
		{"a pod without a node", unbound, []client.Object{ofPod("a", "Warning", "FailedScheduling", 1)}, "FailedScheduling", ""},
		{
			"a pod that does not end, on a lost node", makePod(asDeletedPod), []client.Object{lost},
			"PodNotEnding", `has not. It is on a node that is not ready: "node-1".`,
		},
		{"a pod that does not end, on a healthy node", makePod(asDeletedPod), []client.Object{ready}, "PodNotEnding", `Its node "node-1" is ready;`},
		{"no pod, and a warning about the Job", nil, []client.Object{makeEvent("a", "Warning", "FailedCreate", 1, makeJob())}, "NoPod", "FailedCreate it is"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, makeJob())
			if tt.pod != nil {
				cluster.add(tt.pod)
			}
			for _, o := range tt.objects {
				cluster.must(cluster.raw.Create(t.Context(), o.DeepCopyObject().(client.Object)))
			}
			scope := makeScope()
			scope.Explain, scope.Now = true, at(60)
			o, err := cluster.execute(scope, makeConfirmed(plan.OperationObserve))
			if err != nil || o.Reason != tt.reason || !strings.Contains(o.Message, tt.message) {
				t.Errorf("got %+v, %v", o, err)
			}
		})
	}
}

// What cannot be read is an error, and what was seen of the Job is still returned.
func TestCausesThatCannotBeRead(t *testing.T) {
	for call, pods := range map[string][]*corev1.Pod{
		"live get Node": {makePod(containers(waitingFor("main", "ContainerCreating")))}, "live list Event": nil,
	} {
		cluster := newCluster(t, makeJob())
		for _, p := range pods {
			cluster.add(p)
		}
		cluster.failAlways[call] = errTimeout
		scope := makeScope()
		scope.Explain = true
		if o, err := cluster.execute(scope, makeConfirmed(plan.OperationObserve)); err == nil || o.Phase != plan.PhaseRunning {
			t.Errorf("%s: %+v, %v", call, o, err)
		}
		// Where the operator may not read it, there is less to say.
		cluster.failAlways[call] = errRead
		if o, err := cluster.execute(scope, makeConfirmed(plan.OperationObserve)); err != nil || o.Phase != plan.PhaseRunning || o.Reason == "" {
			t.Errorf("%s is forbidden: %+v, %v", call, o, err)
		}
	}
}

// An operator that works in some namespaces may read no nodes, and must not call one ready that it knows nothing of.
func TestANodeThatCannotBeReadIsNotCalledReady(t *testing.T) {
	cluster := newCluster(t, makeJob())
	cluster.add(makePod(asDeletedPod))
	cluster.failAlways["live get Node"] = errRead
	scope := makeScope()
	scope.Explain, scope.Now = true, at(60)
	o, err := cluster.execute(scope, makeConfirmed(plan.OperationObserve))
	if err != nil || o.Reason != "PodNotEnding" || !strings.Contains(o.Message, `It is on node "node-1", which the operator may not read; `) {
		t.Errorf("got %+v, %v", o, err)
	}
}

// Nobody stops it: what does not run is explained after ten seconds, and looked at again once it was.
func TestExplainWithoutAStop(t *testing.T) {
	pull := makePod(containers(waitingFor("main", "ImagePullBackOff")))
	crashes := makePod(func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{crashed(running("main", 0))}
	})
	ready := func(j *batchv1.Job) { n := int32(1); j.Status.Ready = &n }
	tests := []struct {
		name   string
		job    *batchv1.Job
		pod    *corev1.Pod
		now    int
		heldUp bool
		reason string
		reads  []string
	}{
		{"it may still come up", makeJob(), pull, 9, false, "", []string{"get Job"}},
		{"it does not come up", makeJob(), pull, 10, false, "ImagePullBackOff", []string{"get Job", "live list Pod"}},
		{"it runs", makeJob(ready), crashes, 60, false, "", []string{"get Job"}},
		{"it runs between two crashes", makeJob(ready), crashes, 60, true, "CrashLoopBackOff", []string{"get Job", "live list Pod"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, tt.job)
			cluster.add(tt.pod)
			scope, op := makeScope(), makeConfirmed(plan.OperationObserve)
			scope.Now, op.HeldUp, op.StartTime = at(tt.now), tt.heldUp, timeAt(0)
			o, err := cluster.execute(scope, op)
			if err != nil || o.Reason != tt.reason {
				t.Errorf("got %+v, %v", o, err)
			}
			if diff := cmp.Diff(tt.reads, cluster.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// An answer that may pass by itself is shown once it is late, and one that people have to lift at once.
func TestObserveRefusal(t *testing.T) {
	tests := []struct {
		name  string
		err   error
		after int
		shown bool
	}{
		{"a quota", errQuota, 0, true},
		{"a policy", errDenied, 0, true},
		{"a webhook without a code", errBadRequest, 0, true},
		{"a webhook that is down", errWebhookDown, 4, false},
		{"a webhook that is down for long", errWebhookDown, 5, true},
		{"no answer", errTimeout, 3600, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, operation := range []plan.OperationType{plan.OperationStart, plan.OperationFence} {
				cluster := newCluster(t)
				cluster.failAlways["create Job"] = tt.err
				scope, op := makeScope(), makeUnconfirmed(operation)
				scope.Now, op.StartTime = at(tt.after), timeAt(0)
				o, err := cluster.execute(scope, op)
				if err == nil || tt.shown != (o.Phase == plan.PhaseBlocked && strings.Contains(o.Message, tt.err.Error())) {
					t.Errorf("operation %d: %+v, %v", operation, o, err)
				}
			}
		})
	}
}

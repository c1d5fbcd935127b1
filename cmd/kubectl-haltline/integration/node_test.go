// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// ends tells endPods how the pods of actions end: by namespace, and there by the name of the action. What is not told runs on.
var ends = &endings{phases: map[string]map[string]corev1.PodPhase{}}

type endings struct {
	lock   sync.Mutex
	phases map[string]map[string]corev1.PodPhase
}

// set lets the pods of some actions end in a phase, those that run and those that come.
func (e *endings) set(namespace string, phase corev1.PodPhase, actions ...string) {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.phases[namespace] == nil {
		e.phases[namespace] = map[string]corev1.PodPhase{}
	}
	for _, action := range actions {
		e.phases[namespace][action] = phase
	}
}

func (e *endings) of(pod *corev1.Pod) (corev1.PodPhase, bool) {
	e.lock.Lock()
	defer e.lock.Unlock()
	phase, told := e.phases[pod.Namespace][pod.Labels[v1alpha1.LabelAction]]
	return phase, told
}

// endPods ends pods that run as ends tells it.
func endPods(ctx context.Context) {
	for ticker := time.NewTicker(interval); ctx.Err() == nil; <-ticker.C {
		list := &corev1.PodList{}
		if err := cluster.Client.List(ctx, list, client.HasLabels{v1alpha1.LabelAction}); err != nil {
			continue
		}
		for i := range list.Items {
			pod := &list.Items[i]
			if phase, told := ends.of(pod); told && pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
				_ = cluster.SetPodPhase(ctx, pod, phase) // The next look tries again.
			}
		}
	}
}

// startNode creates the node that all pods are bound to, and answers for its kubelet what the API server asks about logs. The caller closes the
// server.
func startNode(ctx context.Context) (*httptest.Server, error) {
	kubelet := httptest.NewTLSServer(http.HandlerFunc(serveLog))
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}}
	if err := cluster.Client.Create(ctx, node); err != nil {
		return kubelet, err
	}
	address := kubelet.Listener.Addr().(*net.TCPAddr)
	node.Status = corev1.NodeStatus{
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address.IP.String()}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(address.Port)}},
		Conditions:      []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now()}},
	}
	return kubelet, cluster.Client.Status().Update(ctx, node)
}

// serveLog prints what the containers of the samples print.
func serveLog(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/containerLogs/"), "/")
	pod := &corev1.Pod{}
	if err := cluster.Client.Get(r.Context(), client.ObjectKey{Namespace: path[0], Name: path[1]}, pod); err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	action := pod.Labels[v1alpha1.LabelAction]
	_, _ = fmt.Fprintf(w, "%s starts\n", action)
	if pod.Status.Phase == corev1.PodSucceeded {
		_, _ = fmt.Fprintf(w, "%s is done\n", action)
	}
}

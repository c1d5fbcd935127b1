// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"os"
	"runtime"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// TestKubelet kills the kubelet of a real node in the middle of stops, and starts it again. While it is away nobody knows whether the
// containers have ended, so no execution becomes Stopped.
func TestKubelet(t *testing.T) {
	node, kubelet := chooseNode(t)
	l := startLab(t, "haltline-chaos-node", node)
	p := l.phase(t, "kubelet", 1, nil)
	p.demands = []string{kubeletKilled, operatorKilled}
	endless, short := work{seconds: 3600, grace: 5, real: node == realNode}, work{seconds: 10, real: node == realNode}
	p.start(t, twoStages(p.namespace, "endless", endless, endless, short), run.onNode/2)
	p.start(t, twoStages(p.namespace, "short", short, short, short), run.onNode/2)
	p.waitForRunning(t, 2*run.onNode)

	p.stopAll(t)
	must(t, l.cluster.kill(kubelet))
	p.faults.add(kubeletKilled)
	pause(t.Context(), time.Second)
	before := p.countStopped(t)
	killOne(t.Context(), p, newRandom("kubelet"), p.operators[0])
	pause(t.Context(), run.absent)
	if after := p.countStopped(t); after != before || before == run.onNode {
		t.Errorf("%d executions were Stopped when the kubelet was gone, and %d some time later", before, after)
	}
	t.Logf("while the kubelet was away for %s, %d executions of %d stayed Stopping", run.absent, run.onNode-before, run.onNode)
	must(t, l.cluster.runTool("start", kubelet))
	p.settle(t)
	deleteNamespaces(t, l)
	waitUntilGone(t, l)
}

const (
	realNode      = "real"
	simulatedNode = "simulated"
	// simulatedKubelet is the process that simulates the kubelet.
	simulatedKubelet = "kwok"

	kubeletKilled = "kubelet killed"
)

// chooseNode returns the kind of the node, and which of its processes is the kubelet. If there cannot be a real node it fails the
// test, unless CHAOS_NODE=simulated asks for a simulated one.
func chooseNode(t *testing.T) (kind, kubelet string) {
	t.Helper()
	switch nodeKind = os.Getenv("CHAOS_NODE"); {
	case nodeKind == simulatedNode:
		t.Log("CHAOS_NODE asks for a simulated node: what is killed is the process that simulates the kubelet")
		return nodeKind, simulatedKubelet
	case nodeKind != "" && nodeKind != realNode:
		t.Fatalf("CHAOS_NODE is %q; it may be real, which is the default, or simulated", nodeKind)
	case runtime.GOOS != "linux" || os.Getuid() != 0:
		t.Fatal("a real node needs Linux and root; to do without it, set CHAOS_NODE=simulated")
	}
	nodeKind = realNode
	return nodeKind, "kubelet"
}

// start starts a number of executions of a pipeline.
func (p *phase) start(t *testing.T, pipeline *v1alpha1.Pipeline, executions int) {
	t.Helper()
	l := p.load([]*v1alpha1.Pipeline{pipeline}, []stopScript{{}})
	l.foreign, l.prefix = false, pipeline.Name
	must(t, l.create(t.Context(), pipeline))
	must(t, l.run(t.Context(), executions, 0, newRandom(pipeline.Name)))
}

// stopAll abandons the executions that would not end, and stops the others by waiting.
func (p *phase) stopAll(t *testing.T) {
	t.Helper()
	list := &v1alpha1.PipelineExecutionList{}
	must(t, p.cluster.k8s.List(t.Context(), list, client.InNamespace(p.namespace)))
	for _, e := range list.Items {
		r := stopAsk{abandon: e.Spec.PipelineName == "endless"}.newStopRequest(&e)
		r.Name = e.Name + "-stop"
		must(t, p.load(nil, nil).create(t.Context(), r))
		p.counts.add("stop requests")
	}
}

// countStopped returns how many executions are Stopped.
func (p *phase) countStopped(t *testing.T) int {
	t.Helper()
	list := &v1alpha1.PipelineExecutionList{}
	must(t, p.cluster.k8s.List(t.Context(), list, client.InNamespace(p.namespace)))
	n := 0
	for _, e := range list.Items {
		if e.Status.State == v1alpha1.ExecutionStopped {
			n++
		}
	}
	return n
}

// waitForRunning waits until a number of pods run.
func (p *phase) waitForRunning(t *testing.T, wanted int) {
	t.Helper()
	for deadline := time.Now().Add(run.patience); time.Now().Before(deadline); pause(t.Context(), 250*time.Millisecond) {
		running := 0
		pods := &corev1.PodList{}
		must(t, p.cluster.k8s.List(t.Context(), pods, client.InNamespace(p.namespace)))
		for i := range pods.Items {
			if pods.Items[i].Status.Phase == corev1.PodRunning {
				running++
			}
		}
		if running >= wanted {
			return
		}
	}
	t.Fatalf("%d pods do not run", wanted)
}

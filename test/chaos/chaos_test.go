// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// TestChaos runs a phase for each kind of fault. Hundreds of pods are cheap on a simulated node, so that the faults meet many
// executions at every point of their lives.
func TestChaos(t *testing.T) {
	l := startLab(t, "haltline-chaos", simulatedNode)
	played := 0
	for _, c := range phaseConfigs() {
		t.Run(c.name, func(t *testing.T) {
			p := l.phase(t, c.name, c.operators, c.network)
			p.demands = c.demandedFaults()
			p.runLoad(t, c.fault)
			p.settle(t)
			played++
		})
	}
	t.Run("deleted", func(t *testing.T) { deleteAllNamespaces(t, l) })
	if played == len(phaseConfigs()) {
		demandRows(t, &runReport)
	}
	t.Logf("%s; cut lines of the audit log: %d", l.counts, l.log.torn)
}

// phaseConfig is a kind of fault, with a number of operators on a network.
type phaseConfig struct {
	name      string
	operators int
	network   *network
	fault     fault
	// demands are the faults without which the phase shows nothing, beside those of the network.
	demands []string
}

func (c phaseConfig) demandedFaults() []string {
	if c.network == nil {
		return c.demands
	}
	return slices.Concat(c.demands, c.network.demands)
}

func phaseConfigs() []phaseConfig {
	all := []phaseConfig{
		{"killed", 1, slowNetwork, killOperators, []string{operatorKilled}},
		{"two", 2, slowNetwork, pauseOperators, []string{operatorPaused}},
		{"network", 1, badNetwork, waitForEnd, nil},
		{"apiserver", 1, nil, restartComponent("kube-apiserver"), restartNames("kube-apiserver")},
		{"etcd", 1, nil, restartComponent("etcd"), restartNames("etcd")},
	}
	if run.all {
		all = append(all, phaseConfig{
			"all", 2, badNetwork, combineFaults(pauseOperators, restartComponent("kube-apiserver"), restartComponent("etcd")),
			slices.Concat([]string{operatorKilled, operatorPaused}, restartNames("kube-apiserver"), restartNames("etcd")),
		})
	}
	return all
}

// deleteAllNamespaces deletes every namespace, and one more in which executions run and stop. The operator is killed meanwhile: the
// deletion of a namespace does not wait for it.
func deleteAllNamespaces(t *testing.T, l *lab) {
	p := l.phase(t, "deleted", 1, nil)
	p.demands = []string{operatorKilled}
	pipelines := simulatedPipelines(p.namespace)
	for _, pipeline := range pipelines {
		must(t, p.load(nil, nil).create(t.Context(), pipeline))
	}
	scripts := []stopScript{{askNow}, {askNow.withAbandon()}, {askSoon.withEscalation(1)}, {}}
	must(t, p.load(pipelines[2:], scripts).run(t.Context(), 8, time.Second, newRandom("deleted")))
	killed := p.operators[0]
	killed.kill()
	p.faults.add(operatorKilled)
	deleteNamespaces(t, l)
	pause(t.Context(), time.Second)
	killed.start()
	waitUntilGone(t, l)
	p.judge(t, checksAtAnyTime(), time.Time{})
}

// chaosNamespaces returns the namespaces of all phases.
func chaosNamespaces(ctx context.Context, l *lab) ([]corev1.Namespace, error) {
	list := &corev1.NamespaceList{}
	err := l.cluster.k8s.List(ctx, list)
	var ours []corev1.Namespace
	for _, n := range list.Items {
		if strings.HasPrefix(n.Name, "chaos-") {
			ours = append(ours, n)
		}
	}
	return ours, err
}

func deleteNamespaces(t *testing.T, l *lab) {
	t.Helper()
	all, err := chaosNamespaces(t.Context(), l)
	must(t, err)
	for _, n := range all {
		must(t, client.IgnoreNotFound(l.cluster.k8s.Delete(t.Context(), &n)))
	}
}

// waitUntilGone waits until the namespaces are gone, and looks for what they may have left.
func waitUntilGone(t *testing.T, l *lab) {
	t.Helper()
	began := time.Now()
	for {
		left, err := chaosNamespaces(t.Context(), l)
		if err == nil && len(left) == 0 {
			break
		}
		if time.Since(began) > run.patience {
			t.Fatalf("I6: namespaces are left: %+v", left)
		}
		pause(t.Context(), 250*time.Millisecond)
	}
	n := 0
	for _, list := range []client.ObjectList{
		&v1alpha1.PipelineExecutionList{}, &v1alpha1.StopRequestList{}, &v1alpha1.ApprovalResultList{}, &v1alpha1.PipelineList{}, &batchv1.JobList{},
	} {
		must(t, l.cluster.k8s.List(t.Context(), list))
		n += meta.LenList(list)
	}
	pods := &corev1.PodList{}
	must(t, l.cluster.k8s.List(t.Context(), pods, client.HasLabels{v1alpha1.LabelExecutionID}))
	if n += len(pods.Items); n > 0 {
		t.Errorf("I6: %d objects are left", n)
	}
	t.Logf("%-48s in %s", "I6 namespaces are gone, and all that was in them", time.Since(began).Round(time.Second))
}

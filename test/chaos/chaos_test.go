// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"slices"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// Hundreds of pods are cheap on a simulated node, so that the faults meet many executions at every point of their lives.
func TestChaos(t *testing.T) {
	l := startLab(t, "haltline-chaos", simulatedNode)
	played := 0
	for _, c := range phases() {
		t.Run(c.name, func(t *testing.T) {
			p := l.phase(t, c.name, c.operators, c.wire)
			p.wants = c.wanted()
			p.play(t, c.fault)
			p.settle(t)
			played++
		})
	}
	t.Run("deleted", func(t *testing.T) { deleteAll(t, l) })
	if played == len(phases()) {
		demandAll(t, &results)
	}
	t.Logf("%s; torn lines of the audit log: %d", l.counts, l.log.torn)
}

// setting is a kind of fault, with so many operators on a wire.
type setting struct {
	name      string
	operators int
	wire      *wire
	fault     fault
	// wants are the faults without which the phase shows nothing, beside those of the wire.
	wants []string
}

func (s setting) wanted() []string {
	if s.wire == nil {
		return s.wants
	}
	return slices.Concat(s.wants, s.wire.about)
}

func phases() []setting {
	all := []setting{
		{"killed", 1, slowWire, kills, []string{operatorKilled}},
		{"two", 2, slowWire, freezes, []string{operatorPaused}},
		{"wire", 1, badWire, nothing, nil},
		{"apiserver", 1, nil, restarts("kube-apiserver"), restarted("kube-apiserver")},
		{"etcd", 1, nil, restarts("etcd"), restarted("etcd")},
	}
	if run.all {
		all = append(all, setting{
			"all", 2, badWire, together(freezes, restarts("kube-apiserver"), restarts("etcd")),
			slices.Concat([]string{operatorKilled, operatorPaused}, restarted("kube-apiserver"), restarted("etcd")),
		})
	}
	return all
}

// deleteAll deletes every namespace, and one more in which executions run and stop. The operator is killed meanwhile: a
// deletion does not wait for it.
func deleteAll(t *testing.T, l *lab) {
	p := l.phase(t, "deleted", 1, nil)
	p.wants = []string{operatorKilled}
	pipelines := simulatedPipelines(p.namespace)
	for _, pipeline := range pipelines {
		must(t, p.load(nil, nil).create(t.Context(), pipeline))
	}
	asked := []script{{now}, {now.abandons()}, {soon.escalates(1)}, {}}
	must(t, p.load(pipelines[2:], asked).run(t.Context(), 8, time.Second, choices("deleted")))
	killed := p.operators[0]
	killed.kill()
	p.faults.add(operatorKilled)
	deleteNamespaces(t, l)
	pause(t.Context(), time.Second)
	killed.start()
	nothingRemains(t, l)
	p.judge(t, checksOfDeleted())
}

func chaosNamespaces(ctx context.Context, l *lab) ([]corev1.Namespace, error) {
	list := &corev1.NamespaceList{}
	err := l.cluster.k8s.List(ctx, list)
	var ours []corev1.Namespace
	for _, n := range list.Items {
		if len(n.Name) > 6 && n.Name[:6] == "chaos-" {
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

// nothingRemains waits until the namespaces are gone, and looks for what they may have left.
func nothingRemains(t *testing.T, l *lab) {
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
		&v1alpha1.PipelineExecutionList{}, &v1alpha1.StopRequestList{}, &v1alpha1.PipelineList{}, &batchv1.JobList{},
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

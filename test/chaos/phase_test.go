// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// phase is a namespace in which executions start and stop while one kind of fault happens.
type phase struct {
	name      string
	cluster   *cluster
	recorder  *recorder
	log       *auditLog
	namespace string
	operators []*operator
	proxy     *proxy
	// counts are what was asked for, and faults what broke.
	counts, faults *counts
	// wants are the faults without which the phase shows nothing.
	wants []string
	began time.Time
	// nodeIsStale says that the control plane was away: the simulated node gives up on a pod whose status it could not write, as
	// no kubelet does.
	nodeIsStale atomic.Bool
}

// lab is a cluster with those who watch it.
type lab struct {
	cluster  *cluster
	recorder *recorder
	log      *auditLog
	counts   *counts
}

func startLab(t *testing.T, name, node string) *lab {
	t.Helper()
	l := &lab{cluster: startCluster(t, name, node), counts: &counts{}}
	l.cluster.install(t)
	l.log = &auditLog{path: l.cluster.auditLog()}
	l.recorder = startRecorder(t, l.cluster, l.counts)
	return l
}

// phase prepares a namespace and so many operators, on a wire where there is one.
func (l *lab) phase(t *testing.T, name string, operators int, w *wire) *phase {
	t.Helper()
	p := &phase{
		name: name, cluster: l.cluster, recorder: l.recorder, log: l.log, namespace: "chaos-" + name,
		counts: &counts{}, faults: &counts{}, began: time.Now(),
	}
	p.createNamespace(t)
	address := ""
	if w != nil {
		p.proxy = startProxy(t, l.cluster, w, p.faults)
		address = p.proxy.url
	}
	for i := range operators {
		p.operators = append(p.operators, startOperator(t, l.cluster, fmt.Sprintf("haltline-%s-%c", name, 'a'+i), address, p.faults))
	}
	return p
}

func (p *phase) createNamespace(t *testing.T) {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.namespace}}
	must(t, p.load(nil, nil).create(t.Context(), ns))
	// A Job without its namespace's service account has no pod at first, and that is not what is tried here.
	account := &corev1.ServiceAccount{}
	must(t, persist(t.Context(), func(ctx context.Context) error {
		err := p.cluster.k8s.Get(ctx, client.ObjectKey{Namespace: p.namespace, Name: "default"}, account)
		if apierrors.IsNotFound(err) {
			return apierrors.NewTimeoutError("not yet", 0)
		}
		return err
	}))
}

func (p *phase) load(pipelines []*v1alpha1.Pipeline, s []script) *load {
	return &load{k8s: p.cluster.k8s, namespace: p.namespace, counts: p.counts, pipelines: pipelines, scripts: s, foreign: true, prefix: "run"}
}

// play runs the load while the fault happens, and ends the fault when the load is at its end.
func (p *phase) play(t *testing.T, f fault) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), run.window+run.patience)
	defer cancel()
	l := p.load(simulatedPipelines(p.namespace), scripts)
	for _, pipeline := range l.pipelines[1:] {
		must(t, l.create(ctx, pipeline))
	}
	broken, mend := context.WithCancel(ctx)
	ended := make(chan error, 1)
	p.badWire(true)
	go func() { ended <- f(broken, p) }()
	late := make(chan error, 1)
	go func() {
		// The first Pipeline comes when executions wait for it.
		pause(ctx, run.window/3)
		late <- l.create(ctx, l.pipelines[0])
	}()
	err := l.run(ctx, run.executions, run.window, choices(p.namespace))
	pause(ctx, time.Second)
	mend()
	p.badWire(false)
	must(t, <-ended)
	must(t, err)
	must(t, <-late)
}

func (p *phase) badWire(bad bool) {
	if p.proxy != nil {
		p.proxy.bad.Store(bad)
	}
}

// settle waits until everything has converged and writes have stopped, and checks the history.
func (p *phase) settle(t *testing.T) {
	t.Helper()
	began := time.Now()
	open := p.converge(t)
	took := time.Since(began).Round(time.Second)
	if len(open) == 0 {
		p.beQuiet(t)
	} else {
		results.add(p.name, sectionResult, rowViolations, len(open))
		t.Errorf("I8: %d objects have not converged after %s: %s", len(open), took, strings.Join(open, ", "))
	}
	p.judge(t, checks)
	t.Logf("%s; %s; converged in %s", p.counts, p.faults, took)
}

// judge checks the history, enters the phase into the ledger, and demands that it was worth it.
func (p *phase) judge(t *testing.T, all []check) {
	t.Helper()
	must(t, p.log.read())
	h := newHistory(p.namespace, p.log, p.recorder)
	results.addAll(p.name, sectionLoad, p.counts.all())
	results.addAll(p.name, sectionFaults, p.faults.all())
	h.enter(&results, p.name)
	p.checkAll(t, h, all)
	p.demandFaults(t)
	results.add(p.name, sectionResult, rowSeconds, int(time.Since(p.began).Seconds()))
}

// converge returns what has not converged after all patience. A node that may have given up on a pod is started again when a
// third of it has passed.
func (p *phase) converge(t *testing.T) []string {
	t.Helper()
	began := time.Now()
	for {
		open, err := p.open(t.Context())
		if err == nil && len(open) == 0 {
			return nil
		}
		if time.Since(began) > run.patience {
			must(t, err)
			return open
		}
		if time.Since(began) > run.patience/3 && p.nodeIsStale.Swap(false) {
			must(t, errors.Join(p.cluster.tool("stop", simulatedKubelet), p.cluster.tool("start", simulatedKubelet)))
		}
		pause(t.Context(), 250*time.Millisecond)
	}
}

// open returns the Pipelines that nothing is said of, the executions that are not final, and the requests without a
// verdict or without an end.
func (p *phase) open(ctx context.Context) ([]string, error) {
	var names []string
	pipelines := &v1alpha1.PipelineList{}
	if err := p.cluster.k8s.List(ctx, pipelines, client.InNamespace(p.namespace)); err != nil {
		return nil, err
	}
	for _, l := range pipelines.Items {
		if l.Status.ObservedGeneration != l.Generation {
			names = append(names, l.Name)
		}
	}
	executions := &v1alpha1.PipelineExecutionList{}
	if err := p.cluster.k8s.List(ctx, executions, client.InNamespace(p.namespace)); err != nil {
		return nil, err
	}
	for _, e := range executions.Items {
		if !e.Status.State.IsFinal() {
			names = append(names, e.Name)
		}
	}
	requests := &v1alpha1.StopRequestList{}
	if err := p.cluster.k8s.List(ctx, requests, client.InNamespace(p.namespace)); err != nil {
		return nil, err
	}
	for _, r := range requests.Items {
		if !decided(&r) || accepted(&r) && !meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionStopped) {
			names = append(names, r.Name)
		}
	}
	return names, nil
}

// beQuiet watches that nothing is written any more, once what the wire held back has come through. Events may be a little
// late.
func (p *phase) beQuiet(t *testing.T) {
	t.Helper()
	for p.proxy != nil && p.proxy.underWay.Load() > 0 {
		pause(t.Context(), 100*time.Millisecond)
	}
	pause(t.Context(), 2*time.Second)
	since := time.Now()
	pause(t.Context(), run.quiet)
	must(t, p.log.read())
	writes := quiet(p.log, since)
	results.add(p.name, sectionChecks, "I8 at rest nothing is written, for seconds", int(run.quiet.Seconds()))
	results.add(p.name, sectionResult, rowViolations, len(writes))
	for _, w := range writes {
		t.Errorf("I8: written at rest: %s", w)
	}
}

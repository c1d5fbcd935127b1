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
	"haltline.dev/haltline/test/invariants"
)

// phase is a namespace in which executions start and stop while one kind of fault happens.
type phase struct {
	name      string
	cluster   *cluster
	recorder  *watchRecorder
	log       *auditLog
	namespace string
	operators []*operator
	proxy     *proxy
	// counts are what was asked for, and faults what went wrong.
	counts, faults *counts
	// demands are the faults without which the phase shows nothing.
	demands []string
	began   time.Time
	// nodeIsStale is true if the control plane was away. The simulated node then gives up on a pod whose status it could not write,
	// as no kubelet does.
	nodeIsStale atomic.Bool
}

// lab is a cluster with what watches it.
type lab struct {
	cluster  *cluster
	recorder *watchRecorder
	log      *auditLog
	counts   *counts
}

func startLab(t *testing.T, name, node string) *lab {
	t.Helper()
	l := &lab{cluster: startCluster(t, name, node), counts: &counts{}}
	l.cluster.install(t)
	l.log = &auditLog{path: l.cluster.auditLog()}
	l.recorder = startWatchRecorder(t, l.cluster, l.counts)
	return l
}

// phase prepares a namespace and a number of operators, on a network if there is one.
func (l *lab) phase(t *testing.T, name string, operators int, w *network) *phase {
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
	// Until the service account is there, a Job gets no pod.
	account := &corev1.ServiceAccount{}
	must(t, retry(t.Context(), func(ctx context.Context) error {
		err := p.cluster.k8s.Get(ctx, client.ObjectKey{Namespace: p.namespace, Name: "default"}, account)
		if apierrors.IsNotFound(err) {
			return apierrors.NewTimeoutError("not yet", 0)
		}
		return err
	}))
}

func (p *phase) load(pipelines []*v1alpha1.Pipeline, s []stopScript) *load {
	return &load{k8s: p.cluster.k8s, approver: p.cluster.approver, namespace: p.namespace, counts: p.counts, pipelines: pipelines, scripts: s, foreign: true, prefix: "run"}
}

// runLoad runs the load while the fault happens, and ends the fault when the load is at its end, or waits for what the fault keeps from
// happening: after four windows. What a phase demands must not depend on how fast the machine is.
func (p *phase) runLoad(t *testing.T, f fault) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), run.window+2*run.patience)
	defer cancel()
	l := p.load(simulatedPipelines(p.namespace), stopScripts)
	l.certain, l.decides = certainStarts(p.namespace), true
	for _, pipeline := range l.pipelines[1:] {
		must(t, l.create(ctx, pipeline))
	}
	for _, s := range l.certain {
		must(t, l.create(ctx, s.pipeline))
	}
	broken, repair := context.WithCancel(ctx)
	ended := make(chan error, 1)
	p.disturbNetwork(true)
	go func() { ended <- f(broken, p) }()
	late := make(chan error, 1)
	go func() {
		// The first Pipeline is created when executions wait for it.
		pause(ctx, run.window/3)
		late <- l.create(ctx, l.pipelines[0])
	}()
	asked := make(chan struct{})
	var err error
	go func() {
		defer close(asked)
		err = l.run(ctx, run.executions, run.window, newRandom(p.namespace))
	}()
	select {
	case <-asked:
	case <-time.After(4 * run.window):
	}
	pause(ctx, time.Second)
	repair()
	p.disturbNetwork(false)
	must(t, <-ended)
	<-asked
	must(t, err)
	must(t, <-late)
}

// disturbNetwork begins or ends what goes wrong on the network.
func (p *phase) disturbNetwork(bad bool) {
	if p.proxy != nil {
		p.proxy.bad.Store(bad)
	}
}

// settle waits until everything has converged and writes have stopped, and checks the history.
func (p *phase) settle(t *testing.T) {
	t.Helper()
	began := time.Now()
	unfinished := p.waitForConvergence(t)
	took := time.Since(began).Round(time.Second)
	atRest := time.Now()
	if len(unfinished) == 0 {
		atRest = p.watchQuiet(t)
	} else {
		t.Errorf("I8: %d objects have not converged after %s: %s", len(unfinished), took, strings.Join(unfinished, ", "))
	}
	p.judge(t, invariants.Checks, atRest)
	t.Logf("%s; %s; converged in %s", p.counts, p.faults, took)
}

// judge checks the history, adds the phase to the report, and fails without the faults that the phase demands. The history came to
// rest at the time that is given, unless the time is zero.
func (p *phase) judge(t *testing.T, checks []invariants.Check, atRest time.Time) {
	t.Helper()
	must(t, p.log.read())
	h := newHistory(p.namespace, p.log, p.recorder)
	if !atRest.IsZero() {
		h.setRest(atRest)
	}
	runReport.addAll(p.name, sectionLoad, p.counts.all())
	runReport.addAll(p.name, sectionFaults, p.faults.all())
	h.addOutcomes(&runReport, p.name)
	p.checkHistory(t, h, checks)
	p.demandFaults(t)
	runReport.add(p.name, sectionResult, rowSeconds, int(time.Since(p.began).Seconds()))
}

// waitForConvergence returns what has not converged when the patience is over. A node that may have given up on a pod is started
// again when a third of it has passed.
func (p *phase) waitForConvergence(t *testing.T) []string {
	t.Helper()
	began := time.Now()
	for {
		open, err := p.listUnfinished(t.Context())
		if err == nil && len(open) == 0 {
			return nil
		}
		if time.Since(began) > run.patience {
			must(t, err)
			return open
		}
		if time.Since(began) > run.patience/3 && p.nodeIsStale.Swap(false) {
			must(t, errors.Join(p.cluster.runTool("stop", simulatedKubelet), p.cluster.runTool("start", simulatedKubelet)))
		}
		pause(t.Context(), 250*time.Millisecond)
	}
}

// listUnfinished returns the Pipelines that are not known to run, the executions that are not final, and the requests that are not
// concluded. Every Pipeline here can be run: one that a fault kept from being checked is tried again.
func (p *phase) listUnfinished(ctx context.Context) ([]string, error) {
	var names []string
	pipelines := &v1alpha1.PipelineList{}
	if err := p.cluster.k8s.List(ctx, pipelines, client.InNamespace(p.namespace)); err != nil {
		return nil, err
	}
	for _, l := range pipelines.Items {
		if ready := meta.FindStatusCondition(l.Status.Conditions, v1alpha1.ConditionReady); ready == nil ||
			ready.Status != metav1.ConditionTrue || ready.ObservedGeneration != l.Generation {
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
		if !meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionFinished) {
			names = append(names, r.Name)
		}
	}
	results := &v1alpha1.ApprovalResultList{}
	if err := p.cluster.k8s.List(ctx, results, client.InNamespace(p.namespace)); err != nil {
		return nil, err
	}
	for _, r := range results.Items {
		if !meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionFinished) {
			names = append(names, r.Name)
		}
	}
	return names, nil
}

// watchQuiet waits until what the network held back has come through, and then fails the test if the operator writes anything in
// any namespace. It returns when the rest began. Events may be a little late.
func (p *phase) watchQuiet(t *testing.T) time.Time {
	t.Helper()
	for p.proxy != nil && p.proxy.underWay.Load() > 0 {
		pause(t.Context(), 100*time.Millisecond)
	}
	pause(t.Context(), 2*time.Second)
	since := time.Now()
	pause(t.Context(), run.quiet)
	must(t, p.log.read())
	writes := findWritesAfter(p.log, since)
	runReport.add(p.name, sectionChecks, "I8 at rest nothing is written, for seconds", int(run.quiet.Seconds()))
	runReport.add(p.name, sectionResult, rowViolations, len(writes))
	for _, w := range writes {
		t.Errorf("I8: written at rest: %s", w)
	}
	return since
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"time"

	"pgregory.net/rapid"

	"haltline.dev/haltline/test/simcluster"
)

// steps are what may happen next. Of their names in order, rapid draws the first ones more often.
func (h *history) steps() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"a person acts":          h.personActs,
		"all go on":              h.allGoOn,
		"cache hears":            h.cacheHears,
		"call goes wrong":        h.callGoesWrong,
		"cluster works":          h.clusterWorks,
		"operator comes or goes": h.operatorComesOrGoes,
		"operator reconciles":    h.operatorReconciles,
		"pod ends":               h.podEnds,
		"time passes":            h.timePasses,
	}
}

func (h *history) pickOperator(t *rapid.T) int { return number(t, "operator", 0, len(h.operators)-1) }

// heard are the kinds of which caches hear, those first of which it matters most.
var heard = []simcluster.Kind{simcluster.StopRequest, simcluster.Execution, simcluster.Job, simcluster.Pipeline, simcluster.Revision, simcluster.Pod}

// cacheHears has the cache of one kind go on, so that others lag behind it.
func (h *history) cacheHears(t *rapid.T) {
	p, k := h.operators[h.pickOperator(t)], pick(t, "kind", heard...)
	switch n := number(t, "changes", 0, 4); n {
	case 0:
		h.tell("%s lists every %s anew", p.Name, k)
		p.Jump(k)
	case 4:
		h.hearAll(p)
	default:
		h.tell("%s hears of %d changes of a %s", p.Name, n, k)
		hear(p, k, n)
	}
}

func (h *history) hearAll(p *simcluster.Process) {
	h.tell("%s hears of every change", p.Name)
	for more := true; more; {
		more = p.Advance()
	}
}

// hear has a cache hear of a number of changes of one kind.
func hear(p *simcluster.Process, k simcluster.Kind, n int) {
	p.Cache.Hold = func(other simcluster.Kind, _ int) bool { return other != k }
	for range n {
		p.Advance()
	}
	p.Cache.Hold = func(simcluster.Kind, int) bool { return false }
}

// operatorReconciles has a controller of an operator work on what has waited longest for it.
func (h *history) operatorReconciles(t *rapid.T) {
	i := h.pickOperator(t)
	for range number(t, "reconciliations", 1, 4) {
		h.reconcile(t, i)
	}
}

// reconcile has an operator that has nothing to work on hear until it has, and work on that.
func (h *history) reconcile(t *rapid.T, i int) {
	p := h.operators[i]
	for more := true; more && len(p.Ready()) == 0; {
		more = p.Advance()
	}
	ready := p.Ready()
	if len(ready) == 0 {
		return
	}
	controller := pick(t, "controller", ready...)
	h.tell("%s reconciles a %s", p.Name, controller)
	p.ReconcileOf(controller)
	h.replaceCrashed(t, i)
}

// clusterWorks has the Job controller, the garbage collector and the kubelet each do some things.
func (h *history) clusterWorks(t *rapid.T) {
	others := []struct {
		name string
		step func(*simcluster.Store) bool
	}{{"Job controller", simcluster.StepJobs}, {"kubelet", simcluster.StepPods}, {"garbage collector", simcluster.StepGarbage}}
	other, n := pick(t, "who", others...), number(t, "things", 1, 5)
	h.tell("the %s does up to %d things", other.name, n)
	for range n {
		if !other.step(h.store) {
			return
		}
	}
}

func (h *history) podEnds(t *rapid.T) {
	pods := simcluster.CanEnd(h.store)
	if len(pods) == 0 {
		return
	}
	pod := pick(t, "pod", pods...)
	h.tell("pod %s comes to its end", pod.Name)
	simcluster.End(h.store, pod)
}

// allGoOn has an operator, its cache and the cluster do what there is to do, as they do where nothing is wrong.
func (h *history) allGoOn(t *rapid.T) {
	i, n := h.pickOperator(t), pick(t, "things", 4, 16, 64, 1)
	h.tell("%s and the cluster do up to %d things", h.operators[i].Name, n)
	for more := true; more && n > 0; n-- {
		p := h.operators[i]
		more = p.Reconcile() || p.Advance() || simcluster.StepJobs(h.store) || simcluster.StepGarbage(h.store) || simcluster.StepPods(h.store)
		h.replaceCrashed(t, i)
	}
}

// replaceCrashed restarts an operator that has crashed, with older views.
func (h *history) replaceCrashed(t *rapid.T, i int) {
	if h.operators[i].Crashed {
		h.tell("%s is restarted", h.operators[i].Name)
		h.restart(t, i, h.drawViews(t))
	}
}

func (h *history) timePasses(t *rapid.T) {
	seconds := pick(t, "seconds", 1, 5, 30, 120)
	h.tell("%d seconds pass", seconds)
	h.store.Clock.SetTime(h.store.Clock.Now().Add(time.Duration(seconds) * time.Second))
}

func (h *history) operatorComesOrGoes(t *rapid.T) {
	if oneIn(t, 2, "second") {
		h.secondOperator(t)
	} else {
		h.restarts(t)
	}
}

// restarts has an operator crash between two calls, and start anew with older views.
func (h *history) restarts(t *rapid.T) {
	i, at := h.pickOperator(t), h.drawViews(t)
	h.tell("%s crashes and is restarted", h.operators[i].Name)
	h.total.troubles["crash"]++
	h.restart(t, i, at)
}

// drawViews says which view an operator has when it starts: of each kind the newest, or one some changes older.
func (h *history) drawViews(t *rapid.T) simcluster.At {
	at := simcluster.At{}
	if !oneIn(t, 2, "older views") {
		return at
	}
	for _, k := range heard {
		if age := number(t, "changes not seen", 0, 4); age > 0 {
			at[k] = max(h.store.Changes(k)-age, 0)
			h.tell("  (its view of %ss is %d changes old)", k, age)
		}
	}
	return at
}

// secondOperator has another operator begin to work beside the first, or end.
func (h *history) secondOperator(t *rapid.T) {
	if len(h.operators) > 1 {
		h.tell("%s ends", h.operators[1].Name)
		h.leave(1)
		return
	}
	h.total.troubles["second operator"]++
	h.tell("a second operator starts")
	h.startOperator(t, h.drawViews(t))
}

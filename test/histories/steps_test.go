// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"time"

	"pgregory.net/rapid"

	"haltline.dev/haltline/test/simcluster"
	"haltline.dev/haltline/test/simcluster/operator"
)

// steps returns what may happen next. rapid orders them by name, and draws the first ones more often.
func (h *history) steps() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"a person acts":          h.actAsPerson,
		"all go on":              h.runEverything,
		"cache hears":            h.updateCache,
		"call goes wrong":        h.planTrouble,
		"claims change":          h.touchClaim,
		"cluster works":          h.runControllers,
		"operator comes or goes": h.addOrCrashOperator,
		"operator reconciles":    h.reconcileSome,
		"pod ends":               h.endPod,
		"time passes":            h.passTime,
		"stage is retried":       h.retryExecution,
		"waits are acted on":     h.actOnWaits,
	}
}

func (h *history) drawOperator(t *rapid.T) int {
	return drawNumber(t, "operator", 0, len(h.operators)-1)
}

// cachedKinds are the kinds that caches hold, the most important ones first.
var cachedKinds = []simcluster.Kind{simcluster.StopRequest, simcluster.Execution, simcluster.Job, simcluster.Pipeline, simcluster.Revision, simcluster.Pod, simcluster.ApprovalResult}

// updateCache brings changes of one kind to a cache, so that other kinds lag behind it.
func (h *history) updateCache(t *rapid.T) {
	p, k := h.operators[h.drawOperator(t)], drawOne(t, "kind", cachedKinds...)
	switch n := drawNumber(t, "changes", 0, 4); n {
	case 0:
		h.note("%s lists every %s anew", p.Name, k)
		p.Relist(k)
	case 4:
		h.advanceAll(p)
	default:
		h.note("%s hears of %d changes of a %s", p.Name, n, k)
		advanceCache(p, k, n)
	}
}

func (h *history) advanceAll(p *operator.Process) {
	h.note("%s hears of every change", p.Name)
	for more := true; more; {
		more = p.Advance()
	}
}

// advanceCache brings n changes of one kind to a cache.
func advanceCache(p *operator.Process, k simcluster.Kind, n int) {
	p.Cache.Hold = func(other simcluster.Kind, _ int) bool { return other != k }
	for range n {
		p.Advance()
	}
	p.Cache.Hold = func(simcluster.Kind, int) bool { return false }
}

// reconcileSome lets controllers of an operator work a few times.
func (h *history) reconcileSome(t *rapid.T) {
	i := h.drawOperator(t)
	for range drawNumber(t, "reconciliations", 1, 4) {
		h.reconcileOne(t, i)
	}
}

// reconcileOne lets a controller of an operator work once. If there is nothing to work on, changes come to its cache first.
func (h *history) reconcileOne(t *rapid.T, i int) {
	p := h.operators[i]
	for more := true; more && len(p.Ready()) == 0; {
		more = p.Advance()
	}
	ready := p.Ready()
	if len(ready) == 0 {
		return
	}
	controller := drawOne(t, "controller", ready...)
	h.note("%s reconciles a %s", p.Name, controller)
	p.ReconcileWith(controller)
	h.replaceCrashedOperator(t, i)
}

// runControllers lets the Job controller, the garbage collector or the kubelet do some things.
func (h *history) runControllers(t *rapid.T) {
	others := []struct {
		name string
		step func(*simcluster.Store) bool
	}{{"Job controller", simcluster.StepJobs}, {"kubelet", simcluster.StepPods}, {"garbage collector", simcluster.StepGarbage}}
	other, n := drawOne(t, "who", others...), drawNumber(t, "things", 1, 5)
	h.note("the %s does up to %d things", other.name, n)
	for range n {
		if !other.step(h.store) {
			return
		}
	}
}

func (h *history) endPod(t *rapid.T) {
	pods := simcluster.CanEnd(h.store)
	if len(pods) == 0 {
		return
	}
	pod := drawOne(t, "pod", pods...)
	h.note("pod %s comes to its end", pod.Name)
	simcluster.End(h.store, pod)
}

// runEverything lets an operator, its cache and the cluster work, as they do if nothing is wrong.
func (h *history) runEverything(t *rapid.T) {
	i, n := h.drawOperator(t), drawOne(t, "things", 4, 16, 64, 1)
	h.note("%s and the cluster do up to %d things", h.operators[i].Name, n)
	for more := true; more && n > 0; n-- {
		p := h.operators[i]
		more = p.Reconcile() || p.Advance() || simcluster.StepJobs(h.store) || simcluster.StepGarbage(h.store) || simcluster.StepPods(h.store)
		h.replaceCrashedOperator(t, i)
	}
}

// replaceCrashedOperator restarts an operator if it has crashed, with older views.
func (h *history) replaceCrashedOperator(t *rapid.T, i int) {
	if h.operators[i].Crashed {
		h.note("%s is restarted", h.operators[i].Name)
		h.restartOperator(t, i, h.drawViews(t))
	}
}

func (h *history) passTime(t *rapid.T) {
	seconds := drawOne(t, "seconds", 1, 5, 30, 120)
	h.note("%d seconds pass", seconds)
	h.store.Clock.SetTime(h.store.Clock.Now().Add(time.Duration(seconds) * time.Second))
}

func (h *history) addOrCrashOperator(t *rapid.T) {
	if drawOneIn(t, 2, "second") {
		h.toggleSecondOperator(t)
	} else {
		h.crashOperator(t)
	}
}

// crashOperator ends an operator between two calls, and starts it again with older views.
func (h *history) crashOperator(t *rapid.T) {
	i, at := h.drawOperator(t), h.drawViews(t)
	h.note("%s crashes and is restarted", h.operators[i].Name)
	h.total.troubles["crash"]++
	h.restartOperator(t, i, at)
}

// drawViews draws the views that an operator starts with: of each kind the newest, or one that is some changes older.
func (h *history) drawViews(t *rapid.T) simcluster.Positions {
	at := simcluster.Positions{}
	if !drawOneIn(t, 2, "older views") {
		return at
	}
	for _, k := range cachedKinds {
		if age := drawNumber(t, "changes not seen", 0, 4); age > 0 {
			at[k] = max(h.store.Changes(k)-age, 0)
			h.note("  (its view of %ss is %d changes old)", k, age)
		}
	}
	return at
}

// toggleSecondOperator starts another operator beside the first, or ends it.
func (h *history) toggleSecondOperator(t *rapid.T) {
	if len(h.operators) > 1 {
		h.note("%s ends", h.operators[1].Name)
		h.removeOperator(1)
		return
	}
	h.total.troubles["second operator"]++
	h.note("a second operator starts")
	h.startOperator(t, h.drawViews(t))
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/explorer"
	"haltline.dev/haltline/test/simcluster"
)

const namespace = "team"

func key(name string) client.ObjectKey { return client.ObjectKey{Namespace: namespace, Name: name} }

// history is one that is being drawn.
type history struct {
	sim   *explorer.Sim
	store *simcluster.Store
	judge *judge
	story story
	total *counts

	// operators that work now: one, or two.
	operators []*simcluster.Process
	started   int
	// trouble befalls one of the next calls.
	trouble *trouble
	most    size
	// asked counts the stop requests.
	asked int
}

// pipelineNames are those that exist, or may; absentPipeline never does.
var pipelineNames = []string{"web", "api"}

const absentPipeline = "nowhere"

// size bounds a history.
type size struct{ pipelines, executions, stages, actions int }

func newHistory(t *rapid.T, most size, total *counts) *history {
	h := &history{most: most, sim: explorer.NewSim(&explorer.Scenario{Setup: func(*explorer.Sim) {}}), total: total}
	h.store = h.sim.Store
	h.judge = newJudge(h.store)
	h.store.Wrote = func(c simcluster.Change) {
		total.writes++
		total.states[h.store.State()] = struct{}{}
		h.judge.see(c)
	}
	total.histories++
	for _, name := range pipelineNames[:number(t, "pipelines", 1, most.pipelines)] {
		h.judge.definitions[name] = drawDefinition(t, most)
		if !oneIn(t, 8, "late") {
			h.createPipeline(name)
		}
	}
	for range number(t, "executions", 1, most.executions) {
		h.createExecution(t)
	}
	h.startOperator(t, nil)
	if oneIn(t, 2, "trouble from the start") {
		h.callGoesWrong(t)
	}
	return h
}

func (h *history) createPipeline(name string) {
	d := h.judge.definitions[name]
	h.tell("a person creates the Pipeline %q: %s", name, d)
	h.create(&v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.PipelineSpec{ExecutionMode: v1alpha1.ExecutionModeParallel, Stages: d.stages},
	})
}

// create creates an object as a person does, who is told when it cannot be.
func (h *history) create(o client.Object) {
	h.store.As("user", func() {
		if err := h.store.Create(o); err != nil {
			h.tell("  it cannot be: %v", err)
		}
	})
}

// startOperator has one more operator work, with older views of some kinds.
func (h *history) startOperator(t *rapid.T, at simcluster.At) {
	h.started++
	name := "operator"
	if h.started > 1 {
		name = fmt.Sprintf("operator-%d", h.started)
	}
	p := simcluster.NewProcess(h.store, name, at, nil)
	h.watch(t, p)
	h.operators = append(h.operators, p)
}

// watch stands around every call of an operator.
func (h *history) watch(t *rapid.T, p *simcluster.Process) {
	p.Hook = func(c *simcluster.Call, next func() error) error {
		h.judge.calls(p, c)
		if c.Cached {
			return next()
		}
		return h.strike(t, p, c, next)
	}
}

// restart replaces an operator that has ended by one of its name.
func (h *history) restart(t *rapid.T, i int, at simcluster.At) {
	p := simcluster.NewProcess(h.store, h.operators[i].Name, at, h.operators[i])
	h.watch(t, p)
	h.operators[i] = p
}

// leave has an operator end for good.
func (h *history) leave(i int) {
	h.sim.Others = append(h.sim.Others, h.operators[i])
	h.operators = append(h.operators[:i:i], h.operators[i+1:]...)
}

// rest ends all trouble and runs to rest. What hangs and is asked to stop by waiting is abandoned by a person, and a
// Pipeline that is missed comes, so that every request and every execution can come to its end. Then a restarted
// operator finds nothing to do.
func (h *history) rest(t *rapid.T) {
	h.trouble = nil
	for len(h.operators) > 1 {
		h.leave(1)
	}
	h.tell("------ all trouble ends")
	h.settle()
	for _, name := range pipelineNames {
		if h.judge.definitions[name] != nil && h.store.Find(simcluster.Pipeline, key(name)) == nil {
			h.createPipeline(name)
		}
	}
	h.settle()
	for _, o := range h.store.All(simcluster.Execution) {
		if e := o.(*v1alpha1.PipelineExecution); e.Status.State == v1alpha1.ExecutionStopping {
			h.judge.judgeWaits(h.judge.executions[e.UID])
			h.ask(fmt.Sprintf("last-%s", e.Name), v1alpha1.StopRequestSpec{
				PipelineName: e.Spec.PipelineName, PipelineExecutionID: string(e.UID), Abandon: true,
			})
		}
	}
	h.settle()
	h.sim.Settled = len(h.store.History)
	h.judge.atRest(h.sim.Stuck)
	h.tell("------ at rest; the operator is restarted")
	h.restart(t, 0, nil)
	h.settle()
	if len(h.store.History) > h.sim.Settled {
		h.judge.violated("when all was done, a restarted operator had more to write")
	}
}

func (h *history) settle() {
	h.sim.Op = h.operators[0]
	h.sim.Settle()
	h.operators[0] = h.sim.Op
}

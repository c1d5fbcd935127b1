// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/explorer"
	"haltline.dev/haltline/test/simcluster"
	"haltline.dev/haltline/test/simcluster/operator"
)

const namespace = "team"

func objectKey(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: namespace, Name: name}
}

// history is being drawn.
type history struct {
	sim    *explorer.Sim
	store  *simcluster.Store
	judge  *judge
	report report
	total  *counts

	// operators that work now: one or two.
	operators []*operator.Process
	started   int
	// trouble strikes one of the next calls; nil if none is planned.
	trouble *trouble
	most    size
	// asked counts the stop requests, decided the approval results, and retried the retries.
	asked, decided, retried int
}

// pipelineNames are of Pipelines that may exist. absentPipeline never does.
var pipelineNames = []string{"web", "api"}

const absentPipeline = "nowhere"

// size bounds a history.
type size struct {
	pipelines, executions, stages, actions int
	// waits is true if there are waits of each kind in most histories.
	waits bool
}

// oneIn returns once in how many times a kind of wait is drawn, which is one in n in a history of waits.
func (s size) oneIn(n int) int {
	if s.waits {
		return n
	}
	return 6 * n
}

func newHistory(t *rapid.T, most size, total *counts) *history {
	h := &history{most: most, sim: explorer.NewSim(&explorer.Scenario{Setup: func(*explorer.Sim) {}}), total: total}
	h.store = h.sim.Store
	h.judge = newJudge(h.store)
	h.store.Wrote = func(c simcluster.Change) {
		total.writes++
		total.states[h.store.State()] = struct{}{}
		h.judge.judgeChange(c)
	}
	total.histories++
	for _, name := range pipelineNames[:drawNumber(t, "pipelines", 1, most.pipelines)] {
		h.judge.addRelease(name, drawDefinition(t, most))
		if !drawOneIn(t, 8, "late") {
			h.createPipeline(name)
		}
	}
	if drawOneIn(t, 2, "shared claim") {
		h.createClaim(sharedClaim)
	}
	for range drawNumber(t, "executions", 1, most.executions) {
		h.createExecution(t)
	}
	h.startOperator(t, nil)
	if drawOneIn(t, 2, "trouble from the start") {
		h.planTrouble(t)
	}
	return h
}

func (h *history) createPipeline(name string) {
	d := h.judge.definitions[name]
	h.note("a person creates the Pipeline %q: %s", name, d)
	h.createObject(&v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.PipelineSpec{ExecutionMode: d.mode, TimeoutSeconds: d.timeoutSeconds, Stages: d.clonedStages(), Variables: d.variables(), Workspace: d.workspace},
	})
}

// createObject creates an object as a person does.
func (h *history) createObject(o client.Object) {
	h.store.As("user", func() {
		if err := h.store.Create(o); err != nil {
			h.note("  it is refused: %v", err)
		}
	})
}

// startOperator starts one more operator, with older views of some kinds.
func (h *history) startOperator(t *rapid.T, at simcluster.Positions) {
	h.started++
	name := "operator"
	if h.started > 1 {
		name = fmt.Sprintf("operator-%d", h.started)
	}
	p := operator.NewProcess(h.store, name, at, nil)
	h.watchCalls(t, p)
	h.operators = append(h.operators, p)
}

// watchCalls observes every call of an operator, and lets trouble strike.
func (h *history) watchCalls(t *rapid.T, p *operator.Process) {
	p.Hook = func(c *simcluster.Call, next func() error) error {
		h.judge.observeCall(p, c)
		if c.Cached {
			return next()
		}
		return h.applyTrouble(t, p, c, next)
	}
}

// restartOperator replaces an operator that has ended by another one of its name.
func (h *history) restartOperator(t *rapid.T, i int, at simcluster.Positions) {
	p := operator.NewProcess(h.store, h.operators[i].Name, at, h.operators[i])
	h.watchCalls(t, p)
	h.operators[i] = p
}

// removeOperator ends an operator for good.
func (h *history) removeOperator(i int) {
	h.sim.Others = append(h.sim.Others, h.operators[i])
	h.operators = append(h.operators[:i:i], h.operators[i+1:]...)
}

// runToRest ends all trouble and runs until nobody has anything to do. A person abandons what hangs in a stop that waits, enables the
// transitions, and creates the Pipelines that executions wait for, so that every request and every execution can end. Then the operator is
// restarted, and must find nothing to do.
func (h *history) runToRest(t *rapid.T) {
	h.trouble = nil
	for len(h.operators) > 1 {
		h.removeOperator(1)
	}
	h.note("------ all trouble ends")
	h.runUntilSettled()
	for _, name := range pipelineNames {
		if h.judge.definitions[name] != nil && h.store.Find(simcluster.Pipeline, objectKey(name)) == nil {
			h.createPipeline(name)
		}
	}
	h.enableTransitions()
	if drawOneIn(t, 2, "approvals at the end") {
		h.decideAll(t)
	}
	h.runUntilSettled()
	for _, o := range h.store.All(simcluster.Execution) {
		if execution := o.(*v1alpha1.PipelineExecution); execution.Status.State == v1alpha1.ExecutionStopping {
			h.judge.judgeWaits(h.judge.executions[execution.UID])
			h.createRequest(fmt.Sprintf("last-%s", execution.Name), v1alpha1.StopRequestSpec{
				PipelineName: execution.Spec.PipelineName, PipelineExecutionID: string(execution.UID), Abandon: true,
			})
		}
	}
	h.runUntilSettled()
	// A revision that nothing uses goes ten minutes later, however quiet it is.
	h.store.Clock.SetTime(h.store.Clock.Now().Add(revisionGrace))
	h.runUntilSettled()
	h.sim.Settled = len(h.store.History)
	h.judge.judgeRest(h.sim.Stuck)
	h.note("------ at rest; the operator is restarted")
	h.restartOperator(t, 0, nil)
	h.runUntilSettled()
	if len(h.store.History) > h.sim.Settled {
		h.judge.addFinding("when all was done, a restarted operator had more to write")
	}
}

// revisionGrace is more than the time for which a revision stays that nothing uses.
const revisionGrace = 11 * time.Minute

func (h *history) runUntilSettled() {
	h.sim.Op = h.operators[0]
	h.sim.Settle()
	h.operators[0] = h.sim.Op
}

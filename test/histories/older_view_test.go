// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// TestRejectionByAnOlderView shows that an answer is the model's, also where the operator has not heard of what happened
// right before the request was created.
func TestRejectionByAnOlderView(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		prepare func(*alone) v1alpha1.StopRequestSpec
		// unheard is the kind whose last change the operator has not heard of.
		unheard simcluster.Kind
		want    model.Answer
	}{
		{"the Pipeline was deleted", (*alone).deletePipeline, simcluster.Pipeline, model.PipelineNotFound},
		{"the execution has stopped", (*alone).stopExecution, simcluster.Execution, model.NotStoppable},
	} {
		for _, lags := range []bool{true, false} {
			a := startAlone()
			spec := test.prepare(a)
			if !lags {
				a.hear(test.unheard)
			}
			if got := a.ask("late", spec); got != test.want || len(a.judge.found) > 0 {
				t.Errorf("%s, lags %t: answered %s, %v", test.name, lags, got, a.judge.found)
			}
		}
	}
}

// alone is an operator in a world in which nothing goes wrong.
type alone struct {
	store    *simcluster.Store
	judge    *judge
	operator *simcluster.Process
}

// startAlone has the operator see a Pipeline and an execution that it runs.
func startAlone() *alone {
	a := &alone{store: simcluster.NewStore()}
	a.judge = newJudge(a.store)
	a.store.Wrote = a.judge.see
	k := model.Key{Stage: "Build", Action: "compile"}
	compile := newAction(k.Action, model.Hangs)
	stages := []v1alpha1.Stage{{Name: k.Stage, Actions: []v1alpha1.Action{compile}}}
	a.judge.definitions["web"] = &definition{
		stages: stages, actions: map[model.Key]v1alpha1.Action{k: compile}, model: model.Pipeline{{Key: k, RunOrder: 1, Outcome: model.Hangs}},
	}
	a.create(&v1alpha1.Pipeline{ObjectMeta: named("web"), Spec: v1alpha1.PipelineSpec{Stages: stages}})
	a.operator = simcluster.NewProcess(a.store, "operator", nil, nil)
	a.operator.Hook = func(c *simcluster.Call, next func() error) error {
		a.judge.calls(a.operator, c)
		return next()
	}
	a.work()
	return a
}

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }

func (a *alone) create(o client.Object) {
	if err := a.store.Create(o); err != nil {
		panic(err)
	}
}

// work has the operator, its cache but for some kinds, and the cluster do all that there is to do.
func (a *alone) work(unheard ...simcluster.Kind) {
	a.operator.Cache.Hold = func(k simcluster.Kind, _ int) bool {
		for _, u := range unheard {
			if k == u {
				return true
			}
		}
		return false
	}
	for more := true; more; {
		more = a.operator.Reconcile() || a.operator.Advance() || simcluster.StepJobs(a.store) || simcluster.StepPods(a.store)
	}
}

func (a *alone) hear(k simcluster.Kind) { a.operator.Jump(k) }

// ask creates a StopRequest and returns the answer that the operator gives before it hears of anything else.
func (a *alone) ask(name string, spec v1alpha1.StopRequestSpec) model.Answer {
	r := &v1alpha1.StopRequest{ObjectMeta: named(name), Spec: spec}
	a.create(r)
	a.work(simcluster.Pipeline, simcluster.Execution)
	return a.judge.requests[r.UID].verdict
}

// deletePipeline deletes the Pipeline; the request is for an execution that it never had.
func (a *alone) deletePipeline() v1alpha1.StopRequestSpec {
	if err := a.store.Delete(simcluster.Pipeline, key("web"), client.DeleteOptions{}); err != nil {
		panic(err)
	}
	return v1alpha1.StopRequestSpec{PipelineName: "web", PipelineExecutionID: unknownID}
}

// stopExecution stops an execution, but for the last write of which the operator hears nothing.
func (a *alone) stopExecution() v1alpha1.StopRequestSpec {
	e := &v1alpha1.PipelineExecution{ObjectMeta: named("run"), Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "web"}}
	a.create(e)
	a.work()
	spec := v1alpha1.StopRequestSpec{PipelineName: "web", PipelineExecutionID: string(e.UID), Abandon: true}
	a.create(&v1alpha1.StopRequest{ObjectMeta: named("first"), Spec: spec})
	for !a.judge.executions[e.UID].state.Stopping() {
		if !a.operator.Reconcile() {
			a.operator.Advance()
		}
	}
	a.operator.Jump(simcluster.Execution)
	a.work(simcluster.Execution)
	return spec
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
	"haltline.dev/haltline/test/simcluster/operator"
)

// TestRejectionByAnOlderView shows that an answer is that of the model, even if the cache of the operator does not have what
// happened right before the request was created.
func TestRejectionByAnOlderView(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		prepare func(*quietOperator) v1alpha1.StopRequestSpec
		// lagging is the kind whose last change is not in the cache.
		lagging simcluster.Kind
		want    model.Answer
	}{
		{"the Pipeline was deleted", (*quietOperator).deletePipeline, simcluster.Pipeline, model.PipelineNotFound},
		{"the execution has stopped", (*quietOperator).stopExecution, simcluster.Execution, model.NotStoppable},
	} {
		for _, lags := range []bool{true, false} {
			q := startQuietOperator()
			spec := test.prepare(q)
			if !lags {
				q.updateCache(test.lagging)
			}
			if got := q.askFor("late", spec); got != test.want || len(q.judge.found) > 0 {
				t.Errorf("%s, lags %t: answered %s, %v", test.name, lags, got, q.judge.found)
			}
		}
	}
}

// quietOperator is an operator in a cluster in which nothing goes wrong.
type quietOperator struct {
	store    *simcluster.Store
	judge    *judge
	operator *operator.Process
}

// startQuietOperator starts an operator that has seen a Pipeline.
func startQuietOperator() *quietOperator {
	q := &quietOperator{store: simcluster.NewStore()}
	q.judge = newJudge(q.store)
	q.store.Wrote = q.judge.judgeChange
	k := model.Key{Stage: "Build", Action: "compile"}
	compile := newAction(k.Action, model.Hangs)
	stages := []v1alpha1.Stage{{Name: k.Stage, Actions: []v1alpha1.Action{compile}}}
	d := &definition{
		stages: stages, actions: map[model.Key]v1alpha1.Action{k: compile}, model: model.Pipeline{{Key: k, RunOrder: 1, Outcome: model.Hangs}},
	}
	q.judge.addRelease("web", d)
	q.createObject(&v1alpha1.Pipeline{ObjectMeta: newMeta("web"), Spec: v1alpha1.PipelineSpec{Stages: stages, Variables: d.variables()}})
	q.operator = operator.NewProcess(q.store, "operator", nil, nil)
	q.operator.Hook = func(c *simcluster.Call, next func() error) error {
		q.judge.observeCall(q.operator, c)
		return next()
	}
	q.workToRest()
	return q
}

func newMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func (q *quietOperator) createObject(o client.Object) {
	if err := q.store.Create(o); err != nil {
		panic(err)
	}
}

// workToRest lets the operator, its cache and the cluster do everything that there is to do. The cache does not change for the
// kinds that lag.
func (q *quietOperator) workToRest(lagging ...simcluster.Kind) {
	q.operator.Cache.Hold = func(k simcluster.Kind, _ int) bool {
		return slices.Contains(lagging, k)
	}
	for more := true; more; {
		more = q.operator.Reconcile() || q.operator.Advance() || simcluster.StepJobs(q.store) || simcluster.StepPods(q.store)
	}
}

func (q *quietOperator) updateCache(k simcluster.Kind) { q.operator.Relist(k) }

// askFor creates a StopRequest and returns the answer of the operator before its cache changes otherwise.
func (q *quietOperator) askFor(name string, spec v1alpha1.StopRequestSpec) model.Answer {
	r := &v1alpha1.StopRequest{ObjectMeta: newMeta(name), Spec: spec}
	q.createObject(r)
	q.workToRest(simcluster.Pipeline, simcluster.Execution)
	return q.judge.requests[r.UID].verdict
}

// deletePipeline deletes the Pipeline. It returns a request for an execution that never existed.
func (q *quietOperator) deletePipeline() v1alpha1.StopRequestSpec {
	if err := q.store.Delete(simcluster.Pipeline, objectKey("web"), client.DeleteOptions{}); err != nil {
		panic(err)
	}
	return v1alpha1.StopRequestSpec{PipelineName: "web", PipelineExecutionID: builders.UnknownID}
}

// stopExecution stops an execution. Its last write is not in the cache of the operator.
func (q *quietOperator) stopExecution() v1alpha1.StopRequestSpec {
	e := &v1alpha1.PipelineExecution{ObjectMeta: newMeta("run"), Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "web"}}
	q.createObject(e)
	q.workToRest()
	spec := v1alpha1.StopRequestSpec{PipelineName: "web", PipelineExecutionID: string(e.UID), Abandon: true}
	q.createObject(&v1alpha1.StopRequest{ObjectMeta: newMeta("first"), Spec: spec})
	for !q.judge.executions[e.UID].state.IsStopping() {
		if !q.operator.Reconcile() {
			q.operator.Advance()
		}
	}
	q.operator.Relist(simcluster.Execution)
	q.workToRest(simcluster.Execution)
	return spec
}

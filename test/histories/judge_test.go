// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// judge sees every committed write at its commit, and finds what the model does not allow.
type judge struct {
	store       *simcluster.Store
	definitions map[string]*definition
	executions  map[types.UID]*execution
	requests    map[types.UID]*request
	jobs        map[types.UID]*job
	// order of the executions' creation.
	order []types.UID
	// open are the requests that have no verdict yet.
	open []*request
	// viewed are the views of each operator.
	viewed map[string]views
	// began is how many changes there were when the newest call of each operator began.
	began map[string]int
	// known counts the known departures from the model.
	known map[string]int
	found []finding
}

// finding is what is wrong with a history, and after how many changes.
type finding struct {
	at   int
	text string
}

func newJudge(s *simcluster.Store) *judge {
	return &judge{
		store: s, definitions: map[string]*definition{}, executions: map[types.UID]*execution{},
		requests: map[types.UID]*request{}, jobs: map[types.UID]*job{},
		viewed: map[string]views{}, began: map[string]int{}, known: map[string]int{},
	}
}

// violated notes that the newest change is wrong.
func (j *judge) violated(format string, args ...any) {
	j.found = append(j.found, finding{len(j.store.History) - 1, fmt.Sprintf(format, args...)})
}

// see judges a change that was just committed.
func (j *judge) see(c simcluster.Change) {
	o := c.New
	if o == nil {
		o = c.Old
	}
	switch o.(type) {
	case *v1alpha1.Pipeline:
		j.seePipeline(c)
	case *v1alpha1.PipelineExecution:
		j.seeExecution(c)
	case *v1alpha1.StopRequest:
		j.seeRequest(c)
	case *batchv1.Job:
		j.seeJob(c)
	case *corev1.Pod:
		j.seePod(c)
	}
	j.consider()
}

// seePipeline notes of the executions of a Pipeline that is deleted that they have lost what they run.
func (j *judge) seePipeline(c simcluster.Change) {
	exists := c.New != nil && c.New.GetDeletionTimestamp() == nil
	for _, x := range j.executions {
		x.lostPipeline = x.lostPipeline || !exists && x.Spec.PipelineName == c.Key.Name
	}
}

// findsPipeline returns what a request may find of a Pipeline: one that is being deleted is there, and is not.
func (j *judge) findsPipeline(name string) []bool {
	p := j.store.Find(simcluster.Pipeline, key(name))
	switch {
	case p == nil:
		return []bool{false}
	case p.GetDeletionTimestamp() != nil:
		return []bool{false, true}
	default:
		return []bool{true}
	}
}

// consider notes what the contract answers, at this moment, to each request that has no verdict.
func (j *judge) consider() {
	for _, r := range j.open {
		x := j.executions[types.UID(r.Spec.PipelineExecutionID)]
		switch {
		case x == nil || x.gone || !r.concerns(x):
			for _, found := range j.findsPipeline(r.Spec.PipelineName) {
				r.answers[model.Unknown(found)] = true
			}
		case !r.recorded:
			answer, _ := x.state.Stop(r.Spec.Abandon)
			r.answers[answer] = true
		}
	}
}

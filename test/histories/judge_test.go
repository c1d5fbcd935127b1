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

// judge compares every write, when it is committed, with what the model allows.
type judge struct {
	store *simcluster.Store
	// definitions are what each Pipeline runs now, and releases all that any Pipeline ever ran.
	definitions map[string]*definition
	releases    []*definition
	executions  map[types.UID]*executionRecord
	requests    map[types.UID]*requestRecord
	jobs        map[types.UID]*jobRecord
	claims      map[types.UID]*claimRecord
	results     map[string]*resultRecord
	// pipelines are the versions of each Pipeline, as far as they govern executions.
	pipelines map[string][]pipelineVersion
	// order in which the executions were created.
	order []types.UID
	// open are the requests that have no verdict yet.
	open []*requestRecord
	// openResults are the approval results that have no verdict yet.
	openResults []*resultRecord
	// viewed is how far the caches of each operator were when it last read from them.
	viewed map[string]viewPositions
	// lastCheck is how many changes there were when each operator last read an execution from the API server, or wrote its
	// status. It is absent if the operator has done neither in its present reconciliation.
	lastCheck map[string]int
	// lastLookAtClaim is how many changes there were when each operator last read a claim, or tried to create one. It is absent if the operator
	// has done neither in its present reconciliation.
	lastLookAtClaim map[string]int
	// lastReadOfOwn is how many changes there were when each operator last read the execution that it reconciles from the API server. It is absent
	// if it has not in its present reconciliation.
	lastReadOfOwn map[string]int
	// reconciliation is the present one of each operator.
	reconciliation map[string]int
	// began is how many changes there were when that began.
	began map[string]int
	// known counts the known departures from the model.
	known map[string]int
	found []finding
}

// finding is something that the model does not allow, and after how many changes it was found.
type finding struct {
	at   int
	text string
}

func newJudge(s *simcluster.Store) *judge {
	return &judge{
		store: s, definitions: map[string]*definition{}, executions: map[types.UID]*executionRecord{},
		requests: map[types.UID]*requestRecord{}, jobs: map[types.UID]*jobRecord{},
		claims: map[types.UID]*claimRecord{}, lastLookAtClaim: map[string]int{}, lastReadOfOwn: map[string]int{}, results: map[string]*resultRecord{}, pipelines: map[string][]pipelineVersion{},
		viewed: map[string]viewPositions{}, lastCheck: map[string]int{}, reconciliation: map[string]int{}, began: map[string]int{}, known: map[string]int{},
	}
}

// addFinding adds that the newest change is wrong.
func (j *judge) addFinding(format string, args ...any) {
	j.found = append(j.found, finding{len(j.store.History) - 1, fmt.Sprintf(format, args...)})
}

// judgeChange judges a change that was just committed.
func (j *judge) judgeChange(c simcluster.Change) {
	o := c.New
	if o == nil {
		o = c.Old
	}
	switch o.(type) {
	case *v1alpha1.Pipeline:
		j.recordPipeline(c)
	case *v1alpha1.PipelineExecution:
		j.judgeExecution(c)
	case *v1alpha1.StopRequest:
		j.judgeRequest(c)
	case *v1alpha1.ApprovalResult:
		j.judgeResult(c)
	case *batchv1.Job:
		j.judgeJob(c)
	case *corev1.Pod:
		j.judgePod(c)
	case *corev1.PersistentVolumeClaim:
		j.judgeClaim(c)
	}
	j.recordAnswers()
	j.recordAnswersToResults()
	j.recordAnswersToRetries()
}

// possiblePipelines returns whether a request may find a Pipeline. Both answers are right for one that is being deleted.
func (j *judge) possiblePipelines(name string) []bool {
	p := j.store.Find(simcluster.Pipeline, objectKey(name))
	switch {
	case p == nil:
		return []bool{false}
	case p.GetDeletionTimestamp() != nil:
		return []bool{false, true}
	default:
		return []bool{true}
	}
}

// recordAnswers records what the contract answers now to each request that has no verdict.
func (j *judge) recordAnswers() {
	for _, request := range j.open {
		execution := j.executions[types.UID(request.Spec.PipelineExecutionID)]
		switch {
		case execution == nil || execution.isGone || !request.isFor(execution):
			for _, found := range j.possiblePipelines(request.Spec.PipelineName) {
				request.answers[model.AnswerUnknown(found)] = true
			}
		case !request.isRecorded:
			answer, _ := execution.state.Stop(request.Spec.Abandon)
			request.answers[answer] = true
		}
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// executionRecord is a PipelineExecution as it was last committed, and what the judge knows about it.
type executionRecord struct {
	*v1alpha1.PipelineExecution
	definition *definition
	// state of the model.
	state  model.State
	isGone bool
	// promise is the text by which people can know that nothing more starts; empty if there is none.
	promise    string
	promisedAt int
	// ended is how the Jobs of actions ended. lost are the actions whose Job somebody deleted, and freed those whose placeholder is gone.
	ended       map[model.Key]model.Outcome
	lost, freed map[model.Key]bool
	// freedAt are the lengths of the history when the name of an action's Job was last freed.
	freedAt map[model.Key]int
	// ran is the Job of each action that got a pod.
	ran map[model.Key]*jobRecord
	// approvals are the approvals that were started, and timedOut the actions that exceeded a time limit.
	approvals map[model.Key]*approvalRecord
	timedOut  map[model.Key]bool
	// entered are the stages that it has entered, and in is the one that it is or was in; empty if it waits or waited before one instead.
	entered map[string]bool
	in      string
	// retry is what is known if it retries another, and retriedBy the execution that it names as its retry.
	retry     retryRecord
	retriedBy types.UID
	// claimedAt, stoppedAt and endedAt are the lengths of the history when it had recorded the uid of its claim, when it was no longer in
	// progress, and when it had ended or was gone.
	claimedAt, stoppedAt, endedAt int
	// withoutClaim are the actions that failed because the workspace was not to be had.
	withoutClaim map[model.Key]bool
	// variables are those that it was started with.
	variables []v1alpha1.Variable
	// pipelineAt counts the changes of Pipelines when it was created, and waitsSince those of executions when it last began to wait before
	// a stage.
	pipelineAt, waitsSince int
}

// recordPromise records that people can read from now on that nothing more of the execution starts.
func (execution *executionRecord) recordPromise(sentence string, at int) {
	if execution.promise == "" {
		execution.promise, execution.promisedAt = sentence, at
	}
}

func (j *judge) judgeExecution(c simcluster.Change) {
	e, exists := c.New.(*v1alpha1.PipelineExecution)
	if !exists {
		execution := j.executions[c.Old.GetUID()]
		execution.isGone = true
		if execution.endedAt == 0 {
			execution.endedAt = len(j.store.History)
		}
		return
	}
	execution := j.executions[e.UID]
	if execution == nil {
		execution = &executionRecord{
			PipelineExecution: e, definition: j.definitions[e.Spec.PipelineName], state: model.InProgress,
			ended: map[model.Key]model.Outcome{}, lost: map[model.Key]bool{}, freed: map[model.Key]bool{}, freedAt: map[model.Key]int{}, ran: map[model.Key]*jobRecord{},
			approvals: map[model.Key]*approvalRecord{}, timedOut: map[model.Key]bool{}, entered: map[string]bool{}, pipelineAt: j.store.Changes(simcluster.Pipeline),
			retry: retryRecord{answers: map[model.Answer]int{}, takenOver: map[model.Key]types.UID{}}, variables: e.Spec.Variables,
			withoutClaim: map[model.Key]bool{},
		}
		j.executions[e.UID] = execution
		j.order = append(j.order, e.UID)
		return
	}
	if equality.Semantic.DeepEqual(execution.Status, e.Status) {
		execution.PipelineExecution = e
		return
	}
	before := execution.PipelineExecution
	execution.PipelineExecution = e
	if execution.state.IsFinal() {
		j.judgeLink(execution, &before.Status, c.By)
		return
	}
	if e.Status.RetriedBy != nil {
		j.addFinding("execution %q, %s, names a retry", e.Name, execution.state)
	}
	j.findDefinition(execution, &before.Status)
	if e.Status.WaitingForStage != nil && !equality.Semantic.DeepEqual(before.Status.WaitingForStage, e.Status.WaitingForStage) {
		execution.waitsSince = j.store.Changes(simcluster.Execution)
	}
	j.judgeRecord(execution, acceptedRequests(before), acceptedRequests(e), c.By)
	j.judgeTakeOver(execution, &before.Status)
	j.judgeApprovals(execution)
	j.judgeLimits(execution, &before.Status)
	j.judgeWorkspace(execution, &before.Status)
	j.judgeActions(execution, &before.Status, c.By)
	j.judgeEntry(execution, &before.Status, c.By)
	if e.Status.State == v1alpha1.ExecutionSuperseded {
		j.judgeSuperseded(execution, &before.Status)
	}
	j.judgeState(execution, before.Status.State, c.By)
}

// listRunning returns the executions that have not ended.
func (j *judge) listRunning() []types.UID {
	return slices.DeleteFunc(slices.Clone(j.order), func(uid types.UID) bool {
		execution := j.executions[uid]
		return execution.isGone || execution.state.IsFinal()
	})
}

// acceptedRequests returns the requests that an execution has accepted.
func acceptedRequests(e *v1alpha1.PipelineExecution) []v1alpha1.AcceptedStopRequest {
	if e.Status.Stop == nil {
		return nil
	}
	return e.Status.Stop.Requests
}

// judgeRecord judges what an execution records about its stop. The model has to accept each new request at this commit.
func (j *judge) judgeRecord(execution *executionRecord, before, now []v1alpha1.AcceptedStopRequest, by string) {
	if len(now) < len(before) {
		j.addFinding("execution %q forgot a request that it had accepted", execution.Name)
		return
	}
	for n, a := range now {
		switch {
		case n >= len(before):
			j.judgeAcceptance(execution, a, by)
		case a.UID != before[n].UID:
			j.addFinding("execution %q records StopRequest %q in the place of %q", execution.Name, a.Name, before[n].Name)
		case a.EscalatedTime != nil && before[n].EscalatedTime == nil:
			j.judgeEscalation(execution, a)
		}
	}
	if stop := execution.Status.Stop; stop != nil && (stop.Mode == v1alpha1.StopModeAbandon) != (execution.state == model.StoppingByAbandon) {
		j.addFinding("execution %q is %s, and its stop has the mode %s", execution.Name, execution.state, stop.Mode)
	}
}

func (j *judge) judgeAcceptance(execution *executionRecord, a v1alpha1.AcceptedStopRequest, by string) {
	request := j.requests[types.UID(a.UID)]
	if request == nil || !request.isFor(execution) {
		j.addFinding("execution %q accepts StopRequest %q, which does not ask to stop it", execution.Name, a.Name)
		return
	}
	answer, next := execution.state.Stop(request.Spec.Abandon)
	if answer != model.Accepted {
		j.addFinding("execution %q, %s, accepts StopRequest %q, which the contract answers with %s", execution.Name, execution.state, request.Name, answer)
	}
	for _, other := range j.open {
		earlier, _ := execution.state.Stop(other.Spec.Abandon)
		if other.isFor(execution) && !other.isRecorded && other.isOlderThan(request) && other.created < j.viewed[by][simcluster.StopRequest] && earlier == model.Accepted {
			j.addFinding("execution %q accepts StopRequest %q before %q, which is older", execution.Name, request.Name, other.Name)
		}
	}
	execution.state = next
	request.isRecorded = true
	clear(request.answers)
}

// judgeEscalation judges a stop that waited and abandons from now on: somebody asked for that, and for that time.
func (j *judge) judgeEscalation(execution *executionRecord, a v1alpha1.AcceptedStopRequest) {
	request := j.requests[types.UID(a.UID)]
	if request == nil || request.Spec.EscalateAfterSeconds == nil || execution.state != model.StoppingByWait {
		j.addFinding("execution %q, %s, escalates, and nobody asked for that", execution.Name, execution.state)
		return
	}
	if waited := a.EscalatedTime.Sub(a.AcceptedTime.Time); waited < time.Duration(*request.Spec.EscalateAfterSeconds)*time.Second {
		j.addFinding("execution %q escalates after %s, and was asked to after %d seconds", execution.Name, waited, *request.Spec.EscalateAfterSeconds)
	}
	execution.state = model.StoppingByAbandon
}

// judgeState judges the state that the status of an execution shows.
func (j *judge) judgeState(execution *executionRecord, before v1alpha1.ExecutionState, by string) {
	shown := execution.Status.State
	switch shown {
	case before:
	case v1alpha1.ExecutionInProgress:
		if before != "" {
			j.addFinding("execution %q was %s and is InProgress again", execution.Name, before)
		}
	case v1alpha1.ExecutionStopping:
		if !execution.state.IsStopping() {
			j.addFinding("execution %q is Stopping, and nobody asked to stop it", execution.Name)
		}
		execution.recordPromise("its execution reads Stopping", len(j.store.History)-1)
	default:
		j.judgeEnd(execution, model.State(shown), by)
	}
}

// judgeEnd judges the end of an execution: it is an end of the model, and nothing of the execution runs.
func (j *judge) judgeEnd(execution *executionRecord, end model.State, by string) {
	switch {
	case !execution.state.MayBecome(end):
		j.addFinding("execution %q, %s, ends %s", execution.Name, execution.state, end)
	case end == model.Stopped:
	case execution.isRetry() && !execution.hasTakenOver():
		j.judgeRefusal(execution, end, by)
	case end != model.Superseded && !slices.Contains(execution.possibleEnds(), end):
		j.addFinding("execution %q ends %s, and its actions end it %v", execution.Name, end, execution.possibleEnds())
	}
	execution.state, execution.endedAt = end, len(j.store.History)
	execution.recordPromise("its execution reads "+string(end), len(j.store.History)-1)
	j.judgeQuiet(execution)
}

// possibleEnds returns the states in which the execution may end if nobody stops it. An action whose Job somebody deleted has
// failed, unless its end was seen before.
func (execution *executionRecord) possibleEnds() []model.State {
	pipelines := []model.Pipeline{execution.withPeople()}
	for _, a := range execution.definition.model {
		if execution.lost[a.Key] || execution.timedOut[a.Key] {
			for _, p := range pipelines {
				pipelines = append(pipelines, p.WithOutcome(a.Key, model.Fails))
			}
		}
	}
	var ends []model.State
	for _, p := range pipelines {
		ends = append(ends, p.FindEnd())
	}
	if execution.Status.TimedOutTime != nil {
		ends = append(ends, model.Failed)
	}
	if execution.Status.WaitingForStage != nil {
		ends = append(ends, model.InProgress)
	}
	return ends
}

// withPeople returns the pipeline with the outcomes that people and queues give to its actions: an approval hangs until somebody decides
// it, and a queued Job until somebody admits it.
func (execution *executionRecord) withPeople() model.Pipeline {
	p := execution.definition.model
	for _, a := range p {
		switch {
		case execution.retry.takenOver[a.Key] != "":
			p = p.WithOutcome(a.Key, model.Succeeds)
		case execution.withoutClaim[a.Key]:
			p = p.WithOutcome(a.Key, model.Fails)
		case execution.definition.actions[a.Key].Approval != nil:
			outcome := model.Hangs
			if record := execution.approvals[a.Key]; record != nil {
				outcome = record.state.FindOutcome()
			}
			p = p.WithOutcome(a.Key, outcome)
		case execution.definition.queued[a.Key] && execution.ran[a.Key] == nil:
			p = p.WithOutcome(a.Key, model.Hangs)
		}
	}
	return p
}

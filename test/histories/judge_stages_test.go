// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// pipelineVersion is what governs a pipeline from a position among the changes of Pipelines on.
type pipelineVersion struct {
	at     int
	exists bool
	mode   model.Mode
	// disabled are the stages whose transition is disabled.
	disabled map[string]bool
}

// recordPipeline records a version of a Pipeline, and who got a stage by it.
func (j *judge) recordPipeline(c simcluster.Change) {
	name := c.Key.Name
	v := pipelineVersion{at: j.store.Changes(simcluster.Pipeline), disabled: map[string]bool{}}
	// One that is being deleted governs nothing any more, as one that is gone.
	if p, exists := c.New.(*v1alpha1.Pipeline); exists && p.DeletionTimestamp == nil {
		v.exists, v.mode = true, model.Mode(p.Spec.ExecutionMode)
		for _, s := range p.Spec.Stages {
			v.disabled[s.Name] = s.Transition != nil && s.Transition.Disabled
		}
		if before, existed := c.Old.(*v1alpha1.Pipeline); existed {
			j.judgeHolders(before, p)
			j.judgeLatest(before, p)
			j.judgeTurns(before, p, c.By)
		}
	}
	j.pipelines[name] = append(j.pipelines[name], v)
}

// hasAlwaysBeen reports whether a predicate held for all versions of a pipeline from a position on.
func (j *judge) hasAlwaysBeen(name string, from int, is func(pipelineVersion) bool) bool {
	versions := j.pipelines[name]
	for i := len(versions) - 1; i >= 0; i-- {
		if !is(versions[i]) {
			return false
		}
		if versions[i].at <= from {
			return true
		}
	}
	return len(versions) > 0
}

// judgeEntry judges that an execution enters a stage: the transition was enabled when the operator last looked, or later; and nobody
// else is in the stage if it has held one execution at a time since both were created.
func (j *judge) judgeEntry(execution *executionRecord, before *v1alpha1.PipelineExecutionStatus, by string) {
	stage, name := currentStage(&execution.Status), execution.Spec.PipelineName
	switch {
	case execution.Status.WaitingForStage != nil:
		execution.in = ""
	case stage != "":
		execution.in = stage
	}
	if stage == "" || stage == currentStage(before) {
		return
	}
	if execution.isRetry() && execution.definition.model.IsBeforeStage(stage, execution.Spec.RetryOf.StageName) {
		j.addFinding("execution %q enters stage %q, and retries stage %q", execution.Name, stage, execution.Spec.RetryOf.StageName)
	}
	isHeld := func(v pipelineVersion) bool { return v.disabled[stage] }
	if j.hasAlwaysBeen(name, j.viewed[by][simcluster.Pipeline], isHeld) {
		j.addFinding("execution %q enters stage %q, whose transition is disabled", execution.Name, stage)
	}
	isSerial := func(v pipelineVersion) bool { return v.exists && v.mode.IsSerial() }
	execution.entered[stage] = true
	for _, uid := range j.order {
		other := j.executions[uid]
		isIn := other != execution && other.Spec.PipelineName == name && !other.isGone && currentStage(&other.Status) == stage
		if isIn && j.hasAlwaysBeen(name, min(other.pipelineAt, execution.pipelineAt), isSerial) {
			j.addFinding("execution %q enters stage %q, and %q is in it", execution.Name, stage, other.Name)
		}
	}
}

// currentStage returns the stage that an execution is in, or nothing.
func currentStage(status *v1alpha1.PipelineExecutionStatus) string {
	if status.State.IsFinal() || status.WaitingForStage != nil {
		return ""
	}
	return status.CurrentStage
}

// judgeHolders judges who has the stages of a Pipeline: nobody who waits before it as well, and what one had has no other one before the
// first has left it or enters nothing more.
func (j *judge) judgeHolders(before, p *v1alpha1.Pipeline) {
	had := map[string]string{}
	for _, s := range before.Status.Stages {
		if s.Execution != nil {
			had[s.Name] = s.Execution.PipelineExecutionID
		}
	}
	for _, s := range p.Status.Stages {
		if s.Execution == nil {
			continue
		}
		for _, w := range s.Waiting {
			if w.PipelineExecutionID == s.Execution.PipelineExecutionID {
				j.addFinding("execution %q has stage %q and waits before it", w.Name, s.Name)
			}
		}
		first := j.executions[types.UID(had[s.Name])]
		if first != nil && s.Execution.PipelineExecutionID != had[s.Name] && mayBeIn(first, s.Name) {
			j.addFinding("execution %q gets stage %q, which %q has", s.Execution.Name, s.Name, first.Name)
		}
	}
}

// judgeLatest judges who had each stage last: who has it, or else who had it before.
func (j *judge) judgeLatest(before, p *v1alpha1.Pipeline) {
	if !model.Mode(before.Spec.ExecutionMode).IsSerial() || !model.Mode(p.Spec.ExecutionMode).IsSerial() {
		return
	}
	had := map[string]string{}
	for _, s := range before.Status.Stages {
		had[s.Name] = s.LatestExecutionID
	}
	for _, s := range p.Status.Stages {
		want := had[s.Name]
		if s.Execution != nil {
			want = s.Execution.PipelineExecutionID
		}
		if s.LatestExecutionID != want {
			j.addFinding("the latest execution of stage %q is %q, and it reads %q", s.Name, want, s.LatestExecutionID)
		}
	}
}

// mayBeIn reports whether an execution that has a stage is in it, or may enter it yet.
func mayBeIn(execution *executionRecord, stage string) bool {
	mayEnter := !execution.entered[stage] && execution.state == model.InProgress && execution.DeletionTimestamp == nil
	return !execution.isGone && (mayEnter || currentStage(&execution.Status) == stage)
}

// judgeTurns judges who gets a stage of a Pipeline of a queue: nobody has waited longer, of those whose wait the operator had seen.
func (j *judge) judgeTurns(before, p *v1alpha1.Pipeline, by string) {
	if model.Mode(p.Spec.ExecutionMode) != model.Queue {
		return
	}
	had := map[string]string{}
	for _, s := range before.Status.Stages {
		if s.Execution != nil {
			had[s.Name] = s.Execution.PipelineExecutionID
		}
	}
	for _, s := range p.Status.Stages {
		if s.Execution == nil || s.Execution.PipelineExecutionID == had[s.Name] {
			continue
		}
		for _, uid := range j.order {
			if string(uid) == s.Execution.PipelineExecutionID {
				j.judgeTurn(p, s.Name, j.executions[uid], by)
			}
		}
	}
}

func (j *judge) judgeTurn(p *v1alpha1.Pipeline, stage string, next *executionRecord, by string) {
	for _, uid := range j.order {
		other := j.executions[uid]
		hasSeen := other.waitsSince <= j.viewed[by][simcluster.Execution]
		if other != next && hasSeen && other.Spec.PipelineName == p.Name && isWaitingBefore(other, stage) && isWaitingBefore(next, stage) &&
			newWaiter(other).GoesBefore(newWaiter(next)) && !isMarked(p, stage, string(other.UID)) {
			j.addFinding("execution %q gets stage %q, and %q has waited longer", next.Name, stage, other.Name)
		}
	}
}

// isMarked reports whether a Pipeline reads that an execution was superseded. It may have been a pipeline of that mode before.
func isMarked(p *v1alpha1.Pipeline, stage, uid string) bool {
	for _, s := range p.Status.Stages {
		for _, w := range s.Waiting {
			if s.Name == stage && w.PipelineExecutionID == uid && w.SupersededBy != "" {
				return true
			}
		}
	}
	return false
}

func isWaitingBefore(execution *executionRecord, stage string) bool {
	wait := execution.Status.WaitingForStage
	return !execution.isGone && execution.DeletionTimestamp == nil && execution.state == model.InProgress && wait != nil && wait.Stage == stage
}

func newWaiter(execution *executionRecord) model.Waiter {
	w := model.Waiter{Created: execution.CreationTimestamp.Unix()}
	if execution.Status.WaitingForStage != nil {
		w.Since = execution.Status.WaitingForStage.Since.Unix()
	}
	return w
}

// judgeSuperseded judges an execution that was overtaken: it waited, the pipeline has had that mode since it was created, and the one
// that overtook it is there, or was, and is not older.
func (j *judge) judgeSuperseded(execution *executionRecord, before *v1alpha1.PipelineExecutionStatus) {
	if before.WaitingForStage == nil {
		j.addFinding("execution %q is Superseded, and did not wait before a stage", execution.Name)
	}
	if j.hasAlwaysBeen(execution.Spec.PipelineName, execution.pipelineAt, func(v pipelineVersion) bool { return v.mode != model.Supersede }) {
		j.addFinding("execution %q is Superseded, and its pipeline never had that mode", execution.Name)
	}
	for _, uid := range j.order {
		other := j.executions[uid]
		if other != execution && other.Name == execution.Status.SupersededBy && other.Spec.PipelineName == execution.Spec.PipelineName &&
			newWaiter(other).MaySupersede(newWaiter(execution)) {
			return
		}
	}
	j.addFinding("execution %q was superseded by %q, which is not a newer one", execution.Name, execution.Status.SupersededBy)
}

// judgeWaitBeforeStage judges an execution that waits before a stage when nobody has anything to do: the transition is disabled, or
// another one is in the stage. Of those that wait in a pipeline of the mode SUPERSEDED none is older than another.
func (j *judge) judgeWaitBeforeStage(execution *executionRecord) {
	stage, name := execution.Status.WaitingForStage.Stage, execution.Spec.PipelineName
	versions := j.pipelines[name]
	if len(versions) == 0 || !versions[len(versions)-1].exists {
		return
	}
	now, isTaken := versions[len(versions)-1], false
	for _, uid := range j.order {
		other := j.executions[uid]
		if other == execution || other.Spec.PipelineName != name || other.isGone {
			continue
		}
		isTaken = isTaken || currentStage(&other.Status) == stage
		if now.mode == model.Supersede && isWaitingBefore(other, stage) && newWaiter(other).Created > newWaiter(execution).Created {
			j.addFinding("execution %q waits before stage %q, and so does %q, which is newer", execution.Name, stage, other.Name)
		}
	}
	if !now.disabled[stage] && (!isTaken || !now.mode.IsSerial()) {
		j.addFinding("execution %q waits before stage %q, and nobody is in it", execution.Name, stage)
	}
}

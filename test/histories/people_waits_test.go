// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// starter starts every execution.
const starter = "ada"

// actOnWaits does what people do about executions that wait.
func (h *history) actOnWaits(t *rapid.T) {
	if !h.most.waits && !drawOneIn(t, 4, "a wait") {
		return
	}
	switch drawOne(t, "about", "approval", "pipeline", "approval", "queue") {
	case "approval":
		h.approve(t)
	case "pipeline":
		h.govern(t)
	case "queue":
		h.admitJob(t)
	}
}

// approve decides an approval once or twice: one that waits, mostly.
func (h *history) approve(t *rapid.T) {
	spec, there := h.drawApproval(t)
	if !there {
		return
	}
	for range drawNumber(t, "results", 1, 2) {
		h.decide(t, spec)
	}
}

// decide approves or rejects what a result names.
func (h *history) decide(t *rapid.T, spec v1alpha1.ApprovalResultSpec) {
	spec.Status = drawOne(t, "decision", v1alpha1.ApprovalApproved, v1alpha1.ApprovalApproved, v1alpha1.ApprovalRejected)
	spec.DecidedBy = drawOne(t, "by", "grace", starter, "grace", "")
	h.decided++
	name := fmt.Sprintf("%s-%d", drawOne(t, "name", "m", "c", "x"), h.decided)
	h.note("%q decides with ApprovalResult %q: action %q of stage %q of execution %s of pipeline %q is %s",
		spec.DecidedBy, name, spec.ActionName, spec.StageName, spec.PipelineExecutionID, spec.PipelineName, spec.Status)
	h.createObject(&v1alpha1.ApprovalResult{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec})
}

// decideAll decides everything that waits.
func (h *history) decideAll(t *rapid.T) {
	for _, spec := range h.listApprovals(true) {
		h.decide(t, spec)
	}
}

// drawApproval draws what to decide. Now and then it is something that is not there, or does not wait.
func (h *history) drawApproval(t *rapid.T) (spec v1alpha1.ApprovalResultSpec, there bool) {
	waiting, all := h.listApprovals(true), h.listApprovals(false)
	if len(all) == 0 || len(waiting) == 0 && !drawOneIn(t, 8, "nothing waits") {
		return spec, false
	}
	if len(waiting) > 0 && !drawOneIn(t, 4, "not waiting") {
		all = waiting
	}
	spec = drawOne(t, "approval", all...)
	switch drawOne(t, "target", "", "", "", "", "", "", "", "", "pipeline", "execution", "stage", "action") {
	case "pipeline":
		spec.PipelineName = drawPipelineName(t)
	case "execution":
		spec.PipelineExecutionID = builders.UnknownID
	case "stage":
		spec.StageName = "Nowhere"
	case "action":
		spec.ActionName = "nothing"
	}
	return spec, true
}

// listApprovals returns results for all actions, or for the approvals that wait.
func (h *history) listApprovals(waiting bool) []v1alpha1.ApprovalResultSpec {
	var all []v1alpha1.ApprovalResultSpec
	for _, uid := range h.judge.order {
		execution := h.judge.executions[uid]
		for _, a := range execution.definition.model {
			record := execution.approvals[a.Key]
			if !waiting || record != nil && record.state == model.Waiting {
				all = append(all, v1alpha1.ApprovalResultSpec{
					PipelineName: execution.Spec.PipelineName, PipelineExecutionID: string(uid), StageName: a.Stage, ActionName: a.Action,
				})
			}
		}
	}
	return all
}

// govern changes what governs a Pipeline while executions run and wait: its mode, or a transition.
func (h *history) govern(t *rapid.T) {
	all := h.store.All(simcluster.Pipeline)
	if len(all) == 0 {
		return
	}
	name := drawOne(t, "pipeline", all...).GetName()
	if drawOneIn(t, 3, "mode") {
		mode := drawMode(t)
		h.note("a person gives the Pipeline %q the mode %s", name, mode)
		h.changePipeline(name, func(p *v1alpha1.Pipeline) { p.Spec.ExecutionMode = mode })
		return
	}
	i := drawNumber(t, "stage", 0, len(h.judge.definitions[name].stages)-1)
	if occupied := h.findStagesInUse(name); len(occupied) > 0 && drawOneIn(t, 2, "in use") {
		i = drawOne(t, "stage in use", occupied...)
	}
	h.note("a person disables or enables the transition into stage %q of Pipeline %q", stageNames[i], name)
	h.changePipeline(name, func(p *v1alpha1.Pipeline) {
		if p.Spec.Stages[i].Transition != nil {
			p.Spec.Stages[i].Transition = nil
			return
		}
		p.Spec.Stages[i].Transition = &v1alpha1.StageTransition{Disabled: true, Reason: "frozen"}
	})
}

func drawMode(t *rapid.T) v1alpha1.ExecutionMode {
	return drawOne(t, "mode", v1alpha1.ExecutionModeParallel, v1alpha1.ExecutionModeQueued, v1alpha1.ExecutionModeSuperseded, v1alpha1.ExecutionModeQueued)
}

// findStagesInUse returns the stages of a pipeline that executions are in, by their places.
func (h *history) findStagesInUse(name string) []int {
	var found []int
	for i, stage := range h.judge.definitions[name].stages {
		for _, uid := range h.judge.listRunning() {
			if e := h.judge.executions[uid]; e.Spec.PipelineName == name && currentStage(&e.Status) == stage.Name {
				found = append(found, i)
				break
			}
		}
	}
	return found
}

func (h *history) changePipeline(name string, change func(*v1alpha1.Pipeline)) {
	h.store.As("user", func() {
		h.store.Mutate(simcluster.Pipeline, objectKey(name), func(o client.Object) { change(o.(*v1alpha1.Pipeline)) })
	})
}

// enableTransitions enables every transition, so that what waits for one goes on.
func (h *history) enableTransitions() {
	for _, o := range h.store.All(simcluster.Pipeline) {
		h.note("a person enables the transitions of Pipeline %q", o.GetName())
		h.changePipeline(o.GetName(), func(p *v1alpha1.Pipeline) {
			for i := range p.Spec.Stages {
				p.Spec.Stages[i].Transition = nil
			}
		})
	}
}

// admitJob lets a Job start that was created suspended, as a queue does.
func (h *history) admitJob(t *rapid.T) {
	var queued []types.NamespacedName
	for _, o := range h.store.All(simcluster.Job) {
		if ptr.Deref(o.(*batchv1.Job).Spec.Suspend, false) && o.GetLabels()[v1alpha1.LabelPlaceholder] == "" {
			queued = append(queued, client.ObjectKeyFromObject(o))
		}
	}
	if len(queued) == 0 {
		return
	}
	key := drawOne(t, "Job", queued...)
	h.note("a queue admits Job %q", key.Name)
	h.store.As("user", func() {
		h.store.Mutate(simcluster.Job, key, func(o client.Object) { o.(*batchv1.Job).Spec.Suspend = ptr.To(false) })
	})
}

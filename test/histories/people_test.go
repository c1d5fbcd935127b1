// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// unknownID is one that no execution has.
const unknownID = "11111111-1111-4111-8111-111111111111"

func (h *history) personActs(t *rapid.T) {
	switch act := pick(t, "act", "ask", "change", "create", "create"); {
	case act == "create" || len(h.judge.running()) == 0 && !oneIn(t, 4, "late"):
		h.createExecution(t)
	case act == "ask":
		h.personAsksToStop(t)
	default:
		h.personChangesThings(t)
	}
}

// personAsksToStop has a person ask once or twice to stop an execution: one that is there, or was, or never was.
func (h *history) personAsksToStop(t *rapid.T) {
	spec := h.drawTarget(t)
	for range number(t, "requests", 1, 2) {
		one := spec
		switch pick(t, "how", "wait", "abandon", "wait", "abandon", "escalate") {
		case "abandon":
			one.Abandon = true
		case "escalate":
			one.EscalateAfterSeconds = ptr.To(pick[int64](t, "seconds", 1, 20, 60))
		}
		h.asked++
		// The order of the names is not that of the creation.
		h.ask(fmt.Sprintf("%s-%d", pick(t, "name", "m", "c", "x"), h.asked), one)
	}
}

// drawTarget says which execution is to be stopped, and of which pipeline the person thinks that it is.
func (h *history) drawTarget(t *rapid.T) v1alpha1.StopRequestSpec {
	known, running := h.judge.order, h.judge.running()
	if len(running) > 0 && !oneIn(t, 8, "ended") {
		known = running
	}
	if len(known) == 0 || oneIn(t, 16, "unknown") {
		return v1alpha1.StopRequestSpec{PipelineName: drawName(t), PipelineExecutionID: unknownID}
	}
	e := h.judge.executions[pick(t, "execution", known...)]
	spec := v1alpha1.StopRequestSpec{PipelineName: e.Spec.PipelineName, PipelineExecutionID: string(e.UID)}
	if oneIn(t, 10, "wrong pipeline") {
		spec.PipelineName = drawName(t)
	}
	return spec
}

func drawName(t *rapid.T) string {
	return pick(t, "pipelineName", append([]string{absentPipeline}, pipelineNames...)...)
}

// ask creates a StopRequest.
func (h *history) ask(name string, spec v1alpha1.StopRequestSpec) {
	how := "to stop and wait"
	switch {
	case spec.Abandon:
		how = "to stop and abandon"
	case spec.EscalateAfterSeconds != nil:
		how = fmt.Sprintf("to stop and wait, and to abandon after %d seconds", *spec.EscalateAfterSeconds)
	}
	which := "unknown"
	if x := h.judge.executions[types.UID(spec.PipelineExecutionID)]; x != nil {
		which = x.Name
	}
	h.tell("a person asks with StopRequest %q %s execution %q (%s) of pipeline %q", name, how, which, spec.PipelineExecutionID, spec.PipelineName)
	spec.RequestedBy, spec.Reason = "ada", "wrong branch"
	h.create(&v1alpha1.StopRequest{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec})
}

// personChangesThings has a person create or delete something.
func (h *history) personChangesThings(t *rapid.T) {
	switch pick(t, "what", "create execution", "create Pipeline", "create execution", "delete Job", "delete Job", "delete execution",
		"delete StopRequest", "delete Pipeline") {
	case "create execution":
		h.createExecution(t)
	case "delete Job":
		h.delete(t, simcluster.Job)
	case "create Pipeline":
		if name := pick(t, "pipeline", pipelineNames...); h.judge.definitions[name] != nil {
			h.createPipeline(name)
		}
	case "delete execution":
		h.delete(t, simcluster.Execution)
	case "delete StopRequest":
		h.delete(t, simcluster.StopRequest)
	case "delete Pipeline":
		h.delete(t, simcluster.Pipeline)
	}
}

// createExecution creates an execution, under a name of its own or under one that another has or had.
func (h *history) createExecution(t *rapid.T) {
	if len(h.judge.running()) >= h.most.executions {
		return
	}
	name, pipeline := fmt.Sprintf("run-%d", len(h.judge.order)+1), pipelineNames[0]
	if known := h.judge.order; len(known) > 0 && oneIn(t, 2, "same name") {
		name = h.judge.executions[pick(t, "as", known...)].Name
	}
	if h.judge.definitions[pipelineNames[1]] != nil {
		pipeline = pick(t, "pipeline", pipelineNames...)
	}
	h.tell("a person creates the execution %q of pipeline %q", name, pipeline)
	h.create(&v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: pipeline},
	})
}

// delete has a person delete an object of a kind, where there is one.
func (h *history) delete(t *rapid.T, k simcluster.Kind) {
	all := h.store.All(k)
	if len(all) == 0 {
		return
	}
	o := pick(t, "which", all...)
	policy := pick(t, "propagationPolicy", metav1.DeletePropagationBackground, metav1.DeletePropagationForeground)
	h.tell("a person deletes the %s %q (%s)", k, o.GetName(), policy)
	h.store.As("user", func() {
		_ = h.store.Delete(k, client.ObjectKeyFromObject(o), client.DeleteOptions{PropagationPolicy: &policy})
	})
}

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
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/simcluster"
)

// actAsPerson does something that people do.
func (h *history) actAsPerson(t *rapid.T) {
	switch act := drawOne(t, "act", "ask", "approve", "change", "create", "govern", "retry", "create", "retry"); {
	case act == "create" || act != "retry" && len(h.judge.listRunning()) == 0 && !drawOneIn(t, 4, "late"):
		h.createExecution(t)
	case act == "ask":
		h.askToStop(t)
	case act == "approve":
		h.approve(t)
	case act == "govern":
		h.govern(t)
	case act == "retry":
		h.retryExecution(t)
	default:
		h.changeThings(t)
	}
}

// askToStop asks once or twice to stop an execution: one that exists, that existed, or that never did.
func (h *history) askToStop(t *rapid.T) {
	spec := h.drawTarget(t)
	for range drawNumber(t, "requests", 1, 2) {
		one := spec
		switch drawOne(t, "how", "wait", "abandon", "wait", "abandon", "escalate") {
		case "abandon":
			one.Abandon = true
			if drawOneIn(t, 4, "grace period") {
				one.GracePeriodSeconds = ptr.To[int64](0)
			}
		case "escalate":
			one.EscalateAfterSeconds = ptr.To(drawOne[int64](t, "seconds", 1, 20, 60))
		}
		h.asked++
		// The order of the names is not that of the creation.
		h.createRequest(fmt.Sprintf("%s-%d", drawOne(t, "name", "m", "c", "x"), h.asked), one)
	}
}

// drawTarget draws which execution to stop, and of which pipeline the person thinks that it is.
func (h *history) drawTarget(t *rapid.T) v1alpha1.StopRequestSpec {
	known, running := h.judge.order, h.judge.listRunning()
	if len(running) > 0 && !drawOneIn(t, 8, "ended") {
		known = running
	}
	if len(known) == 0 || drawOneIn(t, 16, "unknown") {
		return v1alpha1.StopRequestSpec{PipelineName: drawPipelineName(t), PipelineExecutionID: builders.UnknownID}
	}
	e := h.judge.executions[drawOne(t, "execution", known...)]
	spec := v1alpha1.StopRequestSpec{PipelineName: e.Spec.PipelineName, PipelineExecutionID: string(e.UID)}
	if drawOneIn(t, 10, "wrong pipeline") {
		spec.PipelineName = drawPipelineName(t)
	}
	return spec
}

func drawPipelineName(t *rapid.T) string {
	return drawOne(t, "pipelineName", append([]string{absentPipeline}, pipelineNames...)...)
}

// createRequest creates a StopRequest.
func (h *history) createRequest(name string, spec v1alpha1.StopRequestSpec) {
	how := "to stop and wait"
	switch {
	case spec.Abandon && spec.GracePeriodSeconds != nil:
		how = "to stop and abandon at once"
	case spec.Abandon:
		how = "to stop and abandon"
	case spec.EscalateAfterSeconds != nil:
		how = fmt.Sprintf("to stop and wait, and to abandon after %d seconds", *spec.EscalateAfterSeconds)
	}
	which := "unknown"
	if execution := h.judge.executions[types.UID(spec.PipelineExecutionID)]; execution != nil {
		which = execution.Name
	}
	h.note("a person asks with StopRequest %q %s execution %q (%s) of pipeline %q", name, how, which, spec.PipelineExecutionID, spec.PipelineName)
	spec.RequestedBy, spec.Reason = "ada", "wrong branch"
	h.createObject(&v1alpha1.StopRequest{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec})
}

// changeThings creates or deletes something as a person does.
func (h *history) changeThings(t *rapid.T) {
	switch drawOne(t, "what", "create execution", "create Pipeline", "create execution", "delete Job", "delete Job", "delete execution",
		"delete StopRequest", "delete Pipeline", "delete ApprovalResult", "admit Job", "change Pipeline", "retry") {
	case "create execution":
		h.createExecution(t)
	case "delete Job":
		h.deleteObject(t, simcluster.Job)
	case "create Pipeline":
		if name := drawOne(t, "pipeline", pipelineNames...); h.judge.definitions[name] != nil {
			h.createPipeline(name)
		}
	case "delete execution":
		h.deleteObject(t, simcluster.Execution)
	case "delete StopRequest":
		h.deleteObject(t, simcluster.StopRequest)
	case "delete ApprovalResult":
		h.deleteObject(t, simcluster.ApprovalResult)
	case "admit Job":
		h.admitJob(t)
	case "change Pipeline":
		h.changeDefinition(t)
	case "retry":
		h.retryExecution(t)
	case "delete Pipeline":
		h.deleteObject(t, simcluster.Pipeline)
	}
}

// createExecution creates an execution, under a new name or under one that was used before.
func (h *history) createExecution(t *rapid.T) {
	if len(h.judge.listRunning()) >= h.most.executions {
		return
	}
	name, pipeline := fmt.Sprintf("run-%d", len(h.judge.order)+1), pipelineNames[0]
	if known := h.judge.order; len(known) > 0 && drawOneIn(t, 2, "same name") {
		name = h.judge.executions[drawOne(t, "as", known...)].Name
	}
	if h.judge.definitions[pipelineNames[1]] != nil {
		pipeline = drawOne(t, "pipeline", pipelineNames...)
	}
	spec := v1alpha1.PipelineExecutionSpec{PipelineName: pipeline, StartedBy: starter}
	if drawOneIn(t, h.most.oneIn(6), "time limit") {
		spec.TimeoutSeconds = ptr.To(drawOne[int64](t, "timeoutSeconds", 20, 5, 60))
	}
	if drawOneIn(t, 3, "tag") {
		spec.Variables = []v1alpha1.Variable{{Name: variableTag, Value: name}}
	}
	h.note("a person creates the execution %q of pipeline %q (timeoutSeconds %v, variables %v)", name, pipeline, ptr.Deref(spec.TimeoutSeconds, 0), spec.Variables)
	h.createObject(&v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       spec,
	})
}

// deleteObject deletes an object of a kind as a person does, if there is one.
func (h *history) deleteObject(t *rapid.T, k simcluster.Kind) {
	all := h.store.All(k)
	if len(all) == 0 {
		return
	}
	o := drawOne(t, "which", all...)
	policy := drawOne(t, "propagationPolicy", metav1.DeletePropagationBackground, metav1.DeletePropagationForeground)
	h.note("a person deletes the %s %q (%s)", k, o.GetName(), policy)
	h.store.As("user", func() {
		_ = h.store.Delete(k, client.ObjectKeyFromObject(o), client.DeleteOptions{PropagationPolicy: &policy})
	})
}

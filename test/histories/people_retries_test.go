// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// retryExecution retries an execution: mostly one that failed or was stopped, as it is to be retried.
func (h *history) retryExecution(t *rapid.T) {
	if len(h.judge.order) == 0 || len(h.judge.listRunning()) > h.most.executions {
		return
	}
	original := h.drawOriginal(t)
	if original == nil {
		return
	}
	of := &v1alpha1.RetryOf{
		PipelineExecutionID: string(original.UID), StageName: original.endedIn(),
		RetryMode: drawOne(t, "retryMode", v1alpha1.RetryModeFailedActions, v1alpha1.RetryModeAllActions),
	}
	spec := v1alpha1.PipelineExecutionSpec{PipelineName: original.Spec.PipelineName, StartedBy: starter, RetryOf: of}
	if of.StageName == "" {
		of.StageName = stageNames[0]
	}
	switch drawOne(t, "target", "", "", "", "", "", "", "", "", "", "", "", "", "", "stage", "id", "pipeline") {
	case "stage":
		of.StageName = drawOne(t, "stageName", append([]string{"Nowhere"}, stageNames...)...)
	case "id":
		of.PipelineExecutionID = builders.UnknownID
	case "pipeline":
		if name := drawOne(t, "pipeline", pipelineNames...); h.judge.definitions[name] != nil {
			spec.PipelineName = name
		}
	}
	h.retried++
	name := fmt.Sprintf("retry-%d", h.retried)
	if drawOneIn(t, 4, "trouble") {
		h.planTroubleAt(t, drawOne(t, "at", namingOfRetry, binding))
	}
	if drawOneIn(t, 12, "deleted before") {
		h.deleteExecution(t, original)
	}
	h.note("a person retries stage %q of the execution %q (%s) of pipeline %q with %q (%s)",
		of.StageName, original.Name, of.PipelineExecutionID, spec.PipelineName, name, of.RetryMode)
	h.createObject(&v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec})
	if drawOneIn(t, 12, "deleted after") {
		h.deleteExecution(t, original)
	}
}

// drawOriginal draws which execution to retry: mostly one that can be retried. It returns nil if there is none, except now and then.
func (h *history) drawOriginal(t *rapid.T) *executionRecord {
	known := h.judge.order
	retryable := slices.DeleteFunc(slices.Clone(known), func(uid types.UID) bool {
		execution := h.judge.executions[uid]
		ended := execution.state == model.Failed || execution.state == model.Stopped
		return execution.isGone || !ended || execution.endedIn() == "" || execution.retriedBy != ""
	})
	switch {
	case len(retryable) > 0 && !drawOneIn(t, 6, "any"):
		known = retryable
	case len(retryable) == 0 && !drawOneIn(t, 6, "none can be retried"):
		return nil
	}
	return h.judge.executions[drawOne(t, "original", known...)]
}

func (h *history) deleteExecution(t *rapid.T, execution *executionRecord) {
	policy := drawOne(t, "propagationPolicy", metav1.DeletePropagationBackground, metav1.DeletePropagationForeground)
	h.note("a person deletes the execution %q (%s)", execution.Name, policy)
	h.store.As("user", func() {
		_ = h.store.Delete(simcluster.Execution, client.ObjectKeyFromObject(execution), client.DeleteOptions{PropagationPolicy: &policy})
	})
}

// changeDefinition changes what a Pipeline runs. Executions that have pinned what it ran before are not concerned.
func (h *history) changeDefinition(t *rapid.T) {
	all := h.store.All(simcluster.Pipeline)
	if len(all) == 0 {
		return
	}
	name := drawOne(t, "pipeline", all...).GetName()
	d := drawDefinition(t, h.most)
	d.mode, d.timeoutSeconds = h.judge.definitions[name].mode, h.judge.definitions[name].timeoutSeconds
	h.judge.addRelease(name, d)
	h.note("a person changes what the Pipeline %q runs: %s", name, d)
	h.changePipeline(name, func(p *v1alpha1.Pipeline) {
		p.Spec.Stages, p.Spec.Variables, p.Spec.Workspace = d.clonedStages(), d.variables(), d.workspace
	})
}

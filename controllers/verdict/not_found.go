// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package verdict

import "haltline.dev/haltline/api/v1alpha1"

// NewNotFound returns the rejection of a request that names no execution of its pipeline: PipelineNotFoundException if the namespace has no
// such Pipeline, else the reason that the kind of request has for that. Only a live read may say so.
func NewNotFound(namespace, pipelineName, executionID string, pipelineFound bool, reason string) Verdict {
	if !pipelineFound {
		return NewRejection(v1alpha1.ReasonPipelineNotFound,
			"spec.pipelineName: no Pipeline in namespace %q has the pipelineName %q, and no execution %s of it exists.",
			namespace, pipelineName, executionID)
	}
	return NewRejection(reason,
		"spec.pipelineExecutionId: pipeline %q has no execution %s in namespace %q; `kubectl get pipelineexecutions` shows the ids.",
		pipelineName, executionID, namespace)
}

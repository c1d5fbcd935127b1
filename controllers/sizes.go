// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// maxDefinitionSize bounds the variables and stages of a Pipeline, in bytes of JSON. A Pipeline and a ControllerRevision hold them beside
// their metadata, and a Pipeline beside its status; etcd takes 1.5 MiB by default (https://etcd.io/docs/latest/dev-guide/limit/).
const maxDefinitionSize = 768 << 10

// findSizeProblem returns that a definition is larger than maxDefinitionSize, or nil. One that has no JSON is reported elsewhere.
func findSizeProblem(definition *v1alpha1.PipelineDefinition) *plan.Problem {
	raw, err := json.Marshal(definition)
	if err != nil || len(raw) <= maxDefinitionSize {
		return nil
	}
	return &plan.Problem{Reason: v1alpha1.ReasonDefinitionTooLarge, Message: fmt.Sprintf(
		"spec.variables and spec.stages: Too long: they have %d KiB together, and at most %d KiB are allowed; move scripts and data into images, "+
			"ConfigMaps or volumes, or make several pipelines of it.", (len(raw)+1023)>>10, maxDefinitionSize>>10)}
}

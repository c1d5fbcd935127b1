// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"encoding/json"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// Variables of every Pipeline. RELEASE has the number of the definition as its default, and executions never set it. TAG is what some
// executions set.
const (
	variableRelease = "RELEASE"
	variableTag     = "TAG"
	defaultTag      = "latest"
)

// addRelease makes a definition the one that a Pipeline runs from now on.
func (j *judge) addRelease(pipeline string, d *definition) {
	j.releases = append(j.releases, d)
	d.release = len(j.releases)
	j.definitions[pipeline] = d
}

// variables returns the variables that a Pipeline declares.
func (d *definition) variables() []v1alpha1.VariableDeclaration {
	release, tag := strconv.Itoa(d.release), defaultTag
	return []v1alpha1.VariableDeclaration{{Name: variableRelease, DefaultValue: &release}, {Name: variableTag, DefaultValue: &tag}}
}

// expectedVariables are the variables that every container of an execution has.
func (execution *executionRecord) expectedVariables() map[string]string {
	expected := map[string]string{variableRelease: strconv.Itoa(execution.definition.release), variableTag: defaultTag}
	for _, v := range execution.variables {
		expected[v.Name] = v.Value
	}
	return expected
}

// findDefinition finds the definition that an execution has pinned, when it has: that of the release which the ControllerRevision holds.
func (j *judge) findDefinition(execution *executionRecord, before *v1alpha1.PipelineExecutionStatus) {
	name := execution.Status.PipelineRevision
	if name == before.PipelineRevision {
		return
	}
	pinned := v1alpha1.PipelineDefinition{}
	revision, exists := j.store.Find(simcluster.Revision, objectKey(name)).(*appsv1.ControllerRevision)
	if before.PipelineRevision != "" || !exists || json.Unmarshal(revision.Data.Raw, &pinned) != nil {
		j.addFinding("execution %q had the revision %q, and has %q", execution.Name, before.PipelineRevision, name)
		return
	}
	for _, v := range pinned.Variables {
		if release, err := strconv.Atoi(*v.DefaultValue); err == nil && v.Name == variableRelease {
			execution.definition = j.releases[release-1]
		}
	}
}

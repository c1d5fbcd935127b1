// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// manifest is an object as a person writes it. It is unstructured, since YAML can have what Go types cannot.
type manifest = *unstructured.Unstructured

func newObject(name, ns string, spec map[string]any) manifest {
	o := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	o.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(name))
	o.SetNamespace(ns)
	o.SetName("web")
	return o
}

func goodStopRequest(ns string) manifest {
	return newObject("StopRequest", ns, map[string]any{"pipelineName": "web", "pipelineExecutionId": builders.UnknownID})
}

func goodApprovalResult(ns string) manifest {
	return newObject("ApprovalResult", ns, map[string]any{
		"pipelineName": "web", "pipelineExecutionId": builders.UnknownID, "stageName": "Release", "actionName": "approve", "status": "Approved",
	})
}

func goodExecution(ns string) manifest {
	return newObject("PipelineExecution", ns, map[string]any{"pipelineName": "web"})
}

func goodPipeline(ns string) manifest {
	return newObject("Pipeline", ns, map[string]any{"stages": stagesOf(1, 1)})
}

// goodKinds return a good object of each kind.
var goodKinds = map[string]func(ns string) manifest{
	"Pipeline": goodPipeline, "PipelineExecution": goodExecution, "StopRequest": goodStopRequest, "ApprovalResult": goodApprovalResult,
}

// stagesOf returns n stages of m actions each.
func stagesOf(n, m int) []any {
	stages := []any{}
	for i := range n {
		stages = append(stages, map[string]any{"name": fmt.Sprintf("stage-%d", i), "actions": actionsOf(m)})
	}
	return stages
}

func actionsOf(n int) []any {
	actions := []any{}
	for i := range n {
		actions = append(actions, map[string]any{"name": fmt.Sprintf("action-%d", i), "job": goodJob()})
	}
	return actions
}

func goodJob() map[string]any {
	return map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
		"restartPolicy": "Never",
		"containers":    []any{map[string]any{"name": "main", "image": "example"}},
	}}}}
}

// namedList returns a list of n maps with a name each, and whatever else they need.
func namedList(n int, more map[string]any) []any {
	list := []any{}
	for i := range n {
		item := map[string]any{"name": fmt.Sprintf("V%d", i)}
		for k, v := range more {
			item[k] = v
		}
		list = append(list, item)
	}
	return list
}

// setField sets a field of an object, or removes it if value is nil.
func setField(o any, field string, value any) {
	steps := strings.FieldsFunc(field, func(r rune) bool { return strings.ContainsRune(".[]", r) })
	for i, step := range steps {
		last := i == len(steps)-1
		if list, ok := o.([]any); ok {
			at, err := strconv.Atoi(step)
			if err != nil {
				panic(err)
			}
			o = list[at]
			continue
		}
		m := o.(map[string]any)
		switch {
		case last && value == nil:
			delete(m, step)
		case last:
			m[step] = value
		case m[step] == nil:
			m[step] = map[string]any{}
		}
		o = m[step]
	}
}

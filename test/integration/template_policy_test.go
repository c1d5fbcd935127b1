// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// tryTemplate asks the API server whether it takes a Pipeline whose second stage has an action with that job.spec.
func tryTemplate(t *testing.T, namespace, spec string) error {
	t.Helper()
	bad := builders.Action("bad")
	bad.Job.Spec = runtime.RawExtension{Raw: []byte(spec)}
	pipeline := builders.Pipeline(namespace, "web", builders.Stage("Build", builders.Action("compile")), builders.Stage("Deploy", builders.Action("good"), bad))
	return k8s.Create(t.Context(), pipeline, client.DryRunAll)
}

func TestAdmissionRefusesATemplateThatCannotRun(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	const path = `spec.stages["Deploy"].actions["bad"].job.spec.`
	with := func(pod string) string { return `{"template":{"spec":{` + pod + `}}}` }
	const container = `"containers":[{"name":"main","image":"busybox"}]`
	tests := map[string]struct{ spec, want string }{
		"no template":            {`{}`, path + "template.spec: Required value"},
		"a template of a string": {`{"template":"x"}`, path + "template.spec: Required value"},
		"a pod of a list":        {`{"template":{"spec":[]}}`, path + "template.spec: Required value"},
		"no restart policy":      {with(container), path + "template.spec.restartPolicy: Required value: Never or OnFailure"},
		"restart always":         {with(container + `,"restartPolicy":"Always"`), path + "template.spec.restartPolicy"},
		"no containers":          {with(`"restartPolicy":"Never"`), path + "template.spec.containers: Required value: at least one"},
		"an empty list":          {with(`"restartPolicy":"Never","containers":[]`), path + "template.spec.containers: Required value: at least one"},
		"containers of a string": {with(`"restartPolicy":"Never","containers":"x"`), path + "template.spec.containers: Required value"},
		"a container of a string": {
			with(`"restartPolicy":"Never","containers":["x"]`), path + "template.spec.containers: Required value: each container must have a name and an image",
		},
		"no image":       {with(`"restartPolicy":"Never","containers":[{"name":"main"}]`), path + "template.spec.containers: Required value: each container"},
		"a TTL":          {`{"ttlSecondsAfterFinished":1,` + with(`"restartPolicy":"Never",` + container)[1:], path + "ttlSecondsAfterFinished: Forbidden"},
		"a selector":     {`{"selector":{},` + with(`"restartPolicy":"Never",` + container)[1:], path + "selector and manualSelector: Forbidden"},
		"another's Job":  {`{"managedBy":"example.com/x",` + with(`"restartPolicy":"Never",` + container)[1:], path + "managedBy: Forbidden"},
		"what a Job has": {`{"managedBy":"kubernetes.io/job-controller",` + with(`"restartPolicy":"OnFailure",` + container)[1:], ""},
	}
	for name, tt := range tests {
		err := tryTemplate(t, ns, tt.spec)
		if tt.want == "" {
			g.Expect(err).NotTo(HaveOccurred(), name)
			continue
		}
		g.Expect(err).To(MatchError(ContainSubstring(tt.want)), name)
	}
}

// The largest Pipeline that the schema takes costs less than what the API server lets a policy cost.
func TestAdmissionOfTheLargestPipeline(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var stages []v1alpha1.Stage
	for s := range 50 {
		var actions []v1alpha1.Action
		for a := range 10 {
			actions = append(actions, builders.Action(fmt.Sprintf("a%d", a)))
		}
		stages = append(stages, builders.Stage(fmt.Sprintf("s%d", s), actions...))
	}
	pipeline := builders.Pipeline(createNamespace(t), "web", stages...)
	g.Expect(k8s.Create(t.Context(), pipeline)).To(Succeed())
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// A Pipeline is Jobs that the operator creates for whoever wrote it.
func TestWhoWritesAPipelineMustBeAllowedToCreateJobs(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	vetted := createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	author := rbacv1.PolicyRule{
		APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"pipelines", "pipelineexecutions"}, Verbs: []string{"*"},
	}
	small := clientWithRules(t, ns, "small", author)
	tool := clientWithRules(t, ns, "system:serviceaccount:flux:applier", author,
		rbacv1.PolicyRule{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: []string{"create"}})
	editor := clientOfMember(t, ns, "editor", "edit")
	const refused = "spec.stages: a Pipeline runs Jobs, and user small lacks the verb \"create\" on jobs.batch in namespace "

	created := builders.Pipeline(ns, "mine", builders.Stage("Build", builders.Action("compile")))
	expectForbidden(g, small.Create(t.Context(), created.DeepCopy()), refused+ns)
	for _, c := range []client.Client{tool, editor} {
		g.Expect(c.Create(t.Context(), created.DeepCopy(), client.DryRunAll)).To(Succeed())
	}
	changed := vetted.DeepCopy()
	changed.Spec.Stages[0].Name = "Renamed"
	expectForbidden(g, small.Patch(t.Context(), changed.DeepCopy(), client.MergeFrom(vetted)), refused+ns)
	g.Expect(tool.Patch(t.Context(), changed.DeepCopy(), client.MergeFrom(vetted), client.DryRunAll)).To(Succeed())

	labeled := vetted.DeepCopy()
	labeled.Labels = map[string]string{"team": "a"}
	g.Expect(small.Patch(t.Context(), labeled, client.MergeFrom(vetted))).To(Succeed())
	execution := builders.Execution(ns, "web")
	g.Expect(small.Create(t.Context(), execution)).To(Succeed())
	waitForRunning(t, execution, "compile")
}

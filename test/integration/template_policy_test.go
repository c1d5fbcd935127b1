// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// createUncheckedNamespace returns a namespace that the policies on what is stored leave out.
func createUncheckedNamespace(t *testing.T) string {
	t.Helper()
	ns := labelNamespace(t, createNamespace(t), labelUnchecked)
	// The API server learns of the label a little later.
	NewWithT(t).Eventually(func() error {
		bad := goodPipeline(ns)
		setField(bad.Object, "spec.stages[0].actions[0].job.spec", map[string]any{})
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "trial", Labels: map[string]string{v1alpha1.LabelExecutionID: "x"}}}
		job.Spec = *builders.JobSpec("trial")
		return errors.Join(k8s.Create(t.Context(), bad, client.DryRunAll), k8s.Create(t.Context(), job, client.DryRunAll))
	}, timeout, interval).Should(Succeed())
	return ns
}

// templateCase edits the spec of the Job of the second action of the second stage.
type templateCase struct {
	name string
	// field of the spec, or empty for all of it.
	field string
	value any
	// refused is what follows the path of the spec in the message; empty if the template is accepted.
	refused string
}

var templateCases = []templateCase{
	{"no restartPolicy", "template.spec.restartPolicy", nil, ".template.spec.restartPolicy: Required value: must be Never or OnFailure"},
	{"restartPolicy Always", "template.spec.restartPolicy", "Always", ".template.spec.restartPolicy: Required value: must be Never or OnFailure"},
	{"restartPolicy is a number", "template.spec.restartPolicy", int64(7), ".template.spec.restartPolicy: Required value: must be Never or OnFailure"},
	{"restartPolicy OnFailure", "template.spec.restartPolicy", "OnFailure", ""},
	{"an empty spec", "", map[string]any{}, ".template: Required value"},
	{"no template", "template", nil, ".template: Required value"},
	{"the template is a string", "template", "pod", ".template: Required value"},
	{"no spec of the pod", "template.spec", nil, ".template.spec: Required value"},
	{"the spec of the pod is a list", "template.spec", []any{"main"}, ".template.spec: Required value"},
	{"no containers", "template.spec.containers", nil, ".template.spec.containers: Required value: must be a list of at least one container"},
	{"an empty list of containers", "template.spec.containers", []any{}, ".template.spec.containers: Required value: must be a list of at least one container"},
	{"the containers are a string", "template.spec.containers", "main", ".template.spec.containers: Required value: must be a list of at least one container"},
	{"the containers are a map", "template.spec.containers", map[string]any{"main": "example"}, ".template.spec.containers: Required value: must be a list"},
	{"a container is a string", "template.spec.containers", []any{"main"}, ".template.spec.containers[0]: Required value: must have a name and an image"},
	{"a container without a name", "template.spec.containers[0].name", nil, ".template.spec.containers[0]: Required value: must have a name and an image"},
	{"a container without an image", "template.spec.containers[0].image", nil, ".template.spec.containers[0]: Required value: must have a name and an image"},
	{"an image that is a number", "template.spec.containers[0].image", int64(7), ".template.spec.containers[0]: Required value: must have a name and an image"},
	{"the second container is wrong", "template.spec.containers",
		[]any{map[string]any{"name": "main", "image": "example"}, map[string]any{"name": "proxy"}},
		".template.spec.containers[1]: Required value: must have a name and an image"},
	{"ttlSecondsAfterFinished", "ttlSecondsAfterFinished", int64(60), ".ttlSecondsAfterFinished: Forbidden: a Job lives as long as its execution; remove the field"},
	{"ttlSecondsAfterFinished of 0", "ttlSecondsAfterFinished", int64(0), ".ttlSecondsAfterFinished: Forbidden"},
	{"manualSelector", "manualSelector", true, ".manualSelector: Forbidden: the API server selects the pods of a Job; remove the field"},
	{"selector", "selector", map[string]any{"matchLabels": map[string]any{"app": "web"}}, ".selector: Forbidden"},
	{"managedBy another controller", "managedBy", "kueue.x-k8s.io/multikueue", ".managedBy: Forbidden: only the Job controller"},
	{"managedBy is a map", "managedBy", map[string]any{}, ".managedBy: Forbidden"},
	{"managedBy the Job controller", "managedBy", "kubernetes.io/job-controller", ""},
	{"a finalizer of the pod", "template.metadata.finalizers", []any{"test/a"}, ".template.metadata.finalizers: Forbidden: a pod that has a finalizer"},
	{"no finalizers of the pod", "template.metadata.finalizers", []any{}, ""},
	{"30 days", "activeDeadlineSeconds", int64(2592000), ""},
	{"longer than 30 days", "activeDeadlineSeconds", int64(2592001), ".activeDeadlineSeconds: Invalid value: 2592001: must be at most 2592000"},
	{"a pod of longer than 30 days", "template.spec.activeDeadlineSeconds", int64(9000000000000000000),
		".template.spec.activeDeadlineSeconds: Invalid value: 9000000000000000000: must be at most 2592000"},
	{"a day of grace", "template.spec.terminationGracePeriodSeconds", int64(86400), ""},
	{"more than a day of grace", "template.spec.terminationGracePeriodSeconds", int64(86401),
		".template.spec.terminationGracePeriodSeconds: Invalid value: 86401: must be at most 86400, which is a day"},
	{"a grace period that is a string", "template.spec.terminationGracePeriodSeconds", "1", ""},
	{"a field that a later Kubernetes may have", "aNewField", "x", ""},
	{"as it was", "template.spec.restartPolicy", "Never", ""},
}

// As `kubectl apply --dry-run=server` and GitOps do, which show a Pipeline to the API server before they store it.
func TestAJobTemplateThatCannotRunIsRefusedAtAdmission(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	const path = "spec.stages[1].actions[1].job.spec"
	for _, c := range templateCases {
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			pipeline := newObject("Pipeline", ns, map[string]any{"stages": stagesOf(3, 3)})
			setField(pipeline.Object, strings.TrimSuffix(path+"."+c.field, "."), c.value)
			for _, options := range [][]client.CreateOption{{client.DryRunAll}, {}} {
				object := pipeline.DeepCopy()
				object.SetName("")
				object.SetGenerateName("web-")
				err := k8s.Create(t.Context(), object, options...)
				if c.refused == "" {
					g.Expect(err).NotTo(HaveOccurred())
					continue
				}
				g.Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
				g.Expect(err).To(MatchError(ContainSubstring("denied request: " + path + c.refused)))
			}
		})
	}
}

// The schema allows 500 actions in 50 stages at most. Only the last one is wrong.
func TestTheLargestPipelineIsChecked(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	for _, size := range []struct {
		stages, actions int
		last            string
	}{{10, 50, "spec.stages[9].actions[49].job.spec"}, {50, 10, "spec.stages[49].actions[9].job.spec"}} {
		pipeline := newObject("Pipeline", ns, map[string]any{"stages": stagesOf(size.stages, size.actions)})
		g.Expect(k8s.Create(t.Context(), pipeline.DeepCopy(), client.DryRunAll)).To(Succeed())
		setField(pipeline.Object, size.last+".template.spec.containers", manyContainers(20))
		g.Expect(k8s.Create(t.Context(), pipeline.DeepCopy(), client.DryRunAll)).To(Succeed())
		setField(pipeline.Object, size.last+".template.spec.containers[19].image", nil)
		g.Expect(k8s.Create(t.Context(), pipeline, client.DryRunAll)).To(MatchError(
			ContainSubstring(size.last + ".template.spec.containers[19]: Required value")))
	}
}

func manyContainers(n int) []any {
	return namedList(n, map[string]any{"image": "example"})
}

// A Pipeline that was stored before the policy can be labeled and deleted, and its spec can only be repaired.
func TestAStoredPipelineIsCheckedWhenItsSpecChanges(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createUncheckedNamespace(t)
	pipeline := goodPipeline(ns)
	pipeline.SetFinalizers([]string{"test/keep"})
	const field = "spec.stages[0].actions[0].job.spec.template.spec.restartPolicy"
	setField(pipeline.Object, field, nil)
	g.Expect(k8s.Create(t.Context(), pipeline)).To(Succeed())
	unlabelNamespace(t, ns, labelUnchecked)
	edit := func(change func(), options ...client.UpdateOption) func() error {
		return func() error {
			return replaceAs(t, k8s, pipeline, func(*unstructured.Unstructured) { change() }, options...)
		}
	}
	changeSpec := func() { setField(pipeline.Object, "spec.stages[0].name", "renamed") }
	g.Eventually(edit(changeSpec, client.DryRunAll), timeout, interval).Should(MatchError(ContainSubstring(field + ": Required value")))
	g.Expect(edit(func() { pipeline.SetLabels(map[string]string{"team": "a"}) })()).To(Succeed())
	g.Expect(edit(func() { setField(pipeline.Object, field, "Never") }, client.DryRunAll)()).To(Succeed())

	g.Expect(k8s.Delete(t.Context(), pipeline)).To(Succeed())
	g.Expect(edit(func() { pipeline.SetFinalizers(nil) })()).To(Succeed())
	g.Eventually(func() bool {
		return apierrors.IsNotFound(k8s.Get(t.Context(), client.ObjectKeyFromObject(pipeline), pipeline))
	}, timeout, interval).Should(BeTrue())
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"haltline.dev/haltline/api/v1alpha1"
)

// health is what Flux, and whoever else uses kstatus, makes of an object as the API server has it.
func health(t *testing.T, o client.Object) status.Status {
	t.Helper()
	g := NewWithT(t)
	gvk, err := apiutil.GVKForObject(o, scheme)
	g.Expect(err).NotTo(HaveOccurred())
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(gvk)
	g.Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(o), u)).To(Succeed())
	result, err := status.Compute(u)
	g.Expect(err).NotTo(HaveOccurred())
	return result.Status
}

// becomes waits until an object is in a state of health.
func becomes(t *testing.T, o client.Object, want status.Status) {
	t.Helper()
	NewWithT(t).Eventually(func() status.Status { return health(t, o) }, patience, tick).Should(Equal(want), o.GetName())
}

func TestKstatusOfAStoppedExecutionAndItsRequests(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	becomes(t, e, status.InProgressStatus)
	accepted := request(t, e, false)
	g.Expect(verdict(t, accepted)).To(Equal(v1alpha1.ReasonAccepted))
	duplicate := request(t, e, false)
	becomes(t, duplicate, status.FailedStatus)
	reaches(t, e, v1alpha1.ExecutionStopping)
	g.Expect(health(t, e)).To(Equal(status.InProgressStatus))
	g.Expect(health(t, accepted)).To(Equal(status.InProgressStatus))

	finish(t, e, "compile", corev1.PodSucceeded)
	becomes(t, e, status.CurrentStatus)
	becomes(t, accepted, status.CurrentStatus)
	g.Expect(health(t, duplicate)).To(Equal(status.FailedStatus))
}

func TestKstatusOfExecutionsThatEndByThemselves(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	waiting := execution(t, ns, "web")
	becomes(t, waiting, status.InProgressStatus)
	p := pipeline(t, ns, "web", stage("Build", act("compile", 1)))
	becomes(t, p, status.CurrentStatus)
	finish(t, waiting, "compile", corev1.PodSucceeded)
	becomes(t, waiting, status.CurrentStatus)
	failing := execution(t, ns, "web")
	finish(t, failing, "compile", corev1.PodFailed)
	becomes(t, failing, status.FailedStatus)
	taken := p.DeepCopy()
	taken.Name, taken.ResourceVersion, taken.Spec.PipelineName = "other", "", "web"
	NewWithT(t).Expect(k8s.Create(t.Context(), taken)).To(Succeed())
	becomes(t, taken, status.FailedStatus)
}

// An object that the operator has not seen is not taken for healthy.
func TestKstatusBeforeTheFirstLook(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	for _, o := range []client.Object{
		&v1alpha1.StopRequest{Spec: stopRequest(ns, "web", unknownID, false).Spec},
		&v1alpha1.PipelineExecution{Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "web"}},
		&v1alpha1.Pipeline{Spec: v1alpha1.PipelineSpec{Stages: []v1alpha1.Stage{stage("Build", act("compile", 1))}}},
	} {
		gvk, err := apiutil.GVKForObject(o, scheme)
		g.Expect(err).NotTo(HaveOccurred())
		u := &unstructured.Unstructured{}
		g.Expect(scheme.Convert(o, u, nil)).To(Succeed())
		u.SetGroupVersionKind(gvk)
		u.SetNamespace(ns)
		u.SetName("new")
		unstructured.RemoveNestedField(u.Object, "status")
		g.Expect(k8s.Create(t.Context(), u, client.DryRunAll)).To(Succeed())
		result, err := status.Compute(u)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(result.Status).To(Equal(status.InProgressStatus), gvk.Kind)
	}
}

func TestReapplyingIsANoOp(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	r := stopRequest(e.Namespace, "web", string(e.UID), false)
	manifest := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{"pipelineName": "web", "pipelineExecutionId": string(e.UID), "abandon": false, "reason": "a test"},
	}}
	manifest.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("StopRequest"))
	manifest.SetNamespace(e.Namespace)
	manifest.SetName("stop")
	apply := func() {
		g.Expect(k8s.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(manifest.DeepCopy()),
			client.FieldOwner("gitops"), client.ForceOwnership)).To(Succeed())
	}
	apply()
	r.Name, r.GenerateName = "stop", ""
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	reaches(t, e, v1alpha1.ExecutionStopping)
	before := refresh(t, r).ResourceVersion
	apply()
	g.Expect(refresh(t, r).ResourceVersion).To(Equal(before))

	// Pruned, it changes nothing.
	g.Expect(k8s.Delete(t.Context(), r)).To(Succeed())
	g.Consistently(func() v1alpha1.ExecutionState { return refresh(t, e).Status.State }, vigil, tick).Should(Equal(v1alpha1.ExecutionStopping))
	// Recreated, it is a new request with its own verdict.
	apply()
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonDuplicatedStopRequest))
}

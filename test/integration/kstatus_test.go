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
	"haltline.dev/haltline/test/builders"
)

func TestKstatusOfAStoppedExecutionAndItsRequests(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	waitForHealth(t, execution, status.InProgressStatus)
	accepted := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, accepted)
	duplicate := createObject(t, builders.StopAndWait(execution))
	waitForHealth(t, duplicate, status.FailedStatus)
	waitForState(t, execution, v1alpha1.ExecutionStopping)
	g.Expect(computeHealth(t, execution)).To(Equal(status.InProgressStatus))
	g.Expect(computeHealth(t, accepted)).To(Equal(status.InProgressStatus))

	finishAction(t, execution, "compile", corev1.PodSucceeded)
	// It was stopped, so that nothing that depends on it goes on. The stop is what was asked for.
	waitForHealth(t, execution, status.FailedStatus)
	waitForHealth(t, accepted, status.CurrentStatus)
	g.Expect(computeHealth(t, duplicate)).To(Equal(status.FailedStatus))
}

func TestKstatusOfExecutionsThatEndByThemselves(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	waiting := createExecution(t, ns, "web")
	waitForHealth(t, waiting, status.InProgressStatus)
	pipeline := createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	waitForHealth(t, pipeline, status.CurrentStatus)
	finishAction(t, waiting, "compile", corev1.PodSucceeded)
	waitForHealth(t, waiting, status.CurrentStatus)
	failing := createExecution(t, ns, "web")
	finishAction(t, failing, "compile", corev1.PodFailed)
	waitForHealth(t, failing, status.FailedStatus)
	taken := pipeline.DeepCopy()
	taken.Name, taken.ResourceVersion, taken.Spec.PipelineName = "other", "", "web"
	createObject(t, taken)
	waitForHealth(t, taken, status.FailedStatus)
}

// An object that the operator has not looked at is not healthy yet.
func TestKstatusBeforeTheFirstLook(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	unknown := builders.Execution(ns, "web")
	unknown.UID = builders.UnknownID
	for _, object := range []client.Object{
		builders.StopAndWait(unknown),
		builders.ApprovalResult(unknown, "Release", "approve", v1alpha1.ApprovalApproved),
		builders.Execution(ns, "web"),
		builders.Pipeline(ns, "web", builders.Stage("Build", builders.Action("compile"))),
	} {
		gvk, err := apiutil.GVKForObject(object, scheme)
		g.Expect(err).NotTo(HaveOccurred())
		u := &unstructured.Unstructured{}
		g.Expect(scheme.Convert(object, u, nil)).To(Succeed())
		u.SetGroupVersionKind(gvk)
		unstructured.RemoveNestedField(u.Object, "status")
		g.Expect(k8s.Create(t.Context(), u, client.DryRunAll)).To(Succeed())
		result, err := status.Compute(u)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(result.Status).To(Equal(status.InProgressStatus), gvk.Kind)
	}
}

// computeHealth returns how kstatus, which Flux uses, understands an object.
func computeHealth(t *testing.T, object client.Object) status.Status {
	t.Helper()
	g := NewWithT(t)
	gvk, err := apiutil.GVKForObject(object, scheme)
	g.Expect(err).NotTo(HaveOccurred())
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(gvk)
	g.Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(object), u)).To(Succeed())
	result, err := status.Compute(u)
	g.Expect(err).NotTo(HaveOccurred())
	return result.Status
}

// waitForHealth waits until kstatus understands an object so.
func waitForHealth(t *testing.T, object client.Object, want status.Status) {
	t.Helper()
	NewWithT(t).Eventually(func() status.Status { return computeHealth(t, object) }, timeout, interval).Should(Equal(want), object.GetName())
}

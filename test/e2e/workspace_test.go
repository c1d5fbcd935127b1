// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"os"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// createLocalVolume creates a volume of a storage class of its own, in a folder of this machine, which is the node.
func createLocalVolume(t *testing.T, class string) *corev1.PersistentVolume {
	t.Helper()
	g := NewWithT(t)
	folder := t.TempDir()
	g.Expect(os.Chmod(folder, 0o777)).To(Succeed()) //nolint:gosec // Containers run as another user.
	volume := createObject(t, &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{GenerateName: class + "-"},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName: class, PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			AccessModes:            []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Capacity:               corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")},
			PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: folder}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelOSStable, Operator: corev1.NodeSelectorOpIn, Values: []string{"linux"}}},
			}}}},
		},
	})
	t.Cleanup(func() { g.Expect(client.IgnoreNotFound(k8s.Delete(context.Background(), volume))).To(Succeed()) })
	return volume
}

func createWorkspacePipeline(t *testing.T, ns, class string, stages ...v1alpha1.Stage) {
	t.Helper()
	pipeline := builders.Pipeline(ns, "web", stages...)
	pipeline.Spec.Workspace = &v1alpha1.Workspace{MountPath: "/workspace", VolumeClaimTemplate: &v1alpha1.VolumeClaimTemplate{Spec: runtime.RawExtension{
		Raw: []byte(`{"accessModes":["ReadWriteOnce"],"storageClassName":"` + class + `","resources":{"requests":{"storage":"1Mi"}}}`),
	}}}
	createObject(t, pipeline)
}

// The sample: what an action writes, a later one reads, and the claim is gone with the execution.
func TestActionsShareALocalVolume(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createLocalVolume(t, ns)
	createSamplePipeline(t, ns, "workspace.yaml", "[ReadWriteOnce]", "[ReadWriteOnce]\n        storageClassName: "+ns, "1Gi", "1Mi")
	execution := createObject(t, builders.Execution(ns, "workspace"))
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	claim := &corev1.PersistentVolumeClaim{}
	g.Expect(k8s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: execution.Status.Workspace.ClaimName}, claim)).To(Succeed())
	g.Expect(claim.Status.Phase).To(Equal(corev1.ClaimBound))
	g.Expect(string(claim.UID)).To(Equal(execution.Status.Workspace.UID))

	g.Expect(k8s.Delete(t.Context(), execution)).To(Succeed())
	g.Eventually(func() bool {
		return apierrors.IsNotFound(k8s.Get(t.Context(), client.ObjectKeyFromObject(claim), claim))
	}, timeout, interval).Should(BeTrue())
}

// A claim that no volume fits shows that in the condition of its execution, and can be stopped.
func TestAClaimThatCannotBeBoundIsShown(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createWorkspacePipeline(t, ns, "no-such-class", builders.Stage("Build", newAction("compile", scriptSucceeds)))
	execution := createExecution(t, ns)
	g.Eventually(func(g Gomega) {
		g.Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(execution), execution)).To(Succeed())
		g.Expect(execution.Status.Conditions).To(ContainElement(And(
			HaveField("Type", v1alpha1.ConditionReady), HaveField("Message", And(
				ContainSubstring(`PersistentVolumeClaim "`), ContainSubstring("of the workspace is Pending"), ContainSubstring(`"no-such-class" not found`))))))
	}, timeout, interval).Should(Succeed())
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// sharedClaim is the claim that some Pipelines name. It may exist.
const sharedClaim = "cache"

// drawWorkspace draws the workspace of a Pipeline, which is nil mostly.
func drawWorkspace(t *rapid.T) *v1alpha1.Workspace {
	switch drawOne(t, "workspace", "", "", "", "template", "template", "template", "template", "name") {
	case "template":
		return &v1alpha1.Workspace{MountPath: "/data", VolumeClaimTemplate: &v1alpha1.VolumeClaimTemplate{
			Spec: runtime.RawExtension{Raw: []byte(`{"accessModes":["ReadWriteOnce"]}`)},
		}}
	case "name":
		return &v1alpha1.Workspace{MountPath: "/data", ClaimName: sharedClaim}
	default:
		return nil
	}
}

// touchClaim deletes a claim, or replaces it by another one of its name, or creates the one that Pipelines name.
func (h *history) touchClaim(t *rapid.T) {
	all := h.store.All(simcluster.Claim)
	if len(all) == 0 && !drawOneIn(t, 4, "no claim") {
		return
	}
	if len(all) == 0 || drawOneIn(t, 4, "shared claim") {
		h.createClaim(sharedClaim)
		return
	}
	claim := drawOne(t, "which", all...)
	policy := drawOne(t, "propagationPolicy", metav1.DeletePropagationBackground, metav1.DeletePropagationForeground)
	h.note("a person deletes the claim %q (%s)", claim.GetName(), policy)
	h.store.As("user", func() {
		_ = h.store.Delete(simcluster.Claim, client.ObjectKeyFromObject(claim), client.DeleteOptions{PropagationPolicy: &policy})
	})
	if drawOneIn(t, 2, "another") {
		h.createClaim(claim.GetName())
	}
}

func (h *history) createClaim(name string) {
	h.note("a person creates the claim %q", name)
	h.createObject(&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})
}

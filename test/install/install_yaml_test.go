// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/test/apiserver"
)

// The one file holds the objects of an overlay in their order, with the image that is asked for and no other change.
func TestTheOneFileIsAnOverlayWithTheImage(t *testing.T) {
	for overlay, variables := range map[string][]string{"default": nil, "webhook": {"OVERLAY=webhook"}} {
		t.Run(overlay, func(t *testing.T) { expectOneFile(t, overlay, variables) })
	}
}

func expectOneFile(t *testing.T, overlay string, variables []string) {
	t.Helper()
	g := NewWithT(t)
	const image = "registry.example.com/haltline:v1.2.3"
	folder := t.TempDir()
	output, err := apiserver.RunProgram(t.Context(), cluster.Kubeconfig, "make", append(variables, "install-yaml", "IMG="+image, "BIN="+folder)...)
	g.Expect(err).NotTo(HaveOccurred(), output)
	content, err := os.ReadFile(filepath.Join(folder, "install.yaml"))
	g.Expect(err).NotTo(HaveOccurred())

	want, _ := build(t, overlay)
	for _, object := range want {
		if object.GetKind() == "Deployment" {
			containers, _ := object.Object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)["containers"].([]any)
			containers[0].(map[string]any)["image"] = image
		}
	}
	g.Expect(parse(t, string(content))).To(Equal(want))
	kubectl(t, string(content), "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-")
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command gitops writes config/gitops/argocd/argocd-cm.yaml from the scripts beside it. The tests of this module run what config/gitops holds
// as Argo CD, Flux and kustomize do.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// argocdFolder is where the customizations of Argo CD are, from the folder of this module.
const argocdFolder = "../../config/gitops/argocd"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gitops:", err)
		os.Exit(1)
	}
}

func run() error {
	content, err := renderConfigMap(filepath.Join(argocdFolder, "resource_customizations"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(argocdFolder, "argocd-cm.yaml"), content, 0o600)
}

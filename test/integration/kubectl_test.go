// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"haltline.dev/haltline/test/apiserver"
)

// runKubectl runs kubectl, and returns what it prints.
func runKubectl(ctx context.Context, kubeconfig string, args ...string) (string, error) {
	return runProgram(ctx, kubeconfig, apiserver.Binary("kubectl"), args...)
}

// runShell runs a command in a shell that finds kubectl, in the root of the repository, and returns what it prints.
func runShell(ctx context.Context, kubeconfig, command string) (string, error) {
	return runProgram(ctx, kubeconfig, "bash", "-c", command)
}

func runProgram(ctx context.Context, kubeconfig, name string, args ...string) (string, error) {
	//nolint:gosec // The commands are those of the tests, and of the README.
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = apiserver.RepositoryRoot()
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig,
		"PATH="+filepath.Dir(apiserver.Binary("kubectl"))+string(os.PathListSeparator)+os.Getenv("PATH"))
	output, err := cmd.CombinedOutput()
	return string(output), err
}

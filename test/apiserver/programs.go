// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build builds the program of a folder of the repository, such as ".", the operator. The error has what the compiler printed.
func Build(ctx context.Context, folder, binary string) error {
	// What a debugger needs takes time to link.
	//nolint:gosec // The paths are those of the tests.
	compile := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", binary, ".")
	compile.Dir = filepath.Join(RepositoryRoot(), folder)
	if output, err := compile.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", filepath.Base(binary), err, output)
	}
	return nil
}

// RunShell runs a command in a shell that finds kubectl, as RunProgram does.
func RunShell(ctx context.Context, kubeconfig, command string) (string, error) {
	return RunProgram(ctx, kubeconfig, "bash", "-c", command)
}

// RunProgram runs a program in the root of the repository, and returns what it prints. kubectl is that of the API server.
func RunProgram(ctx context.Context, kubeconfig, name string, args ...string) (string, error) {
	//nolint:gosec // The commands are those of the tests, and of the pages.
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = RepositoryRoot()
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+filepath.Dir(Binary("kubectl"))+string(os.PathListSeparator)+os.Getenv("PATH"))
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// Exit ends the process of a suite with the exit code of its tests, or with 1 if something around them failed.
func Exit(code int, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

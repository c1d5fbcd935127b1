// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// RepositoryRoot returns the folder that holds go.mod.
func RepositoryRoot() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Binary returns the path of a program of Kubernetes, such as kubectl.
func Binary(name string) string {
	return filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), name)
}

// OpenLog returns where the operator and the controllers of Kubernetes log to: nowhere, unless HALTLINE_TEST_LOG names a file.
func OpenLog() (io.Writer, error) {
	name := os.Getenv("HALTLINE_TEST_LOG")
	if name == "" {
		return io.Discard, nil
	}
	return os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

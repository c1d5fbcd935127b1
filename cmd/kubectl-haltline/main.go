// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command kubectl-haltline is the kubectl plugin: it starts, stops, approves and retries executions of pipelines, and shows what they do.
// See docs/plugin.md.
package main

import (
	"os"

	"haltline.dev/haltline/cmd/kubectl-haltline/command"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
)

// version is set when the binary is built.
var version = "dev"

func main() {
	os.Exit(command.Run(cli.New(os.Stdin, os.Stdout, os.Stderr, version), os.Args[1:]))
}

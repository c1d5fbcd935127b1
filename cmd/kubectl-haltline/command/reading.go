// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"github.com/spf13/cobra"

	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
)

// readingCommands returns the commands that change nothing.
func readingCommands(f *cli.Factory) []*cobra.Command {
	return []*cobra.Command{newGet(f), newTree(f), newWatch(f), newLogs(f), newHistory(f), newExplain(f)}
}

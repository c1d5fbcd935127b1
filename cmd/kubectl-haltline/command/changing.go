// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"github.com/spf13/cobra"

	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
)

// changingCommands returns the commands that create or change objects.
func changingCommands(f *cli.Factory) []*cobra.Command {
	return []*cobra.Command{
		newStart(f), newStop(f), newApprove(f), newReject(f), newRetry(f), newHold(f), newRelease(f),
	}
}

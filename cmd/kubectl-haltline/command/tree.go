// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/tree"
)

func newTree(f *cli.Factory) *cobra.Command {
	var output *cli.Output
	pipeline := ""
	cmd := &cobra.Command{
		Use:   "tree EXECUTION",
		Short: "Show the stages and actions of an execution",
		Long: `Show the stages and actions of an execution: the state of each, how long it took or has been going on, who approved, started and stopped, and what is
waited for. EXECUTION is a name, an id, or @latest. With -o wide it has the id and the Jobs, and nothing is cut at the width of the terminal.`,
		Example: `  kubectl haltline tree web-7k2lp
  kubectl haltline tree @latest --pipeline web -o wide`,
		Args:              exactArgs("EXECUTION"),
		ValidArgsFunction: f.CompleteArgs(cli.Executions(nil)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showTree(cmd.Context(), f, output, args[0], pipeline)
		},
	}
	addPipelineOfLatest(f, cmd, &pipeline)
	output = cli.AddOutputFlag(cmd)
	return cmd
}

// addPipelineOfLatest adds --pipeline to a command about one execution.
func addPipelineOfLatest(f *cli.Factory, cmd *cobra.Command, pipeline *string) {
	cmd.Flags().StringVarP(pipeline, "pipeline", "p", "", "The execution is one of this pipeline, such as with @latest.")
	_ = cmd.RegisterFlagCompletionFunc("pipeline", f.CompleteFlag(cli.Pipelines))
}

func showTree(ctx context.Context, f *cli.Factory, output *cli.Output, ref, pipeline string) error {
	if err := output.Check(); err != nil {
		return err
	}
	_, execution, err := cli.ConnectToExecution(ctx, f, ref, pipeline)
	if err != nil {
		return err
	}
	if !output.IsForPeople() {
		return output.Print(f, execution)
	}
	width := f.Width()
	if output.IsWide() {
		width = 0
	}
	fmt.Fprint(f.Out, tree.Render(tree.Build(execution, f.Clock.Now(), output.IsWide()), width))
	return nil
}

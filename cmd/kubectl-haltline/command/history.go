// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/listing"
)

type historyOptions struct {
	listOptions
	since   time.Duration
	stopped bool
	limit   int
}

// historyLimit is how many executions a history has if nothing else is asked for.
const historyLimit = 20

func newHistory(f *cli.Factory) *cobra.Command {
	o := &historyOptions{}
	cmd := &cobra.Command{
		Use:   "history [PIPELINE]",
		Short: "List finished executions, and who stopped them and why",
		Long: `List executions that have finished, those that ended last first: how each ended and how long it took, who started it, and who stopped it and why, also
if the StopRequest is gone. Executions that the history of their pipeline does not keep are not there any more.`,
		Example: `  kubectl haltline history web
  kubectl haltline history --since 1h --stopped
  kubectl haltline history -A --limit 0 -o wide`,
		Args:              takes(1, "PIPELINE"),
		ValidArgsFunction: f.CompleteArgs(cli.Pipelines),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.pipeline = args[0]
			}
			return o.run(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&o.since, "since", 0, "Only executions that ended within this time, such as 1h; 0 is all.")
	flags.BoolVar(&o.stopped, "stopped", false, "Only executions that were stopped.")
	flags.IntVar(&o.limit, "limit", historyLimit, "How many at most; 0 is all.")
	o.addFlags(cmd)
	return cmd
}

func (o *historyOptions) run(ctx context.Context, f *cli.Factory) error {
	switch {
	case o.since < 0:
		return cli.UsageErrorf("--since: found %s; want a time that is not negative, such as 1h", o.since)
	case o.limit < 0:
		return cli.UsageErrorf("--limit: found %d; want a number from 0", o.limit)
	}
	if err := o.output.Check(); err != nil {
		return err
	}
	c, namespace, err := f.Connect()
	if err != nil {
		return err
	}
	now := f.Clock.Now()
	filter := listing.Filter{Stopped: o.stopped}
	if o.since > 0 {
		filter.Since = now.Add(-o.since)
	}
	executions, err := o.list(ctx, c, namespace, filter.Passes)
	if err != nil {
		return err
	}
	listing.SortByEnd(executions)
	left := 0
	if o.limit > 0 && len(executions) > o.limit {
		left, executions = len(executions)-o.limit, executions[:o.limit]
	}
	switch {
	case !o.output.IsForPeople():
		return o.printList(f, executions)
	case len(executions) == 0:
		fmt.Fprintln(f.ErrOut, o.emptyMessage("finished executions", namespace))
		return nil
	}
	o.printTable(f, listing.History(executions, now, o.columns()))
	if left > 0 {
		fmt.Fprintf(f.ErrOut, "%d more ended before; --limit 0 lists all.\n", left)
	}
	return nil
}

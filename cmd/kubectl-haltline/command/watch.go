// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/follow"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/live"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

type watchOptions struct {
	pipeline string
	timeout  time.Duration
	plain    bool
}

func newWatch(f *cli.Factory) *cobra.Command {
	o := &watchOptions{}
	cmd := &cobra.Command{
		Use:   "watch EXECUTION",
		Short: "Watch an execution until it has ended",
		Long: `Watch an execution until it has ended: on a terminal a picture of its stages, elsewhere a line for each thing that happens. The exit code is 0 if it is
Succeeded, and 6 if it ended otherwise. A connection that breaks is made again. EXECUTION is a name, an id, or @latest.`,
		Example: `  kubectl haltline watch web-7k2lp
  kubectl haltline watch @latest --pipeline web --timeout 30m
  kubectl haltline watch @latest --plain`,
		Args:              exactArgs("EXECUTION"),
		ValidArgsFunction: f.CompleteArgs(cli.Executions(func(e *v1alpha1.PipelineExecution) bool { return !view.IsFinished(e) })),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), f, args[0])
		},
	}
	addPipelineOfLatest(f, cmd, &o.pipeline)
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "How long to watch, such as 10m; 0 is without end.")
	cmd.Flags().BoolVar(&o.plain, "plain", false, "Print lines also on a terminal.")
	return cmd
}

func (o *watchOptions) run(ctx context.Context, f *cli.Factory, ref string) error {
	c, execution, err := cli.ConnectToExecution(ctx, f, ref, o.pipeline)
	if err != nil {
		return err
	}
	ctx, cancel := withTimeout(ctx, o.timeout)
	defer cancel()
	show := followExecution
	if o.plain {
		show = followPlainly
	}
	last, err := show(ctx, f, c, f.Out, execution)
	switch {
	case errors.Is(err, follow.ErrDeleted):
		return cli.Exitf(cli.CodeEndedOtherwise, "execution %q was deleted before it ended", execution.Name)
	case err != nil:
		return explainEndOfWait(err, fmt.Sprintf("execution %q has not ended", execution.Name),
			fmt.Sprintf("It goes on; to see why it does not: kubectl haltline explain %s -n %s", execution.Name, execution.Namespace))
	case last.Status.State != v1alpha1.ExecutionSucceeded:
		return cli.Reported(cli.CodeEndedOtherwise)
	}
	return nil
}

// followExecution shows what happens to an execution until it has ended, and returns it as it was last seen: on a terminal as a picture, and
// elsewhere as lines.
func followExecution(
	ctx context.Context, f *cli.Factory, c client.WithWatch, progress io.Writer, execution *v1alpha1.PipelineExecution,
) (*v1alpha1.PipelineExecution, error) {
	out := f.OutFile()
	if !f.Terminal || out == nil || progress != f.Out {
		return followPlainly(ctx, f, c, progress, execution)
	}
	terminal := live.Terminal{In: f.In, Out: out, Now: f.Clock.Now}
	return live.Show(ctx, terminal, execution, func(ctx context.Context, visit func(*v1alpha1.PipelineExecution), onTrouble func(error)) error {
		target := follow.Target{
			Client: c, List: &v1alpha1.PipelineExecutionList{}, Key: client.ObjectKeyFromObject(execution), UID: execution.UID, OnTrouble: onTrouble,
		}
		return follow.Until(ctx, target, func(seen *v1alpha1.PipelineExecution) (bool, error) {
			visit(seen)
			return view.IsFinished(seen), nil
		})
	})
}

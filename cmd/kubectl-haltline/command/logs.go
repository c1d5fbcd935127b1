// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/follow"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/logs"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

type logsOptions struct {
	pipeline string
	wish     logs.Wish
	printing logs.Options
	prefix   string
}

func newLogs(f *cli.Factory) *cobra.Command {
	o := &logsOptions{}
	cmd := &cobra.Command{
		Use:   "logs EXECUTION [STAGE/ACTION]",
		Short: "Print the logs of an execution, or of one action",
		Long: `Print the logs of the containers that an execution ran, action by action, or of one action. If there are several, each line has its action in front, and
its pod and container if it needs them. With -f, print them as they are written, also of actions that start later, until the execution has ended.
What has no log any more is told on the error stream, with what to do; if an action or a container is named that has none, the exit code is 5. EXECUTION is a name, an id, or @latest.`,
		Example: `  kubectl haltline logs web-7k2lp
  kubectl haltline logs @latest -f
  kubectl haltline logs @latest --failed --tail 50
  kubectl haltline logs web-7k2lp Build/compile -c main --timestamps`,
		Args:              takes(1, "EXECUTION", "STAGE/ACTION"),
		ValidArgsFunction: f.CompleteArgs(cli.Executions(nil), completeStartedActions),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), f, args)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.printing.Follow, "follow", "f", false, "Go on until the execution has ended, or the action if one is named.")
	flags.BoolVar(&o.wish.Failed, "failed", false, "Only of actions that failed.")
	flags.Int64Var(&o.printing.Tail, "tail", -1, "How many lines of the end of each log; -1 is all.")
	flags.DurationVar(&o.printing.Since, "since", 0, "Only lines that are not older than this, such as 10m; 0 is all.")
	flags.BoolVar(&o.printing.Timestamps, "timestamps", false, "Print the time of each line.")
	flags.StringVarP(&o.wish.Container, "container", "c", "", "Only this container.")
	flags.StringVar(&o.prefix, "prefix", prefixAuto, "Whether each line has its action in front: auto, if there are several logs or with -f; or true or false.")
	flags.Lookup("prefix").NoOptDefVal = prefixTrue
	addPipelineOfLatest(f, cmd, &o.pipeline)
	_ = cmd.RegisterFlagCompletionFunc("prefix", cobra.FixedCompletions([]string{prefixAuto, prefixTrue, prefixFalse}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// The values of --prefix.
const (
	prefixAuto  = "auto"
	prefixTrue  = "true"
	prefixFalse = "false"
)

func (o *logsOptions) check() error {
	switch {
	case o.prefix != prefixAuto && o.prefix != prefixTrue && o.prefix != prefixFalse:
		return cli.UsageErrorf("--prefix: found %q; want auto, true or false", o.prefix)
	case o.printing.Since < 0:
		return cli.UsageErrorf("--since: found %s; want a time that is not negative, such as 10m", o.printing.Since)
	case o.printing.Tail < -1:
		return cli.UsageErrorf("--tail: found %d; want a number of lines, or -1 for all", o.printing.Tail)
	}
	return nil
}

func (o *logsOptions) run(ctx context.Context, f *cli.Factory, args []string) error {
	if err := o.check(); err != nil {
		return err
	}
	c, execution, err := cli.ConnectToExecution(ctx, f, args[0], o.pipeline)
	if err != nil {
		return err
	}
	if len(args) > 1 {
		key, err := findAction(execution, args[1], nil)
		if err != nil {
			return err
		}
		o.wish.Action = &key
	}
	o.wish.Flags = flagsOfCommands(f)
	printer := logs.NewPrinter(f.RawOut(), f.OpenLog, execution.Namespace, o.printing, f.Clock.Now)
	if o.printing.Follow && !view.IsFinished(execution) {
		return o.follow(ctx, f, c, printer, execution)
	}
	return o.printAll(ctx, f, c, printer, execution)
}

// podsOfExecution selects the pods that have the id of an execution in a label.
func podsOfExecution(execution *v1alpha1.PipelineExecution) client.ListOptions {
	options := client.ListOptions{Namespace: execution.Namespace}
	client.MatchingLabels{v1alpha1.LabelExecutionID: string(execution.UID)}.ApplyToList(&options)
	return options
}

// printAll prints the logs that there are, one after the other.
func (o *logsOptions) printAll(ctx context.Context, f *cli.Factory, c client.Client, printer *logs.Printer, execution *v1alpha1.PipelineExecution) error {
	pods, selected := &corev1.PodList{}, podsOfExecution(execution)
	if err := c.List(ctx, pods, &selected); err != nil {
		return err
	}
	choice := logs.Choose(execution, pods.Items, o.wish)
	prefixes := logs.Prefixes(choice.Sources, o.prefix == prefixTrue)
	var errs []error
	for i, source := range choice.Sources {
		if err := printer.Print(ctx, source, o.colorPrefix(f, prefixes[i]), func() bool { return false }); err != nil {
			errs = append(errs, err)
		}
	}
	for _, notice := range choice.Notices {
		fmt.Fprintln(f.ErrOut, notice)
	}
	if isNamed := o.wish.Action != nil || o.wish.Container != ""; isNamed && len(choice.Sources) == 0 {
		return cli.Reported(cli.CodeNotFound)
	}
	return errors.Join(errs...)
}

// colorPrefix returns what is put before each line of a log, in color on a terminal.
func (o *logsOptions) colorPrefix(f *cli.Factory, prefix string) string {
	if o.prefix == prefixFalse || prefix == "" {
		return ""
	}
	return f.Colored(cli.Busy.Render(prefix))
}

// follow prints logs as they are written, until the execution has ended or the action that is wanted has.
func (o *logsOptions) follow(ctx context.Context, f *cli.Factory, c client.WithWatch, printer *logs.Printer, execution *v1alpha1.PipelineExecution) error {
	follower := &logs.Follower{
		Printer: printer, Wish: o.wish,
		Prefix: func(prefix string) string { return o.colorPrefix(f, prefix) },
		Notice: func(notice string) { fmt.Fprintln(f.ErrOut, notice) },
		Failed: func(err error) { fmt.Fprintln(f.ErrOut, "error:", cli.Explain(err)) },
	}
	podsCtx, stopPods := context.WithCancel(ctx)
	defer stopPods()
	podsErr := make(chan error, 1)
	go func() {
		group := follow.Group{Client: c, List: &corev1.PodList{}, Options: podsOfExecution(execution)}
		err := follow.All(podsCtx, group, func(pods []*corev1.Pod) { follower.See(ctx, nil, copyPods(pods)) })
		if podsCtx.Err() == nil {
			podsErr <- err
			stopPods()
		}
	}()
	err := follow.Until(podsCtx, targetOf(f, c, execution), func(seen *v1alpha1.PipelineExecution) (bool, error) {
		follower.See(ctx, seen, nil)
		return o.isEnough(seen), nil
	})
	return o.finish(ctx, c, follower, execution, err, podsErr)
}

// finish reads what was written last, once nothing more comes.
func (o *logsOptions) finish(
	ctx context.Context, c client.Client, follower *logs.Follower, execution *v1alpha1.PipelineExecution, err error, podsErr <-chan error,
) error {
	select {
	case err := <-podsErr:
		return err
	default:
	}
	if err != nil && !errors.Is(err, follow.ErrDeleted) {
		return explainEndOfWait(err, fmt.Sprintf("execution %q goes on", execution.Name),
			fmt.Sprintf("Its logs stay as long as its pods: kubectl haltline logs %s -n %s", execution.Name, execution.Namespace))
	}
	pods, selected := &corev1.PodList{}, podsOfExecution(execution)
	if err := c.List(ctx, pods, &selected); err != nil {
		return err
	}
	follower.Finish(ctx, append([]corev1.Pod{}, pods.Items...))
	return nil
}

// isEnough reports whether no more logs come: the execution has ended, or the action that is wanted has.
func (o *logsOptions) isEnough(execution *v1alpha1.PipelineExecution) bool {
	if view.IsFinished(execution) {
		return true
	}
	for key, a := range view.Actions(execution) {
		if o.wish.Action != nil && *o.wish.Action == key {
			return a.State != v1alpha1.ActionNotStarted && !view.IsActive(a)
		}
	}
	return false
}

func copyPods(pods []*corev1.Pod) []corev1.Pod {
	all := make([]corev1.Pod, 0, len(pods))
	for _, pod := range pods {
		all = append(all, *pod)
	}
	return all
}

// completeStartedActions completes the actions of an execution that have run, as STAGE/ACTION.
func completeStartedActions(ctx context.Context, c client.Client, namespace string, args []string) ([]string, error) {
	execution, err := cli.FindExecution(ctx, c, namespace, args[0], "")
	if err != nil {
		return nil, err
	}
	var names []string
	for key, a := range view.Actions(execution) {
		if a.Workload.Name != "" {
			names = append(names, cobra.CompletionWithDesc(key.String(), string(a.State)))
		}
	}
	return names, nil
}

// targetOf returns an execution as something to follow, with trouble told on the error stream.
func targetOf(f *cli.Factory, c client.WithWatch, execution *v1alpha1.PipelineExecution) follow.Target {
	return follow.Target{
		Client: c, List: &v1alpha1.PipelineExecutionList{}, Key: client.ObjectKeyFromObject(execution), UID: execution.UID, OnTrouble: reportTrouble(f),
	}
}

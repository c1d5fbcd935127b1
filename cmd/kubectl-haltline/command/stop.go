// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/follow"
)

type stopOptions struct {
	abandon       bool
	reason        string
	escalateAfter cli.Seconds
	gracePeriod   cli.Seconds
	wait          bool
	timeout       time.Duration
	dryRun        *cli.DryRun
	output        *cli.Output

	// pipeline narrows what one execution is looked for among, or selects several.
	pipeline string
	several  selection
	yes      bool
}

func newStop(f *cli.Factory) *cobra.Command {
	o := &stopOptions{}
	cmd := &cobra.Command{
		Use:   "stop (EXECUTION | --pipeline PIPELINE | -l SELECTOR | --all)",
		Short: "Stop an execution, or several",
		Long: `Stop an execution that is named by its name, its id, or @latest, and print the verdict. What is in progress finishes, and nothing further starts.
With --abandon what is in progress is ended instead. Nothing undoes a stop.

With --pipeline, -l or --all, stop every execution in progress that they select. All StopRequests of the call have a label in common.`,
		Example: `  kubectl haltline stop web-7k2lp --reason "the release is on hold"
  kubectl haltline stop @latest --pipeline web --abandon --wait
  kubectl haltline stop web-7k2lp --escalate-after 10m
  kubectl haltline stop --pipeline web --dry-run=client
  kubectl haltline stop --all --reason "the cluster is moved" --yes`,
		Args:              takes(1, "EXECUTION"),
		ValidArgsFunction: f.CompleteArgs(cli.Executions(isStoppable)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), f, args)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.abandon, "abandon", false, "End what is in progress, rather than letting it finish.")
	flags.StringVar(&o.reason, "reason", "", "Why: at most 200 characters, which everybody sees who looks at the execution.")
	flags.Var(&o.escalateAfter, "escalate-after", "Abandon what has not finished after that time, such as 10m.")
	flags.Var(&o.gracePeriod, "grace-period", "Shorten the grace period of pods that are ended, such as 5s. It goes with --abandon or --escalate-after.")
	flags.BoolVar(&o.wait, "wait", false, "Wait until the execution has stopped.")
	flags.DurationVar(&o.timeout, "timeout", 0, "How long to wait; 0 is a minute for the verdict, and without end for --wait.")
	flags.StringVarP(&o.pipeline, "pipeline", "p", "", "Only executions of this pipeline; without EXECUTION, all that are in progress.")
	flags.StringVarP(&o.several.selector, "selector", "l", "", "All executions in progress whose labels match.")
	flags.BoolVar(&o.several.all, "all", false, "All executions in progress.")
	flags.BoolVarP(&o.several.allNamespaces, "all-namespaces", "A", false, "With --pipeline, -l or --all: in all namespaces.")
	flags.BoolVarP(&o.yes, "yes", "y", false, "Stop several without asking.")
	_ = cmd.RegisterFlagCompletionFunc("pipeline", f.CompleteFlag(cli.Pipelines))
	o.dryRun = cli.AddDryRunFlag(cmd)
	o.output = cli.AddOutputFlag(cmd)
	return cmd
}

// isStoppable reports whether there is something to stop.
func isStoppable(execution *v1alpha1.PipelineExecution) bool {
	return !execution.Status.State.IsFinal()
}

func (o *stopOptions) run(ctx context.Context, f *cli.Factory, args []string) error {
	for _, check := range []func() error{func() error { return o.checkSelection(args) }, o.checkMode, o.dryRun.Check, o.output.Check} {
		if err := check(); err != nil {
			return err
		}
	}
	c, namespace, err := f.Connect()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return o.stopSeveral(ctx, f, c, namespace)
	}
	execution, err := cli.FindExecution(ctx, c, namespace, args[0], o.pipeline)
	if err != nil {
		return err
	}
	return o.stopOne(ctx, f, c, execution)
}

// checkSelection returns a usage error unless it is clear which executions to stop.
func (o *stopOptions) checkSelection(args []string) error {
	selects := o.several.selector != "" || o.several.all
	switch {
	case len(args) == 0 && !selects && o.pipeline == "":
		return cli.UsageErrorf("name an EXECUTION, or @latest, or select several with --pipeline, -l or --all")
	case len(args) == 1 && (selects || o.several.allNamespaces):
		return cli.UsageErrorf("EXECUTION names one execution; -l, --all and -A select several. Leave out either")
	case o.several.all && (o.several.selector != "" || o.pipeline != ""):
		return cli.UsageErrorf("--all selects every execution; leave it out to select by --pipeline or -l")
	default:
		return nil
	}
}

// checkMode returns a usage error if the flags on how to stop contradict each other.
func (o *stopOptions) checkMode() error {
	switch {
	case o.abandon && o.escalateAfter.Value != nil:
		return cli.UsageErrorf("--escalate-after is for a stop that waits; leave out either it or --abandon")
	case o.gracePeriod.Value != nil && !o.abandon && o.escalateAfter.Value == nil:
		return cli.UsageErrorf("--grace-period is for a stop that ends pods; add --abandon or --escalate-after")
	default:
		return nil
	}
}

// newRequest returns the request to stop an execution, whose name the API server completes.
func (o *stopOptions) newRequest(execution *v1alpha1.PipelineExecution) *v1alpha1.StopRequest {
	return &v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: execution.Namespace, GenerateName: "stop-" + execution.Name + "-"},
		Spec: v1alpha1.StopRequestSpec{
			PipelineName: execution.Spec.PipelineName, PipelineExecutionID: string(execution.UID), Abandon: o.abandon, Reason: o.reason,
			EscalateAfterSeconds: o.escalateAfter.Value, GracePeriodSeconds: o.gracePeriod.Value,
		},
	}
}

func (o *stopOptions) stopOne(ctx context.Context, f *cli.Factory, c client.WithWatch, execution *v1alpha1.PipelineExecution) error {
	ctx, cancel := withTimeout(ctx, o.verdictTimeout())
	defer cancel()
	sr := o.newRequest(execution)
	if err := o.dryRun.Create(func(options ...client.CreateOption) error { return c.Create(ctx, sr, options...) }); err != nil {
		return fmt.Errorf("stopping execution %q: %w", execution.Name, err)
	}
	if o.dryRun.IsSet() {
		return o.printDryRun(f, execution, sr)
	}
	sr, verdict, err := awaitVerdict(ctx, f, c, sr, &v1alpha1.StopRequestList{}, stopConditions)
	if err != nil {
		return err
	}
	if o.output.IsForPeople() {
		fmt.Fprintln(f.Out, describeVerdict(execution.Name, "StopRequest "+sr.Name, verdict))
	}
	code := verdictCode(verdict)
	if code == cli.CodeDone && o.wait {
		if sr, code, err = o.awaitStopped(ctx, f, c, execution, sr); err != nil {
			return err
		}
	}
	if !o.output.IsForPeople() {
		if err := o.output.Print(f, sr); err != nil {
			return err
		}
	}
	return cli.Reported(code)
}

// verdictTimeout returns the time limit of the command; 0 is none.
func (o *stopOptions) verdictTimeout() time.Duration {
	if o.timeout == 0 && !o.wait {
		return verdictTimeout
	}
	return o.timeout
}

func stopConditions(sr *v1alpha1.StopRequest) []metav1.Condition { return sr.Status.Conditions }

func (o *stopOptions) printDryRun(f *cli.Factory, execution *v1alpha1.PipelineExecution, sr *v1alpha1.StopRequest) error {
	if !o.output.IsForPeople() {
		return o.output.Print(f, sr)
	}
	fmt.Fprintln(f.Out, describeDryRun(execution, sr)+o.dryRun.Suffix())
	return nil
}

func describeDryRun(execution *v1alpha1.PipelineExecution, sr *v1alpha1.StopRequest) string {
	return fmt.Sprintf("execution %s of pipeline %s would be stopped, mode %s", execution.Name, execution.Spec.PipelineName, sr.Mode())
}

// awaitStopped shows what happens to the execution until the request is Finished, and returns the request and the exit code of that end.
func (o *stopOptions) awaitStopped(
	ctx context.Context, f *cli.Factory, c client.WithWatch, execution *v1alpha1.PipelineExecution, sr *v1alpha1.StopRequest,
) (*v1alpha1.StopRequest, int, error) {
	progress := progressWriter(f, o.output)
	_, err := followExecution(ctx, f, c, progress, execution)
	isDeleted := errors.Is(err, follow.ErrDeleted)
	if err == nil || isDeleted {
		sr, err = awaitFinished(ctx, f, c, sr)
	}
	if err != nil {
		return sr, cli.CodeError, explainEndOfWait(err, fmt.Sprintf("execution %q has not stopped", execution.Name),
			fmt.Sprintf("The stop goes on: kubectl haltline watch %s -n %s", execution.Name, execution.Namespace))
	}
	if finished := meta.FindStatusCondition(sr.Status.Conditions, v1alpha1.ConditionFinished); isDeleted {
		fmt.Fprintf(progress, "%s: %s: %s\n", execution.Name, finished.Reason, finished.Message)
	}
	if meta.IsStatusConditionTrue(sr.Status.Conditions, v1alpha1.ConditionStopped) {
		return sr, cli.CodeDone, nil
	}
	return sr, cli.CodeEndedOtherwise, nil
}

// awaitFinished waits until nothing about the request changes any more.
func awaitFinished(ctx context.Context, f *cli.Factory, c client.WithWatch, sr *v1alpha1.StopRequest) (*v1alpha1.StopRequest, error) {
	target := follow.Target{Client: c, List: &v1alpha1.StopRequestList{}, Key: client.ObjectKeyFromObject(sr), UID: sr.UID, OnTrouble: reportTrouble(f)}
	err := follow.Until(ctx, target, func(seen *v1alpha1.StopRequest) (bool, error) {
		sr = seen
		return meta.IsStatusConditionTrue(seen.Status.Conditions, v1alpha1.ConditionFinished), nil
	})
	return sr, err
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/follow"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

type retryOptions struct {
	pipeline   string
	stage      string
	allActions bool
	timeout    time.Duration
	output     *cli.Output
}

func newRetry(f *cli.Factory) *cobra.Command {
	o := &retryOptions{}
	cmd := &cobra.Command{
		Use:   "retry EXECUTION",
		Short: "Run the stage again that an execution failed or was stopped in",
		Long: "Run the stage again that an execution failed or was stopped in, and the stages after it. That starts another execution, which takes over what the " +
			"first one had finished.",
		Example: `  kubectl haltline retry release-7k2lp
  kubectl haltline retry @latest --pipeline release --all-actions`,
		Args:              exactArgs("EXECUTION"),
		ValidArgsFunction: f.CompleteArgs(cli.Executions(isRetryable)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), f, args[0])
		},
	}
	addPipelineOfLatest(f, cmd, &o.pipeline)
	cmd.Flags().StringVar(&o.stage, "stage", "", "The stage to run again. Without it, it is the one that failed or was stopped.")
	cmd.Flags().BoolVar(&o.allActions, "all-actions", false, "Run all actions of the stage, and not only those that have not succeeded.")
	cmd.Flags().DurationVar(&o.timeout, "timeout", verdictTimeout, "How long to wait until the retry has begun or was refused; 0 is without end.")
	_ = cmd.RegisterFlagCompletionFunc("stage", f.CompleteFlag(completeStagesOfExecution))
	o.output = cli.AddOutputFlag(cmd)
	return cmd
}

func (o *retryOptions) run(ctx context.Context, f *cli.Factory, ref string) error {
	if err := o.output.Check(); err != nil {
		return err
	}
	c, original, err := cli.ConnectToExecution(ctx, f, ref, o.pipeline)
	if err != nil {
		return err
	}
	retry, err := o.newRetryOf(original)
	if err != nil {
		return err
	}
	if err := c.Create(ctx, retry); err != nil {
		return fmt.Errorf("retrying execution %q: %w", original.Name, err)
	}
	ctx, cancel := withTimeout(ctx, o.timeout)
	defer cancel()
	if retry, err = awaitBound(ctx, f, c, retry); err != nil {
		return explainEndOfWait(err, fmt.Sprintf("the retry %q has not begun", retry.Name), describeUnbound(retry))
	}
	return o.report(f, original, retry)
}

// newRetryOf returns an execution that retries another, whose name the API server completes.
func (o *retryOptions) newRetryOf(original *v1alpha1.PipelineExecution) (*v1alpha1.PipelineExecution, error) {
	if !isRetryable(original) {
		return nil, cli.Exitf(cli.CodeRefused, "execution %q is %s, and only one that is Failed or Stopped can be retried; see: kubectl haltline explain %s -n %s",
			original.Name, view.MarkExecutionState(original.Status.State).Word, original.Name, original.Namespace)
	}
	stage := o.stage
	if stage == "" {
		stage = stageToRetry(&original.Status)
	}
	if stage == "" {
		return nil, cli.Exitf(cli.CodeRefused, "execution %q ended before its first stage; start another one: kubectl haltline start %s -n %s",
			original.Name, original.Spec.PipelineName, original.Namespace)
	}
	mode := v1alpha1.RetryModeFailedActions
	if o.allActions {
		mode = v1alpha1.RetryModeAllActions
	}
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: original.Namespace, GenerateName: namePrefix(original.Spec.PipelineName)},
		Spec: v1alpha1.PipelineExecutionSpec{
			PipelineName: original.Spec.PipelineName,
			RetryOf:      &v1alpha1.RetryOf{PipelineExecutionID: string(original.UID), StageName: stage, RetryMode: mode},
		},
	}, nil
}

func isRetryable(execution *v1alpha1.PipelineExecution) bool {
	return execution.Status.State == v1alpha1.ExecutionFailed || execution.Status.State == v1alpha1.ExecutionStopped
}

// stageToRetry returns the stage that the execution failed or was stopped in, or "" if there is none.
func stageToRetry(status *v1alpha1.PipelineExecutionStatus) string {
	for _, stage := range status.Stages {
		if stage.State == v1alpha1.StageFailed || stage.State == v1alpha1.StageStopped {
			return stage.Name
		}
	}
	return status.CurrentStage
}

// awaitBound waits until the retry has taken over what the first execution had, or was refused, or has ended otherwise. It returns the retry as it
// was last seen.
func awaitBound(ctx context.Context, f *cli.Factory, c client.WithWatch, retry *v1alpha1.PipelineExecution) (*v1alpha1.PipelineExecution, error) {
	target := follow.Target{
		Client: c, List: &v1alpha1.PipelineExecutionList{}, Key: client.ObjectKeyFromObject(retry), UID: retry.UID, OnTrouble: reportTrouble(f),
	}
	err := follow.Until(ctx, target, func(seen *v1alpha1.PipelineExecution) (bool, error) {
		retry = seen
		return seen.Status.RetryOf != nil || seen.Status.State.IsFinal(), nil
	})
	return retry, err
}

func describeUnbound(retry *v1alpha1.PipelineExecution) string {
	message := notLookedAt
	if ready := meta.FindStatusCondition(retry.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		message = ready.Message
	}
	return fmt.Sprintf("%s\nIt goes on: kubectl haltline explain %s -n %s", message, retry.Name, retry.Namespace)
}

// report prints the retry, or why it was refused, and returns the exit code of that.
func (o *retryOptions) report(f *cli.Factory, original, retry *v1alpha1.PipelineExecution) error {
	ready := meta.FindStatusCondition(retry.Status.Conditions, v1alpha1.ConditionReady)
	refused := retry.Status.RetryOf == nil && ready != nil
	switch {
	case !o.output.IsForPeople():
		if err := o.output.Print(f, retry); err != nil {
			return err
		}
	case refused:
		fmt.Fprintf(f.Out, "execution %s: %s\n%s\n", retry.Name, cli.Bad.Render(ready.Reason), ready.Message)
	default:
		fmt.Fprintf(f.Out, "execution %s started, pipelineExecutionId %s\nIt retries stage %s of %s.\n",
			retry.Name, retry.UID, retry.Spec.RetryOf.StageName, original.Name)
	}
	if refused {
		return cli.Reported(reasonCode(ready.Reason))
	}
	return nil
}

// completeStagesOfExecution completes the stages that the execution of the first argument can be retried from.
func completeStagesOfExecution(ctx context.Context, c client.Client, namespace string, args []string) ([]string, error) {
	if len(args) == 0 {
		return nil, nil
	}
	execution, err := cli.FindExecution(ctx, c, namespace, args[0], "")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, stage := range execution.Status.Stages {
		names = append(names, cobra.CompletionWithDesc(stage.Name, string(stage.State)))
	}
	return names, nil
}

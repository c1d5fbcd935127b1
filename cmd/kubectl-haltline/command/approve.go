// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

type approveOptions struct {
	decision v1alpha1.ApprovalDecision
	pipeline string
	summary  string
	timeout  time.Duration
	dryRun   *cli.DryRun
	output   *cli.Output
}

func newApprove(f *cli.Factory) *cobra.Command {
	return newDecision(f, v1alpha1.ApprovalApproved, "approve", "Approve an action that waits for approval",
		"Approve an action that waits for approval, and print the verdict. The first answer decides, and nothing takes it back.")
}

func newReject(f *cli.Factory) *cobra.Command {
	return newDecision(f, v1alpha1.ApprovalRejected, "reject", "Reject an action that waits for approval",
		"Reject an action that waits for approval, and print the verdict. That fails the execution. The first answer decides, and nothing takes it back.")
}

// newDecision returns the command that approves, or the one that rejects.
func newDecision(f *cli.Factory, decision v1alpha1.ApprovalDecision, verb, short, long string) *cobra.Command {
	o := &approveOptions{decision: decision}
	cmd := &cobra.Command{
		Use:   verb + " EXECUTION [STAGE/ACTION]",
		Short: short,
		Long:  long + " STAGE/ACTION can be left out if only one action of the execution waits.",
		Example: fmt.Sprintf(`  kubectl haltline %[1]s release-7k2lp
  kubectl haltline %[1]s @latest Release/approve --pipeline release --summary "the dashboards look good"`, verb),
		Args:              takes(1, "EXECUTION", "STAGE/ACTION"),
		ValidArgsFunction: f.CompleteArgs(cli.Executions(waitsForApproval), completePendingApprovals),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), f, args)
		},
	}
	addPipelineOfLatest(f, cmd, &o.pipeline)
	cmd.Flags().StringVar(&o.summary, "summary", "", "Why: at most 512 characters.")
	cmd.Flags().DurationVar(&o.timeout, "timeout", verdictTimeout, "How long to wait for the verdict; 0 is without end.")
	o.dryRun = cli.AddDryRunFlag(cmd)
	o.output = cli.AddOutputFlag(cmd)
	return cmd
}

func (o *approveOptions) run(ctx context.Context, f *cli.Factory, args []string) error {
	if err := o.dryRun.Check(); err != nil {
		return err
	}
	if err := o.output.Check(); err != nil {
		return err
	}
	c, execution, err := cli.ConnectToExecution(ctx, f, args[0], o.pipeline)
	if err != nil {
		return err
	}
	if len(args) == 1 && !waitsForApproval(execution) {
		return refuseWithoutApproval(ctx, c, execution)
	}
	key, err := chooseApproval(execution, args[1:])
	if err != nil {
		return err
	}
	return o.decide(ctx, f, c, execution, key)
}

func (o *approveOptions) decide(
	ctx context.Context, f *cli.Factory, c client.WithWatch, execution *v1alpha1.PipelineExecution, key view.ActionKey,
) error {
	ctx, cancel := withTimeout(ctx, o.timeout)
	defer cancel()
	ar := &v1alpha1.ApprovalResult{
		ObjectMeta: metav1.ObjectMeta{Namespace: execution.Namespace, GenerateName: execution.Name + "-"},
		Spec: v1alpha1.ApprovalResultSpec{
			PipelineName: execution.Spec.PipelineName, PipelineExecutionID: string(execution.UID), StageName: key.Stage, ActionName: key.Action,
			Status: o.decision, Summary: o.summary,
		},
	}
	if err := o.dryRun.Create(func(options ...client.CreateOption) error { return c.Create(ctx, ar, options...) }); err != nil {
		return fmt.Errorf("answering %s of execution %q: %w", key, execution.Name, err)
	}
	if o.dryRun.IsSet() {
		return o.report(f, ar, fmt.Sprintf("%s of execution %s would be %s%s", key, execution.Name, o.decision, o.dryRun.Suffix()))
	}
	ar, verdict, err := awaitVerdict(ctx, f, c, ar, &v1alpha1.ApprovalResultList{}, func(ar *v1alpha1.ApprovalResult) []metav1.Condition {
		return ar.Status.Conditions
	})
	if err != nil {
		return err
	}
	if err := o.report(f, ar, describeVerdict(execution.Name+" "+key.String(), "ApprovalResult "+ar.Name, verdict)); err != nil {
		return err
	}
	return cli.Reported(verdictCode(verdict))
}

// report prints a sentence for people, or the result for programs.
func (o *approveOptions) report(f *cli.Factory, ar *v1alpha1.ApprovalResult, sentence string) error {
	if !o.output.IsForPeople() {
		return o.output.Print(f, ar)
	}
	fmt.Fprintln(f.Out, sentence)
	return nil
}

// pendingApprovals returns the actions of an execution that wait for approval.
func pendingApprovals(execution *v1alpha1.PipelineExecution) []view.ActionKey {
	var pending []view.ActionKey
	for key, action := range view.Actions(execution) {
		if view.IsWaitingForApproval(action) {
			pending = append(pending, key)
		}
	}
	return pending
}

func waitsForApproval(execution *v1alpha1.PipelineExecution) bool {
	return len(pendingApprovals(execution)) > 0
}

// chooseApproval returns the action that a user names, as STAGE/ACTION or as ACTION alone, or the only one that waits if none is named. An action that does not wait
// is returned as well, for its verdict tells why.
func chooseApproval(execution *v1alpha1.PipelineExecution, named []string) (view.ActionKey, error) {
	pending := pendingApprovals(execution)
	if len(named) > 0 {
		return findAction(execution, named[0], pending)
	}
	if len(pending) != 1 {
		return view.ActionKey{}, cli.UsageErrorf("execution %q waits for several approvals; name one of %s", execution.Name, joinKeys(pending))
	}
	return pending[0], nil
}

// refuseWithoutApproval returns the error for an execution that waits for no approval. It names the next one, if that is still to come.
func refuseWithoutApproval(ctx context.Context, c client.Client, execution *v1alpha1.PipelineExecution) error {
	next := ""
	if key := findNextApproval(ctx, c, execution); key != nil {
		next = fmt.Sprintf(": %s has not started, and the execution waits for %s. Try again when it waits for approval", key, view.WaitsFor(execution))
	}
	return cli.Exitf(cli.CodeRefused, "execution %q waits for no approval%s; see what it does: kubectl haltline explain %s -n %s",
		execution.Name, next, execution.Name, execution.Namespace)
}

// findNextApproval returns the first approval that an execution has not come to, or nil if there is none, or nobody can tell. Until an approval
// starts, only the Pipeline has what it is.
func findNextApproval(ctx context.Context, c client.Client, execution *v1alpha1.PipelineExecution) *view.ActionKey {
	if view.WaitsFor(execution) == "" || execution.Status.Stop != nil || view.Reason(execution) == v1alpha1.ReasonFailing {
		return nil
	}
	pipeline, err := findPipeline(ctx, c, execution.Namespace, execution.Spec.PipelineName)
	if err != nil {
		return nil
	}
	for key, action := range view.Actions(execution) {
		if action.State == v1alpha1.ActionNotStarted && isApproval(pipeline, key) {
			return &key
		}
	}
	return nil
}

// isApproval reports whether an action is an approval in the Pipeline as it is now.
func isApproval(pipeline *v1alpha1.Pipeline, key view.ActionKey) bool {
	for _, stage := range pipeline.Spec.Stages {
		for _, action := range stage.Actions {
			if stage.Name == key.Stage && action.Name == key.Action {
				return action.Approval != nil
			}
		}
	}
	return false
}

func findAction(execution *v1alpha1.PipelineExecution, name string, pending []view.ActionKey) (view.ActionKey, error) {
	var matching, all []view.ActionKey
	for key := range view.Actions(execution) {
		all = append(all, key)
		if key.String() == name || key.Action == name {
			matching = append(matching, key)
		}
	}
	switch {
	case len(matching) == 1:
		return matching[0], nil
	case len(matching) > 1:
		return view.ActionKey{}, cli.UsageErrorf("several stages have an action %q; name one of %s", name, joinKeys(matching))
	case len(pending) > 0:
		return view.ActionKey{}, cli.Exitf(cli.CodeNotFound, "execution %q has no action %q; these wait for approval: %s", execution.Name, name, joinKeys(pending))
	default:
		return view.ActionKey{}, cli.Exitf(cli.CodeNotFound, "execution %q has no action %q; it has %s", execution.Name, name, joinKeys(all))
	}
}

func joinKeys(keys []view.ActionKey) string {
	if len(keys) == 0 {
		return "none yet"
	}
	var names []string
	for _, key := range keys {
		names = append(names, key.String())
	}
	return strings.Join(names, ", ")
}

func completePendingApprovals(ctx context.Context, c client.Client, namespace string, args []string) ([]string, error) {
	execution, err := cli.FindExecution(ctx, c, namespace, args[0], "")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, key := range pendingApprovals(execution) {
		names = append(names, key.String())
	}
	return names, nil
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/explain"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

func newExplain(f *cli.Factory) *cobra.Command {
	pipeline := ""
	cmd := &cobra.Command{
		Use:   "explain EXECUTION",
		Short: "Tell why an execution does not go on, and what to type next",
		Long:  `Tell in a paragraph why an execution does not go on, or how it ended, and which commands to type next. EXECUTION is a name, an id, or @latest.`,
		Example: `  kubectl haltline explain web-7k2lp
  kubectl haltline explain @latest --pipeline web`,
		Args:              exactArgs("EXECUTION"),
		ValidArgsFunction: f.CompleteArgs(cli.Executions(nil)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return explainExecution(cmd.Context(), f, args[0], pipeline)
		},
	}
	addPipelineOfLatest(f, cmd, &pipeline)
	return cmd
}

func explainExecution(ctx context.Context, f *cli.Factory, ref, pipeline string) error {
	c, execution, err := cli.ConnectToExecution(ctx, f, ref, pipeline)
	if err != nil {
		return err
	}
	in := explain.Input{Execution: execution, Flags: flagsOfCommands(f), Now: f.Clock.Now()}
	if err := gatherExplanation(ctx, c, &in); err != nil {
		return err
	}
	printExplanation(f, explain.Execution(in))
	return nil
}

// flagsOfCommands returns the flags that a command needs to reach the same cluster and namespace, as they were given.
func flagsOfCommands(f *cli.Factory) string {
	flags := ""
	for _, flag := range []struct {
		name  string
		value *string
	}{{"-n", f.Flags.Namespace}, {"--context", f.Flags.Context}, {"--kubeconfig", f.Flags.KubeConfig}, {"--as", f.Flags.Impersonate}} {
		if flag.value != nil && *flag.value != "" {
			flags += fmt.Sprintf(" %s %s", flag.name, *flag.value)
		}
	}
	if flags == "" {
		return ""
	}
	return flags[1:]
}

// gatherExplanation reads what an explanation depends on besides the execution. What the user may not read is left out.
func gatherExplanation(ctx context.Context, c client.Client, in *explain.Input) error {
	if view.IsFinished(in.Execution) {
		return ignoreForbidden(gatherPipelines(ctx, c, in))
	}
	if err := ignoreForbidden(gatherPipelines(ctx, c, in)); err != nil {
		return err
	}
	requests := &v1alpha1.StopRequestList{}
	err := c.List(ctx, requests, client.InNamespace(in.Execution.Namespace), client.MatchingFields{"spec.pipelineExecutionId": string(in.Execution.UID)})
	if ignoreForbidden(err) != nil {
		return err
	}
	in.StopRequests = requests.Items
	gatherRights(ctx, c, in)
	return nil
}

func gatherPipelines(ctx context.Context, c client.Client, in *explain.Input) error {
	list := &v1alpha1.PipelineList{}
	if err := c.List(ctx, list, client.InNamespace(in.Execution.Namespace)); err != nil {
		return err
	}
	for _, p := range list.Items {
		if p.EffectiveName() == in.Execution.Spec.PipelineName {
			in.Pipelines = append(in.Pipelines, p)
		}
	}
	return nil
}

func ignoreForbidden(err error) error {
	if apierrors.IsForbidden(err) {
		return nil
	}
	return err
}

// gatherRights finds out who asks, and whether they may approve, if the execution waits for an approval. If the cluster does not tell, it is
// not known.
func gatherRights(ctx context.Context, c client.Client, in *explain.Input) {
	waits := false
	for _, a := range view.Actions(in.Execution) {
		waits = waits || view.IsWaitingForApproval(a)
	}
	if !waits {
		return
	}
	access := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: in.Execution.Namespace, Verb: "approve", Group: v1alpha1.GroupVersion.Group, Resource: "pipelineexecutions",
		},
	}}
	if c.Create(ctx, access) == nil {
		in.MayApprove = &access.Status.Allowed
	}
	self := &authenticationv1.SelfSubjectReview{}
	if c.Create(ctx, self) == nil {
		in.User = self.Status.UserInfo.Username
	}
}

// maxParagraph is how wide a paragraph is at most, to be read with ease.
const maxParagraph = 100

// maxAligned is how wide a command is at most for what is behind it to be aligned.
const maxAligned = 60

// printExplanation prints the paragraph, broken at the width of the terminal, and the commands.
func printExplanation(f *cli.Factory, e explain.Explanation) {
	text := e.Text
	if width := f.Width(); width > 0 {
		text = ansi.Wrap(text, min(width, maxParagraph), "")
	}
	fmt.Fprintln(f.Out, text)
	if len(e.Commands) == 0 {
		return
	}
	fmt.Fprintln(f.Out)
	widest := 0
	for _, command := range e.Commands {
		if len(command.Line) <= maxAligned {
			widest = max(widest, len(command.Line))
		}
	}
	for _, command := range e.Commands {
		fmt.Fprintf(f.Out, "  %s  %s\n", cli.Pad(command.Line, widest), cli.Faint.Render("# "+command.Purpose))
	}
}

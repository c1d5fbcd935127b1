// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/follow"
)

type startOptions struct {
	variables []string
	watch     bool
	timeout   time.Duration
	output    *cli.Output
}

func newStart(f *cli.Factory) *cobra.Command {
	o := &startOptions{}
	cmd := &cobra.Command{
		Use:   "start PIPELINE",
		Short: "Start an execution of a pipeline",
		Long: "Start an execution of a pipeline, and print its name and id. With --watch, follow it to its end: the exit code is 0 if it is Succeeded, " +
			"and 6 if it ended otherwise.",
		Example: `  kubectl haltline start web
  kubectl haltline start web --var SECONDS_OF_WORK=60 --watch
  kubectl haltline start web -o name`,
		Args:              exactArgs("PIPELINE"),
		ValidArgsFunction: f.CompleteArgs(cli.Pipelines),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), f, args[0])
		},
	}
	cmd.Flags().StringArrayVar(&o.variables, "var", nil, "A variable of the pipeline and its value, such as TAG=v1.2; it may be repeated.")
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "Follow the execution to its end.")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "How long --watch follows, such as 10m; 0 is without end.")
	_ = cmd.RegisterFlagCompletionFunc("var", withoutSpace(f.CompleteFlag(completeVariables)))
	o.output = cli.AddOutputFlag(cmd)
	return cmd
}

func (o *startOptions) run(ctx context.Context, f *cli.Factory, pipelineName string) error {
	if err := o.output.Check(); err != nil {
		return err
	}
	variables, err := parseVariables(o.variables)
	if err != nil {
		return err
	}
	c, namespace, err := f.Connect()
	if err != nil {
		return err
	}
	if err := checkStart(ctx, f, c, namespace, pipelineName, variables); err != nil {
		return err
	}
	execution := &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: namePrefix(pipelineName)},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: pipelineName, Variables: variables},
	}
	if err := c.Create(ctx, execution); err != nil {
		return fmt.Errorf("starting pipeline %q: %w", pipelineName, err)
	}
	if o.output.IsForPeople() {
		fmt.Fprintf(f.Out, "execution %s started, pipelineExecutionId %s\n", execution.Name, execution.UID)
	}
	if !o.watch {
		return o.printUnlessForPeople(f, execution)
	}
	ctx, cancel := withTimeout(ctx, o.timeout)
	defer cancel()
	return o.followToEnd(ctx, f, c, execution)
}

func (o *startOptions) printUnlessForPeople(f *cli.Factory, execution *v1alpha1.PipelineExecution) error {
	if o.output.IsForPeople() {
		return nil
	}
	return o.output.Print(f, execution)
}

// followToEnd follows the execution, and returns an error with CodeEndedOtherwise unless it is Succeeded.
func (o *startOptions) followToEnd(ctx context.Context, f *cli.Factory, c client.WithWatch, execution *v1alpha1.PipelineExecution) error {
	last, err := followExecution(ctx, f, c, progressWriter(f, o.output), execution)
	if errors.Is(err, follow.ErrDeleted) {
		return cli.Exitf(cli.CodeEndedOtherwise, "execution %q was deleted before it ended", execution.Name)
	}
	if err != nil {
		return explainEndOfWait(err, fmt.Sprintf("execution %q has not ended", execution.Name),
			fmt.Sprintf("It goes on: kubectl haltline watch %s -n %s", execution.Name, execution.Namespace))
	}
	if err := o.printUnlessForPeople(f, last); err != nil {
		return err
	}
	if last.Status.State != v1alpha1.ExecutionSucceeded {
		return cli.Reported(cli.CodeEndedOtherwise)
	}
	return nil
}

// progressWriter returns where to show progress: nowhere if a program reads the result.
func progressWriter(f *cli.Factory, output *cli.Output) io.Writer {
	if output.IsForPeople() {
		return f.Out
	}
	return io.Discard
}

// parseVariables returns the variables that were given as NAME=VALUE.
func parseVariables(given []string) ([]v1alpha1.Variable, error) {
	var variables []v1alpha1.Variable
	for _, text := range given {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, cli.UsageErrorf("--var: found %q; want NAME=VALUE", text)
		}
		if slices.ContainsFunc(variables, func(v v1alpha1.Variable) bool { return v.Name == name }) {
			return nil, cli.UsageErrorf("--var: %s is given twice", name)
		}
		variables = append(variables, v1alpha1.Variable{Name: name, Value: value})
	}
	return variables, nil
}

// checkStart finds what would keep the execution from running, as long as nobody has started it. Who may start pipelines and not read them
// is let through: the operator checks the same. A Pipeline that is not Ready is no error: what keeps it from that,
// such as a policy, can change until an action starts.
func checkStart(ctx context.Context, f *cli.Factory, c client.Client, namespace, pipelineName string, variables []v1alpha1.Variable) error {
	pipeline, err := findPipeline(ctx, c, namespace, pipelineName)
	if apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := checkVariables(pipeline, variables); err != nil {
		return err
	}
	if ready := meta.FindStatusCondition(pipeline.Status.Conditions, v1alpha1.ConditionReady); ready != nil && ready.Status == metav1.ConditionFalse {
		fmt.Fprintf(f.ErrOut, "warning: pipeline %q is not Ready (%s): %s\n", pipelineName, ready.Reason, ready.Message)
	}
	return nil
}

// checkVariables returns a usage error if a variable is set that the pipeline does not declare, or if one that has no default is not set.
func checkVariables(pipeline *v1alpha1.Pipeline, variables []v1alpha1.Variable) error {
	for _, variable := range variables {
		if !slices.ContainsFunc(pipeline.Spec.Variables, func(d v1alpha1.VariableDeclaration) bool { return d.Name == variable.Name }) {
			return cli.UsageErrorf("--var: pipeline %q declares no variable %q; %s", pipeline.EffectiveName(), variable.Name, describeVariables(pipeline))
		}
	}
	for _, declared := range pipeline.Spec.Variables {
		isSet := slices.ContainsFunc(variables, func(v v1alpha1.Variable) bool { return v.Name == declared.Name })
		if declared.DefaultValue == nil && !isSet {
			return cli.UsageErrorf("variable %q has no default, so give it a value: --var %s=VALUE", declared.Name, declared.Name)
		}
	}
	return nil
}

func describeVariables(pipeline *v1alpha1.Pipeline) string {
	if len(pipeline.Spec.Variables) == 0 {
		return "it has no variables"
	}
	var names []string
	for _, declared := range pipeline.Spec.Variables {
		names = append(names, declared.Name)
	}
	return "it has " + strings.Join(names, ", ")
}

// findPipeline returns the Pipeline of a pipelineName. Of several it is the one that was created first, which has the name. If there is none, the
// error has CodeNotFound.
func findPipeline(ctx context.Context, c client.Client, namespace, pipelineName string) (*v1alpha1.Pipeline, error) {
	list := &v1alpha1.PipelineList{}
	if err := c.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	var found *v1alpha1.Pipeline
	for i := range list.Items {
		pipeline := &list.Items[i]
		if pipeline.EffectiveName() == pipelineName && (found == nil || pipeline.CreationTimestamp.Before(&found.CreationTimestamp)) {
			found = pipeline
		}
	}
	if found == nil {
		return nil, cli.Exitf(cli.CodeNotFound, "namespace %q has no pipeline %q; see: kubectl get pipelines -n %s", namespace, pipelineName, namespace)
	}
	return found, nil
}

var notInObjectNames = regexp.MustCompile(`[^a-z0-9-]+`)

// namePrefix returns the beginning of the name of an execution. A pipelineName may have characters that the name of an object may not.
func namePrefix(pipelineName string) string {
	var parts []string
	for part := range strings.SplitSeq(strings.ToLower(pipelineName), ".") {
		// Each part between dots begins and ends with a letter or a digit.
		if part = strings.Trim(notInObjectNames.ReplaceAllString(part, "-"), "-"); part != "" {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return "run-"
	}
	return strings.Join(parts, ".") + "-"
}

// withoutSpace lets the user go on after what was completed.
func withoutSpace(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		words, directive := complete(cmd, args, toComplete)
		return words, directive | cobra.ShellCompDirectiveNoSpace
	}
}

func completeVariables(ctx context.Context, c client.Client, namespace string, args []string) ([]string, error) {
	if len(args) == 0 {
		return nil, nil
	}
	pipeline, err := findPipeline(ctx, c, namespace, args[0])
	if err != nil {
		return nil, err
	}
	var names []string
	for _, declared := range pipeline.Spec.Variables {
		names = append(names, cobra.CompletionWithDesc(declared.Name+"=", declared.Description))
	}
	return names, nil
}

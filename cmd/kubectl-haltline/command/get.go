// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/listing"
)

// listOptions are the flags of the commands that list executions.
type listOptions struct {
	pipeline      string
	selector      string
	allNamespaces bool
	noHeaders     bool
	output        *cli.Output
}

func (o *listOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&o.selector, "selector", "l", "", "Only executions whose labels match.")
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "Executions of all namespaces.")
	flags.BoolVar(&o.noHeaders, "no-headers", false, "Leave out the names of the columns.")
	o.output = cli.AddOutputFlag(cmd)
}

// addPipelineFlag adds --pipeline.
func (o *listOptions) addPipelineFlag(f *cli.Factory, cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.pipeline, "pipeline", "p", "", "Only executions of this pipeline.")
	_ = cmd.RegisterFlagCompletionFunc("pipeline", f.CompleteFlag(cli.Pipelines))
}

// list returns copies of the executions that the flags select and that pass a filter; nil lets all pass.
func (o *listOptions) list(
	ctx context.Context, c client.Client, namespace string, passes func(*v1alpha1.PipelineExecution) bool,
) ([]*v1alpha1.PipelineExecution, error) {
	options := cli.OfPipeline(o.pipeline)
	if o.selector != "" {
		selector, err := labels.Parse(o.selector)
		if err != nil {
			return nil, cli.UsageErrorf("--selector: %w", err)
		}
		options = append(options, client.MatchingLabelsSelector{Selector: selector})
	}
	if o.allNamespaces {
		namespace = ""
	}
	var executions []*v1alpha1.PipelineExecution
	err := cli.EachExecution(ctx, c, namespace, func(execution *v1alpha1.PipelineExecution) {
		if passes == nil || passes(execution) {
			executions = append(executions, execution.DeepCopy())
		}
	}, options...)
	return executions, err
}

// columns returns which columns a table has.
func (o *listOptions) columns() listing.Options {
	return listing.Options{Namespaces: o.allNamespaces, Wide: o.output.IsWide()}
}

// printTable prints a table, cut at the width of the terminal unless it is wide.
func (o *listOptions) printTable(f *cli.Factory, table cli.Table) {
	width := f.Width()
	if o.output.IsWide() {
		width = 0
	}
	for _, line := range table.Lines(!o.noHeaders, width) {
		fmt.Fprintln(f.Out, line)
	}
}

// printList prints executions in a format that is not for people: a list, in their order.
func (o *listOptions) printList(f *cli.Factory, executions []*v1alpha1.PipelineExecution) error {
	list := &v1alpha1.PipelineExecutionList{Items: []v1alpha1.PipelineExecution{}}
	for _, e := range executions {
		e.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("PipelineExecution"))
		list.Items = append(list.Items, *e)
	}
	return o.output.Print(f, list)
}

// emptyMessage tells that nothing was found, and where it was looked for.
func (o *listOptions) emptyMessage(what, namespace string) string {
	if o.allNamespaces {
		return fmt.Sprintf("No %s found in any namespace.", what)
	}
	return fmt.Sprintf("No %s found in namespace %q. With -A it is looked for in all of them.", what, namespace)
}

func newGet(f *cli.Factory) *cobra.Command {
	o := &listOptions{}
	cmd := &cobra.Command{
		Use:   "get [EXECUTION...]",
		Short: "List executions, and what each waits for",
		Long: `List executions: how far each is, what it waits for and since when, and who started it. Those that have not finished come first, and of both kinds
the newest. An EXECUTION is a name, an id, or @latest.`,
		Example: `  kubectl haltline get
  kubectl haltline get --pipeline web -o wide
  kubectl haltline get @latest -o yaml`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			return f.CompleteFlag(cli.Executions(nil))(cmd, args, toComplete)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.runGet(cmd.Context(), f, args) },
	}
	o.addPipelineFlag(f, cmd)
	o.addFlags(cmd)
	return cmd
}

func (o *listOptions) runGet(ctx context.Context, f *cli.Factory, args []string) error {
	if len(args) > 0 && (o.allNamespaces || o.selector != "") {
		return cli.UsageErrorf("EXECUTION names executions of one namespace, and -A and -l select several; leave out either")
	}
	if err := o.output.Check(); err != nil {
		return err
	}
	c, namespace, err := f.Connect()
	if err != nil {
		return err
	}
	if len(args) > 0 {
		return o.getNamed(ctx, f, c, namespace, args)
	}
	executions, err := o.list(ctx, c, namespace, nil)
	if err != nil {
		return err
	}
	listing.SortByCreation(executions)
	switch {
	case !o.output.IsForPeople():
		return o.printList(f, executions)
	case len(executions) == 0:
		fmt.Fprintln(f.ErrOut, o.emptyMessage("executions", namespace))
		return nil
	}
	o.printTable(f, listing.Executions(executions, f.Clock.Now(), o.columns()))
	return nil
}

// getNamed prints the executions that are named, and returns an error about those that are not there.
func (o *listOptions) getNamed(ctx context.Context, f *cli.Factory, c client.Client, namespace string, refs []string) error {
	var found []*v1alpha1.PipelineExecution
	var missing []error
	for _, ref := range refs {
		execution, err := cli.FindExecution(ctx, c, namespace, ref, o.pipeline)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		execution.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("PipelineExecution"))
		found = append(found, execution)
	}
	var err error
	switch {
	case len(found) == 0:
	case o.output.IsForPeople():
		o.printTable(f, listing.Executions(found, f.Clock.Now(), o.columns()))
	case len(refs) == 1:
		err = o.output.Print(f, found[0])
	default:
		err = o.printList(f, found)
	}
	return errors.Join(append(missing, err)...)
}

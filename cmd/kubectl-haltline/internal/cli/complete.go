// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// completionTimeout bounds how long a TAB waits for the cluster.
const completionTimeout = 3 * time.Second

// Completion returns what an argument can be. It is given the arguments before it.
type Completion func(ctx context.Context, c client.Client, namespace string, args []string) ([]string, error)

// CompleteArgs completes each argument in turn; there is nothing to complete after the last. A completion that fails offers nothing.
func (f *Factory) CompleteArgs(completions ...Completion) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(completions) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f.complete(cmd, completions[len(args)], args, toComplete)
	}
}

// CompleteFlag completes the value of a flag.
func (f *Factory) CompleteFlag(completion Completion) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		return f.complete(cmd, completion, args, toComplete)
	}
}

func (f *Factory) complete(cmd *cobra.Command, completion Completion, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	c, namespace, err := f.Connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	words, err := completion(ctx, c, namespace, args)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var matching []string
	for _, word := range words {
		if strings.HasPrefix(word, prefix) {
			matching = append(matching, word)
		}
	}
	return matching, cobra.ShellCompDirectiveNoFileComp
}

// Pipelines completes the names by which executions refer to pipelines.
func Pipelines(ctx context.Context, c client.Client, namespace string, _ []string) ([]string, error) {
	list := &v1alpha1.PipelineList{}
	if err := c.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].EffectiveName())
	}
	return names, nil
}

// Executions completes the names of executions that pass a filter, and @latest; nil lets all pass. Their pipeline and state are shown beside them.
func Executions(passes func(*v1alpha1.PipelineExecution) bool) Completion {
	return func(ctx context.Context, c client.Client, namespace string, _ []string) ([]string, error) {
		names := []string{cobra.CompletionWithDesc(Latest, "the newest")}
		err := EachExecution(ctx, c, namespace, func(execution *v1alpha1.PipelineExecution) {
			if passes == nil || passes(execution) {
				names = append(names, cobra.CompletionWithDesc(execution.Name, execution.Spec.PipelineName+", "+view.MarkExecutionState(execution.Status.State).Word))
			}
		})
		return names, err
	}
}

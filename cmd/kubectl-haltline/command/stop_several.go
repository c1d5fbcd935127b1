// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
)

// maxListed is how many executions a question lists.
const maxListed = 20

// selection is which executions to stop.
type selection struct {
	selector      string
	all           bool
	allNamespaces bool
}

// stopSeveral stops all executions that are selected, with requests that have a label in common.
func (o *stopOptions) stopSeveral(ctx context.Context, f *cli.Factory, c client.WithWatch, namespace string) error {
	if o.several.allNamespaces {
		namespace = ""
	}
	targets, stopping, err := o.selectTargets(ctx, c, namespace)
	if err != nil {
		return err
	}
	b := newBatch(f, namespace, targets, o)
	if o.output.IsForPeople() {
		for _, execution := range stopping {
			fmt.Fprintf(f.Out, "%s: is stopping already\n", b.nameOf(execution))
		}
	}
	if len(targets) == 0 {
		return o.reportNothing(f, b)
	}
	if o.dryRun.IsSet() {
		return b.dryRun(ctx, c)
	}
	if !o.yes {
		confirmed, err := f.Confirm(ctx, o.question(b, targets), "--yes")
		if err != nil {
			return err
		}
		if !confirmed {
			fmt.Fprintln(f.ErrOut, "nothing was stopped")
			return cli.Reported(cli.CodeError)
		}
	}
	ctx, cancel := withTimeout(ctx, o.verdictTimeout())
	defer cancel()
	return b.stop(ctx, c)
}

func (o *stopOptions) reportNothing(f *cli.Factory, b *batch) error {
	if !o.output.IsForPeople() {
		return o.output.Print(f, &v1alpha1.StopRequestList{})
	}
	fmt.Fprintf(f.Out, "no execution to stop in %s\n", b.place("any namespace"))
	return nil
}

// selectTargets returns the executions to stop, in the order of their names, and those that are being stopped like that already. They have what
// a request needs, and nothing more: there may be many.
func (o *stopOptions) selectTargets(ctx context.Context, c client.Client, namespace string) (targets, stopping []*v1alpha1.PipelineExecution, err error) {
	options := cli.OfPipeline(o.pipeline)
	if o.several.selector != "" {
		selector, err := labels.Parse(o.several.selector)
		if err != nil {
			return nil, nil, cli.UsageErrorf("--selector: %w", err)
		}
		options = append(options, client.MatchingLabelsSelector{Selector: selector})
	}
	err = cli.EachExecution(ctx, c, namespace, func(execution *v1alpha1.PipelineExecution) {
		switch {
		case !isStoppable(execution):
		case isStoppedLike(execution, o.abandon):
			stopping = append(stopping, cutToTarget(execution))
		default:
			targets = append(targets, cutToTarget(execution))
		}
	}, options...)
	return targets, stopping, err
}

// isStoppedLike reports whether another stop would be a duplicate: one is in force, and this one does not escalate it.
func isStoppedLike(execution *v1alpha1.PipelineExecution, abandon bool) bool {
	inForce := execution.Status.Stop
	return inForce != nil && (!abandon || inForce.Mode == v1alpha1.StopModeAbandon)
}

func cutToTarget(execution *v1alpha1.PipelineExecution) *v1alpha1.PipelineExecution {
	target := &v1alpha1.PipelineExecution{}
	target.Namespace, target.Name, target.UID = execution.Namespace, execution.Name, execution.UID
	target.Spec.PipelineName = execution.Spec.PipelineName
	return target
}

// question asks whether to stop the executions, and lists the first of them.
func (o *stopOptions) question(b *batch, targets []*v1alpha1.PipelineExecution) string {
	var names []string
	for _, execution := range targets[:min(len(targets), maxListed)] {
		names = append(names, b.nameOf(execution))
	}
	if more := len(targets) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	how := "let what is in progress finish"
	if o.abandon {
		how = "end what is in progress"
	}
	return fmt.Sprintf("Stop %s in %s (%s), and %s?", describeCount(len(targets), "execution"), b.place("all namespaces"), strings.Join(names, ", "), how)
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/internal/jsonpatch"
)

// fieldManager is who the plugin is to the API server when it changes an object.
const fieldManager = "kubectl-haltline"

func newHold(f *cli.Factory) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "hold PIPELINE STAGE --reason REASON",
		Short: "Keep executions from entering a stage",
		Long: "Keep executions from entering a stage: they wait before it, and can be stopped there. One that is in the stage goes on. " +
			"PIPELINE/STAGE can be written as well.",
		Example: `  kubectl haltline hold release Deploy --reason "Release freeze until Monday"
  kubectl haltline hold release/Deploy --reason "Release freeze until Monday"`,
		Args:              takes(1, "PIPELINE", "STAGE"),
		ValidArgsFunction: f.CompleteArgs(cli.Pipelines, completeStages),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runTransition(cmd.Context(), f, args, &v1alpha1.StageTransition{Disabled: true, Reason: reason})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "Why: 1 to 300 letters, digits, spaces and ! @ ( ) . * ? - characters. Executions that wait show it.")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func newRelease(f *cli.Factory) *cobra.Command {
	return &cobra.Command{
		Use:   "release PIPELINE STAGE",
		Short: "Let executions enter a stage that was held",
		Long:  "Let executions enter a stage that was held: one at a time if the pipeline is a queue. PIPELINE/STAGE can be written as well.",
		Example: `  kubectl haltline release release Deploy
  kubectl haltline release release/Deploy`,
		Args:              takes(1, "PIPELINE", "STAGE"),
		ValidArgsFunction: f.CompleteArgs(cli.Pipelines, completeHeldStages),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runTransition(cmd.Context(), f, args, nil)
		},
	}
}

// parseStage returns the pipeline and the stage of PIPELINE STAGE or PIPELINE/STAGE.
func parseStage(args []string) (pipelineName, stageName string, err error) {
	if len(args) == 2 {
		return args[0], args[1], nil
	}
	pipelineName, stageName, found := strings.Cut(args[0], "/")
	if !found || pipelineName == "" || stageName == "" {
		return "", "", cli.UsageErrorf("found %q; want PIPELINE STAGE, or PIPELINE/STAGE", args[0])
	}
	return pipelineName, stageName, nil
}

// runTransition sets the transition into a stage, and prints who waits before the stage. Nil is a transition that is enabled.
func runTransition(ctx context.Context, f *cli.Factory, args []string, wanted *v1alpha1.StageTransition) error {
	pipelineName, stageName, err := parseStage(args)
	if err != nil {
		return err
	}
	c, namespace, err := f.Connect()
	if err != nil {
		return err
	}
	// They are looked for first, because they enter as soon as the stage is released.
	waiting, err := waitingBefore(ctx, c, namespace, pipelineName, stageName)
	if err != nil {
		return err
	}
	before, err := setTransition(ctx, c, namespace, pipelineName, stageName, wanted)
	if err != nil {
		return err
	}
	fmt.Fprintf(f.Out, "stage %s of pipeline %s %s\n", stageName, pipelineName, describeTransition(before, wanted))
	if len(waiting) > 0 {
		verb := chooseNumber(len(waiting), "waits", "wait")
		if wanted == nil {
			verb = "waited"
		}
		fmt.Fprintf(f.Out, "%s %s before it: %s\n", describeCount(len(waiting), "execution"), verb, joinFew(waiting))
	}
	return nil
}

// setTransition changes the transition into a stage, unless it is as wanted already, and returns the one that was there. A change of the spec by somebody
// else in between makes it look again.
func setTransition(
	ctx context.Context, c client.Client, namespace, pipelineName, stageName string, wanted *v1alpha1.StageTransition,
) (before *v1alpha1.StageTransition, err error) {
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		pipeline, err := findPipeline(ctx, c, namespace, pipelineName)
		if err != nil {
			return err
		}
		index := findStage(pipeline, stageName)
		if index < 0 {
			return cli.Exitf(cli.CodeNotFound, "pipeline %q has no stage %q; it has %s", pipelineName, stageName, strings.Join(stageNames(pipeline), ", "))
		}
		before = pipeline.Spec.Stages[index].Transition
		if isSameTransition(before, wanted) {
			return nil
		}
		patch := jsonpatch.New(pipeline)
		path := fmt.Sprintf("/spec/stages/%d/transition", index)
		if wanted == nil {
			patch.Remove(path)
		} else {
			patch.Set(path, wanted)
		}
		return jsonpatch.AsConflict(pipeline, c.Patch(ctx, pipeline, patch, client.FieldOwner(fieldManager)))
	})
	return before, err
}

func isHeld(t *v1alpha1.StageTransition) bool { return t != nil && t.Disabled }

func isSameTransition(a, b *v1alpha1.StageTransition) bool {
	return isHeld(a) == isHeld(b) && (!isHeld(a) || a.Reason == b.Reason)
}

// describeTransition returns what became of a transition: "is held: REASON", or "was held already: REASON".
func describeTransition(before, after *v1alpha1.StageTransition) string {
	switch {
	case !isHeld(before) && !isHeld(after):
		return "is not held"
	case !isHeld(after):
		return cli.Good.Render("released") + "; it was held: " + before.Reason
	case isSameTransition(before, after):
		return "was " + cli.Halted.Render("held") + " already: " + after.Reason
	case isHeld(before):
		return cli.Halted.Render("held") + ": " + after.Reason + "; before, the reason was: " + before.Reason
	default:
		return cli.Halted.Render("held") + ": " + after.Reason
	}
}

// waitingBefore returns the names of the executions that wait before a stage.
func waitingBefore(ctx context.Context, c client.Client, namespace, pipelineName, stageName string) ([]string, error) {
	var names []string
	err := cli.EachExecution(ctx, c, namespace, func(execution *v1alpha1.PipelineExecution) {
		wait := execution.Status.WaitingForStage
		if wait != nil && wait.Stage == stageName && !execution.Status.State.IsFinal() {
			names = append(names, execution.Name)
		}
	}, cli.OfPipeline(pipelineName)...)
	return names, err
}

// findStage returns the index of a stage, or -1.
func findStage(pipeline *v1alpha1.Pipeline, name string) int {
	for i := range pipeline.Spec.Stages {
		if pipeline.Spec.Stages[i].Name == name {
			return i
		}
	}
	return -1
}

func stageNames(pipeline *v1alpha1.Pipeline) []string {
	var names []string
	for i := range pipeline.Spec.Stages {
		names = append(names, pipeline.Spec.Stages[i].Name)
	}
	return names
}

func completeStages(ctx context.Context, c client.Client, namespace string, args []string) ([]string, error) {
	pipeline, err := findPipeline(ctx, c, namespace, args[0])
	if err != nil {
		return nil, err
	}
	return stageNames(pipeline), nil
}

// completeHeldStages completes the stages that can be released. Their reasons are shown beside them.
func completeHeldStages(ctx context.Context, c client.Client, namespace string, args []string) ([]string, error) {
	pipeline, err := findPipeline(ctx, c, namespace, args[0])
	if err != nil {
		return nil, err
	}
	var names []string
	for _, stage := range pipeline.Spec.Stages {
		if isHeld(stage.Transition) {
			names = append(names, cobra.CompletionWithDesc(stage.Name, stage.Transition.Reason))
		}
	}
	return names, nil
}

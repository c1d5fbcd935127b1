// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/controllers/retry"
)

// failedIn returns an execution that has failed in a stage.
func failedIn(name string, n int, stage string) *v1alpha1.PipelineExecution {
	failed := execution("web", name, n, v1alpha1.ExecutionFailed)
	failed.Status.CurrentStage = stage
	failed.Status.Stages = []v1alpha1.StageStatus{
		stageIn("Build", v1alpha1.StageSucceeded, v1alpha1.ActionStatus{Name: "compile", State: v1alpha1.ActionSucceeded}),
		stageIn(stage, v1alpha1.StageFailed, v1alpha1.ActionStatus{Name: "roll-out", State: v1alpha1.ActionFailed}),
	}
	return failed
}

// retryLikeTheOperator binds a retry, or refuses it, by the operator's own rules.
func retryLikeTheOperator(c client.Client, object client.Object) error {
	again := object.(*v1alpha1.PipelineExecution)
	original, err := executionOfID(c, again.Spec.RetryOf.PipelineExecutionID)
	if err != nil {
		return err
	}
	in := retry.Input{Execution: again, Original: original, Pipeline: pipelineWith("web")}
	if refusal := retry.Check(in); refusal != nil {
		again.Status.State = v1alpha1.ExecutionFailed
		again.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: refusal.Reason, Message: refusal.Message,
		}}
		return nil
	}
	again.Status.State = v1alpha1.ExecutionInProgress
	again.Status.RetryOf = &v1alpha1.RetryStatus{PipelineExecutionID: string(original.UID), Name: original.Name}
	return nil
}

// waitForPipeline lets a retry wait for its Pipeline, so that it is neither bound nor refused.
func waitForPipeline(_ client.Client, object client.Object) error {
	again := object.(*v1alpha1.PipelineExecution)
	again.Status.State = v1alpha1.ExecutionInProgress
	again.Status.Conditions = []metav1.Condition{{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonWaitingForPipeline, Message: `There is no Pipeline "web".`,
	}}
	return nil
}

func TestRetry(t *testing.T) {
	unstarted := execution("web", "unstarted", 4, v1alpha1.ExecutionFailed)
	stopped := failedIn("stopped", 5, "Deploy")
	stopped.Status.State, stopped.Status.Stages[1].State = v1alpha1.ExecutionStopped, v1alpha1.StageStopped
	h := newHarness(t, failedIn("failed", 1, "Deploy"), execution("web", "running", 2, v1alpha1.ExecutionInProgress), unstarted, stopped,
		execution("web", "pending", 3, ""))
	h.operator = retryLikeTheOperator
	expectCode(t, h.run("retry", "failed"), cli.CodeDone)
	expectCode(t, h.run("retry", "failed", "--all-actions", "-o", "jsonpath={.spec.retryOf}"), cli.CodeDone)
	h.log.WriteString("\n")
	expectCode(t, h.run("retry", "stopped"), cli.CodeDone)
	expectCode(t, h.run("retry", "failed", "--stage", "Build"), cli.CodeRefused)
	expectCode(t, h.run("retry", "failed", "--stage", "Test"), cli.CodeNotFound)
	expectCode(t, h.run("retry", "running"), cli.CodeRefused)
	expectCode(t, h.run("retry", "pending"), cli.CodeRefused)
	expectCode(t, h.run("retry", "unstarted"), cli.CodeRefused)
	h.operator = nil
	expectCode(t, h.run("retry", "failed", "--timeout", "10ms"), cli.CodeTimeout)
	h.operator = waitForPipeline
	expectCode(t, h.run("retry", "failed", "--timeout", "10ms"), cli.CodeTimeout)
	h.compare("retry")
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
)

func TestCommandLinesThatAreWrong(t *testing.T) {
	h := newHarness(t)
	for _, args := range [][]string{{"nope"}, {"stop", "--nope"}, {"start"}, {"approve"}, {"retry", "a", "b"}, {"hold", "web/Deploy"}} {
		expectCode(t, h.run(args...), cli.CodeUsage)
	}
	h.compare("usage")
}

func TestHelpOfStop(t *testing.T) {
	h := newHarness(t)
	expectCode(t, h.run("stop", "--help"), cli.CodeDone)
	h.compare("help-stop")
}

func TestMissingKinds(t *testing.T) {
	h := newHarness(t)
	h.intercept.Get = func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return apierrors.NewGenericServerResponse(404, "get", v1alpha1.GroupVersion.WithResource("pipelineexecutions").GroupResource(), "web-1", "404 page not found", 0, true)
	}
	expectCode(t, h.run("stop", "web-1"), cli.CodeError)
	h.compare("missing-kinds")
}

func TestEndOfWait(t *testing.T) {
	for err, want := range map[error]int{
		context.Canceled: cli.CodeInterrupted, context.DeadlineExceeded: cli.CodeTimeout, errors.New("other"): cli.CodeError,
	} {
		expectCode(t, cli.ExitCode(explainEndOfWait(err, "it has not stopped", "The stop goes on")), want)
	}
}

func TestCompletion(t *testing.T) {
	held := pipelineWith("web")
	held.Spec.Stages[1].Transition = &v1alpha1.StageTransition{Disabled: true, Reason: "Release freeze"}
	named := pipelineWith("object-name", v1alpha1.VariableDeclaration{Name: "TAG", Description: "what to build"})
	named.Spec.PipelineName = "shop@v2"
	h := newHarness(t, held, named, releaseWaiting("release-1", 1, "approve"), execution("web", "web-2", 2, v1alpha1.ExecutionSucceeded),
		failedIn("web-3", 3, "Deploy"), execution("web", "web-4", 4, ""))
	for _, args := range [][]string{
		{"start", ""}, {"start", "s"}, {"start", "shop@v2", "--var", ""}, {"stop", ""}, {"stop", "--pipeline", "w"}, {"stop", "--dry-run", ""},
		{"approve", ""}, {"approve", "release-1", ""}, {"retry", ""}, {"retry", "web-3", "--stage", ""}, {"hold", ""}, {"hold", "web", ""}, {"release", "web", ""},
		{"stop", "web-4", ""}, {"stop", "web-4", "-o", "j"},
	} {
		expectCode(t, h.run(append([]string{"__complete"}, args...)...), cli.CodeDone)
	}
	h.compare("completion")
}

func TestCompletionWithoutACluster(t *testing.T) {
	h := newHarness(t)
	h.intercept.List = func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		return apierrors.NewUnauthorized("no")
	}
	expectCode(t, h.run("__complete", "stop", ""), cli.CodeDone)
	h.compare("completion-without-cluster")
}

func TestReasonCodes(t *testing.T) {
	for reason, want := range map[string]int{
		v1alpha1.ReasonDuplicatedStopRequest: cli.CodeDuplicate, v1alpha1.ReasonApprovalAlreadyCompleted: cli.CodeDuplicate,
		v1alpha1.ReasonNotStoppable: cli.CodeRefused, v1alpha1.ReasonApprovalNotPending: cli.CodeRefused, v1alpha1.ReasonApproverNotAllowed: cli.CodeRefused,
		v1alpha1.ReasonStageNotRetryable: cli.CodeRefused, v1alpha1.ReasonNotLatestPipelineExecution: cli.CodeRefused, v1alpha1.ReasonRevisionLost: cli.CodeRefused,
		v1alpha1.ReasonPipelineNotFound: cli.CodeNotFound, v1alpha1.ReasonPipelineExecutionNotFound: cli.CodeNotFound,
		v1alpha1.ReasonStageNotFound: cli.CodeNotFound, v1alpha1.ReasonActionNotFound: cli.CodeNotFound,
	} {
		verdict := &metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionFalse, Reason: reason}
		if got := verdictCode(verdict); got != want {
			t.Errorf("%s: got %d, want %d", reason, got, want)
		}
	}
}

func TestWhatIsAVerdict(t *testing.T) {
	for status, want := range map[metav1.ConditionStatus]bool{metav1.ConditionTrue: true, metav1.ConditionFalse: true, metav1.ConditionUnknown: false} {
		conditions := []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: status}, {Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue}}
		if got := findVerdict(conditions) != nil; got != want {
			t.Errorf("%s is a verdict: %t", status, got)
		}
	}
	if findVerdict(nil) != nil {
		t.Error("nothing is a verdict")
	}
}

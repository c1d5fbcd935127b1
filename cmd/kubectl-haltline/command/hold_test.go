// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
)

// waitingFor returns an execution that waits before a stage.
func waitingFor(name string, n int, stage string) *v1alpha1.PipelineExecution {
	waits := execution("web", name, n, v1alpha1.ExecutionInProgress)
	waits.Status.WaitingForStage = &v1alpha1.StageWait{Stage: stage, Since: metav1.NewTime(now)}
	return waits
}

func TestHoldAndRelease(t *testing.T) {
	objects := []client.Object{pipelineWith("web"), waitingFor("web-0", 20, "Build"), execution("web", "web-x", 30, v1alpha1.ExecutionInProgress)}
	stopped := waitingFor("web-stopped", 40, "Deploy")
	stopped.Status.State = v1alpha1.ExecutionStopped
	objects = append(objects, stopped)
	for n := range 7 {
		objects = append(objects, waitingFor("web-"+string(rune('a'+n)), n, "Deploy"))
	}
	h := newHarness(t, objects...)
	expectCode(t, h.run("hold", "web", "Deploy", "--reason", "Release freeze until Monday"), cli.CodeDone)
	expectTransition(t, h, &v1alpha1.StageTransition{Disabled: true, Reason: "Release freeze until Monday"})
	expectCode(t, h.run("hold", "web/Deploy", "--reason", "Release freeze until Monday"), cli.CodeDone)
	expectCode(t, h.run("hold", "web/Deploy", "--reason", "Until Tuesday"), cli.CodeDone)
	expectTransition(t, h, &v1alpha1.StageTransition{Disabled: true, Reason: "Until Tuesday"})
	expectCode(t, h.run("release", "web", "Deploy"), cli.CodeDone)
	expectTransition(t, h, nil)
	expectCode(t, h.run("release", "web/Deploy"), cli.CodeDone)
	expectCode(t, h.run("hold", "web/Build", "--reason", "a reason"), cli.CodeDone)
	expectCode(t, h.run("hold", "web", "Test", "--reason", "a reason"), cli.CodeNotFound)
	expectCode(t, h.run("hold", "api", "Deploy", "--reason", "a reason"), cli.CodeNotFound)
	expectCode(t, h.run("hold", "web", "Deploy"), cli.CodeUsage)
	expectCode(t, h.run("release", "web"), cli.CodeUsage)
	h.compare("hold")
}

func expectTransition(t *testing.T, h *harness, want *v1alpha1.StageTransition) {
	t.Helper()
	pipeline := &v1alpha1.Pipeline{}
	if err := h.cluster.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "web"}, pipeline); err != nil {
		t.Fatal(err)
	}
	got := pipeline.Spec.Stages[1].Transition
	if (got == nil) != (want == nil) || got != nil && *got != *want {
		t.Errorf("the transition is %v, want %v", got, want)
	}
	if pipeline.Spec.Stages[0].Transition != nil {
		t.Error("another stage was changed")
	}
}

// Somebody inserts a stage between the read and the write. The patch must not hold the wrong one.
func TestHoldIsGuarded(t *testing.T) {
	h := newHarness(t, pipelineWith("web"))
	changes := 0
	h.intercept.Patch = func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
		changes++
		if changes == 1 {
			pipeline := &v1alpha1.Pipeline{}
			if err := c.Get(ctx, client.ObjectKeyFromObject(object), pipeline); err != nil {
				return err
			}
			pipeline.Generation++
			pipeline.Spec.Stages = append([]v1alpha1.Stage{{Name: "New"}}, pipeline.Spec.Stages...)
			if err := c.Update(ctx, pipeline); err != nil {
				return err
			}
		}
		if err := c.Patch(ctx, object, patch, options...); err != nil {
			// The words of the API server if a test of the patch fails.
			return &apierrors.StatusError{ErrStatus: metav1.Status{
				Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid, Message: "the server rejected our request due to an error in our request",
			}}
		}
		return nil
	}
	expectCode(t, h.run("hold", "web", "Deploy", "--reason", "a reason"), cli.CodeDone)
	if changes != 2 {
		t.Errorf("%d patches were sent, want one that fails and one that lands", changes)
	}
	pipeline := &v1alpha1.Pipeline{}
	if err := h.cluster.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "web"}, pipeline); err != nil {
		t.Fatal(err)
	}
	for _, stage := range pipeline.Spec.Stages {
		if isHeld(stage.Transition) != (stage.Name == "Deploy") {
			t.Errorf("stage %s has the transition %v", stage.Name, stage.Transition)
		}
	}
}

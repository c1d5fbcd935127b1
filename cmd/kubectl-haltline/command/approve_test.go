// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"slices"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/sample"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
	"haltline.dev/haltline/test/builders"
)

// releaseWaiting returns an execution that waits for the approvals of the stage Release.
func releaseWaiting(name string, n int, approvals ...string) *v1alpha1.PipelineExecution {
	release := execution("release", name, n, v1alpha1.ExecutionInProgress)
	stage := stageIn("Release", v1alpha1.StageInProgress)
	for _, approval := range approvals {
		stage.Actions = append(stage.Actions, approvalIn(approval, v1alpha1.ActionInProgress))
	}
	release.Status.Stages = []v1alpha1.StageStatus{
		stageIn("Build", v1alpha1.StageSucceeded, v1alpha1.ActionStatus{Name: "compile", State: v1alpha1.ActionSucceeded}),
		stage,
		stageIn("Later", v1alpha1.StageNotStarted, v1alpha1.ActionStatus{Name: "sign", State: v1alpha1.ActionNotStarted}),
	}
	return release
}

func TestApprove(t *testing.T) {
	h := newHarness(t, releaseWaiting("one", 1, "approve"), releaseWaiting("two", 2, "approve", "legal"), releaseWaiting("none", 3))
	expectCode(t, h.run("approve", "one", "--dry-run=client"), cli.CodeDone)
	expectCode(t, h.run("approve", "one", "--summary", "the dashboards look good"), cli.CodeDone)
	expectCode(t, h.run("reject", "one", "Release/approve"), cli.CodeDuplicate)
	expectCode(t, h.run("approve", "two"), cli.CodeUsage)
	expectCode(t, h.run("reject", "two", "legal", "--summary", "not yet"), cli.CodeDone)
	expectCode(t, h.run("approve", "two"), cli.CodeDone)
	expectCode(t, h.run("approve", "two", "Later/sign"), cli.CodeRefused)
	expectCode(t, h.run("approve", "none"), cli.CodeRefused)
	expectCode(t, h.run("approve", "none", "Release/approve"), cli.CodeNotFound)
	h.compare("approve")

	list := &v1alpha1.ApprovalResultList{}
	if err := h.cluster.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	got := map[string]v1alpha1.ApprovalDecision{}
	for _, ar := range list.Items {
		if findVerdict(ar.Status.Conditions).Status == "True" {
			got[ar.Spec.PipelineExecutionID+" "+ar.Spec.ActionName] = ar.Spec.Status
		}
	}
	want := map[string]v1alpha1.ApprovalDecision{
		testID(1) + " approve": v1alpha1.ApprovalApproved, testID(2) + " legal": v1alpha1.ApprovalRejected, testID(2) + " approve": v1alpha1.ApprovalApproved,
	}
	for key, decision := range want {
		if got[key] != decision {
			t.Errorf("%s is %q, want %q", key, got[key], decision)
		}
	}
}

// Who approves too early is told which approval is to come, unless it never will, or nobody can tell.
func TestApproveBeforeItWaits(t *testing.T) {
	pipeline := sample.Release(false)
	pipeline.Spec.Stages = slices.Insert(pipeline.Spec.Stages, 0, builders.Stage("Build", builders.Action("compile")))
	early := sample.New("release-1", pipeline).At(time.Second).Step(nil).At(2 * time.Second).Runs("Build/compile")
	stopped := sample.New("release-2", pipeline).At(time.Second).Step(nil).At(2*time.Second).Runs("Build/compile").Stop("stop-1", nil)
	failed := sample.New("release-3", pipeline).At(time.Second).Step(nil).At(2 * time.Second).Fails("Build/compile")
	gone := sample.New("release-4", sample.Web()).At(time.Second).Step(nil)
	for _, object := range []client.Object{pipeline, early.Execution, stopped.Execution, failed.Execution, gone.Execution} {
		object.SetNamespace(namespace)
	}
	h := newHarness(t, pipeline, early.Execution, stopped.Execution, failed.Execution, gone.Execution)
	for _, name := range []string{"release-1", "release-2", "release-3", "release-4"} {
		expectCode(t, h.run("approve", name), cli.CodeRefused)
	}
	h.compare("approve-early")
}

func TestApproveChoosesTheAction(t *testing.T) {
	twice := releaseWaiting("twice", 1, "approve")
	twice.Status.Stages = append(twice.Status.Stages, stageIn("Second", v1alpha1.StageInProgress, approvalIn("approve", v1alpha1.ActionInProgress)))
	tests := map[string]struct {
		named []string
		want  view.ActionKey
		code  int
	}{
		"by both names":      {[]string{"Second/approve"}, view.ActionKey{Stage: "Second", Action: "approve"}, cli.CodeDone},
		"by its name":        {[]string{"sign"}, view.ActionKey{Stage: "Later", Action: "sign"}, cli.CodeDone},
		"by a name of two":   {[]string{"approve"}, view.ActionKey{}, cli.CodeUsage},
		"not at all, of two": {nil, view.ActionKey{}, cli.CodeUsage},
		"by a wrong stage":   {[]string{"Build/approve"}, view.ActionKey{}, cli.CodeNotFound},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := chooseApproval(twice, test.named)
			if got != test.want || cli.ExitCode(err) != test.code {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

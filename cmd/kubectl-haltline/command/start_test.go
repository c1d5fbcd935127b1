// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
)

// pipelineWith returns a Pipeline with the stages Build and Deploy.
func pipelineWith(name string, variables ...v1alpha1.VariableDeclaration) *v1alpha1.Pipeline {
	return &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: metav1.NewTime(now)},
		Spec:       v1alpha1.PipelineSpec{Variables: variables, Stages: []v1alpha1.Stage{{Name: "Build"}, {Name: "Deploy"}}},
	}
}

func TestStart(t *testing.T) {
	tag := v1alpha1.VariableDeclaration{Name: "TAG"}
	size := v1alpha1.VariableDeclaration{Name: "SIZE", DefaultValue: ptr.To("1")}
	h := newHarness(t, pipelineWith("web", tag, size), pipelineWith("plain"))
	expectCode(t, h.run("start", "web", "--var", "TAG=v1,v2=x"), cli.CodeDone)
	expectCode(t, h.run("start", "plain", "-o", "name"), cli.CodeDone)
	expectCode(t, h.run("start", "web"), cli.CodeUsage)
	expectCode(t, h.run("start", "web", "--var", "TAG=a", "--var", "COLOR=red"), cli.CodeUsage)
	expectCode(t, h.run("start", "plain", "--var", "COLOR=red"), cli.CodeUsage)
	expectCode(t, h.run("start", "web", "--var", "TAG"), cli.CodeUsage)
	expectCode(t, h.run("start", "web", "--var", "TAG=a", "--var", "TAG=b"), cli.CodeUsage)
	expectCode(t, h.run("start", "wbe"), cli.CodeNotFound)
	h.compare("start")

	list := &v1alpha1.PipelineExecutionList{}
	if err := h.cluster.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 2 {
		t.Fatalf("%d executions were started", len(list.Items))
	}
	if v := list.Items[1].Spec.Variables; len(v) != 1 || v[0] != (v1alpha1.Variable{Name: "TAG", Value: "v1,v2=x"}) {
		t.Errorf("the variables are %v", v)
	}
}

// Whoever starts a pipeline that cannot run is warned, and not kept from it.
func TestStartOfAPipelineThatIsNotReady(t *testing.T) {
	pipelineAs := func(name string, status metav1.ConditionStatus) *v1alpha1.Pipeline {
		pipeline := pipelineWith(name)
		pipeline.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: status, Reason: v1alpha1.ReasonInvalidJobTemplate, Message: `spec.stages["Build"].actions["compile"].job.spec: no.`,
		}}
		return pipeline
	}
	h := newHarness(t, pipelineAs("broken", metav1.ConditionFalse), pipelineAs("good", metav1.ConditionTrue), pipelineAs("unknown", metav1.ConditionUnknown))
	for _, name := range []string{"broken", "good", "unknown"} {
		expectCode(t, h.run("start", name), cli.CodeDone)
	}
	expectCode(t, h.run("start", "broken", "-o", "name"), cli.CodeDone)
	h.compare("start-not-ready")
}

// Who may start pipelines and not read them is not kept from it.
func TestStartWithoutReadingPipelines(t *testing.T) {
	h := newHarness(t)
	h.intercept.List = func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "pipelines"}, "", errors.New("no"))
	}
	expectCode(t, h.run("start", "web"), cli.CodeDone)
}

// endAtOnce lets an execution have ended as soon as it is started.
func endAtOnce(state v1alpha1.ExecutionState) func(client.Client, client.Object) error {
	return func(_ client.Client, object client.Object) error {
		ended := execution("", "", 1, state).Status
		ended.Stages = []v1alpha1.StageStatus{
			stageIn("Build", v1alpha1.StageSucceeded, v1alpha1.ActionStatus{Name: "compile", State: v1alpha1.ActionSucceeded}),
			stageIn("Deploy", v1alpha1.StageFailed, v1alpha1.ActionStatus{Name: "roll-out", State: v1alpha1.ActionFailed, Message: "Job has reached the backoff limit."}),
		}
		ended.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonActionFailed, Message: `Action "roll-out" of stage "Deploy" failed.`,
		}}
		object.(*v1alpha1.PipelineExecution).Status = ended
		return nil
	}
}

func TestStartAndWatch(t *testing.T) {
	h := newHarness(t, pipelineWith("web"))
	h.operator = endAtOnce(v1alpha1.ExecutionFailed)
	expectCode(t, h.run("start", "web", "--watch"), cli.CodeEndedOtherwise)
	h.operator = endAtOnce(v1alpha1.ExecutionSucceeded)
	expectCode(t, h.run("start", "web", "--watch", "-o", "jsonpath={.status.state}"), cli.CodeDone)
	h.log.WriteString("\n")
	h.operator = nil
	expectCode(t, h.run("start", "web", "--watch", "--timeout", "10ms"), cli.CodeTimeout)
	h.compare("start-watch")
}

func TestNamePrefix(t *testing.T) {
	for name, want := range map[string]string{
		"web": "web-", "Web_Shop": "web-shop-", "a@b.c": "a-b.c-", "...": "run-", "@": "run-", "-web-": "web-", "a..b": "a.b-", "a.-b": "a.b-", "a-.b": "a.b-", "a._b": "a.b-",
	} {
		if got := namePrefix(name); got != want {
			t.Errorf("%q gives %q, want %q", name, got, want)
		}
	}
}

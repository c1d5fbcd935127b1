// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// Web returns a pipeline of two stages: Build compiles and tests, and then packages; Deploy rolls out.
func Web() *v1alpha1.Pipeline {
	return builders.Pipeline(Namespace, "web",
		builders.Stage("Build", builders.Action("compile"), builders.Action("test"), builders.Action("package", builders.RunOrder(2))),
		builders.Stage("Deploy", builders.Action("roll-out")))
}

// Release returns a pipeline that asks before it deploys.
func Release(forbidStarter bool) *v1alpha1.Pipeline {
	return builders.Pipeline(Namespace, "release",
		builders.Stage("Release", builders.Approval("approve", 1, v1alpha1.Approval{
			Message: "Is staging good?", URL: "https://example.com/staging", TimeoutSeconds: ptr.To[int64](86400), ForbidStarter: forbidStarter,
		})),
		builders.Stage("Deploy", builders.Action("roll-out")))
}

// Queue returns the pipeline Web in a mode in which one execution at a time is in a stage. The stage Build is had by another one.
func Queue(mode v1alpha1.ExecutionMode, waiting ...string) *v1alpha1.Pipeline {
	p := Web()
	p.Spec.ExecutionMode = mode
	since := metav1.NewTime(Start.Add(-10 * time.Minute))
	stage := v1alpha1.PipelineStageStatus{
		Name: "Build", Execution: &v1alpha1.StageExecution{PipelineExecutionID: string(uid("web-0")), Name: "web-0", Since: since},
		WaitingCount: int32(len(waiting)), //nolint:gosec // There are few.
	}
	for _, name := range waiting {
		stage.Waiting = append(stage.Waiting, v1alpha1.WaitingExecution{PipelineExecutionID: string(uid(name)), Name: name, Since: since})
	}
	p.Status.Stages = []v1alpha1.PipelineStageStatus{stage}
	return p
}

// Held returns the pipeline Web with a disabled transition into its first stage.
func Held() *v1alpha1.Pipeline {
	p := Web()
	p.Spec.Stages[0].Transition = &v1alpha1.StageTransition{Disabled: true, Reason: "Release freeze until Monday"}
	p.Status.Stages = []v1alpha1.PipelineStageStatus{{
		Name: "Build", DisabledTransition: &v1alpha1.DisabledTransition{
			Reason: "Release freeze until Monday", Since: metav1.NewTime(Start.Add(-time.Hour)),
		}, WaitingCount: 2,
	}}
	return p
}

// refusedPipeline returns a Pipeline that asks for the name web and did not get it.
func refusedPipeline() v1alpha1.Pipeline {
	p := *builders.Pipeline(Namespace, "web-copy")
	p.Spec.PipelineName = "web"
	meta.SetStatusCondition(&p.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonPipelineNameTaken,
		Message: `spec.pipelineName: another Pipeline had the pipelineName "web" when this one was refused; change something in the spec to get it.`,
	})
	return p
}

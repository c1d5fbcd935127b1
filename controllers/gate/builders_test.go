// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

const (
	parallel   = v1alpha1.ExecutionModeParallel
	queued     = v1alpha1.ExecutionModeQueued
	superseded = v1alpha1.ExecutionModeSuperseded
)

// at returns a time that many seconds after a fixed one.
func at(seconds int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 3, 1, 12, 0, seconds, 0, time.UTC))
}

// makePipeline returns a Pipeline of stages of these names. One that ends in "!" has a disabled transition.
func makePipeline(mode v1alpha1.ExecutionMode, stages ...string) *v1alpha1.Pipeline {
	p := &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web"}, Spec: v1alpha1.PipelineSpec{ExecutionMode: mode},
	}
	for _, name := range stages {
		s := v1alpha1.Stage{Name: strings.TrimSuffix(name, "!")}
		if s.Name != name {
			s.Transition = &v1alpha1.StageTransition{Disabled: true, Reason: "frozen"}
		}
		p.Spec.Stages = append(p.Spec.Stages, s)
	}
	return p
}

// makeExecution returns an execution of the stages Build and Deploy that was created at a second and has done nothing.
func makeExecution(name string, created int) *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, UID: types.UID(name), CreationTimestamp: at(created)},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "web"},
		Status: v1alpha1.PipelineExecutionStatus{
			State: v1alpha1.ExecutionInProgress, Stages: []v1alpha1.StageStatus{{Name: "Build"}, {Name: "Deploy"}},
		},
	}
}

// waiting returns an execution that waits before a stage since a second; before Deploy it has been in Build.
func waiting(name string, created int, stage string, since int) *v1alpha1.PipelineExecution {
	e := makeExecution(name, created)
	e.Status.WaitingForStage = &v1alpha1.StageWait{Stage: stage, Since: at(since)}
	if stage == "Deploy" {
		e.Status.CurrentStage = "Build"
	}
	return e
}

// inStage returns an execution that is in a stage.
func inStage(name string, created int, stage string) *v1alpha1.PipelineExecution {
	e := makeExecution(name, created)
	e.Status.CurrentStage = stage
	return e
}

func ended(e *v1alpha1.PipelineExecution) *v1alpha1.PipelineExecution {
	e.Status.State = v1alpha1.ExecutionFailed
	return e
}

func stopped(e *v1alpha1.PipelineExecution) *v1alpha1.PipelineExecution {
	e.Status.Stop = &v1alpha1.StopStatus{Mode: v1alpha1.StopModeWait}
	return e
}

func deleted(e *v1alpha1.PipelineExecution) *v1alpha1.PipelineExecution {
	now := at(9)
	e.DeletionTimestamp = &now
	return e
}

// given returns the Pipeline with a stage given to an execution.
func given(p *v1alpha1.Pipeline, stage, name string) *v1alpha1.Pipeline {
	p.Status.ExecutionMode = p.Spec.ExecutionMode
	p.Status.Stages = append(p.Status.Stages, v1alpha1.PipelineStageStatus{
		Name: stage, Execution: &v1alpha1.StageExecution{PipelineExecutionID: name, Name: name, Since: at(0)},
	})
	return p
}

// describe returns the stages in a line: who has each, in parentheses who waits before it, and "!" if its transition is disabled.
func describe(stages []v1alpha1.PipelineStageStatus) string {
	var parts []string
	for _, s := range stages {
		part := s.Name
		if s.DisabledTransition != nil {
			part += "!"
		}
		part += "="
		if s.Execution != nil {
			part += s.Execution.Name
		}
		var names []string
		for _, w := range s.Waiting {
			if w.SupersededBy != "" {
				w.Name += "<" + w.SupersededBy
			}
			names = append(names, w.Name)
		}
		if int(s.WaitingCount) > len(names) {
			names = append(names, fmt.Sprintf("%d in all", s.WaitingCount))
		}
		if len(names) > 0 {
			part += "(" + strings.Join(names, " ") + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " ")
}

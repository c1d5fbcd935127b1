// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// stageCases are those of I11.
func stageCases() []checkCase {
	together := func(mode v1alpha1.ExecutionMode) func(*historyBuilder) {
		return func(b *historyBuilder) {
			b.createOthers(mode)
			b.enterStage("first")
			b.enterStage("second")
			b.failOther("first")
			b.failOther("second")
		}
	}
	return []checkCase{
		{name: "two executions are in a stage of a queue", invariant: "I11",
			breach: deviation{before: "rest", do: together(v1alpha1.ExecutionModeQueued)},
			lawful: deviation{before: "rest", do: together(v1alpha1.ExecutionModeParallel)}},
		{name: "an execution enters before the other has left", invariant: "I11",
			breach: deviation{before: "rest", do: together(v1alpha1.ExecutionModeSuperseded)},
			lawful: deviation{before: "rest", do: func(b *historyBuilder) {
				b.createOthers(v1alpha1.ExecutionModeSuperseded)
				b.enterStage("first")
				b.failOther("first")
				b.enterStage("second")
				b.failOther("second")
			}}},
	}
}

// createOthers makes a person give the Pipeline a mode, and create two executions.
func (b *historyBuilder) createOthers(mode v1alpha1.ExecutionMode) {
	b.Store.As(outsider, func() {
		b.changePipeline(setMode(mode))
		b.createExecution("first")
		b.createExecution("second")
	})
}

// enterStage has an execution enter the stage Build.
func (b *historyBuilder) enterStage(name string) {
	b.writeOther(name, func(s *v1alpha1.PipelineExecutionStatus) {
		s.State, s.CurrentStage = v1alpha1.ExecutionInProgress, "Build"
	})
}

// failOther ends an execution.
func (b *historyBuilder) failOther(name string) {
	b.writeOther(name, func(s *v1alpha1.PipelineExecutionStatus) {
		now := metav1.NewTime(b.Store.Clock.Now())
		s.State, s.CompletionTime = v1alpha1.ExecutionFailed, &now
		setFinished(s, string(v1alpha1.ExecutionFailed))
	})
}

func (b *historyBuilder) writeOther(name string, change func(*v1alpha1.PipelineExecutionStatus)) {
	execution := b.Store.Find(simcluster.Execution, key(name)).DeepCopyObject().(*v1alpha1.PipelineExecution)
	change(&execution.Status)
	b.Op.ReconcileBy(executionController, execution, func(c client.Client) { _ = c.Status().Update(b.t.Context(), execution) })
}

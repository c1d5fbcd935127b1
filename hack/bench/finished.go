// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// measureAmongFinished stops executions in a namespace with many finished ones, and measures what those cost the operator's memory.
// They are written while it is down, since it would start them.
func (b *bench) measureAmongFinished(ctx context.Context) error {
	ns, t, err := b.prepare(ctx, "finished")
	if err != nil {
		return err
	}
	if err := b.createPipeline(ctx, ns, forLong); err != nil {
		return err
	}
	if err := b.operator.stop(); err != nil {
		return err
	}
	before, err := b.usageFromStart(ctx, ns, t, "without-finished")
	if err != nil {
		return err
	}
	if err := b.operator.stop(); err != nil {
		return err
	}
	if err := b.createFinished(ctx, ns); err != nil {
		return err
	}
	after, err := b.usageFromStart(ctx, ns, t, "with-finished")
	if err != nil {
		return err
	}
	each := func(before, after int64) float64 { return float64(after-before) / 1024 / float64(b.finished) }
	live, resident := each(before.heap, after.heap), each(before.rss, after.rss)
	b.report.add("memory", fmt.Sprintf("%d finished executions, each, live after a garbage collection", b.finished), live, "KiB", atMost("KiB", live, 1.5))
	b.report.add("memory", fmt.Sprintf("%d finished executions, each, of the process after it", b.finished), resident, "KiB", atMost("KiB", resident, 1.5))
	b.report.add("memory", fmt.Sprintf("operator with %d finished executions, peak", b.finished), float64(after.peak)/(1<<20), "MiB", nil)
	return b.measureStops(ctx, ns, t, amidstFinished)
}

// usageFromStart starts the operator, and returns what it costs when it has started an execution of this name: its cache has everything then.
func (b *bench) usageFromStart(ctx context.Context, ns string, t *timeline, name string) (usage, error) {
	if err := b.operator.start(ctx); err != nil {
		return usage{}, err
	}
	if _, err := b.createExecution(ctx, ns, name); err != nil {
		return usage{}, err
	}
	if err := t.wait(ctx, started, []string{name}); err != nil {
		return usage{}, err
	}
	// Go gives memory back some time after it was last needed.
	if err := pause(ctx, 3*b.rest); err != nil {
		return usage{}, err
	}
	heap, err := b.operator.liveHeap(ctx)
	if err != nil {
		return usage{}, err
	}
	if err := pause(ctx, b.rest); err != nil {
		return usage{}, err
	}
	u, err := b.operator.usage()
	u.heap = heap
	return u, err
}

// createFinished writes executions that have run before.
func (b *bench) createFinished(ctx context.Context, ns string) error {
	return forEach(ctx, b.finished, writers, func(ctx context.Context, i int) error {
		e := buildExecution(ns, fmt.Sprintf("finished-%d", i))
		if err := b.Create(ctx, e); err != nil {
			return err
		}
		return b.writeStatus(ctx, e, finishedStatus(e))
	})
}

// finishedStatus is the status of an execution of which both actions have succeeded.
func finishedStatus(e *v1alpha1.PipelineExecution) v1alpha1.PipelineExecutionStatus {
	at := metav1.NewTime(e.CreationTimestamp.Time)
	status := v1alpha1.PipelineExecutionStatus{
		ObservedGeneration: e.Generation, Version: 5, PipelineExecutionID: string(e.UID), State: v1alpha1.ExecutionSucceeded,
		PipelineRevision: pipelineName + "-0123456789abcdef0123456789abcdef", StartTime: &at, CompletionTime: &at,
	}
	for _, name := range []string{"build", "deploy"} {
		status.Stages = append(status.Stages, v1alpha1.StageStatus{
			Name: name, State: v1alpha1.StageSucceeded,
			Actions: []v1alpha1.ActionStatus{{
				Name: name, State: v1alpha1.ActionSucceeded, RunOrder: 1, Attempt: 1, StartTime: &at, CompletionTime: &at,
				Workload: v1alpha1.WorkloadReference{APIVersion: "batch/v1", Kind: "Job", Name: e.Name + "-0123456789abcdef", UID: string(e.UID)},
			}},
		})
	}
	status.Conditions = buildConditions("Succeeded", v1alpha1.ConditionReady, v1alpha1.ConditionFinished)
	return status
}

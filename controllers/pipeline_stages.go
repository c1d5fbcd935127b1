// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/gate"
)

// stagesResync is how often the stages are looked at of a pipeline that lets one execution at a time into each, in case an event did not
// reach the operator.
const stagesResync = 5 * time.Minute

// fieldState is a selectable field of the API server.
const fieldState = "status.state"

// setStages sets who has each stage of a Pipeline in its next status, and returns when that is looked at again; 0 if only an event
// changes it. The Pipeline has the status that the next one replaces.
func (r *PipelineReconciler) setStages(
	ctx context.Context, pipeline *v1alpha1.Pipeline, next *v1alpha1.PipelineStatus, now metav1.Time,
) (again time.Duration, err error) {
	mode := pipeline.Spec.ExecutionMode
	in := gate.Input{Pipeline: pipeline, Now: now, Ended: map[types.UID]bool{}}
	chosen, err := pipelineByName(ctx, r.Client, pipeline.Namespace, pipeline.EffectiveName())
	switch {
	case err != nil:
		return 0, err
	case chosen != nil && chosen.UID != pipeline.UID:
		// Another one has the name, and its executions.
		next.ExecutionMode, next.Stages, next.StageSummary = "", nil, ""
		return 0, nil
	case mode.IsSerial():
		if in.Executions, err = r.listRunning(ctx, pipeline); err != nil {
			return 0, err
		}
		if err := r.lookAtUnsure(ctx, &in); err != nil {
			return 0, err
		}
	}
	next.ExecutionMode, next.Stages = mode, gate.Next(in)
	next.StageSummary = gate.Summarize(next.Stages)
	if mode.IsSerial() {
		again = stagesResync
	}
	return again, nil
}

// listRunning returns the executions of a pipeline that have not ended. They must not be changed. While the status does not tell who has the
// stages, such as of a new Pipeline or after PARALLEL, they are read from the API server: the cache may not show yet who is in a stage.
func (r *PipelineReconciler) listRunning(ctx context.Context, pipeline *v1alpha1.Pipeline) ([]*v1alpha1.PipelineExecution, error) {
	if !pipeline.Status.ExecutionMode.IsSerial() {
		return listRunningLive(ctx, r.APIReader, pipeline.Namespace, pipeline.EffectiveName())
	}
	list := &v1alpha1.PipelineExecutionList{}
	err := r.Client.List(ctx, list, client.InNamespace(pipeline.Namespace),
		client.MatchingFields{indexRunningOf: pipeline.EffectiveName()}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("listing the executions of pipeline %q: %w", pipeline.EffectiveName(), err)
	}
	running := make([]*v1alpha1.PipelineExecution, len(list.Items))
	for i := range list.Items {
		running[i] = &list.Items[i]
	}
	return running, nil
}

// listRunningLive returns the executions of a pipeline that are in a stage or wait before one, a page at a time, without what users size.
func listRunningLive(ctx context.Context, apiReader client.Reader, namespace, pipelineName string) ([]*v1alpha1.PipelineExecution, error) {
	var running []*v1alpha1.PipelineExecution
	for _, state := range []v1alpha1.ExecutionState{v1alpha1.ExecutionInProgress, v1alpha1.ExecutionStopping} {
		fields := client.MatchingFields{fieldPipelineName: pipelineName, fieldState: string(state)}
		for next, isFirst := "", true; isFirst || next != ""; isFirst = false {
			page := &v1alpha1.PipelineExecutionList{}
			err := apiReader.List(ctx, page, client.InNamespace(namespace), fields, client.Limit(lookupPage), client.Continue(next))
			if err != nil {
				return nil, fmt.Errorf("listing the executions of pipeline %q: %w", pipelineName, err)
			}
			for i := range page.Items {
				if e := &page.Items[i]; !e.IsRestoredCopy() {
					stripExecutionMetadata(e)
					e.Spec.Variables, e.Status.RetryOf = nil, nil
					running = append(running, e)
				}
			}
			next = page.Continue
		}
	}
	return running, nil
}

// lookAtUnsure finds out about executions that have a stage and that the others do not show. Only a final state is believed that the cache
// shows; everything else is read live.
func (r *PipelineReconciler) lookAtUnsure(ctx context.Context, in *gate.Input) error {
	for _, holder := range gate.FindUnsure(*in) {
		uid := types.UID(holder.PipelineExecutionID)
		known := &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: in.Pipeline.Namespace, Name: holder.Name, UID: uid}}
		cached, err := peekExecution(ctx, r.Client, known.Namespace, holder.PipelineExecutionID)
		if err != nil {
			return err
		}
		if cached != nil && cached.Status.State.IsFinal() && !cached.IsRestoredCopy() {
			in.Ended[uid] = true
			continue
		}
		live, err := getLiveExecution(ctx, r.APIReader, known)
		if err != nil {
			return fmt.Errorf("looking whether execution %q has left its stage: %w", holder.Name, err)
		}
		if live == nil || live.Status.State.IsFinal() || live.DeletionTimestamp != nil && live.Status.WaitingForStage != nil {
			in.Ended[uid] = true
		}
	}
	return nil
}

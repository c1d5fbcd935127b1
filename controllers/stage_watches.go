// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"haltline.dev/haltline/api/v1alpha1"
)

// mapToSerialPipeline maps an execution to the Pipeline that has its pipelineName, if a stage of that holds one execution at a time. It goes
// before the checks of other Pipelines: somebody waits for it.
func mapToSerialPipeline(c client.Reader) mapToWork {
	return func(ctx context.Context, o client.Object) []work {
		execution, ok := o.(*v1alpha1.PipelineExecution)
		if !ok {
			return nil
		}
		pipeline, err := pipelineByName(ctx, c, execution.Namespace, execution.Spec.PipelineName)
		if err != nil {
			log.FromContext(ctx).Error(err, "could not look up a Pipeline", "pipelineName", execution.Spec.PipelineName)
			return nil
		}
		if pipeline == nil || !pipeline.Spec.ExecutionMode.IsSerial() {
			return nil
		}
		return []work{{reconcile.Request{NamespacedName: client.ObjectKeyFromObject(pipeline)}, endPriority}}
	}
}

// position is all of an execution that tells where in its pipeline it is.
type position struct {
	uid                             string
	isFinal, isStopped, isBeingGone bool
	current, waitsFor               string
}

func positionOf(o client.Object) position {
	execution, ok := o.(*v1alpha1.PipelineExecution)
	if !ok {
		return position{}
	}
	status := &execution.Status
	p := position{
		uid: string(execution.UID), isFinal: status.State.IsFinal(), isStopped: status.Stop != nil,
		isBeingGone: execution.DeletionTimestamp != nil, current: status.CurrentStage,
	}
	if p.isFinal {
		return position{uid: p.uid, isFinal: true} // The cache keeps no more of it.
	}
	if status.WaitingForStage != nil {
		p.waitsFor = status.WaitingForStage.Stage
	}
	return p
}

// hasPosition reports whether an execution is in a stage or waits before one.
func hasPosition(o client.Object) bool {
	p := positionOf(o)
	return !p.isFinal && (p.current != "" || p.waitsFor != "")
}

// whenPositionChanges passes the events of executions that change where in their pipeline they are.
var whenPositionChanges = predicate.Funcs{
	CreateFunc: func(e event.CreateEvent) bool { return hasPosition(e.Object) },
	UpdateFunc: func(e event.UpdateEvent) bool { return positionOf(e.ObjectOld) != positionOf(e.ObjectNew) },
}

// wakeBeforeStages returns a handler that brings the executions back that wait before a stage of a Pipeline: those that the status of the
// Pipeline gives a stage to or has marked, and all if anything else changed that they wait for.
func wakeBeforeStages(c client.Reader) handler.EventHandler {
	wakeAll := func(ctx context.Context, o client.Object, q queue) {
		if pipeline, ok := o.(*v1alpha1.Pipeline); ok {
			addAll(q, listRequests(ctx, c, &v1alpha1.PipelineExecutionList{}, pipeline.Namespace, indexWaitingOf, pipeline.EffectiveName()))
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { wakeAll(ctx, e.Object, q) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { wakeAll(ctx, e.Object, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			before, ok := e.ObjectOld.(*v1alpha1.Pipeline)
			after, is := e.ObjectNew.(*v1alpha1.Pipeline)
			switch {
			case !ok || !is:
			case isReplacement(e) || changesForAll(before, after):
				wakeAll(ctx, after, q)
			default:
				addAll(q, listNamed(before, after))
			}
		},
	}
}

// changesForAll reports whether the mode or a transition of a Pipeline has changed, or who has the pipelineName may have.
func changesForAll(before, after *v1alpha1.Pipeline) bool {
	return before.Spec.ExecutionMode != after.Spec.ExecutionMode || claimOf(before) != claimOf(after) ||
		!equality.Semantic.DeepEqual(listTransitions(before), listTransitions(after))
}

func listTransitions(pipeline *v1alpha1.Pipeline) []v1alpha1.Stage {
	var all []v1alpha1.Stage
	for _, s := range pipeline.Spec.Stages {
		if s.Transition != nil {
			all = append(all, v1alpha1.Stage{Name: s.Name, Transition: s.Transition})
		}
	}
	return all
}

// listNamed returns the executions that the status of a Pipeline gives a stage to or marks as superseded, and did not before.
func listNamed(before, after *v1alpha1.Pipeline) []reconcile.Request {
	told := map[string]bool{}
	for _, id := range listTold(before) {
		told[id.key] = true
	}
	var all []reconcile.Request
	for _, id := range listTold(after) {
		if !told[id.key] {
			all = append(all, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: after.Namespace, Name: id.name}})
		}
	}
	return all
}

// told is an execution that a status tells something, and a key of what it tells.
type told struct{ key, name string }

func listTold(pipeline *v1alpha1.Pipeline) []told {
	var all []told
	for _, s := range pipeline.Status.Stages {
		if s.Execution != nil {
			all = append(all, told{"has " + s.Name + " " + s.Execution.PipelineExecutionID, s.Execution.Name})
		}
		for _, w := range s.Waiting {
			if w.SupersededBy != "" {
				all = append(all, told{"superseded " + s.Name + " " + w.PipelineExecutionID, w.Name})
			}
		}
	}
	return all
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// The floor of a storm of stops is what the same writes cost without the operator: whoever stores a request, an acceptance, a verdict and
// an end in custom resources, and ends a Job, is not faster than that, whatever decides.

func whatAcceptedByHand(n int) string {
	return fmt.Sprintf("the three writes of an acceptance for %d stops at once, by hand", n)
}
func whatStoppedByHand(n int) string {
	return fmt.Sprintf("all writes of %d stops at once, by hand, until all have stopped", n)
}

// stopByHand is a stop that this program carries out.
type stopByHand struct {
	job       string
	execution *v1alpha1.PipelineExecution
	request   *v1alpha1.StopRequest
}

// measureByHand writes what the operator and people write in a storm of n stops, accepting first, and adds how long that takes.
func (b *bench) measureByHand(ctx context.Context, n int) error {
	ns, t, err := b.prepare(ctx, "hand")
	if err != nil {
		return err
	}
	defer b.cleanUp(ns, n)
	stops, err := b.prepareByHand(ctx, ns, t, n)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := forEach(ctx, n, writers, func(ctx context.Context, i int) error { return b.acceptByHand(ctx, stops[i]) }); err != nil {
		return err
	}
	b.report.add(partFloor, whatAcceptedByHand(n), perSecond(n, time.Since(began)), "/s", nil)
	suspended := make(chan error, 1)
	go func() {
		suspended <- forEach(ctx, n, writers/2, func(ctx context.Context, i int) error { return b.suspendJob(ctx, ns, stops[i].job) })
	}()
	err = forEach(ctx, n, writers/2, func(ctx context.Context, i int) error { return b.endByHand(ctx, t, stops[i]) })
	if err := errors.Join(err, <-suspended); err != nil {
		return err
	}
	b.report.add(partFloor, whatStoppedByHand(n), time.Since(began).Seconds(), "s", nil)
	return nil
}

// prepareByHand creates executions that look as if the operator ran them, and Jobs that run.
func (b *bench) prepareByHand(ctx context.Context, ns string, t *timeline, n int) ([]*stopByHand, error) {
	stops, jobs := make([]*stopByHand, n), makeNames("hand", n)
	err := forEach(ctx, n, writers, func(ctx context.Context, i int) error {
		s := &stopByHand{job: jobs[i]}
		stops[i] = s
		s.execution = buildExecution(ns, jobs[i])
		if err := b.createJob(ctx, ns, jobs[i]); err != nil {
			return err
		}
		if err := b.Create(ctx, s.execution); err != nil {
			return err
		}
		s.execution.Status = runningStatus(s.execution)
		return b.writeStatus(ctx, s.execution, &s.execution.Status)
	})
	if err != nil {
		return nil, err
	}
	if err := t.wait(ctx, running, jobs); err != nil {
		return nil, err
	}
	return stops, pause(ctx, b.rest)
}

// acceptByHand does what it takes that a stop is accepted: a request, the execution that records it, and the verdict on the request.
func (b *bench) acceptByHand(ctx context.Context, s *stopByHand) error {
	s.request = buildStopRequest(s.execution.Namespace, s.execution.Name, s.execution.UID, true)
	if err := b.Create(ctx, s.request); err != nil {
		return err
	}
	status := &s.execution.Status
	status.State = v1alpha1.ExecutionStopping
	status.Stop = &v1alpha1.StopStatus{Mode: v1alpha1.StopModeAbandon, Requests: []v1alpha1.AcceptedStopRequest{{
		UID: string(s.request.UID), Name: s.request.Name, Mode: v1alpha1.StopModeAbandon, Reason: s.request.Spec.Reason, AcceptedTime: metav1.Now(),
	}}}
	status.Conditions = buildConditions("Stopping", v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStopping)
	if err := b.writeStatus(ctx, s.execution, status); err != nil {
		return err
	}
	s.request.Status = v1alpha1.StopRequestStatus{
		ObservedGeneration: 1, Conditions: buildConditions("Accepted", v1alpha1.ConditionAccepted, v1alpha1.ConditionReady, v1alpha1.ConditionReconciling),
	}
	return b.writeStatus(ctx, s.request, &s.request.Status)
}

// endByHand writes the end of a stop when the pod of its Job is gone.
func (b *bench) endByHand(ctx context.Context, t *timeline, s *stopByHand) error {
	if err := t.wait(ctx, gone, []string{s.job}); err != nil {
		return err
	}
	s.execution.Status.State = v1alpha1.ExecutionStopped
	s.execution.Status.Conditions = buildConditions("Stopped", v1alpha1.ConditionReady, v1alpha1.ConditionFinished, v1alpha1.ConditionStopped)
	if err := b.writeStatus(ctx, s.execution, &s.execution.Status); err != nil {
		return err
	}
	s.request.Status.Conditions = buildConditions("Stopped", v1alpha1.ConditionAccepted, v1alpha1.ConditionReady, v1alpha1.ConditionFinished)
	return b.writeStatus(ctx, s.request, &s.request.Status)
}

// runningStatus is the status of an execution whose first action runs.
func runningStatus(e *v1alpha1.PipelineExecution) v1alpha1.PipelineExecutionStatus {
	status := finishedStatus(e)
	status.State, status.CompletionTime = v1alpha1.ExecutionInProgress, nil
	status.Stages[0].State, status.Stages[0].Actions[0].State = v1alpha1.StageInProgress, v1alpha1.ActionInProgress
	status.Stages[1] = v1alpha1.StageStatus{
		Name: "deploy", State: v1alpha1.StageNotStarted, Actions: []v1alpha1.ActionStatus{{Name: "deploy", State: v1alpha1.ActionNotStarted, RunOrder: 1}},
	}
	status.Conditions = buildConditions("InProgress", v1alpha1.ConditionReady, v1alpha1.ConditionReconciling)
	return status
}

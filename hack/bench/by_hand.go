// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// The floor of starts and stops is what the same writes cost without the operator: whoever stores an execution, a request, an acceptance, a
// verdict and an end in custom resources, and starts and ends a Job, is not faster than that, whatever decides.

// whatOneByHand is what a stop takes if this program carries it out.
const whatOneByHand = "the writes of one stop by hand, until Stopped"

func whatStartedByHand(n int) string {
	return fmt.Sprintf("the writes of %d starts at once, by hand, until all have started", n)
}
func whatAcceptedByHand(n int) string {
	return fmt.Sprintf("the three writes of an acceptance for %d stops at once, by hand", n)
}
func whatStoppedByHand(n int) string {
	return fmt.Sprintf("all writes of %d stops at once, by hand, until all have stopped", n)
}

// byHand is an execution that this program starts and stops.
type byHand struct {
	job       string
	execution *v1alpha1.PipelineExecution
	request   *v1alpha1.StopRequest
}

// measureByHand writes what the operator and people write in a storm of n starts and in one of n stops, and adds how long that takes.
func (b *bench) measureByHand(ctx context.Context, n int) error {
	ns, t, err := b.prepare(ctx, "hand")
	if err != nil {
		return err
	}
	defer b.cleanUp(ns, n)
	all, err := b.startAllByHand(ctx, ns, t, n)
	if err != nil {
		return err
	}
	return b.stopAllByHand(ctx, t, all)
}

func (b *bench) startAllByHand(ctx context.Context, ns string, t *timeline, n int) ([]*byHand, error) {
	all, names := make([]*byHand, n), makeNames("hand", n)
	began := time.Now()
	err := forEach(ctx, n, writers, func(ctx context.Context, i int) (err error) {
		all[i], err = b.startByHand(ctx, ns, names[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := t.wait(ctx, started, names); err != nil {
		return nil, err
	}
	b.report.add(partFloor, whatStartedByHand(n), t.since(began, started, names).percentile(100).Seconds(), "s", nil)
	if err := t.wait(ctx, running, names); err != nil {
		return nil, err
	}
	return all, pause(ctx, b.rest)
}

// stopAllByHand accepts all stops before it ends anything.
func (b *bench) stopAllByHand(ctx context.Context, t *timeline, all []*byHand) error {
	n := len(all)
	began := time.Now()
	err := forEach(ctx, n, writers, func(ctx context.Context, i int) error {
		if err := b.recordByHand(ctx, all[i]); err != nil {
			return err
		}
		return b.answerByHand(ctx, all[i])
	})
	if err != nil {
		return err
	}
	b.report.add(partFloor, whatAcceptedByHand(n), perSecond(n, time.Since(began)), "/s", nil)
	suspended := make(chan error, 1)
	go func() {
		suspended <- forEach(ctx, n, writers/2, func(ctx context.Context, i int) error {
			return b.suspendJob(ctx, all[i].execution.Namespace, all[i].job)
		})
	}()
	err = forEach(ctx, n, writers/2, func(ctx context.Context, i int) error {
		if err := b.endByHand(ctx, t, all[i]); err != nil {
			return err
		}
		return b.finishByHand(ctx, all[i])
	})
	if err := errors.Join(err, <-suspended); err != nil {
		return err
	}
	b.report.add(partFloor, whatStoppedByHand(n), time.Since(began).Seconds(), "s", nil)
	return nil
}

// measureOneByHand starts executions by hand, and stops them one at a time.
func (b *bench) measureOneByHand(ctx context.Context, ns string, t *timeline) error {
	times, err := b.timeOneByOne("one", func(name string) (time.Duration, error) {
		e, err := b.startByHand(ctx, ns, name)
		if err != nil {
			return 0, err
		}
		return b.timeEnd(ctx, t, name, final, func() error { return b.stopOneByHand(ctx, t, e) })
	})
	if err != nil {
		return err
	}
	b.report.addTimes(partFloor, whatOneByHand, times, nil, nil)
	return nil
}

// stopOneByHand ends the Job beside the verdict, as the operator does if nothing else is to be stopped.
func (b *bench) stopOneByHand(ctx context.Context, t *timeline, e *byHand) error {
	if err := b.recordByHand(ctx, e); err != nil {
		return err
	}
	answered := make(chan error, 1)
	go func() { answered <- b.answerByHand(ctx, e) }()
	err := b.suspendJob(ctx, e.execution.Namespace, e.job)
	if err == nil {
		err = b.endByHand(ctx, t, e)
	}
	if err := errors.Join(err, <-answered); err != nil {
		return err
	}
	return b.finishByHand(ctx, e)
}

// startByHand does what it takes that an execution starts: its marks, the intent, the Job, and the confirmation.
func (b *bench) startByHand(ctx context.Context, ns, name string) (*byHand, error) {
	e := &byHand{job: name, execution: buildExecution(ns, name)}
	if err := b.Create(ctx, e.execution); err != nil {
		return nil, err
	}
	marks := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q,%q:%q},"annotations":{%q:%q}}}`,
		v1alpha1.LabelExecutionID, e.execution.UID, v1alpha1.LabelPipeline, pipelineName, v1alpha1.AnnotationExecutionName, name)
	if err := b.Patch(ctx, e.execution, client.RawPatch(types.MergePatchType, marks)); err != nil {
		return nil, err
	}
	e.execution.Status = runningStatus(e.execution)
	workload := &e.execution.Status.Stages[0].Actions[0].Workload
	uid := workload.UID
	workload.UID = ""
	if err := b.writeStatus(ctx, e.execution, &e.execution.Status); err != nil {
		return nil, err
	}
	if err := b.createJob(ctx, ns, name); err != nil {
		return nil, err
	}
	e.execution.Status.Stages[0].Actions[0].Workload.UID = uid
	return e, b.writeStatus(ctx, e.execution, &e.execution.Status)
}

// recordByHand writes a request, and the execution that records it.
func (b *bench) recordByHand(ctx context.Context, e *byHand) error {
	e.request = buildStopRequest(e.execution.Namespace, e.execution.Name, e.execution.UID, true)
	if err := b.Create(ctx, e.request); err != nil {
		return err
	}
	status := &e.execution.Status
	status.State = v1alpha1.ExecutionStopping
	status.Stop = &v1alpha1.StopStatus{Mode: v1alpha1.StopModeAbandon, Requests: []v1alpha1.AcceptedStopRequest{{
		UID: string(e.request.UID), Name: e.request.Name, Mode: v1alpha1.StopModeAbandon, Reason: e.request.Spec.Reason, AcceptedTime: metav1.Now(),
	}}}
	status.Conditions = buildConditions("Stopping", v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStopping)
	return b.writeStatus(ctx, e.execution, status)
}

// answerByHand writes the verdict on the request.
func (b *bench) answerByHand(ctx context.Context, e *byHand) error {
	e.request.Status = v1alpha1.StopRequestStatus{
		ObservedGeneration: 1, Conditions: buildConditions("Accepted", v1alpha1.ConditionAccepted, v1alpha1.ConditionReady, v1alpha1.ConditionReconciling),
	}
	return b.writeStatus(ctx, e.request, &e.request.Status)
}

// endByHand writes that the execution has stopped when the pod of its Job is gone.
func (b *bench) endByHand(ctx context.Context, t *timeline, e *byHand) error {
	if err := t.wait(ctx, gone, []string{e.job}); err != nil {
		return err
	}
	e.execution.Status.State = v1alpha1.ExecutionStopped
	e.execution.Status.Conditions = buildConditions("Stopped", v1alpha1.ConditionReady, v1alpha1.ConditionFinished, v1alpha1.ConditionStopped)
	return b.writeStatus(ctx, e.execution, &e.execution.Status)
}

// finishByHand writes on the request that its stop has ended.
func (b *bench) finishByHand(ctx context.Context, e *byHand) error {
	e.request.Status.Conditions = buildConditions("Stopped", v1alpha1.ConditionAccepted, v1alpha1.ConditionReady, v1alpha1.ConditionFinished)
	return b.writeStatus(ctx, e.request, &e.request.Status)
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

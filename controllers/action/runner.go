// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package action carries out what package plan asks for. Today every action is a Job of batch/v1.
package action

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// FieldOwner is the field manager of what the operator writes.
const FieldOwner = "haltline"

// Runner carries out tasks on Jobs.
type Runner struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// Live reads from the API server.
	Live client.Reader
}

// Run is an execution with what it runs.
type Run struct {
	Execution *v1alpha1.PipelineExecution
	// Variables of the execution, in the order of their declaration.
	Variables []v1alpha1.Variable
	// Explain asks for the reason why work goes on that a stop waits for. It costs a read for each such action.
	Explain bool
	// Now is the time that an explanation is about.
	Now metav1.Time
}

// Do carries out a task and returns what was seen. Doing it again is harmless. An observation without a phase says
// that nothing was learned; an error beside an observation says that the task must be tried again.
func (r *Runner) Do(ctx context.Context, run Run, t plan.Task) (plan.Observation, error) {
	o, err := r.do(ctx, run, t)
	if err != nil {
		return o, err
	}
	return r.explain(ctx, run, t, o)
}

func (r *Runner) do(ctx context.Context, run Run, t plan.Task) (plan.Observation, error) {
	switch t.Verb {
	case plan.Start:
		return r.start(ctx, run, t)
	case plan.Fence:
		return r.fenceAll(ctx, run, t)
	case plan.Observe:
		return r.observe(ctx, run, t)
	case plan.Terminate:
		return r.terminate(ctx, run, t)
	case plan.Orphan:
		return r.orphan(ctx, run, t)
	}
	return plan.Observation{}, fmt.Errorf("no such verb: %d", t.Verb)
}

// find returns the Job of a started action, or nil where it is gone. The cache may lag behind, so what it does not have
// is looked up live.
func (r *Runner) find(ctx context.Context, run Run, t plan.Task) (*batchv1.Job, error) {
	for _, reader := range []client.Reader{r.Client, r.Live} {
		job, err := get(ctx, reader, run, t)
		if err != nil {
			return nil, err
		}
		if job != nil && string(job.UID) == t.JobUID {
			return job, nil
		}
	}
	return nil, nil
}

// get returns the Job that has the name of the task's Job, whosever it is, or nil.
func get(ctx context.Context, reader client.Reader, run Run, t plan.Task) (*batchv1.Job, error) {
	job := &batchv1.Job{}
	err := reader.Get(ctx, client.ObjectKey{Namespace: run.Execution.Namespace, Name: t.JobName}, job)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading Job %q: %w", t.JobName, err)
	}
	return job, nil
}

// ours reports whether the execution controls the Job. A Job that it does not control is never changed.
func ours(job *batchv1.Job, run Run) bool {
	return metav1.IsControlledBy(job, run.Execution)
}

func isTombstone(job *batchv1.Job) bool {
	return job.Labels[v1alpha1.LabelTombstone] == "true"
}

func isSuspended(job *batchv1.Job) bool {
	return job.Spec.Suspend != nil && *job.Spec.Suspend
}

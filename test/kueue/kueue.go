// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kueue stands in for Kueue, the queue of Jobs, as its documentation describes it.
package kueue

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

const (
	// User is the account of Kueue's controller.
	User = "system:serviceaccount:kueue-system:kueue-controller-manager"
	// QueueName is the label by which a Job is one of a queue (https://kueue.sigs.k8s.io/docs/tasks/run/jobs/: "You should create the Job in
	// a suspended state, as Kueue will decide when it's the best time to start the Job.").
	QueueName = "kueue.x-k8s.io/queue-name"
)

// Queue resumes Jobs of a queue, and suspends them again when it preempts them. Its client acts as User.
type Queue struct{ client.Client }

// Admit resumes a Job and places its pods on nodes with the labels given, in one write.
func (q Queue) Admit(ctx context.Context, job *batchv1.Job, nodeSelector string) error {
	return q.patch(ctx, job, `{"spec":{"suspend":false,"template":{"spec":{"nodeSelector":`+nodeSelector+`}}}}`)
}

// Preempt suspends a Job again.
func (q Queue) Preempt(ctx context.Context, job *batchv1.Job) error {
	return q.patch(ctx, job, `{"spec":{"suspend":true}}`)
}

func (q Queue) patch(ctx context.Context, job *batchv1.Job, patch string) error {
	if job.Labels[QueueName] == "" {
		return fmt.Errorf("job %q is in no queue", job.Name)
	}
	return q.Patch(ctx, job.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(patch)))
}

// Action returns an action whose Job is created suspended, for a queue.
func Action(name string, options ...builders.ActionOption) v1alpha1.Action {
	action := builders.Action(name, append(options, builders.Suspended)...)
	action.Job.Metadata.Labels = map[string]string{QueueName: "builds"}
	return action
}

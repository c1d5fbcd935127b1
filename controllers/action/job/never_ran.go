// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// createdGeneration is the generation of a Job whose spec nobody has changed.
const createdGeneration = 1

// hasNeverRun reports whether no pod of a Job was ever created: the Job was created suspended, as for a queue, its spec was never
// changed, which its generation shows, so that nobody has resumed it, and the Job controller has seen it suspended. A Job that was
// resumed and suspended again may have had pods, since its status does not count those: it does not count as one that has never run.
func hasNeverRun(job *batchv1.Job) bool {
	return job.Generation == createdGeneration && isSuspended(job) && isConditionTrue(job, batchv1.JobSuspended)
}

// wasKeptFromStarting reports whether keepFromStarting changed a Job that had never run, also if somebody resumed it since: only the
// operator makes a placeholder of a Job, and one that asks for no pod gets none.
func wasKeptFromStarting(job *batchv1.Job) bool {
	return isPlaceholder(job) && isEmpty(job) && hasNoPod(job)
}

// keepFromStarting makes a placeholder of a Job that has never run: from then on it asks for no pod, whoever resumes it, and its name
// stays taken. The patch tests the generation, so that it fails if somebody resumed the Job meanwhile. If a crash came before that was recorded, it is one already.
func (p *Provider) keepFromStarting(ctx context.Context, scope action.Scope, job *batchv1.Job) (plan.Observation, error) {
	kept := plan.Observation{
		Phase: plan.PhaseNeverStarted, Reason: v1alpha1.ReasonKeptFromStarting,
		Message: fmt.Sprintf("Job %q had never run when the execution was stopped, and never will.", job.Name),
	}
	if wasKeptFromStarting(job) {
		return kept, nil
	}
	patch, _ := patchOfOurs(scope, job)
	setLabel(patch, job, v1alpha1.LabelPlaceholder)
	patch.Set("/spec/parallelism", 0)
	err := p.patchJob(ctx, scope, job, patch)
	if err == nil {
		return kept, nil
	}
	suspended := observeJob(job)
	if client.IgnoreNotFound(err) == nil {
		return suspended, nil
	}
	return showSuspendRefusal(suspended, scope.Explain, fmt.Errorf("keeping Job %q from starting: %w", job.Name, err))
}

// shouldKeepFromStarting reports whether a stop is in force and the Job of an action in progress has never run.
func shouldKeepFromStarting(job *batchv1.Job, scope action.Scope, op plan.Operation) bool {
	ours := isOurs(job, scope) && job.DeletionTimestamp == nil
	return op.KeepFromStarting && ours && (hasNeverRun(job) || wasKeptFromStarting(job))
}

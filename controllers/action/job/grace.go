// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"errors"
	"fmt"
	"sync"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// minGraceSeconds is the shortest grace period that is asked of the API server. With 0 it removes a pod at once, while its containers
// may still run, so that Stopped would not be true. With 1 the node kills them, and the pod stays until the node has confirmed that
// (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-forced).
const minGraceSeconds = 1

// askedGrace returns the grace period that a stop asks for, as it is sent to the API server, or false if it asks for none.
func askedGrace(op plan.Operation) (seconds int64, asked bool) {
	if op.Type != plan.OperationTerminate || op.GracePeriodSeconds == nil {
		return 0, false
	}
	return max(*op.GracePeriodSeconds, minGraceSeconds), true
}

// shortenGrace shortens the grace period of pods that end already, if a stop asks for that. The Job controller ends the pods of a Job
// that is suspended with their own; a second deletion can only shorten it. A pod that nobody has deleted is left alone: the Job
// controller would create another one in its place.
func (p *Provider) shortenGrace(ctx context.Context, scope action.Scope, op plan.Operation, pods []corev1.Pod) error {
	seconds, asked := askedGrace(op)
	if !asked {
		return nil
	}
	if len(pods) < maxRemaining {
		var errs []error
		for i := range pods {
			errs = append(errs, p.shortenGraceOf(ctx, &pods[i], seconds))
		}
		return errors.Join(errs...)
	}
	for pod, err := range p.podsOfAction(ctx, scope, op) {
		if err == nil {
			err = p.shortenGraceOf(ctx, pod, seconds)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// shortenGraceOf shortens the grace period of one pod. See shortenGrace.
func (p *Provider) shortenGraceOf(ctx context.Context, pod *corev1.Pod, seconds int64) error {
	if pod.DeletionTimestamp == nil || ptr.Deref(pod.DeletionGracePeriodSeconds, 0) <= seconds {
		return nil
	}
	err := p.Client.Delete(ctx, pod, client.Preconditions{UID: &pod.UID}, client.GracePeriodSeconds(seconds))
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return action.PendingIfAnswer(fmt.Errorf("shortening the grace period of pod %q: %w", pod.Name, err))
	}
	return nil
}

func isNotDeleted(pod corev1.Pod) bool { return pod.DeletionTimestamp == nil }

// graceOf returns the options of a first deletion of a pod: its own grace period, or a shorter one that a stop asks for.
func graceOf(op plan.Operation, pod *corev1.Pod) []client.DeleteOption {
	seconds, asked := askedGrace(op)
	if !asked || seconds >= ptr.Deref(pod.Spec.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds) {
		return nil
	}
	return []client.DeleteOption{client.GracePeriodSeconds(seconds)}
}

// shortenedJobs remembers the Jobs of whose pods the grace period was shortened, so that their pods are not listed again for that. The
// zero value knows of none. What it forgets is done once more.
type shortenedJobs struct {
	mu   sync.Mutex
	jobs map[types.UID]shortening
}

// shortening is of which generation of a Job pods were shortened, and to how many seconds. A Job that was resumed since has another.
type shortening struct {
	generation, seconds int64
}

// isDone reports whether nothing is left to shorten, also if the stop does not ask for it.
func (s *shortenedJobs) isDone(job *batchv1.Job, op plan.Operation) bool {
	seconds, asked := askedGrace(op)
	if !asked {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobs[job.UID] == shortening{job.Generation, seconds}
}

// note notes that the pods of a Job were shortened.
func (s *shortenedJobs) note(job *batchv1.Job, op plan.Operation) {
	seconds, asked := askedGrace(op)
	if !asked {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.jobs == nil {
		s.jobs = map[types.UID]shortening{}
	}
	s.jobs[job.UID] = shortening{job.Generation, seconds}
}

// forget forgets a Job.
func (s *shortenedJobs) forget(job types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.jobs, job)
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"errors"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"

	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/internal/text"
)

// notRunningAfter is how long an action may take until its work runs before its status explains why it does not.
const notRunningAfter = 10 * time.Second

// cause is why work does not run or does not end: a word and a sentence. It is empty if there is nothing to explain.
type cause struct {
	reason, message string
}

// How often it is looked why work goes on. Each look costs a list of pods. When thousands of actions start or end at once, all of them
// take long, and for a reason that no pod shows.
const (
	explanationsPerSecond = 5
	explanationBurst      = 20
)

// NewExplanations returns what bounds how often it is looked why work goes on.
func NewExplanations(c clock.PassiveClock) flowcontrol.PassiveRateLimiter {
	return flowcontrol.NewTokenBucketPassiveRateLimiterWithClock(explanationsPerSecond, explanationBurst, c)
}

// errExplainedLater is the error of work that goes on and is looked at later.
var errExplainedLater = errors.New("too much is looked at already")

// mayExplain reports whether it may be looked now why an action goes on. If not, what its status says is kept.
func (p *Provider) mayExplain() bool {
	return p.Explanations == nil || p.Explanations.TryAccept()
}

// keepExplanation adds to an observation of work that goes on what the status says of why it does.
func keepExplanation(o plan.Observation, op plan.Operation) plan.Observation {
	o.Reason, o.Message = op.Reason, op.Message
	return o
}

// limitExplanation returns the scope without the wish for an explanation if too many are looked for now. The observation keeps the
// explanation of the status then.
func (p *Provider) limitExplanation(scope action.Scope, op plan.Operation, o plan.Observation) (action.Scope, plan.Observation) {
	if scope.Explain && !p.mayExplain() {
		scope.Explain = false
		o = keepExplanation(o, op)
	}
	return scope, o
}

// explainFence adds to an observation of work that goes on why it does, if a stop waits for it for long. An error that came with the
// observation is returned as it is.
func (p *Provider) explainFence(
	ctx context.Context, scope action.Scope, op plan.Operation, o plan.Observation, err error,
) (plan.Observation, error) {
	if err != nil || !scope.Explain || o.Phase != plan.PhaseRunning || o.Message != "" {
		return o, err
	}
	seen, err := p.lookThroughPods(ctx, scope, op, true)
	if err != nil {
		return o, err
	}
	return p.explainByPods(ctx, o, seen)
}

// explainByPods adds to an observation of work that goes on why its pods do.
func (p *Provider) explainByPods(ctx context.Context, o plan.Observation, seen podsSeen) (plan.Observation, error) {
	c, err := p.findCauseOfPods(ctx, seen)
	o.Reason, o.Message = c.reason, c.message
	if o.Message == "" && seen.unfinished != nil {
		// Whatever a stop waits for is named.
		o.Message = fmt.Sprintf("Pod %q has to end.", seen.unfinished.Name)
	}
	return o, err
}

// explainJob adds to the observation of a Job of ours why it does not go on, or why it failed. That costs reads, and only if a
// stop waits for the Job for long, if its work does not run for long or did not when it was last looked at, or once it failed.
func (p *Provider) explainJob(
	ctx context.Context, scope action.Scope, op plan.Operation, job *batchv1.Job, o plan.Observation,
) (plan.Observation, error) {
	failed := o.Phase == plan.PhaseFailed
	waiting := o.Phase == plan.PhaseRunning && o.Message == "" && (scope.Explain || op.HeldUp || isLateToRun(job, scope, op))
	switch {
	case !failed && !waiting:
		return o, nil
	case waiting && !p.mayExplain():
		return keepExplanation(o, op), action.Pending(errExplainedLater)
	}
	seen, err := p.lookThroughPods(ctx, scope, op, waiting)
	if err != nil {
		return o, err
	}
	if failed {
		o.Message = text.JoinSentences(o.Message, describeFailure(seen.lastFailed))
		return o, nil
	}
	c, err := p.findCauseOfPods(ctx, seen)
	if err == nil && c.reason == "" && isIdle(job) && seen.unfinished == nil {
		c, err = p.findCauseOfIdleness(ctx, job, seen.lastFailed)
	}
	o.Reason, o.Message = c.reason, c.message
	return o, err
}

// isLateToRun reports whether the action was started some time ago and no pod of its Job is ready.
func isLateToRun(job *batchv1.Job, scope action.Scope, op plan.Operation) bool {
	ready := job.Status.Ready != nil && *job.Status.Ready > 0
	return !ready && op.StartTime != nil && scope.Now.Sub(op.StartTime.Time) >= notRunningAfter
}

// podsSeen is what an explanation needs of the pods of an action. It holds no other pods than those.
type podsSeen struct {
	// unfinished is the first pod that has not ended; nil if all have.
	unfinished *corev1.Pod
	// stuck is the first pod that itself shows why it goes on, and cause is that; nil if none does.
	stuck *corev1.Pod
	cause cause
	// unwell is the first pod that has not ended and does not run well; nil if there is none.
	unwell *corev1.Pod
	// lastFailed is the pod that failed last; nil if none did.
	lastFailed *corev1.Pod
}

// add takes a pod into account.
func (s *podsSeen) add(pod *corev1.Pod, now metav1.Time) {
	s.lastFailed = laterFailed(s.lastFailed, pod)
	if isFinishedPod(pod) {
		return
	}
	if s.unfinished == nil {
		s.unfinished = pod
	}
	if s.stuck == nil {
		if c := whyUnfinished(pod, now); c.reason != "" {
			s.stuck, s.cause = pod, c
		}
	}
	if s.unwell == nil && !runsWell(pod) {
		s.unwell = pod
	}
}

// lookThroughPods looks at the pods of an action: all of them, or those up to the first that itself shows why it goes on.
func (p *Provider) lookThroughPods(ctx context.Context, scope action.Scope, op plan.Operation, untilCause bool) (podsSeen, error) {
	var seen podsSeen
	for pod, err := range p.podsOfAction(ctx, scope, op) {
		if err != nil {
			return podsSeen{}, err
		}
		seen.add(pod, scope.Now)
		if untilCause && seen.stuck != nil {
			break
		}
	}
	return seen, nil
}

// findCauseOfPods returns why the first pod goes on of which the pod itself shows that, or else what else the cluster knows of
// the first that does not run well.
func (p *Provider) findCauseOfPods(ctx context.Context, seen podsSeen) (cause, error) {
	switch {
	case seen.stuck != nil:
		return p.addNode(ctx, seen.stuck, seen.cause)
	case seen.unwell != nil:
		return p.findCauseOutside(ctx, seen.unwell)
	default:
		return cause{}, nil
	}
}

// whyUnfinished returns why a pod has not ended, if that needs explaining: nothing for one that just runs. The message does not
// change as time goes by.
func whyUnfinished(pod *corev1.Pod, now metav1.Time) cause {
	if pod.DeletionTimestamp != nil {
		return whyNotEnded(pod, now)
	}
	return whyNotRunning(pod, now)
}

func formatTime(t *metav1.Time) string {
	return t.UTC().Format(time.RFC3339)
}

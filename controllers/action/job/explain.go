// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// notRunningAfter is how long an action may take until its work runs before its status explains why it does not.
const notRunningAfter = 10 * time.Second

// cause is why work does not run or does not end: a word and a sentence. It is empty if there is nothing to explain.
type cause struct {
	reason, message string
}

// addExplanation adds to an observation of work that goes on why it does, if a stop waits for it for long. An error that came
// with the observation is returned as it is.
func (p *Provider) addExplanation(
	ctx context.Context, scope action.Scope, op plan.Operation, o plan.Observation, err error,
) (plan.Observation, error) {
	if err != nil || !scope.Explain || o.Phase != plan.PhaseRunning || o.Message != "" {
		return o, err
	}
	pods, err := p.listPods(ctx, scope, op)
	if err != nil {
		return o, err
	}
	c, err := p.findCauseOfPods(ctx, pods, scope.Now)
	o.Reason, o.Message = c.reason, c.message
	return o, err
}

// explainJob adds to the observation of a Job of ours why it does not go on, or why it failed. That costs reads, and only if a
// stop waits for the Job for long, if its work does not run for long or did not when it was last looked at, or once it failed.
func (p *Provider) explainJob(
	ctx context.Context, scope action.Scope, op plan.Operation, job *batchv1.Job, o plan.Observation,
) (plan.Observation, error) {
	failed := o.Phase == plan.PhaseFailed
	waiting := o.Phase == plan.PhaseRunning && o.Message == "" && (scope.Explain || op.HeldUp || isLateToRun(job, scope, op))
	if !failed && !waiting {
		return o, nil
	}
	pods, err := p.listPods(ctx, scope, op)
	if err != nil {
		return o, err
	}
	if failed {
		o.Message = strings.TrimSpace(o.Message + " " + describeLastFailure(pods))
		return o, nil
	}
	c, err := p.findCauseOfPods(ctx, pods, scope.Now)
	if err == nil && c.reason == "" && isIdle(job) && len(unfinishedPods(pods)) == 0 {
		c, err = p.findCauseOfIdleness(ctx, job, pods)
	}
	o.Reason, o.Message = c.reason, c.message
	return o, err
}

// isLateToRun reports whether the action was started some time ago and no pod of its Job is ready.
func isLateToRun(job *batchv1.Job, scope action.Scope, op plan.Operation) bool {
	ready := job.Status.Ready != nil && *job.Status.Ready > 0
	return !ready && op.StartTime != nil && scope.Now.Sub(op.StartTime.Time) >= notRunningAfter
}

// findCauseOfPods returns why the first pod goes on of which the pod itself shows that, or else what else the cluster knows of
// the first that does not run well.
func (p *Provider) findCauseOfPods(ctx context.Context, pods []corev1.Pod, now metav1.Time) (cause, error) {
	unfinished := unfinishedPods(pods)
	for i := range unfinished {
		if c := whyUnfinished(&unfinished[i], now); c.reason != "" {
			return p.addNode(ctx, &unfinished[i], c)
		}
	}
	i := slices.IndexFunc(unfinished, func(pod corev1.Pod) bool { return !runsWell(&pod) })
	if i < 0 {
		return cause{}, nil
	}
	return p.findCauseOutside(ctx, &unfinished[i])
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

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

func TestObserve(t *testing.T) {
	running := plan.Observation{Phase: plan.PhaseRunning, UID: jobUID}
	runningBecause := func(reason string) plan.Observation {
		return plan.Observation{Phase: plan.PhaseRunning, UID: jobUID, Reason: reason}
	}
	lost := plan.Observation{Phase: plan.PhaseFailed, UID: jobUID, Reason: v1alpha1.ReasonWorkloadLost}
	cached := []string{"get Job"}
	lookedLive := []string{"get Job", "live get Job", "live list Pod"}
	reserving := append(slices.Clone(lookedLive), "create Job")
	readingHolder := append(slices.Clone(reserving), "live get Job")
	many := []*corev1.Pod{}
	for _, name := range []string{"p1", "p2", "p3", "p4", "p5"} {
		many = append(many, makePod(func(p *corev1.Pod) { p.Name = name }))
	}
	endedPod := makePod(func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })
	sibling := makePod(func(p *corev1.Pod) { p.Labels[batchv1.JobNameLabel] = "another-action" })
	anothers := makePod(func(p *corev1.Pod) { p.Name = "anothers"; delete(p.Labels, v1alpha1.LabelExecutionID) })
	elsewhere := makePod(func(p *corev1.Pod) { p.Namespace = "other" })
	tests := []operationCase{
		{name: "runs", job: makeJob(), want: running, calls: cached},
		{name: "complete", job: makeJob(asComplete), want: plan.Observation{Phase: plan.PhaseSucceeded, UID: jobUID}, calls: cached},
		{
			name: "failed, with the reason of the Job", job: makeJob(asFailed("DeadlineExceeded", "Job was active longer than specified deadline")),
			want: plan.Observation{
				Phase: plan.PhaseFailed, UID: jobUID, Reason: "DeadlineExceeded", Message: "Job was active longer than specified deadline",
			},
			calls: []string{"get Job", "live list Pod"},
		},
		{
			// Its pods have not ended yet. The condition Failed comes when they have.
			name: "about to fail", job: makeJob(func(j *batchv1.Job) { j.Status.Conditions = jobConditions(batchv1.JobFailureTarget) }),
			want: running, calls: cached,
		},
		{
			name: "about to complete", job: makeJob(func(j *batchv1.Job) { j.Status.Conditions = jobConditions(batchv1.JobSuccessCriteriaMet) }),
			want: running, calls: cached,
		},
		{
			name: "suspended", job: makeJob(asSuspended), want: runningBecause("JobSuspended"),
			messageParts: []string{"is suspended", "resumes"}, calls: cached,
		},
		{name: "being deleted", job: makeJob(asDeleting), want: runningBecause("JobDeleting"), messageParts: []string{"being deleted by somebody else"}, calls: cached},
		{name: "being deleted, and suspended", job: makeJob(asDeleting, asSuspended), want: runningBecause("JobDeleting"), messageParts: []string{"being deleted"}, calls: cached},
		{
			name: "being deleted, and kept by a finalizer", job: makeJob(asHeld), want: runningBecause("JobFinalizer"),
			messageParts: []string{"kept by finalizers", "example.com/hold"}, calls: []string{"get Job", "live list Pod"},
		},
		{name: "being deleted after its end", job: makeJob(asDeleting, asComplete), want: plan.Observation{Phase: plan.PhaseSucceeded, UID: jobUID}, calls: []string{"get Job", "live list Pod"}},
		{
			name: "lost, its pods are left", pods: []*corev1.Pod{makePod()},
			want:         plan.Observation{Phase: plan.PhaseRunning, UID: jobUID, Reason: v1alpha1.ReasonWorkloadLost},
			messageParts: []string{"deleted by somebody else", jobName + "-x7k2p"}, calls: lookedLive,
		},
		{
			name: "lost, many pods are left", pods: many, want: plan.Observation{Phase: plan.PhaseRunning, UID: jobUID, Reason: v1alpha1.ReasonWorkloadLost},
			messageParts: []string{"p1, p2, p3, and 2 more"}, calls: lookedLive,
		},
		// Its name is held, so that a paused operator cannot create it again.
		{name: "lost", want: lost, messageParts: []string{"before it finished", "not run again"}, calls: reserving, created: true},
		{name: "lost, a try that ended is left", pods: []*corev1.Pod{endedPod}, want: lost, messageParts: []string{"not run again"}, calls: reserving, created: true},
		{name: "lost, pods of others are left", pods: []*corev1.Pod{sibling, anothers, elsewhere}, want: lost, messageParts: []string{"not run again"}, calls: reserving, created: true},
		{name: "lost, and its name is held", job: makeJob(withOtherUID, asPlaceholder), want: lost, messageParts: []string{"not run again"}, calls: readingHolder},
		{name: "lost, and somebody else's has its name", job: makeJob(withOtherUID, withoutOwner), want: lost, messageParts: []string{"not run again"}, calls: readingHolder},
		{name: "lost, and the execution is being deleted", deleted: true, want: lost, messageParts: []string{"not run again"}, calls: lookedLive},
		{
			name: "lost, its pods are left, and the execution is being deleted", deleted: true, pods: []*corev1.Pod{makePod()},
			want: runningBecause(v1alpha1.ReasonWorkloadLost), messageParts: []string{jobName + "-x7k2p"}, calls: lookedLive,
		},
		{name: "lost with its namespace", failAlways: map[string]error{"create Job": errEnding}, want: lost, messageParts: []string{"not run again"}, calls: reserving},
		{
			// A Job that was created, and that somebody else deleted before its uid was recorded.
			name: "lost, and pods of an earlier Job of its name are left",
			pods: []*corev1.Pod{makePod(func(p *corev1.Pod) { p.Labels[batchv1.ControllerUidLabel] = "job-0" })},
			want: runningBecause(v1alpha1.ReasonWorkloadLost), messageParts: []string{jobName + "-x7k2p"}, calls: reserving, created: true,
		},
		{
			name: "lost, and its name cannot be held yet", failAlways: map[string]error{"create Job": errQuota},
			want: plan.Observation{Phase: plan.PhaseBlocked}, messageParts: []string{"Trying again", "placeholder", "exceeded quota"}, errorPart: "exceeded quota",
			calls: append(slices.Clone(reserving), "create Job"),
		},
		{name: "lost, and it is not known whether its name is held", failAlways: map[string]error{"create Job": errTimeout}, errorPart: "did not answer", calls: reserving},
		{
			name: "lost, and its name is held by one like the Job", failFirst: map[string][]error{"create Job": {errInvalid}},
			want: lost, messageParts: []string{"not run again"}, calls: append(slices.Clone(reserving), "create Job"), created: true,
		},
		// A Job of the name with another uid is not the one that was started. If it is ours, a paused operator created it again. It
		// is ended before the action fails as lost.
		{
			name: "lost, and it was created again", job: makeJob(withOtherUID), want: plan.Observation{Phase: plan.PhaseRunning, UID: "job-2"},
			calls: append(slices.Clone(readingHolder), "patch Job"), suspended: true,
		},
		{
			name: "lost, created again, and its pods have to end", job: makeJob(withOtherUID, asSuspended, asEmpty, asConfirmedSuspended),
			pods: []*corev1.Pod{makePod(asDeletedPod, func(p *corev1.Pod) { p.Labels[batchv1.ControllerUidLabel] = "job-2" })},
			want: plan.Observation{Phase: plan.PhaseRunning, UID: "job-2"}, calls: append(slices.Clone(readingHolder), "live list Pod"),
		},
		{
			name: "lost, created again, and being deleted", job: makeJob(withOtherUID, asDeleting),
			want: plan.Observation{Phase: plan.PhaseRunning, UID: "job-2", Reason: "JobDeleting"}, messageParts: []string{"being deleted"}, calls: readingHolder,
		},
		{name: "the cache does not answer", failAlways: map[string]error{"get Job": errTimeout}, errorPart: "did not answer", calls: cached},
		{name: "the API server does not answer", failAlways: map[string]error{"live get Job": errRead}, errorPart: "no right to read", calls: lookedLive[:2]},
		{name: "the pods cannot be listed", failAlways: map[string]error{"live list Pod": errTimeout}, errorPart: "did not answer", calls: lookedLive},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.check(t, makeConfirmed(plan.OperationObserve)) })
	}
}

// "A Job that was seen and is gone was lost": gone from the API server, not from a cache that lags.
func TestObserveWithAStaleCache(t *testing.T) {
	tests := map[string]*batchv1.Job{"does not have it": nil, "has an earlier one of the name": makeJob(withOtherUID)}
	for name, old := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makeJob(asComplete))
			cluster.stale = map[string]*batchv1.Job{jobName: old}
			o, err := cluster.execute(makeScope(), makeConfirmed(plan.OperationObserve))
			if want := (plan.Observation{Phase: plan.PhaseSucceeded, UID: jobUID}); err != nil || o != want {
				t.Errorf("got %+v, %v; want %+v", o, err, want)
			}
			if diff := cmp.Diff([]string{"get Job", "live get Job"}, cluster.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

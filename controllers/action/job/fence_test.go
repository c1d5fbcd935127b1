// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// An intent whose Job does not exist gets a placeholder: a suspended, marked Job of the same name.
func TestFence(t *testing.T) {
	never := plan.Observation{Phase: plan.PhaseNeverStarted}
	create := []string{"create Job"}
	readHolder := []string{"create Job", "live get Job"}
	twice := []string{"create Job", "create Job"}
	// withPods adds the look for what ran under the name before.
	withPods := func(calls ...string) []string { return append(slices.Clone(calls), "live list Pod") }
	refused := func(errs ...error) map[string][]error { return map[string][]error{"create Job": errs} }
	tests := []operationCase{
		{name: "a placeholder is created", want: never, calls: withPods(create...), created: true},
		{name: "a placeholder is there", job: makeJob(asPlaceholder), want: never, calls: withPods(readHolder...)},
		{name: "it really started", job: makeJob(), want: plan.Observation{Phase: plan.PhaseRunning, UID: jobUID}, calls: readHolder},
		{name: "it really started and succeeded", job: makeJob(asComplete), want: plan.Observation{Phase: plan.PhaseSucceeded, UID: jobUID}, calls: readHolder},
		{
			name: "it really started and failed", job: makeJob(asFailed("BackoffLimitExceeded", "twice")),
			want: plan.Observation{Phase: plan.PhaseFailed, UID: jobUID, Reason: "BackoffLimitExceeded", Message: "twice"}, calls: readHolder,
		},
		{
			name: "somebody else's", job: makeJob(withoutOwner), want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNameTaken},
			messageParts: []string{"left alone"}, calls: readHolder,
		},
		{
			name: "somebody else's that looks like a placeholder", job: makeJob(asPlaceholder, asTakenOver),
			want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNameTaken}, messageParts: []string{jobName}, calls: readHolder,
		},
		{
			name: "forged", job: makeJob(withManagedBy), want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNotBelieved},
			messageParts: []string{"spec.managedBy"}, calls: readHolder,
		},
		{
			name: "forged to look like a placeholder", job: makeJob(asPlaceholder, withParallelism),
			want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNotBelieved}, messageParts: []string{"asks for pods"}, calls: readHolder,
		},
		// Nobody can create anything in it any more, and neither can a paused operator.
		{name: "the namespace ends", failAlways: map[string]error{"create Job": errEnding}, want: never, calls: withPods(create...)},
		{
			// Such a refusal delays the publication of the stop.
			name: "forbidden by a quota", failAlways: map[string]error{"create Job": errQuota},
			want: plan.Observation{Phase: plan.PhaseBlocked}, messageParts: []string{"Trying again", "placeholder", "exceeded quota"}, errorPart: "exceeded quota", calls: twice,
		},
		{
			name: "refused by a policy", failAlways: map[string]error{"create Job": errInvalid},
			want: plan.Observation{Phase: plan.PhaseBlocked}, messageParts: []string{"placeholder"}, errorPart: "is invalid", calls: twice,
		},
		{
			// A Job that was created, and that somebody else deleted before its uid was recorded.
			name: "pods of a Job of its name are left", pods: []*corev1.Pod{makePod()}, want: plan.Observation{Phase: plan.PhaseBlocked},
			messageParts: []string{"deleted by somebody else", jobName + "-x7k2p"}, errorPart: "have to end", calls: withPods(create...), created: true,
		},
		{
			name: "a try of a Job of its name is left that had ended", pods: []*corev1.Pod{makePod(func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })},
			want: never, calls: withPods(create...), created: true,
		},
		{name: "the pods cannot be listed", failAlways: map[string]error{"live list Pod": errTimeout}, errorPart: "did not answer", calls: withPods(create...), created: true},
		// A policy that asks for more than the plain placeholder has may let one pass that looks like the Job itself.
		{name: "forbidden, and one like the Job is not", failFirst: refused(errQuota), want: never, calls: withPods(twice...), created: true},
		{name: "a webhook fails, and takes one like the Job", failFirst: refused(errWebhookDown), want: never, calls: withPods(twice...), created: true},
		{name: "invalid, and one like the Job is not", failFirst: refused(errInvalid), want: never, calls: withPods(twice...), created: true},
		{
			name: "one like the Job is refused for another reason", failFirst: refused(errInvalid, errQuota),
			want: plan.Observation{Phase: plan.PhaseBlocked}, messageParts: []string{"exceeded quota"}, errorPart: "exceeded quota", calls: twice,
		},
		{name: "no answer about one like the Job", failFirst: refused(errQuota, errTimeout), errorPart: "did not answer", calls: twice},
		{name: "the namespace ends before one like the Job", failFirst: refused(errQuota, errEnding), want: never, calls: withPods(twice...)},
		{
			name: "refused, and a placeholder is there", job: makeJob(asPlaceholder), failFirst: refused(errQuota),
			want: never, calls: withPods(append(slices.Clone(twice), "live get Job")...),
		},
		{
			name: "refused, and it really started", job: makeJob(), failFirst: refused(errQuota),
			want: plan.Observation{Phase: plan.PhaseRunning, UID: jobUID}, calls: append(slices.Clone(twice), "live get Job"),
		},
		{name: "no answer", failAlways: map[string]error{"create Job": errTimeout}, errorPart: "did not answer", calls: create},
		{
			name: "it existed and is gone", failAlways: map[string]error{"create Job": apierrors.NewAlreadyExists(jobs, jobName)},
			errorPart: "existed and is gone", calls: readHolder,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.check(t, makeUnconfirmed(plan.OperationFence)) })
	}
}

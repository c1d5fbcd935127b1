// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// If the name is taken by our Job, the action really started. If it is taken by somebody else's, that Job is left alone, and
// the action fails with a reason.
func TestStart(t *testing.T) {
	create := []string{"create Job"}
	readHolder := []string{"create Job", "live get Job"}
	tests := []operationCase{
		{name: "created", want: plan.Observation{Phase: plan.PhaseRunning, UID: "made-1"}, calls: create, created: true},
		{name: "ours is there", job: makeJob(), want: plan.Observation{Phase: plan.PhaseRunning, UID: jobUID}, calls: readHolder},
		{name: "ours is there and has ended", job: makeJob(asComplete), want: plan.Observation{Phase: plan.PhaseSucceeded, UID: jobUID}, calls: readHolder},
		{
			// A paused operator that wakes up later finds the name taken; what it makes of that is not written.
			name: "fenced since", job: makeJob(asPlaceholder), want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNotBelieved},
			messageParts: []string{"no stop is recorded"}, calls: readHolder,
		},
		{
			name: "forged", job: makeJob(withManagedBy), want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNotBelieved},
			messageParts: []string{"spec.managedBy", "left alone"}, calls: readHolder,
		},
		{
			name: "somebody else's", job: makeJob(withoutOwner), want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNameTaken},
			messageParts: []string{jobName, "left alone", "delete or rename it"}, calls: readHolder,
		},
		{
			name: "of another controller, with our labels", job: makeJob(asTakenOver), want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNameTaken},
			messageParts: []string{"is not this execution's"}, calls: readHolder,
		},
		{
			name: "somebody else's that looks like a placeholder", job: makeJob(asPlaceholder, withoutOwner),
			want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNameTaken}, messageParts: []string{jobName}, calls: readHolder,
		},
		{
			name: "invalid", failAlways: map[string]error{"create Job": errInvalid},
			want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobRefused}, messageParts: []string{"is invalid", "change the action's job"}, calls: create,
		},
		{
			name: "too large", failAlways: map[string]error{"create Job": errLarge},
			want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobRefused}, messageParts: []string{"3145728"}, calls: create,
		},
		{
			name: "denied by a policy", failAlways: map[string]error{"create Job": errDenied},
			want: plan.Observation{Phase: plan.PhaseBlocked}, messageParts: []string{"Trying again", "is invalid"}, errorPart: "is invalid", calls: create,
		},
		{
			name: "denied by a webhook without a code", failAlways: map[string]error{"create Job": errBadRequest},
			want: plan.Observation{Phase: plan.PhaseBlocked}, messageParts: []string{"Trying again", "denied the request"}, errorPart: "denied the request", calls: create,
		},
		{
			name: "forbidden by a quota", failAlways: map[string]error{"create Job": errQuota},
			want: plan.Observation{Phase: plan.PhaseBlocked}, messageParts: []string{"Trying again", "exceeded quota"}, errorPart: "exceeded quota", calls: create,
		},
		{
			name: "forbidden since the namespace ends", failAlways: map[string]error{"create Job": errEnding},
			want: plan.Observation{Phase: plan.PhaseBlocked}, messageParts: []string{"being terminated"}, errorPart: "being terminated", calls: create,
		},
		// Nobody knows whether it was created: nothing may be recorded.
		{name: "no answer", failAlways: map[string]error{"create Job": errTimeout}, errorPart: "did not answer", calls: create},
		{name: "the Job that exists cannot be read", job: makeJob(), failAlways: map[string]error{"live get Job": errTimeout}, errorPart: "did not answer", calls: readHolder},
		{
			name: "it existed and is gone", failAlways: map[string]error{"create Job": apierrors.NewAlreadyExists(jobs, jobName)},
			errorPart: "existed and is gone", calls: readHolder,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.check(t, makeUnconfirmed(plan.OperationStart)) })
	}
}

// A template of which no Job can be made fails the action. The API server is not asked.
func TestStartOfABadTemplate(t *testing.T) {
	bad := makeStart(`{"templat":{}}`)
	tt := operationCase{want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonInvalidJobTemplate}, messageParts: []string{`unknown field "templat"`}}
	tt.check(t, bad)
}

// If what an action runs is not known any more, its start fails with that reason.
func TestStartOfWhatIsNotKnown(t *testing.T) {
	unknown := makeUnconfirmed(plan.OperationStart)
	unknown.Definition = v1alpha1.Action{}
	tt := operationCase{want: plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonRevisionLost}, messageParts: []string{"not known any more"}}
	tt.check(t, unknown)
}

// The same fence or start again writes nothing more.
func TestStartAndFenceAgain(t *testing.T) {
	for _, operation := range []plan.OperationType{plan.OperationStart, plan.OperationFence} {
		cluster := newCluster(t)
		first, err := cluster.execute(makeScope(), makeUnconfirmed(operation))
		cluster.must(err)
		version := cluster.job().ResourceVersion
		second, err := cluster.execute(makeScope(), makeUnconfirmed(operation))
		cluster.must(err)
		if diff := cmp.Diff(first, second); diff != "" || cluster.job().ResourceVersion != version {
			t.Errorf("operation %d again (-first +second):\n%s", operation, diff)
		}
	}
}

// A fence that comes before a start wins, and a start that comes before a fence is in progress.
func TestStartAgainstFence(t *testing.T) {
	cluster := newCluster(t)
	_, err := cluster.execute(makeScope(), makeUnconfirmed(plan.OperationFence))
	cluster.must(err)
	if o, err := cluster.execute(makeScope(), makeUnconfirmed(plan.OperationStart)); err != nil || o.Phase != plan.PhaseFailed || o.UID != "" {
		t.Errorf("a start after the fence: %+v, %v", o, err)
	}
	cluster = newCluster(t)
	_, err = cluster.execute(makeScope(), makeUnconfirmed(plan.OperationStart))
	cluster.must(err)
	o, err := cluster.execute(makeScope(), makeUnconfirmed(plan.OperationFence))
	cluster.must(err)
	if want := (plan.Observation{Phase: plan.PhaseRunning, UID: "made-1"}); o != want {
		t.Errorf("a fence after the start: %+v, want %+v", o, want)
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// asCreatedSuspended has a Job be one that was created suspended and never changed.
func asCreatedSuspended(j *batchv1.Job) {
	asSuspended(j)
	asConfirmedSuspended(j)
	j.Generation = 1
}

// asKept has a Job be one that was kept from starting.
func asKept(j *batchv1.Job) {
	asCreatedSuspended(j)
	asEmpty(j)
	j.Generation = 2
	j.Labels[v1alpha1.LabelPlaceholder] = "true"
}

func asPlaceholderLabel(j *batchv1.Job) { j.Labels[v1alpha1.LabelPlaceholder] = "true" }

func asActive(j *batchv1.Job) { j.Status.Active = 1 }

// Under a stop, a Job that has never run is kept from starting: its generation shows that nobody has resumed it, and the Job controller
// that it saw it suspended. Any other Job is waited for.
func TestWhatHasNeverRunIsKeptFromStarting(t *testing.T) {
	never := plan.Observation{Phase: plan.PhaseNeverStarted, Reason: v1alpha1.ReasonKeptFromStarting}
	suspended := plan.Observation{Phase: plan.PhaseRunning, UID: jobUID, Reason: v1alpha1.ReasonJobSuspended}
	running := plan.Observation{Phase: plan.PhaseRunning, UID: jobUID}
	changed := func(generation int64) func(*batchv1.Job) {
		return func(j *batchv1.Job) { j.Generation = generation }
	}
	for _, tt := range []struct {
		name    string
		job     *batchv1.Job
		unasked bool
		fail    error
		want    plan.Observation
		patched bool
	}{
		{name: "it has never run", job: makeJob(asCreatedSuspended), want: never, patched: true},
		{name: "no stop is in force", job: makeJob(asCreatedSuspended), unasked: true, want: suspended},
		{name: "it was kept from starting before", job: makeJob(asKept), want: never},
		{name: "it was resumed and suspended again", job: makeJob(asCreatedSuspended, changed(3)), want: suspended},
		{name: "it was suspended while it ran", job: makeJob(asCreatedSuspended, changed(2)), want: suspended},
		{name: "the Job controller has not seen it", job: makeJob(asSuspended, changed(1)), want: suspended},
		{name: "it was resumed", job: makeJob(asConfirmedSuspended, changed(2)), want: running},
		{name: "it runs", job: makeJob(changed(1)), want: running},
		{name: "it was kept from starting, and resumed since", job: makeJob(asKept, changed(3), asResumed), want: never},
		{name: "somebody calls it a placeholder", job: makeJob(asCreatedSuspended, changed(3), asPlaceholderLabel), want: suspended},
		{name: "somebody calls it a placeholder and empties it while it runs", job: makeJob(asKept, changed(3), asActive), want: suspended},
		{name: "another controller has it", job: makeJob(asCreatedSuspended, asTakenOver), want: suspended},
		{name: "somebody resumed it meanwhile", job: makeJob(asCreatedSuspended), fail: apierrors.NewConflict(jobs, jobName, errTimeout), want: suspended, patched: true},
		{name: "it is gone meanwhile", job: makeJob(asCreatedSuspended), fail: apierrors.NewNotFound(jobs, jobName), want: suspended, patched: true},
		{
			name: "a policy refuses it", job: makeJob(asCreatedSuspended), fail: errQuota, patched: true,
			want: plan.Observation{Phase: plan.PhaseRunning, UID: jobUID, Reason: v1alpha1.ReasonSuspendRefused},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, tt.job)
			cluster.failAlways["patch Job"] = tt.fail
			op := makeConfirmed(plan.OperationObserve)
			op.KeepFromStarting = !tt.unasked
			o, err := cluster.execute(makeScope(), op)
			message := o.Message
			o.Message = ""
			if o != tt.want {
				t.Errorf("got %+v, %v; want %+v", o, err, tt.want)
			}
			if (err != nil) != (tt.fail != nil && !apierrors.IsNotFound(tt.fail)) {
				t.Errorf("error %v", err)
			}
			if o.Reason != "" && !strings.Contains(message, jobName) {
				t.Errorf("the message %q does not name the Job", message)
			}
			if tt.patched != (len(cluster.patches) == 1) {
				t.Errorf("patches: %v", cluster.patches)
			}
		})
	}
}

// The name of the Job stays taken, and it asks for no pod, whoever resumes it. The patch meets only the Job that was never resumed.
func TestAJobThatIsKeptFromStartingIsAPlaceholder(t *testing.T) {
	cluster := newCluster(t, makeJob(asCreatedSuspended))
	op := makeConfirmed(plan.OperationObserve)
	op.KeepFromStarting = true
	_, err := cluster.execute(makeScope(), op)
	cluster.must(err)
	if diff := cmp.Diff([]string{`{"parallelism":0}`}, cluster.patchedSpecs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(cluster.patches[0], `{"op":"test","path":"/metadata/generation","value":1}`) {
		t.Errorf("the patch does not test the generation: %s", cluster.patches[0])
	}
	job := cluster.job()
	if !isPlaceholder(job) || !isEmpty(job) || !isSuspended(job) || !ptr.Deref(job.OwnerReferences[0].Controller, false) {
		t.Errorf("got %+v", job)
	}
}

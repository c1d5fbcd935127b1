// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/controllers/plan"
)

// withGrace has a pod end, with a grace period that the Job controller gave it.
func withGrace(seconds int64) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		asDeletedPod(p)
		p.DeletionGracePeriodSeconds = &seconds
	}
}

// makeTerminateWithGrace returns the operation of an abandon that asks for a grace period.
func makeTerminateWithGrace(seconds int64) plan.Operation {
	op := makeConfirmed(plan.OperationTerminate)
	op.GracePeriodSeconds = &seconds
	return op
}

// A grace period is shortened and never lengthened, and a pod is never removed before its node has confirmed its end: 0 is sent as 1.
func TestTerminateShortensTheGracePeriod(t *testing.T) {
	done := makeJob(asSuspended, asEmpty, asConfirmedSuspended)
	for _, tt := range []struct {
		name  string
		asked *int64
		pod   *corev1.Pod
		want  []int64
	}{
		{"a stop that asks for none", nil, makePod(withGrace(30)), nil},
		{"shorter", ptr.To[int64](5), makePod(withGrace(30)), []int64{5}},
		{"at once", ptr.To[int64](0), makePod(withGrace(30)), []int64{1}},
		{"as it is", ptr.To[int64](30), makePod(withGrace(30)), nil},
		{"longer", ptr.To[int64](60), makePod(withGrace(30)), nil},
		{"shortened before", ptr.To[int64](0), makePod(withGrace(1)), nil},
		// The Job controller would create another one in its place.
		{"the Job controller has not ended it", ptr.To[int64](0), makePod(ofExecution(jobUID)), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, done, tt.pod)
			op := makeConfirmed(plan.OperationTerminate)
			op.GracePeriodSeconds = tt.asked
			o, err := cluster.execute(makeScope(), op)
			if want := (plan.Observation{Phase: plan.PhaseRunning, UID: jobUID}); err != nil || o != want && tt.pod.DeletionTimestamp != nil {
				t.Errorf("got %+v, %v; want %+v", o, err, want)
			}
			checkGraces(t, cluster, tt.want...)
		})
	}
}

func checkGraces(t *testing.T, cluster *fakeCluster, want ...int64) {
	t.Helper()
	if diff := cmp.Diff(want, cluster.graces); diff != "" {
		t.Errorf("grace periods of deletions (-want +got):\n%s", diff)
	}
}

// Nothing is deleted before the Job controller has acted: it would create another pod.
func TestNothingIsShortenedBeforeTheJobControllerHasActed(t *testing.T) {
	for name, job := range map[string]func() client.Object{
		"it runs":                    func() client.Object { return makeJob() },
		"suspended, not confirmed":   func() client.Object { return makeJob(asSuspended, asEmpty) },
		"resumed since it was ended": func() client.Object { return makeJob(asConfirmedSuspended) },
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, job(), makePod(withGrace(30)))
			if _, err := cluster.execute(makeScope(), makeTerminateWithGrace(0)); err != nil {
				t.Error(err)
			}
			checkGraces(t, cluster)
		})
	}
}

// All pods of a Job of many are shortened, and after that they are not listed again for it.
func TestManyPodsAreShortenedOnce(t *testing.T) {
	const pods = maxRemaining + 5
	objects := []client.Object{makeJob(asSuspended, asEmpty, asConfirmedSuspended)}
	for i := range pods {
		objects = append(objects, makePod(withGrace(30), func(p *corev1.Pod) { p.Name = fmt.Sprintf("%s-%02d", jobName, i) }))
	}
	cluster := newCluster(t, objects...)
	p := cluster.provider()
	op := makeTerminateWithGrace(5)
	_, err := p.Terminate(t.Context(), makeScope(), op)
	cluster.must(err)
	if len(cluster.graces) != pods {
		t.Errorf("%d pods were shortened, want %d", len(cluster.graces), pods)
	}
	job := cluster.job()
	if !p.shortened.isDone(job, op) {
		t.Error("it is not remembered that they were")
	}
	again := makeTerminateWithGrace(0)
	if p.shortened.isDone(job, again) {
		t.Error("another grace period counts as the same")
	}
	job.Generation++
	if p.shortened.isDone(job, op) {
		t.Error("a Job that was resumed since counts as the same")
	}
	p.shortened.forget(job.UID)
	if p.shortened.isDone(cluster.job(), op) {
		t.Error("a Job that is gone is remembered")
	}
}

// The pods that a deleted Job left are deleted by the operator, with the shorter of the two grace periods.
func TestPodsThatAJobLeftEndWithTheShorterGracePeriod(t *testing.T) {
	own := func(seconds int64) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Spec.TerminationGracePeriodSeconds = &seconds }
	}
	for _, tt := range []struct {
		name string
		pod  *corev1.Pod
		op   plan.Operation
		want int64
	}{
		{"no stop asks for one", makePod(own(10)), makeConfirmed(plan.OperationTerminate), -1},
		{"shorter", makePod(own(10)), makeTerminateWithGrace(5), 5},
		{"at once", makePod(own(10)), makeTerminateWithGrace(0), 1},
		{"longer than its own", makePod(own(10)), makeTerminateWithGrace(20), -1},
		{"longer than the default", makePod(), makeTerminateWithGrace(40), -1},
		{"it ends already", makePod(withGrace(30)), makeTerminateWithGrace(5), 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, tt.pod)
			_, err := cluster.execute(makeScope(), tt.op)
			cluster.must(err)
			checkGraces(t, cluster, tt.want)
		})
	}
}

// What the API server answers is shown, and tried again; a pod that is gone or another one meanwhile is no error.
func TestAGracePeriodThatCannotBeShortened(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	for name, tt := range map[string]struct {
		fail error
		part string
	}{
		"gone":    {apierrors.NewNotFound(pods, "x"), ""},
		"another": {apierrors.NewConflict(pods, "x", errTimeout), ""},
		"refused": {errQuota, "shortening the grace period of pod"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makeJob(asSuspended, asEmpty, asConfirmedSuspended), makePod(withGrace(30)))
			cluster.failAlways["delete Pod"] = tt.fail
			o, err := cluster.execute(makeScope(), makeTerminateWithGrace(0))
			if o.Phase != plan.PhaseRunning || (err != nil) != (tt.part != "") {
				t.Fatalf("got %+v, %v", o, err)
			}
			if !strings.Contains(o.Message, tt.part) {
				t.Errorf("the message %q does not have %q", o.Message, tt.part)
			}
		})
	}
}

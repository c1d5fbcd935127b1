// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// An execution is looked at again even if nothing happens to it: to escalate, to explain, and to be safe.
func TestRequeue(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	look := func(what string, want time.Duration) {
		t.Helper()
		if got, err := op.reconcileExecution(); err != nil || got.RequeueAfter != want {
			t.Errorf("%s: again after %s, %v; want %s", what, got.RequeueAfter, err, want)
		}
	}
	look("it was started", 11*time.Second)
	cluster.clock.SetTime(cluster.clock.Now().Add(11 * time.Second))
	look("it does not run", 11*time.Second)
	cluster.clock.SetTime(cluster.clock.Now().Add(time.Hour))
	look("it has not run for long", time.Minute)
	sr := makeStopRequest("w", false)
	sr.Spec.EscalateAfterSeconds = ptr.To[int64](7)
	cluster.must(cluster.raw.Create(t.Context(), sr))
	look("a stop was accepted", 5*time.Second)
	cluster.clock.SetTime(cluster.clock.Now().Add(5 * time.Second))
	look("it escalates soon", 2*time.Second)
	cluster.clock.SetTime(cluster.clock.Now().Add(2 * time.Second))
	look("it has escalated", 5*time.Second)
	if execution := cluster.getExecution(); execution.Status.Stop.Mode != v1alpha1.StopModeAbandon || !ptr.Deref(cluster.findJob("a").Spec.Suspend, false) {
		t.Errorf("it did not escalate: %s", cluster.summarize())
	}
	cluster.runJobController()
	look("it is Stopped", 0)
}

// What has ended is left alone, and what is gone is no error.
func TestNothingToDo(t *testing.T) {
	ended := makeExecution()
	ended.Status.State, ended.Status.ObservedGeneration = v1alpha1.ExecutionFailed, ended.Generation
	for name, execution := range map[string]*v1alpha1.PipelineExecution{"final": ended, "gone": nil} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), makeStopRequest("w", true))
			if execution != nil {
				cluster = newCluster(t, makePipeline(), makeStopRequest("w", true), execution)
			}
			got, err := cluster.newOperator("op").reconcileExecution()
			if diff := cmp.Diff([]string{"get PipelineExecution"}, cluster.callNames()); diff != "" || err != nil || got != (ctrl.Result{}) {
				t.Errorf("%+v, %v; calls (-want +got):\n%s", got, err, diff)
			}
		})
	}
}

// Two events of one reason and one object are taken for one, unless they are about two Jobs.
func TestEventsNameTheirJobs(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	a, b := cluster.findJob("a"), cluster.findJob("b")
	cluster.finishJob("a", batchv1.JobFailed)
	cluster.finishJob("b", batchv1.JobFailed)
	cluster.must(op.settle())
	about := func(j *batchv1.Job) string { return fmt.Sprintf("ActionFailed batch/v1 Job team/%s %s", j.Name, j.UID) }
	if diff := cmp.Diff([]string{"Started", about(a), about(b), "Failed"}, op.recorder.related); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// A suspension that is refused is shown, and tried again.
func TestASuspensionThatIsRefused(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	cluster.before = func(c apiCall) error {
		if c.name == callPatchJob {
			return errQuota
		}
		return nil
	}
	cluster.createStopRequest("r", true)
	cluster.must(op.settle())
	checkTriedAgain(t, op)
	execution := cluster.getExecution()
	waits := execution.Status.Stop.WaitingFor
	if execution.Status.State != v1alpha1.ExecutionStopping || len(waits) != 1 || waits[0].Reason != "SuspendRefused" || !strings.Contains(waits[0].Message, "exceeded quota") {
		t.Errorf("it is %s, and waits for %+v", execution.Status.State, waits)
	}
	cluster.before = nil
	cluster.must(op.settle())
	checkStopped(t, cluster, 1)
}

// A foreign Job of the name is not changed and not deleted. It fails the action.
func TestAForeignJobOfTheName(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	cluster.before = refuseJobs("a")
	_ = op.settle()
	foreign := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: cluster.getExecution().Status.Stages[0].Actions[0].Workload.Name, UID: "foreign"}}
	cluster.must(cluster.raw.Create(t.Context(), foreign))
	version := foreign.ResourceVersion
	cluster.before = nil
	cluster.must(op.settleWithoutJobController())
	execution := cluster.getExecution()
	if a := execution.Status.Stages[0].Actions[0]; execution.Status.State != v1alpha1.ExecutionFailed || a.Reason != v1alpha1.ReasonJobNameTaken {
		t.Errorf("the execution is %s, the action %+v", execution.Status.State, a)
	}
	cluster.must(cluster.raw.Get(t.Context(), client.ObjectKeyFromObject(foreign), foreign))
	if foreign.ResourceVersion != version {
		t.Errorf("I7: the foreign Job was changed: %+v", foreign)
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// A stop that comes before the Pipeline, or with it: nothing is pinned and nothing starts.
func TestStopBeforeTheStart(t *testing.T) {
	for name, objects := range map[string][]client.Object{
		"no Pipeline":           {makeExecution(), makeStopRequest("w", false)},
		"the Pipeline is there": {makePipeline(), makeExecution(), makeStopRequest("w", false)},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, objects...)
			cluster.must(cluster.newOperator("op").settle())
			checkStopped(t, cluster, 0)
			if slices.Contains(cluster.callNames(), callPin) {
				t.Errorf("a revision was made: %v", cluster.callNames())
			}
		})
	}
}

// I10: every write that decides is guarded. The fake client, as the API server, refuses one that is out of date. Here a stop comes
// between the decision to start and its write.
func TestAStopBeforeTheIntentIsWritten(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecution())
	paused, other := cluster.newOperator("paused"), cluster.newOperator("other")
	once := true
	cluster.before = func(c apiCall) error {
		if c.who == "paused" && c.name == callWriteStatus && once {
			once = false
			cluster.createStopRequest("w", false)
			cluster.must(other.settle())
		}
		return nil
	}
	// A conflict is nothing to report; the execution is looked at again.
	if got, err := paused.reconcileExecution(); err != nil || got.RequeueAfter == 0 {
		t.Errorf("%+v, %v; want another look", got, err)
	}
	checkStopped(t, cluster, 0)
	if recorded := paused.recordedEvents(); recorded != nil {
		t.Errorf("nothing was written, and the events are %q", recorded)
	}
	cluster.must(paused.settle())
	checkStopped(t, cluster, 0)
}

// If the write of the intent meets a conflict, no Job is created.
func TestAConflictOnTheIntent(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecution())
	op := cluster.newOperator("op")
	refused := 0
	cluster.before = func(c apiCall) error {
		if c.name == callWriteStatus && refused == 0 {
			refused++
			return apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("pipelineexecutions").GroupResource(), "run-1", errors.New("changed"))
		}
		return nil
	}
	checkWrites(t, "refused", cluster.writesDuring(func() {
		if got, err := op.reconcileExecution(); err != nil || got.RequeueAfter == 0 {
			t.Errorf("%+v, %v; want another look", got, err)
		}
	}), callMark, callPin, callWriteStatus)
	checkWrites(t, "again", cluster.writesDuring(func() {
		_, err := op.reconcileExecution()
		cluster.must(err)
	}), callWriteStatus, callCreateJob, callCreateJob, callWriteStatus)
}

// Nothing is created because of the cache alone: the state of the execution is compared with that of the API server.
// Here the intent is unconfirmed, and the cache is older than what became of the execution since.
func TestAStaleExecutionCreatesNothing(t *testing.T) {
	tests := map[string]func(*fakeCluster, *operator){
		"it was stopped, and the placeholders are lost": func(cluster *fakeCluster, other *operator) {
			cluster.createStopRequest("w", false)
			cluster.must(client.IgnoreNotFound(ignoreQuota(other.settle())))
			for _, name := range []string{"a", "b"} {
				cluster.must(cluster.raw.Delete(context.Background(), cluster.findJob(name)))
			}
		},
		"it is gone": func(cluster *fakeCluster, _ *operator) {
			cluster.must(cluster.raw.Delete(context.Background(), cluster.getExecution()))
		},
		"another has its name": func(cluster *fakeCluster, _ *operator) {
			execution := cluster.getExecution()
			cluster.must(cluster.raw.Delete(context.Background(), execution))
			execution.UID, execution.ResourceVersion = "uid-of-another", ""
			cluster.must(cluster.raw.Create(context.Background(), execution))
		},
		"it is being deleted": func(cluster *fakeCluster, _ *operator) { cluster.deleteHeld(cluster.getExecution()) },
	}
	for name, happen := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), makeExecution())
			cluster.before = refuseJobs("a", "b")
			stale := cluster.newOperator("stale")
			checkTriedAgain(t, stale)
			stale.freezeCache()
			happen(cluster, cluster.newOperator("other"))
			cluster.before, cluster.jobs = nil, nil
			checkWrites(t, "stale", cluster.writesDuring(func() {
				_, err := stale.reconcileExecution()
				cluster.must(err)
			}))
			if cluster.jobs != nil || !slices.Contains(cluster.callNames(), "live get PipelineExecution") {
				t.Errorf("created %+v; calls %v", cluster.jobs, cluster.callNames())
			}
		})
	}
}

// If the live read fails, nothing is started either.
func TestAStartThatCannotBeCheckedIsNone(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	cluster.before = refuseJobs("a")
	_ = op.settle()
	cluster.before = func(c apiCall) error {
		if c.name == "live get PipelineExecution" {
			return errTimeout
		}
		return nil
	}
	if _, err := op.reconcileExecution(); !errors.Is(err, errTimeout) || cluster.jobs != nil {
		t.Errorf("error %v, created %+v", err, cluster.jobs)
	}
}

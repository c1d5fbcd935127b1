// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// Whoever changes metadata while the cache lags keeps nothing from being recorded.
func TestAStopWhileSomebodyChangesMetadata(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	cluster.createStopRequest("r", true)
	touch := func(o client.Object) {
		o.SetAnnotations(map[string]string{"a": "b"})
		cluster.must(cluster.raw.Update(context.Background(), o))
	}
	op.freezeCache()
	touch(cluster.getExecution())
	touch(cluster.getRequest("r"))
	_, _ = op.reconcileExecution()
	if stop := cluster.getExecution().Status.Stop; stop == nil {
		t.Fatal("the stop was not recorded")
	}
	op.freezeCache()
	touch(cluster.getExecution())
	cluster.must(op.settle())
	if !isAccepted(cluster.getRequest("r")) {
		t.Errorf("%+v", cluster.getRequest("r").Status)
	}
}

// A status that a restore brought has a version as well. The one that takes its place goes on from there.
func TestTheStatusOfARestoredCopyIsReplaced(t *testing.T) {
	execution := makeExecution()
	execution.Status.PipelineExecutionID, execution.Status.Version = "another", 5
	cluster := newCluster(t, makePipelineOf("a"), execution)
	cluster.must(cluster.newOperator("op").settle())
	if got := cluster.getExecution().Status; got.State != v1alpha1.ExecutionFailed || got.Version != 6 {
		t.Errorf("the status is %+v", got)
	}
}

// An operator that was paused never takes the status of an object for the one that it read, however often it was emptied and written since.
func TestAnEmptiedStatusGetsVersionsOfItsOwn(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	write := func(read *v1alpha1.PipelineExecution) error {
		return writeStatus(context.Background(), op.executions.Client, read)
	}
	read := cluster.getExecution()
	for range 2 {
		emptied := cluster.getExecution()
		// As the schema fills what is left out.
		emptied.Status = v1alpha1.PipelineExecutionStatus{ObservedGeneration: -1}
		cluster.must(cluster.raw.Status().Update(context.Background(), emptied))
		for range read.Status.Version + 2 {
			cluster.must(write(cluster.getExecution()))
			if err := write(read.DeepCopy()); !apierrors.IsConflict(err) {
				t.Fatalf("version %d is taken for the %d that was read: %v", cluster.getExecution().Status.Version, read.Status.Version, err)
			}
		}
	}
}

func TestNextVersion(t *testing.T) {
	for _, tt := range []struct {
		version         int64
		resourceVersion string
		want            int64
	}{
		{0, "7", 7}, {7, "8", 8}, {7, "900", 8}, {0, "not a number", 1}, {0, "", 1}, {0, "-3", 1}, {0, "0", 1}, {3, "", 4},
	} {
		if got := nextVersion(tt.version, tt.resourceVersion); got != tt.want {
			t.Errorf("after %d at %q comes %d, want %d", tt.version, tt.resourceVersion, got, tt.want)
		}
	}
}

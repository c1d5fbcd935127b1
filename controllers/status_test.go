// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"testing"

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

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
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
	touch(cluster.getRequest("r"))
	cluster.must(op.settle())
	if !isAccepted(cluster.getRequest("r")) {
		t.Errorf("%+v", cluster.getRequest("r").Status)
	}
}

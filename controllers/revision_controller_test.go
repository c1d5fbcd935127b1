// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// reconcileRevision reconciles the only revision there is, and returns whether it is still there and whether it is marked.
func (op *operator) reconcileRevision(key client.ObjectKey) (there, marked bool) {
	op.cluster.t.Helper()
	_, err := op.revisions.Reconcile(op.cluster.t.Context(), ctrl.Request{NamespacedName: key})
	op.cluster.must(err)
	r := &appsv1.ControllerRevision{}
	err = op.cluster.raw.Get(op.cluster.t.Context(), key, r)
	op.cluster.must(client.IgnoreNotFound(err))
	return err == nil, r.Annotations[v1alpha1.AnnotationUnusedSince] != ""
}

// A revision lives as long as an execution names it, whether or not it has ended and whether or not its Pipeline is there, and
// some time longer. A cache that lags has none deleted.
func TestARevisionLivesAsLongAsSomethingUsesIt(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	key := client.ObjectKey{Namespace: "team", Name: cluster.getExecution().Status.PipelineRevision}
	pass := func() { cluster.clock.SetTime(cluster.clock.Now().Add(11 * time.Minute)) }
	expect := func(what string, there, marked bool) {
		t.Helper()
		if isThere, isMarked := op.reconcileRevision(key); isThere != there || isMarked != marked {
			t.Errorf("%s: there %v, marked %v", what, isThere, isMarked)
		}
	}
	cluster.must(cluster.raw.Delete(t.Context(), makePipelineOf("a")))
	pass()
	expect("it is used", true, false)
	op.hideFromCache(client.ObjectKeyFromObject(makeExecution()))
	expect("the cache does not show the execution", true, false)
	op.cache = cluster.raw

	execution := cluster.getExecution()
	cluster.must(cluster.raw.Delete(t.Context(), execution))
	expect("it is unused", true, true)
	execution.ResourceVersion = ""
	cluster.must(cluster.raw.Create(t.Context(), execution))
	expect("it is used again", true, false)
	cluster.must(cluster.raw.Delete(t.Context(), execution))
	expect("it is unused again", true, true)
	expect("it was just marked", true, true)
	pass()
	cluster.before = func(c apiCall) error {
		if c.name == "delete ControllerRevision" {
			cluster.before = nil
			cluster.must(op.revisions.Revisions.MarkUsed(t.Context(), readRevision(t, cluster, key)))
		}
		return nil
	}
	expect("somebody is about to use it", true, false)
	expect("nobody did", true, true)
	pass()
	expect("it has been unused for long", false, false)
}

// What somebody else put into a revision of ours is theirs: it is neither marked nor deleted.
func TestARevisionOfSomebodyElseIsLeftAlone(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	key := client.ObjectKey{Namespace: "team", Name: cluster.getExecution().Status.PipelineRevision}
	cluster.must(cluster.raw.Delete(t.Context(), cluster.getExecution()))
	theirs := readRevision(t, cluster, key)
	theirs.Data.Raw = []byte(`{"stages":[]}`)
	cluster.must(cluster.raw.Update(t.Context(), theirs))
	cluster.clock.SetTime(cluster.clock.Now().Add(11 * time.Minute))
	if there, marked := op.reconcileRevision(key); !there || marked {
		t.Errorf("there %v, marked %v", there, marked)
	}
}

func readRevision(t *testing.T, cluster *fakeCluster, key client.ObjectKey) *appsv1.ControllerRevision {
	t.Helper()
	r := &appsv1.ControllerRevision{}
	cluster.must(cluster.raw.Get(t.Context(), key, r))
	return r
}

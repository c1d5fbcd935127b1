// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// The status shows what the API server refuses, such as by a policy about labels or about revisions.
func TestAPipelineThatCannotBeBound(t *testing.T) {
	forbidden := apierrors.NewForbidden(v1alpha1.GroupVersion.WithResource("pipelineexecutions").GroupResource(), "run-1", errors.New("no labels here"))
	invalid := apierrors.NewInvalid(v1alpha1.GroupVersion.WithKind("PipelineExecution").GroupKind(), "run-1", nil)
	conflict := apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("pipelineexecutions").GroupResource(), "run-1", errors.New("changed"))
	down, denied := apierrors.NewInternalError(errors.New("failed calling webhook")), apierrors.NewBadRequest("admission webhook denied the request")
	tests := []struct {
		name, call string
		fail       error
		// isShown is whether the status shows it, isQuiet whether it is no error to report.
		isShown, isQuiet bool
		writes           []string
	}{
		{"marking it is forbidden", callMark, forbidden, true, true, []string{callMark, callWriteStatus}},
		{"marking it is invalid", callMark, invalid, true, true, []string{callMark, callWriteStatus}},
		{"marking it has no answer", callMark, errTimeout, false, false, []string{callMark}},
		{"marking it meets a conflict", callMark, conflict, false, true, []string{callMark}},
		{"pinning it is forbidden", callPin, forbidden, true, true, []string{callMark, callPin, callWriteStatus}},
		{"pinning it is invalid", callPin, invalid, true, true, []string{callMark, callPin, callWriteStatus}},
		{"a webhook denies the mark", callMark, denied, true, true, []string{callMark, callWriteStatus}},
		{"a webhook about pins is down", callPin, down, true, true, []string{callMark, callPin, callWriteStatus}},
		{"pinning it has no answer", callPin, errTimeout, false, false, []string{callMark, callPin}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, makePipelineOf("a"), makeExecution())
			op := cluster.newOperator("op")
			cluster.before = func(c apiCall) error {
				if c.name == tt.call {
					return tt.fail
				}
				return nil
			}
			checkWrites(t, "refused", cluster.writesDuring(func() {
				if got, err := op.reconcileExecution(); tt.isQuiet && (err != nil || got.RequeueAfter == 0) || !tt.isQuiet && !errors.Is(err, tt.fail) {
					t.Errorf("got %+v, %v: it would not be tried again", got, err)
				}
			}), tt.writes...)
			ready := meta.FindStatusCondition(cluster.getExecution().Status.Conditions, v1alpha1.ConditionReady)
			if tt.isShown != (ready != nil && ready.Reason == v1alpha1.ReasonStartBlocked && strings.Contains(ready.Message, tt.fail.Error())) {
				t.Errorf("it reads %+v", ready)
			}
			if tt.isShown { // Nothing new is nothing to write.
				checkWrites(t, "refused again", cluster.writesDuring(func() { _, _ = op.reconcileExecution() }), tt.call)
			}
			cluster.before = nil
			cluster.must(op.settle())
			if execution := cluster.getExecution(); len(cluster.jobs) != 1 || !isMarked(execution) {
				t.Errorf("in the end: %s", cluster.summarize())
			}
			ready = meta.FindStatusCondition(cluster.getExecution().Status.Conditions, v1alpha1.ConditionReady)
			if ready.Reason != string(v1alpha1.ExecutionInProgress) {
				t.Errorf("it runs, and reads %s: %s", ready.Reason, ready.Message)
			}
		})
	}
}

// isMarked reports whether an execution bears its id, its name and its pipeline, and has no owner.
func isMarked(execution *v1alpha1.PipelineExecution) bool {
	return execution.Labels[v1alpha1.LabelExecutionID] == string(execution.UID) && execution.Labels[v1alpha1.LabelPipeline] == execution.Spec.PipelineName &&
		execution.Annotations[v1alpha1.AnnotationExecutionName] == execution.Name && len(execution.OwnerReferences) == 0
}

// A stop does not depend on the marks of the execution.
func TestAStopOfAnExecutionThatCannotBeMarked(t *testing.T) {
	forbidden := apierrors.NewForbidden(v1alpha1.GroupVersion.WithResource("pipelineexecutions").GroupResource(), "run-1", errors.New("no labels here"))
	for name, fail := range map[string]error{"forbidden": forbidden, "no answer": errTimeout} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipelineOf("a"), makeExecution(), makeStopRequest("r", false))
			op := cluster.newOperator("op")
			cluster.before = func(c apiCall) error {
				if c.name == callMark {
					return fail
				}
				return nil
			}
			cluster.must(op.settle())
			checkStopped(t, cluster, 0)
			if execution := cluster.getExecution(); isMarked(execution) || execution.Status.PipelineRevision != "" {
				t.Errorf("labels %+v, revision %q", execution.Labels, execution.Status.PipelineRevision)
			}
		})
	}
}

// A Pipeline that the cache shows may have been deleted or changed since. What was deleted does not run.
func TestAPipelineThatIsNotWhatTheCacheHas(t *testing.T) {
	ctx := context.Background()
	remove := func(cluster *fakeCluster) { cluster.must(cluster.raw.Delete(ctx, makePipelineOf("a"))) }
	tests := map[string]func(*fakeCluster){
		"gone": remove,
		"another of its name": func(cluster *fakeCluster) {
			remove(cluster)
			pipeline := makePipelineOf("a")
			pipeline.UID = "uid-of-another"
			cluster.must(cluster.raw.Create(ctx, pipeline))
		},
		"being deleted": func(cluster *fakeCluster) { cluster.deleteHeld(makePipelineOf("a")) },
	}
	for name, happen := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipelineOf("a"), makeExecution())
			op := cluster.newOperator("op")
			op.freezeCache()
			happen(cluster)
			checkWrites(t, "the cache is behind", cluster.writesDuring(func() {
				_, err := op.reconcileExecution()
				cluster.must(err)
			}), callMark, callWriteStatus)
			execution := cluster.getExecution()
			ready := meta.FindStatusCondition(execution.Status.Conditions, v1alpha1.ConditionReady)
			if execution.Status.PipelineRevision != "" || ready.Reason != v1alpha1.ReasonWaitingForPipeline {
				t.Errorf("revision %q, %s", execution.Status.PipelineRevision, ready.Reason)
			}
			op.cache = cluster.raw
			cluster.must(op.settle())
			if another := name == "another of its name"; another != (len(cluster.jobs) == 1) {
				t.Errorf("in the end: %s", cluster.summarize())
			}
		})
	}
	// A read that fails does not mean that there is no Pipeline.
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	cluster.before = func(c apiCall) error {
		if c.name == "live get Pipeline" {
			return errTimeout
		}
		return nil
	}
	checkWrites(t, "no answer", cluster.writesDuring(func() {
		if _, err := op.reconcileExecution(); !errors.Is(err, errTimeout) {
			t.Errorf("error %v", err)
		}
	}))
}

// The cache may lack the Pipeline whose own name it is, and may not show that another was refused.
func TestAPipelineThatDoesNotHaveItsNameAnyMore(t *testing.T) {
	ctx := context.Background()
	makeOther := func() *v1alpha1.Pipeline {
		other := makePipelineOf("steal")
		other.Name, other.UID, other.Spec.PipelineName = "other", "uid-of-other", "web"
		return other
	}
	cluster := newCluster(t, makeOther(), makeExecution())
	op := cluster.newOperator("op")
	op.freezeCache()
	cluster.must(cluster.raw.Create(ctx, makePipelineOf("a")))
	_, err := op.reconcileExecution()
	cluster.must(err)
	if revision := cluster.getExecution().Status.PipelineRevision; !strings.HasPrefix(revision, "web-") {
		t.Errorf("it runs %q", revision)
	}

	cluster = newCluster(t, makeOther(), makeExecution())
	op = cluster.newOperator("op")
	op.freezeCache()
	refused := makeOther()
	cluster.must(cluster.raw.Get(ctx, client.ObjectKeyFromObject(refused), refused))
	refused.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: v1alpha1.ReasonPipelineNameTaken, ObservedGeneration: refused.Generation}}
	cluster.must(cluster.raw.Status().Update(ctx, refused))
	_, err = op.reconcileExecution()
	cluster.must(err)
	if revision := cluster.getExecution().Status.PipelineRevision; revision != "" {
		t.Errorf("it runs %q", revision)
	}
}

// A revision that was tampered with, or is gone, is not run: what is in progress finishes, nothing more starts.
func TestARevisionThatIsLost(t *testing.T) {
	for name, lose := range map[string]func(*fakeCluster, *appsv1.ControllerRevision) error{
		"gone": func(cluster *fakeCluster, sr *appsv1.ControllerRevision) error {
			return cluster.raw.Delete(context.Background(), sr)
		},
		"tampered with": func(cluster *fakeCluster, sr *appsv1.ControllerRevision) error {
			sr.Data.Raw = []byte(strings.ReplaceAll(string(sr.Data.Raw), "busybox", "evil"))
			return cluster.raw.Update(context.Background(), sr)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), makeExecution())
			op := cluster.newOperator("op")
			cluster.must(op.settle())
			for _, o := range cluster.listObjects() {
				if sr, ok := o.(*appsv1.ControllerRevision); ok {
					cluster.must(lose(cluster, sr))
				}
			}
			cluster.finishJob("a", batchv1.JobComplete)
			cluster.finishJob("b", batchv1.JobComplete)
			cluster.must(op.settle())
			execution := cluster.getExecution()
			ready := meta.FindStatusCondition(execution.Status.Conditions, v1alpha1.ConditionReady)
			if execution.Status.State != v1alpha1.ExecutionFailed || ready.Reason != v1alpha1.ReasonRevisionLost || len(cluster.jobs) != 2 {
				t.Errorf("%s: %s, created %+v", execution.Status.State, ready.Reason, cluster.jobs)
			}
		})
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

var retryKey = types.NamespacedName{Namespace: "team", Name: "retry"}

func makeRetry(name string) *v1alpha1.PipelineExecution {
	e := makeExecution()
	e.Name, e.UID = name, types.UID("11111111-0000-4000-8000-0000000000"+name[:2])
	e.Spec.RetryOf = &v1alpha1.RetryOf{PipelineExecutionID: executionUID, StageName: "s", RetryMode: v1alpha1.RetryModeFailedActions}
	return e
}

// newFailedRun returns a cluster in which the execution has failed in the stage s, where the action a succeeded.
func newFailedRun(t *testing.T) (*fakeCluster, *operator) {
	t.Helper()
	pipeline := makePipeline()
	empty := ""
	pipeline.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "TAG", DefaultValue: &empty}}
	execution := makeExecution()
	execution.Spec.Variables = []v1alpha1.Variable{{Name: "TAG", Value: "v1"}}
	cluster := newCluster(t, pipeline, execution)
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	cluster.finishJob("a", batchv1.JobComplete)
	cluster.finishJob("b", batchv1.JobFailed)
	cluster.must(op.settle())
	if state := cluster.getExecution().Status.State; state != v1alpha1.ExecutionFailed {
		t.Fatalf("the first execution is %s", state)
	}
	return cluster, op
}

func (op *operator) reconcileRetry(key types.NamespacedName) error {
	_, err := op.executions.Reconcile(context.Background(), ctrl.Request{NamespacedName: key})
	return err
}

func (cluster *fakeCluster) getRetry(key types.NamespacedName) *v1alpha1.PipelineExecution {
	e := &v1alpha1.PipelineExecution{}
	cluster.must(cluster.raw.Get(context.Background(), key, e))
	return e
}

// The variables reach the Jobs of a retry, and only the action that failed has one.
func TestARetryRunsWhatFailed(t *testing.T) {
	cluster, op := newFailedRun(t)
	cluster.must(cluster.raw.Create(context.Background(), makeRetry("retry")))
	jobs := len(cluster.jobs)
	cluster.must(op.reconcileRetry(retryKey))
	retry, first := cluster.getRetry(retryKey), cluster.getExecution()
	if got := len(cluster.jobs) - jobs; got != 1 || retry.Status.Stages[0].Actions[1].State != v1alpha1.ActionInProgress {
		t.Errorf("%d Jobs were created, %+v", got, retry.Status.Stages)
	}
	if by := first.Status.RetriedBy; by == nil || by.PipelineExecutionID != string(retry.UID) || retry.Status.RetryOf.Name != first.Name {
		t.Errorf("retried by %+v, retry of %+v", by, retry.Status.RetryOf)
	}
	if retry.Status.PipelineRevision != first.Status.PipelineRevision {
		t.Errorf("it pins %q, not %q", retry.Status.PipelineRevision, first.Status.PipelineRevision)
	}
	for _, job := range cluster.listObjects() {
		j, ok := job.(*batchv1.Job)
		if !ok || j.Labels[v1alpha1.LabelExecutionID] != string(retry.UID) {
			continue
		}
		for _, v := range j.Spec.Template.Spec.Containers[0].Env {
			if v.Name == "TAG" && v.Value != "v1" {
				t.Errorf("TAG is %q", v.Value)
			}
		}
		if !strings.Contains(j.Name, "retry") {
			t.Errorf("the Job %q has the name of another execution", j.Name)
		}
	}
}

// A crash between the claim and the binding leaves a retry that goes on, and that no other one overtakes.
func TestARetryThatCrashesBehindItsClaim(t *testing.T) {
	cluster, op := newFailedRun(t)
	cluster.must(cluster.raw.Create(context.Background(), makeRetry("retry")))
	other := makeRetry("other")
	cluster.must(cluster.raw.Create(context.Background(), other))
	cluster.after = func(c apiCall) error {
		if strings.HasSuffix(c.name, "status PipelineExecution") {
			return errDied
		}
		return nil
	}
	if err := op.reconcileRetry(retryKey); err == nil {
		t.Fatal("the operator did not die")
	}
	cluster.after = nil
	if by := cluster.getExecution().Status.RetriedBy; by == nil || by.Name != "retry" || cluster.getRetry(retryKey).Status.RetryOf != nil {
		t.Fatalf("it died elsewhere: %+v", by)
	}
	next := cluster.newOperator("next")
	otherKey := client.ObjectKeyFromObject(other)
	cluster.must(next.reconcileRetry(otherKey))
	cluster.must(next.reconcileRetry(retryKey))
	if got := cluster.getRetry(otherKey); readyReason(got) != v1alpha1.ReasonNotLatestPipelineExecution {
		t.Errorf("the other one is %s: %s", got.Status.State, readyReason(got))
	}
	if got := cluster.getRetry(retryKey).Status; got.RetryOf == nil || got.StartTime == nil {
		t.Errorf("the retry did not go on: %+v", got)
	}
}

// A cache that shows the first execution without what it ran, or as it was before it was retried, decides nothing.
func TestARetryDoesNotDependOnTheCache(t *testing.T) {
	cluster, op := newFailedRun(t)
	first, second := makeRetry("retry"), makeRetry("other")
	cluster.must(cluster.raw.Create(context.Background(), first))
	cluster.must(cluster.raw.Create(context.Background(), second))
	op.freezeCache()
	cluster.must(op.reconcileRetry(client.ObjectKeyFromObject(first)))
	cluster.must(op.reconcileRetry(client.ObjectKeyFromObject(second)))
	if got := cluster.getRetry(client.ObjectKeyFromObject(second)); readyReason(got) != v1alpha1.ReasonNotLatestPipelineExecution {
		t.Errorf("the second retry is %s: %s", got.Status.State, readyReason(got))
	}
}

// Somebody else who overwrites the state of the first execution does not change its version. It has not ended then, so no retry is named in it.
func TestARetryIsNotNamedInWhatHasNotEnded(t *testing.T) {
	cluster, op := newFailedRun(t)
	cluster.must(cluster.raw.Create(context.Background(), makeRetry("retry")))
	cluster.before = func(c apiCall) error {
		if c.name == callWriteStatus && c.object.GetName() == cluster.getExecution().Name {
			first := cluster.getExecution()
			first.Status.State = ""
			cluster.must(cluster.raw.Status().Update(context.Background(), first))
		}
		return nil
	}
	cluster.must(op.reconcileRetry(retryKey))
	if first, retry := cluster.getExecution().Status, cluster.getRetry(retryKey).Status; first.State != "" || first.RetriedBy != nil || retry.RetryOf != nil {
		t.Errorf("the first execution is %q and was retried by %+v; the retry took over %+v", first.State, first.RetriedBy, retry.RetryOf)
	}
}

// A revision that bears the mark that nothing uses it is taken over without the mark; one that is gone is not.
func TestARetryUsesTheRevision(t *testing.T) {
	cluster, op := newFailedRun(t)
	ctx := context.Background()
	key := client.ObjectKey{Namespace: "team", Name: cluster.getExecution().Status.PipelineRevision}
	revision := &appsv1.ControllerRevision{}
	cluster.must(cluster.raw.Get(ctx, key, revision))
	cluster.must(op.executions.Revisions.MarkUnused(ctx, revision, time.Now()))
	cluster.must(cluster.raw.Create(ctx, makeRetry("retry")))
	cluster.must(op.reconcileRetry(retryKey))
	cluster.must(cluster.raw.Get(ctx, key, revision))
	if _, marked := revision.Annotations[v1alpha1.AnnotationUnusedSince]; marked {
		t.Error("the revision that a retry uses bears the mark")
	}

	cluster, op = newFailedRun(t)
	cluster.must(cluster.raw.Get(ctx, key, revision))
	cluster.must(cluster.raw.Delete(ctx, revision))
	cluster.must(cluster.raw.Create(ctx, makeRetry("retry")))
	cluster.must(op.reconcileRetry(retryKey))
	if got := cluster.getRetry(retryKey); readyReason(got) != v1alpha1.ReasonRevisionLost || cluster.getExecution().Status.RetriedBy != nil {
		t.Errorf("without its revision it is %s: %s", got.Status.State, readyReason(got))
	}
}

func readyReason(e *v1alpha1.PipelineExecution) string {
	for _, c := range e.Status.Conditions {
		if c.Type == v1alpha1.ConditionReady {
			return c.Reason
		}
	}
	return ""
}

// An operator whose cache shows a retry as it was before it ended names it in nothing. If it did, and the retry were deleted, nobody would know
// that it took over nothing, and the first execution could never be retried.
func TestARetryThatHasEndedIsNotNamed(t *testing.T) {
	cluster, op := newFailedRun(t)
	ctx, first, other := context.Background(), makeRetry("retry"), makeRetry("other")
	first.Labels, first.Annotations = buildMark(first)
	cluster.must(cluster.raw.Create(ctx, first))
	op.freezeCache()
	next := cluster.newOperator("next")
	stop := makeStopRequest("stop", true)
	stop.Spec.PipelineExecutionID = string(first.UID)
	cluster.must(cluster.raw.Create(ctx, stop))
	cluster.must(next.reconcileRetry(retryKey))
	if got := cluster.getRetry(retryKey).Status; got.State != v1alpha1.ExecutionStopped || got.RetryOf != nil {
		t.Fatalf("the retry is %s", got.State)
	}
	_ = op.reconcileRetry(retryKey)
	if by := cluster.getExecution().Status.RetriedBy; by != nil {
		t.Errorf("it was retried by %q, which has ended", by.Name)
	}
	cluster.must(cluster.raw.Delete(ctx, cluster.getRetry(retryKey)))
	cluster.must(cluster.raw.Create(ctx, other))
	cluster.must(next.reconcileRetry(client.ObjectKeyFromObject(other)))
	if got := cluster.getRetry(client.ObjectKeyFromObject(other)); got.Status.RetryOf == nil {
		t.Errorf("the second retry is %s: %s", got.Status.State, readyReason(got))
	}
}

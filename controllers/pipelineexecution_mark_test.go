// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"haltline.dev/haltline/api/v1alpha1"
)

// What a restore copied from another execution is not run, whatever status came with it; its stop is rejected.
func TestARestoredCopyIsNotRun(t *testing.T) {
	withStatus := makeExecution()
	withStatus.Status.State, withStatus.Status.PipelineExecutionID = v1alpha1.ExecutionSucceeded, "another"
	marked := makeExecution()
	marked.Labels = map[string]string{v1alpha1.LabelExecutionID: "another"}
	renamed := makeExecution()
	renamed.Labels, renamed.Annotations = map[string]string{v1alpha1.LabelExecutionID: "another"}, map[string]string{v1alpha1.AnnotationExecutionName: "nightly"}
	stopping := makeExecutionIn(v1alpha1.ExecutionStopping, "w")
	stopping.Status.PipelineExecutionID = "another"
	for name, execution := range map[string]*v1alpha1.PipelineExecution{
		"with the status of another": withStatus, "with the mark of another": marked, "with the stop of another": stopping,
		"with the mark of another, under another name": renamed,
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipelineOf("a"), execution, makeStopRequest("r", true))
			op := cluster.newOperator("op")
			cluster.must(op.reconcileRequest("r"))
			if got := describeVerdict(cluster.getRequest("r")); got != "" {
				t.Errorf("before the copy is looked at, the verdict is %q", got)
			}
			cluster.must(op.settle())
			got := cluster.getExecution()
			ready := meta.FindStatusCondition(got.Status.Conditions, v1alpha1.ConditionReady)
			if got.Status.State != v1alpha1.ExecutionFailed || ready == nil || ready.Reason != v1alpha1.ReasonRestoredCopy || len(cluster.jobs) != 0 {
				t.Errorf("it is %s, Ready is %+v, jobs %v", got.Status.State, ready, cluster.jobs)
			}
			if v := describeVerdict(cluster.getRequest("r")); v != "False/"+v1alpha1.ReasonNotStoppable {
				t.Errorf("the verdict is %q", v)
			}
			checkWrites(t, "nothing more", cluster.writesDuring(func() { cluster.must(op.settle()) }))
		})
	}
}

// Whoever waits by kstatus waits for the generation, also of what has ended.
func TestAFinishedObjectFollowsItsGeneration(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution(), makeStopRequest("r", true))
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	execution, sr := cluster.getExecution(), cluster.getRequest("r")
	execution.Generation, sr.Generation = 7, 8
	cluster.must(cluster.raw.Update(t.Context(), execution))
	cluster.must(cluster.raw.Update(t.Context(), sr))
	cluster.must(op.settle())
	execution, sr = cluster.getExecution(), cluster.getRequest("r")
	if execution.Status.ObservedGeneration != 7 || sr.Status.ObservedGeneration != 8 {
		t.Errorf("observed %d and %d", execution.Status.ObservedGeneration, sr.Status.ObservedGeneration)
	}
	for _, c := range execution.Status.Conditions {
		if c.ObservedGeneration != 7 {
			t.Errorf("%s is about generation %d", c.Type, c.ObservedGeneration)
		}
	}
	checkWrites(t, "nothing more", cluster.writesDuring(func() { cluster.must(op.settle()) }))
}

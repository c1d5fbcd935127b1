// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// makeExecutionIn returns the execution in a state, with the requests that it has accepted.
func makeExecutionIn(state v1alpha1.ExecutionState, verdictAccepted ...string) *v1alpha1.PipelineExecution {
	execution := makeExecution()
	execution.Status.State = state
	for _, name := range verdictAccepted {
		if execution.Status.Stop == nil {
			execution.Status.Stop = &v1alpha1.StopStatus{Mode: v1alpha1.StopModeWait}
		}
		execution.Status.Stop.Requests = append(execution.Status.Stop.Requests, v1alpha1.AcceptedStopRequest{
			UID: "uid-of-" + name, Name: name, Mode: v1alpha1.StopModeWait, AcceptedTime: metav1.NewTime(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)),
		})
	}
	return execution
}

// describeVerdict returns the condition Accepted as "Status/Reason", or nothing.
func describeVerdict(sr *v1alpha1.StopRequest) string {
	if c := meta.FindStatusCondition(sr.Status.Conditions, v1alpha1.ConditionAccepted); c != nil {
		return string(c.Status) + "/" + c.Reason
	}
	return ""
}

const (
	verdictAccepted     = "True/Accepted"
	verdictNotStoppable = "False/PipelineExecutionNotStoppableException"
	verdictNotFound     = "False/PipelineNotFoundException"
	verdictDuplicated   = "False/DuplicatedStopRequestException"
)

// setExecution puts the execution into the cluster as given, or takes it away.
func setExecution(cluster *fakeCluster, execution *v1alpha1.PipelineExecution) {
	cluster.t.Helper()
	ctx := context.Background()
	cluster.must(client.IgnoreNotFound(cluster.raw.Delete(ctx, makeExecution())))
	if execution != nil {
		cluster.must(cluster.raw.Create(ctx, execution.DeepCopy()))
		status := execution.DeepCopy()
		cluster.must(cluster.raw.Get(ctx, executionKey, execution.DeepCopy()))
		status.ResourceVersion = ""
		current := cluster.getExecution()
		current.Status = status.Status
		cluster.must(cluster.raw.Status().Update(ctx, current))
	}
}

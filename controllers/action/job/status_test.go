// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The Job controller sets uncountedTerminatedPods on its first look at a Job and never removes it, so that it is empty
// if nothing is uncounted (syncJob in k8s.io/kubernetes/pkg/controller/job/job_controller.go).
func TestIsIdle(t *testing.T) {
	none := &batchv1.UncountedTerminatedPods{}
	tests := []struct {
		name   string
		status batchv1.JobStatus
		want   bool
	}{
		{"the Job controller has not looked", batchv1.JobStatus{}, true},
		{"a quota keeps its pod from being created", batchv1.JobStatus{UncountedTerminatedPods: none}, true},
		{"between two tries", batchv1.JobStatus{Failed: 1, UncountedTerminatedPods: none}, true},
		{"a pod runs", batchv1.JobStatus{Active: 1, UncountedTerminatedPods: none}, false},
		{"a pod succeeded", batchv1.JobStatus{Succeeded: 1, UncountedTerminatedPods: none}, false},
		{"a pod succeeded and is not counted", batchv1.JobStatus{UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{Succeeded: []types.UID{"p"}}}, false},
		{"a pod failed and is not counted", batchv1.JobStatus{UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{Failed: []types.UID{"p"}}}, false},
		{"it is about to complete", batchv1.JobStatus{Conditions: jobConditions(batchv1.JobSuccessCriteriaMet), UncountedTerminatedPods: none}, false},
		{"it is about to fail", batchv1.JobStatus{Conditions: jobConditions(batchv1.JobFailureTarget), UncountedTerminatedPods: none}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := isIdle(&batchv1.Job{Status: tt.status}); got != tt.want {
				t.Errorf("isIdle is %v, want %v", got, tt.want)
			}
		})
	}
}

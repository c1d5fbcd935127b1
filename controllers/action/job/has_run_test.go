// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// A pod counts as one that runs when it is ready or has ended. One that waits for a node or an image is only active.
func TestHasRun(t *testing.T) {
	for name, tt := range map[string]struct {
		status batchv1.JobStatus
		want   bool
	}{
		"no pod":              {batchv1.JobStatus{}, false},
		"a pod waits":         {batchv1.JobStatus{Active: 1, Ready: ptr.To[int32](0)}, false},
		"a pod is ready":      {batchv1.JobStatus{Active: 1, Ready: ptr.To[int32](1)}, true},
		"a pod succeeded":     {batchv1.JobStatus{Succeeded: 1}, true},
		"a pod failed":        {batchv1.JobStatus{Failed: 1}, true},
		"one is not counted":  {batchv1.JobStatus{UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{Failed: []types.UID{"u"}}}, true},
		"none is not counted": {batchv1.JobStatus{UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			job := makeJob(func(j *batchv1.Job) { j.Status = tt.status })
			if got := observeJob(job).HasRun; got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

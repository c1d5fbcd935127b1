// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/utils/ptr"
)

// hasRun reports whether the status of a Job shows that a pod of it runs, or has ended. The Job controller counts those that are ready,
// which is when the containers run and their readiness probes, if they have any, succeed. A pod that is active may still wait for a
// node or an image, so it does not count.
func hasRun(job *batchv1.Job) bool {
	status := &job.Status
	if u := status.UncountedTerminatedPods; u != nil && len(u.Succeeded)+len(u.Failed) > 0 {
		return true
	}
	return ptr.Deref(status.Ready, 0) > 0 || status.Succeeded > 0 || status.Failed > 0
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"fmt"
	"testing"

	batchv1 "k8s.io/api/batch/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// When the Job that was created again has ended too, an action in progress fails as lost, and an abandoned one has ended. An
// end alone would not do for an action in progress: it would neither fail nor succeed.
func TestALostJobThatWasCreatedAgain(t *testing.T) {
	ends := map[string]func(*batchv1.Job){"it ends": asConfirmedSuspended, "it was complete": asComplete, "it had failed": asFailed("R", "m")}
	for operation, want := range map[plan.OperationType]plan.Phase{plan.OperationObserve: plan.PhaseFailed, plan.OperationTerminate: plan.PhaseEnded} {
		for name, end := range ends {
			t.Run(fmt.Sprintf("%s, operation %d", name, operation), func(t *testing.T) {
				cluster := newCluster(t, makeJob(withOtherUID))
				o, err := cluster.execute(makeScope(), makeConfirmed(operation))
				if job := cluster.job(); err != nil || o.Phase != plan.PhaseRunning || !isSuspended(job) || !isEmpty(job) {
					t.Fatalf("got %+v, %v; the Job is %+v", o, err, job.Spec)
				}
				job := cluster.job()
				end(job)
				cluster.must(cluster.raw.Status().Update(t.Context(), job))
				o, err = cluster.execute(makeScope(), makeConfirmed(operation))
				if err != nil || o.Phase != want || (operation == plan.OperationObserve && o.Reason != v1alpha1.ReasonWorkloadLost) {
					t.Errorf("got %+v, %v; want the phase %d", o, err, want)
				}
			})
		}
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// Every operation of a stop that abandons has the grace period that was asked for, and the conditions and events read it.
func TestAnAbandonBringsItsGracePeriod(t *testing.T) {
	sr := makeRequest("now", true)
	sr.Spec.GracePeriodSeconds = ptr.To[int64](5)
	execution := runSteps(t, oneAction(),
		step{want: "InProgress | s InProgress: a=unconfirmed"},
		step{observed: phases{"s/a": PhaseRunning}, want: "InProgress | s InProgress: a=InProgress"},
		step{requests: []v1alpha1.StopRequest{sr}, want: "Stopping | s Stopping: a=ending"})
	operations := Operations(&execution.Status, oneAction())
	if len(operations) != 1 || operations[0].Type != OperationTerminate {
		t.Fatalf("got %+v", operations)
	}
	if diff := cmp.Diff(ptr.To[int64](5), operations[0].GracePeriodSeconds); diff != "" {
		t.Errorf("grace period (-want +got):\n%s", diff)
	}
	checkContains(t, sharedMessage(t, &execution.Status), `StopRequest "now" asked to stop and abandon with a grace period of at most 5 seconds.`)
}

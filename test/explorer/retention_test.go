// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"testing"

	"haltline.dev/haltline/test/simcluster"
)

// An execution is deleted whole: nothing stays of what it ran, nor the revision that only it used.
func TestADeletedExecutionLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, sc := range retentionScenarios() {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			s := NewSim(sc)
			s.Run()
			for _, kind := range []simcluster.Kind{simcluster.Execution, simcluster.Job, simcluster.Pod, simcluster.Revision} {
				for _, o := range s.Store.All(kind) {
					t.Errorf("%s %q is left\n%s", kind, o.GetName(), s.Trace(nil))
				}
			}
		})
	}
}

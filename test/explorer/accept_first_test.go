// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"testing"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// "All waiting stops are accepted and their requests answered before a request is spent on ending what they stopped; ending goes
// before starting" (docs/architecture.md, "Accept first"). So it is in whatever order a queue hands out its work.
func TestStopsAreAcceptedFirst(t *testing.T) {
	for _, newestFirst := range []bool{false, true} {
		t.Run(fmt.Sprintf("newest first %v", newestFirst), func(t *testing.T) {
			const running, starting = 10, 5
			s := NewSim(&Scenario{Setup: func(s *Sim) {
				s.createPipeline(newStage("Build", newAction("compile").thatHangs()))
				for i := range running {
					s.createExecution(fmt.Sprintf("run-%d", i))
				}
			}, Acts: []Act{{whenRunning(running), func(s *Sim) {
				for i := range running {
					s.createStopRequest(fmt.Sprintf("stop-%d", i), fmt.Sprintf("run-%d", i), setAbandon)
				}
				for i := range starting {
					s.createExecution(fmt.Sprintf("late-%d", i))
				}
				if newestFirst {
					s.Op.NewestFirst()
				}
				for s.Op.Advance() { // It comes to know of all of them.
				}
			}}}})
			s.Run()

			order := map[string]int{}
			var asked int
			for i, c := range s.Store.History {
				if c.Kind == simcluster.StopRequest && c.Old == nil {
					asked = i
				}
			}
			for _, c := range s.Op.Calls[:s.RestartedAt] {
				if c.Cached || c.Before <= asked || c.Err != nil {
					continue
				}
				switch call := c.Verb + " " + c.Kind.String(); {
				case call == "patch-status StopRequest" && order["verdict"] < running:
					order["verdict"]++
				case call == "patch Job" || call == "create Job":
					order[call]++
					if order["verdict"] < running {
						t.Errorf("%s after %d of %d verdicts", c, order["verdict"], running)
					}
				}
			}
			if order["patch Job"] != running || order["create Job"] != starting {
				t.Errorf("%d Jobs were ended, and %d started", order["patch Job"], order["create Job"])
			}
			for i := range running {
				if e := s.Store.Find(simcluster.Execution, key(fmt.Sprintf("run-%d", i))).(*v1alpha1.PipelineExecution); e.Status.State != v1alpha1.ExecutionStopped {
					t.Errorf("%s is %s", e.Name, e.Status.State)
				}
			}
		})
	}
}

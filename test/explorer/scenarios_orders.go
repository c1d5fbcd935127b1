// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"strings"
	"time"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// orderScenarios are executions that two or three requests stop: waits and abandons in each order, each made when the one before
// is answered, or all before the operator sees the first.
func orderScenarios() []*Scenario {
	all := []*Scenario{newSameSecondScenario()}
	for _, letters := range []string{
		"ww", "wa", "aw", "aa", "www", "wwa", "waw", "waa", "aww", "awa", "aaw", "aaa",
	} {
		all = append(all, newApartScenario(letters), newTogetherScenario(letters))
	}
	return all
}

// newOrderScenario returns a scenario of stop requests without its acts: w waits, a abandons.
func newOrderScenario(letters string) *Scenario {
	sc := &Scenario{
		Name: letters, Setup: setUpOneRun(newStage("Build", newAction("compile").thatHangs(), newAction("package").withRunOrder(2))),
		Want: map[string]string{"run": stopped}, FromFirstStop: true,
	}
	if !strings.Contains(letters, "a") {
		sc.Want["run"] = stopping
	}
	for i, letter := range letters {
		sc.Want[stopName(letters, i)] = expectedVerdict(letters[:i], letter)
	}
	return sc
}

// newApartScenario makes each request when the one before is answered.
func newApartScenario(letters string) *Scenario {
	sc := newOrderScenario(letters)
	// One of them has injections from the start.
	sc.FromFirstStop = letters != "wa"
	for i := range letters {
		when := whenRunning(1)
		if i > 0 {
			when = whenAnswered(stopName(letters, i-1))
		}
		sc.Acts = append(sc.Acts, Act{when, func(s *Sim) { s.createNthStop(letters, i) }})
	}
	return sc
}

// newTogetherScenario makes all requests before the operator sees the first.
func newTogetherScenario(letters string) *Scenario {
	sc := newOrderScenario(letters)
	sc.Name += "-together"
	sc.Acts = []Act{{whenRunning(1), func(s *Sim) {
		for i := range letters {
			s.createNthStop(letters, i)
		}
		s.Op.Relist(simcluster.StopRequest)
	}}}
	return sc
}

// stopName returns the name of a request. The names are in the opposite order of the times, so that no test passes because one
// was taken for the other.
func stopName(letters string, i int) string { return fmt.Sprintf("%d-stop", len(letters)-i) }

// createNthStop makes a request, a second after the one before.
func (s *Sim) createNthStop(letters string, i int) {
	s.Store.Clock.SetTime(s.Store.Clock.Now().Add(time.Second))
	s.createStopRequest(stopName(letters, i), "run", map[byte]func(*v1alpha1.StopRequestSpec){'w': setWait, 'a': setAbandon}[letters[i]])
}

// expectedVerdict returns the verdict on a request that comes after others. Accepted are the first request, and the first abandon
// after waits: "If you already chose to stop and wait, you cannot make that request again. You can choose to stop and abandon now".
func expectedVerdict(before string, letter rune) string {
	if before == "" || letter == 'a' && !strings.Contains(before, "a") {
		return accepted
	}
	return duplicated
}

// newSameSecondScenario makes requests in the same second: their names decide which is the older one.
func newSameSecondScenario() *Scenario {
	return &Scenario{Name: "same-second", Setup: setUpOneRun(newStage("Build", newAction("compile").thatHangs())), Acts: []Act{
		{whenRunning(1), func(s *Sim) {
			s.createStopRequest("c", "run", setAbandon)
			s.createStopRequest("b", "run", setAbandon)
			s.createStopRequest("a", "run", setEscalation)
			s.Op.Relist(simcluster.StopRequest)
		}},
	}, Want: map[string]string{"run": stopped, "a": accepted, "b": accepted, "c": duplicated}}
}

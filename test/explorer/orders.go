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

// orders are executions that two or three requests stop: waits and abandons in each order, each made when the one before
// is answered, or all before the operator sees the first.
func orders() []*Scenario {
	all := []*Scenario{sameSecond()}
	for _, letters := range []string{
		"ww", "wa", "aw", "aa", "www", "wwa", "waw", "waa", "aww", "awa", "aaw", "aaa",
	} {
		all = append(all, apart(letters), together(letters))
	}
	return all
}

// inOrder is a scenario of requests, w a wait and a an abandon, without who makes them when.
func inOrder(letters string) *Scenario {
	sc := &Scenario{
		Name: letters, Setup: oneRun(stage("Build", act("compile").hangs(), act("package").at(2))),
		Want: map[string]string{"run": stopped}, FromFirstStop: true,
	}
	if !strings.Contains(letters, "a") {
		sc.Want["run"] = stopping
	}
	for i, letter := range letters {
		sc.Want[nthStop(letters, i)] = answer(letters[:i], letter)
	}
	return sc
}

// apart has each request be made when the one before is answered.
func apart(letters string) *Scenario {
	sc := inOrder(letters)
	// One of them has injections from the start.
	sc.FromFirstStop = letters != "wa"
	for i := range letters {
		when := whenRunning(1)
		if i > 0 {
			when = whenAnswered(nthStop(letters, i-1))
		}
		sc.Acts = append(sc.Acts, Act{when, func(s *Sim) { s.askNth(letters, i) }})
	}
	return sc
}

// together has all requests be there when the operator looks.
func together(letters string) *Scenario {
	sc := inOrder(letters)
	sc.Name += "-together"
	sc.Acts = []Act{{whenRunning(1), func(s *Sim) {
		for i := range letters {
			s.askNth(letters, i)
		}
		s.Op.Relist(simcluster.StopRequest)
	}}}
	return sc
}

// nthStop is the name of a request. The names are in the opposite order of the times, so that neither can stand for the
// other.
func nthStop(letters string, i int) string { return fmt.Sprintf("%d-stop", len(letters)-i) }

// askNth makes a request, a second after the one before.
func (s *Sim) askNth(letters string, i int) {
	s.Store.Clock.SetTime(s.Store.Clock.Now().Add(time.Second))
	s.request(nthStop(letters, i), "run", map[byte]func(*v1alpha1.StopRequestSpec){'w': wait, 'a': abandon}[letters[i]])
}

// answer is that to a request, after others: the first is accepted, and the first abandon after waits. "If you already
// chose to stop and wait, you cannot make that request again. You can choose to stop and abandon now".
func answer(before string, letter rune) string {
	if before == "" || letter == 'a' && !strings.Contains(before, "a") {
		return accepted
	}
	return duplicated
}

// sameSecond has requests of the same second: their names decide which is the older one.
func sameSecond() *Scenario {
	return &Scenario{Name: "same-second", Setup: oneRun(stage("Build", act("compile").hangs())), Acts: []Act{
		{whenRunning(1), func(s *Sim) {
			s.request("c", "run", abandon)
			s.request("b", "run", abandon)
			s.request("a", "run", escalate)
			s.Op.Relist(simcluster.StopRequest)
		}},
	}, Want: map[string]string{"run": stopped, "a": accepted, "b": accepted, "c": duplicated}}
}

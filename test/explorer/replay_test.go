// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"flag"
	"slices"
	"strings"
	"testing"
)

var replay = flag.String("replay", "run", "a run to repeat: scenario[,call/injection[,call/injection]]")

// TestReplay repeats one run and logs its trace.
func TestReplay(t *testing.T) {
	s := parseRun(t, *replay)
	s.Run()
	found := Check(s)
	t.Log(s.Trace(found))
	if len(found) > 0 {
		t.Fail()
	}
}

// parseRun reads a name that Sim.Name returns.
func parseRun(t *testing.T, name string) *Sim {
	t.Helper()
	parts := strings.Split(name, ",")
	all := Scenarios()
	i := slices.IndexFunc(all, func(sc *Scenario) bool { return sc.Name == parts[0] })
	if i < 0 {
		t.Fatalf("no scenario %q", parts[0])
	}
	var injections []*Injection
	for _, part := range parts[1:] {
		call, what, _ := strings.Cut(part, "/")
		injections = append(injections, &Injection{Call: parseNumber(call), What: what})
	}
	return NewSim(all[i], injections...)
}

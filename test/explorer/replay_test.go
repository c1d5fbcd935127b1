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

// TestReplay repeats one run and tells it.
func TestReplay(t *testing.T) {
	s := parseRun(t, *replay)
	s.Run()
	found := Check(s)
	t.Log(s.Trace(found))
	if len(found) > 0 {
		t.Fail()
	}
}

// parseRun reads what Sim.Name says.
func parseRun(t *testing.T, name string) *Sim {
	t.Helper()
	parts := strings.Split(name, ",")
	all := Scenarios()
	i := slices.IndexFunc(all, func(sc *Scenario) bool { return sc.Name == parts[0] })
	if i < 0 {
		t.Fatalf("no scenario %q", parts[0])
	}
	var trouble []*Injection
	for _, part := range parts[1:] {
		call, what, _ := strings.Cut(part, "/")
		trouble = append(trouble, &Injection{Call: number(call), What: what})
	}
	return NewSim(all[i], trouble...)
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"flag"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"testing"

	"k8s.io/utils/clock"
	"pgregory.net/rapid"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// steps is how many steps a history has on average. A seed gives the same history only with the same number.
const steps = 60

// TestMain makes rapid draw the same histories every time, unless the command line asks for others, and leave no files.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	for name, value := range map[string]string{
		"rapid.checks": strconv.Itoa(checks), "rapid.steps": strconv.Itoa(steps), "rapid.seed": "1", "rapid.nofailfile": "true",
	} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// TestHistories draws histories of one execution at a time, in which more goes wrong at the same moment, of several, and of several that
// mostly wait: for people, for each other, for transitions and for the end of a time limit.
func TestHistories(t *testing.T) {
	t.Parallel()
	t.Run("one", func(t *testing.T) {
		t.Parallel()
		drawHistories(t, size{pipelines: 1, executions: 1, stages: 2, actions: 2})
	})
	t.Run("several", func(t *testing.T) {
		t.Parallel()
		drawHistories(t, size{pipelines: 2, executions: 3, stages: 2, actions: 3})
	})
	t.Run("waits", func(t *testing.T) {
		t.Parallel()
		drawHistories(t, size{pipelines: 1, executions: 3, stages: 2, actions: 2, waits: true})
	})
}

func drawHistories(t *testing.T, most size) {
	total, began := newCounts(), clock.RealClock{}.Now()
	defer func() {
		t.Logf("%v\n%.0f seconds", total, clock.RealClock{}.Since(began).Seconds())
		if t.Failed() {
			t.Logf("To replay it: go test ./test/histories -run '%s' -rapid.seed SEED, with the seed that is named above.", t.Name())
		}
	}()
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t, most, total)
		steps := h.steps()
		steps[""] = func(t *rapid.T) {
			h.total.steps++
			h.failOnFindings(t)
		}
		t.Repeat(steps)
		h.runToRest(t)
		h.failOnFindings(t)
		h.checkInvariants()
		h.failOnFindings(t)
		total.addHistory(h.judge)
	})
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package chaos breaks a real cluster and the operator on it while executions start and stop: processes are killed and paused,
// connections cut, answers lost. When the faults have ended, it checks the invariants I1 to I11 on a history that is made of the API
// server's audit log and of what a watch of the test's own saw.
//
// The package starts clusters of its own and removes them: go test ./test/chaos -count=1 -v. CHAOS=long asks for the
// long run (-timeout 40m), CHAOS_SEED for the choices of an earlier one, CHAOS_OPERATOR for another binary. CHAOS_KEEP=1 keeps the
// logs, which are kept anyway when a test fails. CHAOS_NODE=simulated does without the real node, which needs Linux and root. A table of everything that was counted comes at the end.
package chaos

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// settings are how much is tried.
type settings struct {
	// seed of all choices.
	seed uint64
	// executions are started in each phase during the window, in which faults go on.
	executions int
	window     time.Duration
	// restarts of the API server or of etcd in their phases.
	restarts int
	// all asks for a phase in which every fault happens.
	all bool
	// onNode is how many executions run on a real node, and absent how long its kubelet is away.
	onNode int
	absent time.Duration
	// quiet is how long nothing may be written after everything has converged.
	quiet time.Duration
	// patience is how long a phase may take to converge.
	patience time.Duration
}

var (
	short = settings{executions: 40, window: 10 * time.Second, restarts: 2, onNode: 4, absent: 6 * time.Second, quiet: 3 * time.Second, patience: 2 * time.Minute}
	long  = settings{all: true, executions: 84, window: 75 * time.Second, restarts: 8, onNode: 12, absent: 60 * time.Second, quiet: 15 * time.Second, patience: 5 * time.Minute}
)

var (
	run settings
	// artifacts is where binaries and logs are; it is kept when a test fails.
	artifacts string
	// binary is the operator.
	binary string
	// nodeKind is that of the node whose kubelet was killed: real or simulated.
	nodeKind string
)

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("chaos: not in short mode")
		return
	}
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
	began := time.Now()
	code := m.Run()
	if len(runReport.phases) > 0 {
		fmt.Printf("\n%s\nin %s, clusters included; node of TestKubelet: %s\n\n", &runReport, time.Since(began).Round(time.Second), cmp.Or(nodeKind, "none"))
	}
	if code == 0 && os.Getenv("CHAOS_KEEP") == "" {
		_ = os.RemoveAll(artifacts)
	} else {
		fmt.Printf("chaos: logs are in %s; the same choices again: CHAOS_SEED=%d\n", artifacts, run.seed)
	}
	os.Exit(code)
}

func prepare() error {
	run = short
	if os.Getenv("CHAOS") == "long" {
		run = long
	}
	run.seed = rand.Uint64N(1_000_000)
	if s := os.Getenv("CHAOS_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return fmt.Errorf("CHAOS_SEED: %w", err)
		}
		run.seed = seed
	}
	fmt.Printf("chaos: CHAOS_SEED=%d\n", run.seed)
	var err error
	if artifacts, err = os.MkdirTemp("", "haltline-chaos-"); err != nil {
		return err
	}
	return buildOperator()
}

func buildOperator() error {
	if binary = os.Getenv("CHAOS_OPERATOR"); binary != "" {
		return nil
	}
	binary = filepath.Join(artifacts, "haltline")
	cmd := exec.Command("go", "build", "-o", binary, ".")
	cmd.Dir = filepath.Join("..", "..")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the operator: %w\n%s", err, output)
	}
	return nil
}

// newRandom returns a source of choices of its own for each name, so that they depend on the seed and not on the order in
// which goroutines run.
func newRandom(name string) *rand.Rand {
	var hash uint64 = 14695981039346656037
	for _, b := range []byte(name) {
		hash = (hash ^ uint64(b)) * 1099511628211
	}
	return rand.New(rand.NewPCG(run.seed, hash))
}

// randomDuration returns a duration from low to high.
func randomDuration(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)+1))
}

// appendTo opens a file of the artifacts.
func appendTo(name string) (io.WriteCloser, error) {
	return os.OpenFile(filepath.Join(artifacts, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"haltline.dev/haltline/test/apiserver"
)

// limit is the memory in MiB that the Deployment allows the operator.
const limit = 512

// operator is the operator's program as a process of its own.
type operator struct {
	cmd   *exec.Cmd
	ended chan error
}

// buildOperator builds the operator's program and returns its path, unless MEMORY_OPERATOR names another one.
func buildOperator(t *testing.T) string {
	t.Helper()
	if other := os.Getenv("MEMORY_OPERATOR"); other != "" {
		return other
	}
	binary := filepath.Join(t.TempDir(), "haltline")
	if err := apiserver.Build(t.Context(), ".", binary); err != nil {
		t.Fatal(err)
	}
	return binary
}

// startOperator starts the operator, with the settings of the Deployment that its memory depends on.
func startOperator(t *testing.T, binary, kubeconfig string, flags []string) *operator {
	t.Helper()
	log, err := apiserver.OpenLog()
	if err != nil {
		t.Fatal(err)
	}
	o := &operator{cmd: exec.Command(binary, append([]string{"--health-probe-bind-address=0"}, flags...)...), ended: make(chan error, 1)}
	o.cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "GOMEMLIMIT=460MiB")
	o.cmd.Stdout, o.cmd.Stderr = log, log
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { o.ended <- o.cmd.Wait() }()
	t.Cleanup(func() { o.stop() })
	return o
}

// stop ends the operator; it does nothing if it has ended.
func (o *operator) stop() {
	_ = o.cmd.Process.Kill()
	o.ended <- <-o.ended
}

// checkMemory fails the test if the operator ended, or ever used more memory than the limit, and reports the most that it used.
func (o *operator) checkMemory(t *testing.T, after string) {
	t.Helper()
	select {
	case err := <-o.ended:
		o.ended <- err
		t.Fatalf("after %s the operator ended: %v", after, err)
	default:
	}
	peak, now := o.memory(t, "VmHWM"), o.memory(t, "VmRSS")
	t.Logf("after %s: %d MiB, at most %d MiB", after, now, peak)
	if peak > limit {
		t.Errorf("after %s the operator used %d MiB of %d MiB", after, peak, limit)
	}
}

// memory returns a value of /proc/PID/status in MiB.
func (o *operator) memory(t *testing.T, field string) int {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", o.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), field+":"); ok {
			var kib int
			if _, err := fmt.Sscan(value, &kib); err != nil {
				t.Fatal(err)
			}
			return kib >> 10
		}
	}
	t.Fatalf("the kernel shows no %s", field)
	return 0
}

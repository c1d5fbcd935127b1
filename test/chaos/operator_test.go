// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// operator is an operator as a process on this machine. If it ends by itself it is started again, as a Deployment would do.
type operator struct {
	// name begins its user agent.
	name       string
	kubeconfig string
	counts     *counts

	mu      sync.Mutex
	cmd     *exec.Cmd
	wanted  bool
	stopped chan struct{}
}

// startOperator starts an operator that is killed at the end of the test.
func startOperator(t *testing.T, c *cluster, name, proxy string, n *counts) *operator {
	t.Helper()
	o := &operator{name: name, kubeconfig: c.kubeconfig(t, name, proxy), counts: n}
	o.start()
	t.Cleanup(func() {
		o.kill()
		o.checkForPanics(t)
	})
	return o
}

// start runs the operator until it is killed.
func (o *operator) start() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.wanted {
		return
	}
	o.wanted, o.stopped = true, make(chan struct{})
	go o.keepRunning(o.stopped)
}

func (o *operator) keepRunning(stopped chan struct{}) {
	defer close(stopped)
	for o.launch() {
		_ = o.cmd.Wait()
		o.mu.Lock()
		wanted := o.wanted
		o.mu.Unlock()
		if !wanted {
			return
		}
		o.counts.add("operator ended by itself")
		time.Sleep(300 * time.Millisecond)
	}
}

func (o *operator) launch() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.wanted {
		return false
	}
	log, err := appendTo(o.logName())
	if err != nil {
		return false
	}
	defer func() { _ = log.Close() }()
	o.cmd = exec.Command(binary)
	// The user agent of a client begins with the name of its program.
	o.cmd.Args = []string{o.name, "--health-probe-bind-address=0"}
	o.cmd.Env = append(os.Environ(), "KUBECONFIG="+o.kubeconfig)
	o.cmd.Stdout, o.cmd.Stderr = log, log
	o.cmd.SysProcAttr = ownProcess()
	if err := o.cmd.Start(); err != nil {
		o.wanted = false
		return false
	}
	return true
}

func (o *operator) logName() string {
	return filepath.Base(o.kubeconfig) + ".log"
}

// kill kills the operator.
func (o *operator) kill() {
	o.mu.Lock()
	if !o.wanted {
		o.mu.Unlock()
		return
	}
	o.wanted = false
	o.signal(syscall.SIGKILL)
	o.mu.Unlock()
	<-o.stopped
}

// pauseProcess pauses the operator in the middle of what it does. resumeProcess lets it go on as if nothing had happened.
func (o *operator) pauseProcess() { o.sendSignal(syscall.SIGSTOP) }

func (o *operator) resumeProcess() { o.sendSignal(syscall.SIGCONT) }

func (o *operator) sendSignal(s syscall.Signal) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.signal(s)
}

func (o *operator) signal(s syscall.Signal) {
	if o.cmd != nil && o.cmd.Process != nil {
		// If the process has ended, this does nothing.
		_ = o.cmd.Process.Signal(s)
	}
}

// checkForPanics fails the test if the operator's log has a panic.
func (o *operator) checkForPanics(t *testing.T) {
	t.Helper()
	f, err := os.Open(filepath.Join(artifacts, o.logName()))
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		for _, sign := range []string{"panic:", "Observed a panic", "\"panic\"", "fatal error:", "DATA RACE"} {
			if strings.Contains(line, sign) {
				t.Errorf("%s: %s", o.logName(), line)
			}
		}
	}
}

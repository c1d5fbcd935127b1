// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	probeAddress = "127.0.0.1:20981"
	// clockTicks a second are what Linux counts processor time in.
	clockTicks = 100
)

// operator is the operator as a process on this machine.
type operator struct {
	cmd *exec.Cmd
	log string
}

// usage is what a process has used since it started.
type usage struct {
	CPUSeconds float64 `json:"cpuSeconds"`
	// PeakKiB is VmHWM, the most memory that was resident at a time.
	PeakKiB int `json:"peakKiB"`
}

// startOperator builds and starts the operator, and waits until it is ready. Its log is NAME.log in the folder of the results.
func (b *bench) startOperator(ctx context.Context, name string) (*operator, error) {
	binary := filepath.Join(b.cluster.folder, "haltline")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, ".")
	build.Dir, build.Env = b.options.repository, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the operator: %w\n%s", err, output)
	}
	kubeconfig, err := b.writeKubeconfig(ctx)
	if err != nil {
		return nil, err
	}
	o := &operator{log: filepath.Join(b.output, name+".log")}
	file, err := os.Create(o.log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	o.cmd = exec.Command(binary, "--health-probe-bind-address="+probeAddress, "--pprof-bind-address="+pprofAddress)
	o.cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	o.cmd.Stdout, o.cmd.Stderr, o.cmd.SysProcAttr = file, file, ownGroup()
	if err := o.cmd.Start(); err != nil {
		return nil, err
	}
	if err := waitUntilReady(ctx); err != nil {
		return nil, errors.Join(err, o.stop())
	}
	return o, nil
}

func waitUntilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+probeAddress+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(req); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("the operator does not become ready")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stop ends the operator. It returns an error if the operator ended badly, or logged an error before: what is under way when it is told
// to end is cut short, and logged as such.
func (o *operator) stop() error {
	text, readErr := os.ReadFile(o.log)
	if err := o.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := o.cmd.Wait()
	if lines := errorLines(text); len(lines) > 0 {
		err = errors.Join(err, fmt.Errorf("the operator logged %d errors (%s), such as: %s", len(lines), o.log, lines[0]))
	}
	return errors.Join(err, readErr)
}

// errorLines returns the lines of an operator's log that have level error, or that a panic left.
func errorLines(text []byte) []string {
	var found []string
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if strings.Contains(line, `"level":"error"`) || strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			found = append(found, line)
		}
	}
	return found
}

func (o *operator) usage() (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", o.cmd.Process.Pid))
	if err != nil {
		return usage{}, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", o.cmd.Process.Pid))
	if err != nil {
		return usage{}, err
	}
	return parseUsage(string(stat), string(status))
}

// parseUsage reads the stat and the status of a process in /proc.
func parseUsage(stat, status string) (usage, error) {
	// The name of the program is in parentheses and may have spaces; utime and stime are the 12th and 13th field after it.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return usage{}, fmt.Errorf("/proc/PID/stat has %d fields", len(fields))
	}
	user, userErr := strconv.Atoi(fields[11])
	system, systemErr := strconv.Atoi(fields[12])
	_, peak, _ := strings.Cut(status, "VmHWM:")
	peak, _, _ = strings.Cut(peak, "kB")
	kib, peakErr := strconv.Atoi(strings.TrimSpace(peak))
	return usage{CPUSeconds: float64(user+system) / clockTicks, PeakKiB: kib}, errors.Join(userErr, systemErr, peakErr)
}

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

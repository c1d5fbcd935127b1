// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// memoryLimit is the environment of the operator in config/manager.
const memoryLimit = "GOMEMLIMIT=460MiB"

// operator is the operator that runs as a process on this machine. Linux tells what it costs.
type operator struct {
	binary, kubeconfig, folder string
	// starts is how often it was started, each time with a log of its own.
	starts       int
	logPath      string
	probe, pprof string
	command      *exec.Cmd
	log          *os.File
}

func newOperator(o *options) (*operator, error) {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return nil, err
	}
	return &operator{binary: o.operator, kubeconfig: o.operatorKubeconfig, folder: o.out}, nil
}

// freeAddress returns an address of this machine that nobody listens to.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// start starts the operator, and waits until it is ready.
func (p *operator) start(ctx context.Context) error {
	var err error
	if p.probe, err = freeAddress(); err != nil {
		return err
	}
	p.starts++
	p.logPath = filepath.Join(p.folder, fmt.Sprintf("operator-%d.log", p.starts))
	if p.log, err = os.Create(p.logPath); err != nil {
		return err
	}
	if p.pprof, err = freeAddress(); err != nil {
		return err
	}
	p.command = exec.Command(p.binary,
		"--health-probe-bind-address="+p.probe, "--metrics-bind-address=0", "--pprof-bind-address="+p.pprof)
	p.command.Env = append(os.Environ(), "KUBECONFIG="+p.kubeconfig, memoryLimit)
	p.command.Stdout, p.command.Stderr = p.log, p.log
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.command.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if response, err := http.Get("http://" + p.probe + "/readyz"); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("the operator did not become ready; see " + p.logPath)
}

// stop ends the operator, and returns an error if it had logged one before. Of what it does when it is told to end, it logs that it
// cannot finish it.
func (p *operator) stop() error {
	if p.command == nil {
		return nil
	}
	logged := findErrors(p.logPath)
	err := p.command.Process.Signal(syscall.SIGTERM)
	ended := make(chan error, 1)
	go func() { ended <- p.command.Wait() }()
	select {
	case ended := <-ended:
		if exit := (*exec.ExitError)(nil); !errors.As(ended, &exit) {
			err = errors.Join(err, ended)
		}
	case <-time.After(30 * time.Second):
		err = errors.Join(err, errors.New("the operator did not end"), p.command.Process.Kill(), <-ended)
	}
	p.command = nil
	return errors.Join(logged, err, p.log.Close())
}

// findErrors returns an error if the log of the operator has one.
func findErrors(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if bytes.Contains(lines.Bytes(), []byte(`"level":"error"`)) || bytes.HasPrefix(lines.Bytes(), []byte("panic:")) {
			return fmt.Errorf("the operator logged an error: %s", lines.Text())
		}
	}
	return lines.Err()
}

// usage is what the operator has cost so far.
type usage struct {
	cpu       time.Duration
	rss, peak int64 // bytes
	// heap is what lives after a garbage collection, in bytes; 0 if there was none.
	heap int64
}

// liveHeap collects garbage, and returns how many bytes are left.
func (p *operator) liveHeap(ctx context.Context) (int64, error) {
	// The text form of this profile ends with the figures of runtime.MemStats.
	raw, err := get(ctx, http.DefaultClient, "http://"+p.pprof+"/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		return 0, err
	}
	return parseHeap(string(raw))
}

func parseHeap(profile string) (int64, error) {
	_, rest, found := strings.Cut(profile, "\n# HeapAlloc = ")
	if !found {
		return 0, errors.New("no HeapAlloc in the heap profile")
	}
	digits, _, _ := strings.Cut(rest, "\n")
	return strconv.ParseInt(digits, 10, 64)
}

// usage reads what Linux has counted.
func (p *operator) usage() (usage, error) {
	folder := fmt.Sprintf("/proc/%d/", p.command.Process.Pid)
	stat, err := os.ReadFile(folder + "stat")
	if err != nil {
		return usage{}, err
	}
	status, err := os.ReadFile(folder + "status")
	if err != nil {
		return usage{}, err
	}
	return parseUsage(string(stat), string(status))
}

// parseUsage parses the files stat and status of a process (proc(5)).
func parseUsage(stat, status string) (usage, error) {
	const ticksPerSecond = 100
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	if len(fields) < 13 {
		return usage{}, fmt.Errorf("found %q; want the stat of a process", stat)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	rss, err3 := parseKilobytes(status, "VmRSS:")
	peak, err4 := parseKilobytes(status, "VmHWM:")
	cpu := time.Duration(user+system) * time.Second / ticksPerSecond
	return usage{cpu: cpu, rss: rss, peak: peak}, errors.Join(err1, err2, err3, err4)
}

func parseKilobytes(status, field string) (int64, error) {
	_, rest, found := strings.Cut(status, field)
	if !found {
		return 0, fmt.Errorf("no %s in the status of a process", field)
	}
	n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return n << 10, err
}

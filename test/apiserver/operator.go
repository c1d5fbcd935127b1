// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"k8s.io/client-go/tools/clientcmd"
)

// Operator is a process of the operator.
type Operator struct {
	// Log has what the process writes.
	Log *Log

	command *exec.Cmd
	ended   chan error
}

// RunOperator runs a binary of the operator with flags and with the rights of an account, until it is killed, or ctx is done.
func (c *Cluster) RunOperator(ctx context.Context, binary, account string, flags []string) (*Operator, error) {
	kubeconfig, err := c.writeAccountKubeconfig(account)
	if err != nil {
		return nil, err
	}
	o := &Operator{Log: &Log{}, ended: make(chan error, 1)}
	//nolint:gosec // The path is the test's own.
	o.command = exec.CommandContext(ctx, binary, append([]string{"--health-probe-bind-address=0"}, flags...)...)
	o.command.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "KUBECONFIG=") }),
		"KUBECONFIG="+kubeconfig)
	o.command.Stdout, o.command.Stderr = o.Log, o.Log
	if err := o.command.Start(); err != nil {
		return nil, err
	}
	go func() { o.ended <- o.command.Wait() }()
	return o, nil
}

// Stop asks the process to end, as the kubelet does, and waits until it is gone. It gives back its lease.
func (o *Operator) Stop() error {
	if err := o.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return o.Wait()
}

// Kill kills the process, if it runs, and waits until it is gone.
func (o *Operator) Kill() {
	_ = o.command.Process.Kill()
	_ = o.Wait()
}

// Wait returns when the process has ended, with its error.
func (o *Operator) Wait() error {
	err := <-o.ended
	o.ended <- err
	return err
}

// writeAccountKubeconfig writes a kubeconfig with which one acts as an account, and returns its path. Each operator has one of its own, since
// it may read it while another one is started.
func (c *Cluster) writeAccountKubeconfig(account string) (string, error) {
	config, err := clientcmd.LoadFromFile(c.Kubeconfig)
	if err != nil {
		return "", err
	}
	for _, user := range config.AuthInfos {
		user.Impersonate = account
	}
	folder, err := os.MkdirTemp(c.dir, "account-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "kubeconfig")
	return path, clientcmd.WriteToFile(*config, path)
}

// Log can be read while it is written.
type Log struct {
	lock   sync.Mutex
	buffer bytes.Buffer
}

func (l *Log) Write(content []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.buffer.Write(content)
}

func (l *Log) String() string {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.buffer.String()
}

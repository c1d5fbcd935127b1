// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/clientcmd"

	"haltline.dev/haltline/test/apiserver"
)

// operator is a process of the operator.
type operator struct {
	command *exec.Cmd
	log     *lockedBuffer
	ended   chan error
}

// binaryFolder has the binary of the operator while the tests run.
var binaryFolder string

// buildOperator builds the operator once for all tests, and returns the path of the binary.
var buildOperator = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(binaryFolder, "haltline")
	// It is for all tests, and not for the first of them.
	return binary, apiserver.Build(context.Background(), ".", binary)
})

// startOperator runs the operator with flags and with the rights of its account, until it is killed or the test ends.
func startOperator(t *testing.T, flags []string) *operator {
	t.Helper()
	g := NewWithT(t)
	binary, err := buildOperator()
	g.Expect(err).NotTo(HaveOccurred(), binary)
	o := &operator{log: &lockedBuffer{}, ended: make(chan error, 1)}
	//nolint:gosec // The path is the test's own.
	o.command = exec.CommandContext(t.Context(), binary, append([]string{"--health-probe-bind-address=0"}, flags...)...)
	o.command.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "KUBECONFIG=") }),
		"KUBECONFIG="+writeAccountKubeconfig(t))
	o.command.Stdout, o.command.Stderr = o.log, o.log
	g.Expect(o.command.Start()).To(Succeed())
	go func() { o.ended <- o.command.Wait() }()
	t.Cleanup(o.kill)
	return o
}

// kill kills the process, if it runs, and waits until it is gone.
func (o *operator) kill() {
	_ = o.command.Process.Kill()
	o.ended <- <-o.ended
}

// writeAccountKubeconfig writes a kubeconfig with which one acts as the account of the operator, and returns its path.
func writeAccountKubeconfig(t *testing.T) string {
	t.Helper()
	g := NewWithT(t)
	config, err := clientcmd.LoadFromFile(cluster.Kubeconfig)
	g.Expect(err).NotTo(HaveOccurred())
	for _, user := range config.AuthInfos {
		user.Impersonate = account
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	g.Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return path
}

// lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	lock   sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(content []byte) (int, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.buffer.Write(content)
}

func (b *lockedBuffer) String() string {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.buffer.String()
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// containerLog is what a container prints.
type containerLog struct {
	mu   sync.Mutex
	text bytes.Buffer
	done chan struct{}
}

// Write adds what the container prints next.
func (l *containerLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *containerLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// waitForEnd waits until the container has ended, and returns everything that it printed.
func (l *containerLog) waitForEnd(t *testing.T) string {
	t.Helper()
	NewWithT(t).Eventually(l.done, timeout).Should(BeClosed())
	return l.String()
}

// followLog reads the log of an action's container from its start to its end, since the log is deleted with the pod. It returns
// when the container has printed that it starts.
func followLog(t *testing.T, execution *v1alpha1.PipelineExecution, action string) *containerLog {
	t.Helper()
	g := NewWithT(t)
	pod := ""
	g.Eventually(func() string {
		for _, candidate := range listPods(t, execution) {
			if candidate.Labels[v1alpha1.LabelAction] == action && candidate.Status.Phase != corev1.PodPending {
				pod = candidate.Name
			}
		}
		return pod
	}, timeout, interval).ShouldNot(BeEmpty(), "no container of %s", action)
	l := &containerLog{done: make(chan struct{})}
	stream, err := clientset.CoreV1().Pods(execution.Namespace).GetLogs(pod, &corev1.PodLogOptions{Follow: true}).Stream(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	go func() {
		defer close(l.done)
		defer func() { _ = stream.Close() }()
		_, _ = io.Copy(l, stream)
	}()
	g.Eventually(l.String, timeout, interval).Should(ContainSubstring("starts"))
	return l
}

// readLogs returns the lines of all containers of an execution, in the order in which they were printed.
func readLogs(t *testing.T, execution *v1alpha1.PipelineExecution) []string {
	t.Helper()
	var lines []string
	for _, pod := range listPods(t, execution) {
		raw, err := clientset.CoreV1().Pods(execution.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Timestamps: true}).DoRaw(t.Context())
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		if log := strings.TrimSpace(string(raw)); log != "" {
			lines = append(lines, strings.Split(log, "\n")...)
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return parseTimestamp(t, a).Compare(parseTimestamp(t, b)) })
	for i, line := range lines {
		_, lines[i], _ = strings.Cut(line, " ")
	}
	return lines
}

// parseTimestamp returns the time with which a line of a log begins.
func parseTimestamp(t *testing.T, line string) time.Time {
	t.Helper()
	text, _, _ := strings.Cut(line, " ")
	at, err := time.Parse(time.RFC3339Nano, text)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return at
}

// logNamespace logs what there is in the namespace of a test that failed.
func logNamespace(ctx context.Context, t *testing.T, ns string) {
	t.Helper()
	for _, list := range []client.ObjectList{
		&v1alpha1.PipelineExecutionList{}, &v1alpha1.StopRequestList{}, &batchv1.JobList{}, &corev1.PodList{},
	} {
		if err := k8s.List(ctx, list, client.InNamespace(ns)); err != nil {
			t.Log(err)
			continue
		}
		_ = meta.EachListItem(list, func(o runtime.Object) error {
			accessor, err := meta.Accessor(o)
			if err == nil {
				accessor.SetManagedFields(nil)
			}
			t.Log(fmt.Sprintf("%T", o), marshalJSON(o))
			return nil
		})
	}
}

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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// How long a test waits for what must happen, and how often it looks.
const (
	patience = 2 * time.Minute
	tick     = 100 * time.Millisecond
)

// refresh reads an object again.
func refresh[T client.Object](t *testing.T, o T) T {
	t.Helper()
	NewWithT(t).Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(o), o)).To(Succeed())
	return o
}

// reaches waits until the execution is in a state.
func reaches(t *testing.T, e *v1alpha1.PipelineExecution, state v1alpha1.ExecutionState) {
	t.Helper()
	NewWithT(t).Eventually(func() v1alpha1.ExecutionState {
		return refresh(t, e).Status.State
	}, patience, tick).Should(Equal(state), func() string { return inJSON(e.Status) })
}

// stops waits until the execution is Stopped, and looks at that very moment for what of it has not ended.
func stops(t *testing.T, e *v1alpha1.PipelineExecution) {
	t.Helper()
	g := NewWithT(t)
	var left []string
	g.Eventually(func() v1alpha1.ExecutionState {
		if refresh(t, e).Status.State == v1alpha1.ExecutionStopped {
			left = running(t, e)
		}
		return e.Status.State
	}, patience, tick).Should(Equal(v1alpha1.ExecutionStopped), func() string { return inJSON(e.Status) })
	g.Expect(left).To(BeEmpty(), "it is Stopped, and these run")
	g.Expect(e.Status.Stop.WaitingFor).To(BeEmpty())
	g.Expect(meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.ConditionStopped)).To(BeTrue())
}

// pods are all pods of an execution.
func pods(t *testing.T, e *v1alpha1.PipelineExecution) []corev1.Pod {
	t.Helper()
	list := &corev1.PodList{}
	NewWithT(t).Expect(k8s.List(t.Context(), list, client.InNamespace(e.Namespace),
		client.MatchingLabels{v1alpha1.LabelExecutionID: string(e.UID)})).To(Succeed())
	return list.Items
}

// running are the actions of an execution that have a pod whose containers have not all ended, or that is being deleted.
func running(t *testing.T, e *v1alpha1.PipelineExecution) []string {
	t.Helper()
	var actions []string
	for _, p := range pods(t, e) {
		if p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed || p.DeletionTimestamp != nil {
			actions = append(actions, p.Labels["action"])
		}
	}
	slices.Sort(actions)
	return actions
}

// podsGo waits until an execution has no pod at all.
func podsGo(t *testing.T, e *v1alpha1.PipelineExecution) {
	t.Helper()
	NewWithT(t).Eventually(func() []corev1.Pod { return pods(t, e) }, patience, tick).Should(BeEmpty())
}

// started are the actions of an execution that ever had a Job: Jobs live as long as their execution.
func started(t *testing.T, e *v1alpha1.PipelineExecution) []string {
	t.Helper()
	list := &batchv1.JobList{}
	NewWithT(t).Expect(k8s.List(t.Context(), list, client.InNamespace(e.Namespace),
		client.MatchingLabels{v1alpha1.LabelExecutionID: string(e.UID)})).To(Succeed())
	var actions []string
	for _, j := range list.Items {
		actions = append(actions, j.Annotations[v1alpha1.AnnotationAction])
	}
	slices.Sort(actions)
	return actions
}

// states are the states of the actions of an execution, by their names.
func states(e *v1alpha1.PipelineExecution) map[string]v1alpha1.ActionState {
	found := map[string]v1alpha1.ActionState{}
	for _, s := range e.Status.Stages {
		for _, a := range s.Actions {
			found[a.Name] = a.State
		}
	}
	return found
}

// waitsFor are the actions that the stop of an execution waits for.
func waitsFor(e *v1alpha1.PipelineExecution) []string {
	var actions []string
	for _, w := range e.Status.Stop.WaitingFor {
		actions = append(actions, w.Action)
	}
	return actions
}

// verdict waits for the verdict on a request and returns its reason.
func verdict(t *testing.T, r *v1alpha1.StopRequest) string {
	t.Helper()
	var found *metav1.Condition
	NewWithT(t).Eventually(func() *metav1.Condition {
		found = meta.FindStatusCondition(refresh(t, r).Status.Conditions, v1alpha1.ConditionAccepted)
		return found
	}, patience, tick).ShouldNot(BeNil(), "no verdict on %s", r.Name)
	return found.Reason
}

// concludes waits until an accepted request says that its execution is Stopped.
func concludes(t *testing.T, r *v1alpha1.StopRequest) {
	t.Helper()
	g := NewWithT(t)
	g.Eventually(func() bool {
		return meta.IsStatusConditionTrue(refresh(t, r).Status.Conditions, v1alpha1.ConditionStopped)
	}, patience, tick).Should(BeTrue(), func() string { return inJSON(r.Status) })
	g.Expect(meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
	g.Expect(r.Status.PipelineExecutionID).To(Equal(r.Spec.PipelineExecutionID))
	g.Expect(r.Status.State).To(Equal(v1alpha1.ExecutionStopped))
}

// transcript is what a container says.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
	done chan struct{}
}

// Write takes what the container says next.
func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// whole waits until the container has ended, and returns all that it said.
func (s *transcript) whole(t *testing.T) string {
	t.Helper()
	NewWithT(t).Eventually(s.done, patience).Should(BeClosed())
	return s.String()
}

// listen follows what an action's container says, from its start to its end, since the log goes with the pod. It
// returns when the container has said that it starts.
func listen(t *testing.T, e *v1alpha1.PipelineExecution, action string) *transcript {
	t.Helper()
	g := NewWithT(t)
	pod := ""
	g.Eventually(func() string {
		for _, p := range pods(t, e) {
			if p.Labels["action"] == action && p.Status.Phase != corev1.PodPending {
				pod = p.Name
			}
		}
		return pod
	}, patience, tick).ShouldNot(BeEmpty(), "no container of %s", action)
	s := &transcript{done: make(chan struct{})}
	stream, err := clientset.CoreV1().Pods(e.Namespace).GetLogs(pod, &corev1.PodLogOptions{Follow: true}).Stream(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	go func() {
		defer close(s.done)
		defer func() { _ = stream.Close() }()
		_, _ = io.Copy(s, stream)
	}()
	g.Eventually(s.String, patience, tick).Should(ContainSubstring("starts"))
	return s
}

// said are the lines of all containers of an execution, in the order in which they were said.
func said(t *testing.T, e *v1alpha1.PipelineExecution) []string {
	t.Helper()
	var lines []string
	for _, p := range pods(t, e) {
		raw, err := clientset.CoreV1().Pods(e.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{Timestamps: true}).DoRaw(t.Context())
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		lines = append(lines, strings.Split(strings.TrimSpace(string(raw)), "\n")...)
	}
	slices.SortFunc(lines, func(a, b string) int { return stamp(t, a).Compare(stamp(t, b)) })
	for i, l := range lines {
		_, lines[i], _ = strings.Cut(l, " ")
	}
	return lines
}

func stamp(t *testing.T, line string) time.Time {
	t.Helper()
	text, _, _ := strings.Cut(line, " ")
	at, err := time.Parse(time.RFC3339Nano, text)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return at
}

// report logs what there is in the namespace of a test that failed.
func report(ctx context.Context, t *testing.T, ns string) {
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
			t.Log(fmt.Sprintf("%T", o), inJSON(o))
			return nil
		})
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// reconcilerErrors are the lines of the operator's log about reconciliations that failed.
var reconcilerErrors = &errorLines{}

// errorLines keeps the lines of a log that controller-runtime writes for an error of a reconciler. A logger writes a line at a time.
type errorLines struct {
	mutex sync.Mutex
	lines []string
}

func (e *errorLines) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("Reconciler error")) {
		e.mutex.Lock()
		defer e.mutex.Unlock()
		e.lines = append(e.lines, string(line))
	}
	return len(line), nil
}

// about returns the lines that name a namespace.
func (e *errorLines) about(ns string) []string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	var found []string
	for _, line := range e.lines {
		if strings.Contains(line, ns) {
			found = append(found, line)
		}
	}
	return found
}

// What is expected is not an error: refusals that a status shows, pods that have to end, names that are taken, and what goes away.
func TestWhatIsExpectedIsNoErrorInTheLog(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	for name, test := range map[string]func(*testing.T, *v1alpha1.PipelineExecution){
		"it succeeds": func(t *testing.T, execution *v1alpha1.PipelineExecution) {
			finishAction(t, execution, "compile", corev1.PodSucceeded)
			waitForState(t, execution, v1alpha1.ExecutionSucceeded)
		},
		"it is stopped": func(t *testing.T, execution *v1alpha1.PipelineExecution) {
			sr := createObject(t, builders.StopAndWait(execution))
			expectAccepted(t, sr)
			createObject(t, builders.StopAndAbandon(execution))
			waitForStopped(t, sr)
		},
		"it is deleted": func(t *testing.T, execution *v1alpha1.PipelineExecution) {
			NewWithT(t).Expect(k8s.Delete(t.Context(), execution)).To(Succeed())
			waitUntilGone(t, execution)
		},
		"it is deleted while it stops": func(t *testing.T, execution *v1alpha1.PipelineExecution) {
			sr := createObject(t, builders.StopAndWait(execution))
			expectAccepted(t, sr)
			NewWithT(t).Expect(k8s.Delete(t.Context(), execution)).To(Succeed())
			waitForStopped(t, sr)
		},
		"its Job is deleted": func(t *testing.T, execution *v1alpha1.PipelineExecution) {
			NewWithT(t).Expect(k8s.Delete(t.Context(), &listJobs(t, execution)[0])).To(Succeed())
			createObject(t, builders.StopAndAbandon(execution))
			waitForState(t, execution, v1alpha1.ExecutionStopped)
		},
	} {
		t.Run(name, func(t *testing.T) {
			execution := createExecution(t, ns, "web")
			waitForRunning(t, execution, "compile")
			test(t, execution)
		})
	}
	webhook := registerWebhook(t, ns, admissionregistrationv1.Create, nobodyListens, nil)
	refused := createBlockedExecution(t, ns, "failed calling webhook")
	sr := createObject(t, builders.StopAndWait(refused))
	expectNotReady(t, sr, v1alpha1.ReasonFencing, "failed calling webhook")
	NewWithT(t).Expect(k8s.Delete(t.Context(), webhook)).To(Succeed())
	waitForStopped(t, sr)
	NewWithT(t).Expect(reconcilerErrors.about(ns)).To(BeEmpty())
}

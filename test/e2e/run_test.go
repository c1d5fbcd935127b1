// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// The stages run one after the other, and so do the groups of a stage.
func TestPipelineRunsToItsEnd(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns,
		builders.Stage("Build", newAction("compile", scriptSucceeds), newAction("test", scriptSucceeds), newAction("package", scriptSucceeds, builders.RunOrder(2))),
		builders.Stage("Deploy", newAction("roll-out", scriptSucceeds)))
	execution := createExecution(t, ns)

	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	g.Expect(actionStates(execution)).To(HaveEach(v1alpha1.ActionSucceeded))
	g.Expect(listRunningActions(t, execution)).To(BeEmpty())
	lines := readLogs(t, execution)
	g.Expect(lines[:4]).To(ConsistOf("compile starts", "compile is done", "test starts", "test is done"))
	g.Expect(lines[4:]).To(Equal([]string{"package starts", "package is done", "roll-out starts", "roll-out is done"}))
}

// An action that fails fails the execution: its siblings finish, and nothing further starts.
func TestFailureEndsTheExecution(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns,
		builders.Stage("Build", newAction("compile", scriptFails), newAction("test", scriptSucceedsLate)),
		builders.Stage("Deploy", newAction("roll-out", scriptSucceeds)))
	execution := createExecution(t, ns)

	waitForState(t, execution, v1alpha1.ExecutionFailed)
	g.Expect(listRunningActions(t, execution)).To(BeEmpty())
	g.Expect(listStartedActions(t, execution)).To(Equal([]string{"compile", "test"}))
	g.Expect(actionStates(execution)).To(Equal(map[string]v1alpha1.ActionState{
		"compile": v1alpha1.ActionFailed, "test": v1alpha1.ActionSucceeded, "roll-out": v1alpha1.ActionNotStarted,
	}))
	g.Expect(readLogs(t, execution)).To(ContainElements("compile gives up", "test is done"))
}

// A variable reaches a container as it is, whatever a shell or Kubernetes would make of it.
func TestVariablesReachTheContainer(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline := builders.Pipeline(ns, "web", builders.Stage("Build", newAction("compile", `printf '%s\n' "$GREETING" "$TARGET" "$HALTLINE_PIPELINE_NAME" "$HALTLINE_STAGE"
		printf '%s\n' "$HALTLINE_PIPELINE_EXECUTION_ID"`)))
	pipeline.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "GREETING"}, {Name: "TARGET", DefaultValue: ptr.To("production")}}
	g.Expect(k8s.Create(t.Context(), pipeline)).To(Succeed())
	const greeting = `$(HALTLINE_STAGE) "$(id)" '; exit 1 #`
	execution := createExecution(t, ns, v1alpha1.Variable{Name: "GREETING", Value: greeting})

	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	g.Expect(readLogs(t, execution)).To(Equal([]string{greeting, "production", "web", "Build", string(execution.UID)}))
}

// Executions of one pipeline run independently: stopping one of them leaves the other alone.
func TestStopConcernsOneExecution(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, builders.Stage("Build", newAction("compile", scriptSucceedsLate)))
	one, other := createExecution(t, ns), createExecution(t, ns)
	followLog(t, one, "compile")
	followLog(t, other, "compile")

	expectAccepted(t, createObject(t, builders.StopAndAbandon(one)))
	waitForStopped(t, one)
	waitForState(t, other, v1alpha1.ExecutionSucceeded)
	g.Expect(slices.Contains(readLogs(t, other), "compile is done")).To(BeTrue())
}

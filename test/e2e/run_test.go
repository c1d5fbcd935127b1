// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// The stages run one after the other, and so do the groups of a stage.
func TestPipelineRunsToItsEnd(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	pipeline(t, ns,
		stage("Build", act("compile", 1, works), act("test", 1, works), act("package", 2, works)),
		stage("Deploy", act("roll-out", 1, works)))
	e := execution(t, ns)

	reaches(t, e, v1alpha1.ExecutionSucceeded)
	g.Expect(states(e)).To(HaveEach(v1alpha1.ActionSucceeded))
	g.Expect(running(t, e)).To(BeEmpty())
	lines := said(t, e)
	g.Expect(lines[:4]).To(ConsistOf("compile starts", "compile is done", "test starts", "test is done"))
	g.Expect(lines[4:]).To(Equal([]string{"package starts", "package is done", "roll-out starts", "roll-out is done"}))
}

// An action that fails fails the execution: its siblings finish, and nothing further starts.
func TestFailureEndsTheExecution(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	pipeline(t, ns,
		stage("Build", act("compile", 1, fails), act("test", 1, worksAWhile)),
		stage("Deploy", act("roll-out", 1, works)))
	e := execution(t, ns)

	reaches(t, e, v1alpha1.ExecutionFailed)
	g.Expect(running(t, e)).To(BeEmpty())
	g.Expect(started(t, e)).To(Equal([]string{"compile", "test"}))
	g.Expect(states(e)).To(Equal(map[string]v1alpha1.ActionState{
		"compile": v1alpha1.ActionFailed, "test": v1alpha1.ActionSucceeded, "roll-out": v1alpha1.ActionNotStarted,
	}))
	g.Expect(said(t, e)).To(ContainElements("compile gives up", "test is done"))
}

// A variable reaches a container as it is, whatever a shell or Kubernetes would make of it.
func TestVariablesReachTheContainer(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	p := pipelineOf(ns, stage("Build", act("compile", 1, `printf '%s\n' "$GREETING" "$TARGET" "$HALTLINE_PIPELINE_NAME" "$HALTLINE_STAGE"
		printf '%s\n' "$HALTLINE_PIPELINE_EXECUTION_ID"`)))
	p.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "GREETING"}, {Name: "TARGET", DefaultValue: ptr.To("production")}}
	g.Expect(k8s.Create(t.Context(), p)).To(Succeed())
	const greeting = `$(HALTLINE_STAGE) "$(id)" '; exit 1 #`
	e := execution(t, ns, v1alpha1.Variable{Name: "GREETING", Value: greeting})

	reaches(t, e, v1alpha1.ExecutionSucceeded)
	g.Expect(said(t, e)).To(Equal([]string{greeting, "production", "web", "Build", string(e.UID)}))
}

// Executions of one pipeline run independently: stopping one of them leaves the other alone.
func TestStopConcernsOneExecution(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	pipeline(t, ns, stage("Build", act("compile", 1, worksAWhile)))
	one, other := execution(t, ns), execution(t, ns)
	listen(t, one, "compile")
	listen(t, other, "compile")

	g.Expect(verdict(t, request(t, one, true))).To(Equal(v1alpha1.ReasonAccepted))
	stops(t, one)
	reaches(t, other, v1alpha1.ExecutionSucceeded)
	g.Expect(slices.Contains(said(t, other), "compile is done")).To(BeTrue())
}

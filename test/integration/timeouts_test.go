// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
)

// startLimited starts an execution of a Pipeline whose executions fail after so many seconds.
func startLimited(t *testing.T, seconds int64, options ...builders.ActionOption) *v1alpha1.PipelineExecution {
	t.Helper()
	ns := createNamespace(t)
	pipeline := builders.Pipeline(ns, "web", builders.Stage("Build", builders.Action("compile", options...)), builders.Stage("Deploy", builders.Action("roll-out")))
	pipeline.Spec.TimeoutSeconds = &seconds
	createObject(t, pipeline)
	return createExecution(t, ns, "web")
}

// expectNoStop expects that an execution shows no stop.
func expectNoStop(t *testing.T, execution *v1alpha1.PipelineExecution) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(execution.Status.Stop).To(BeNil())
	g.Expect(findCondition(execution, v1alpha1.ConditionStopping)).To(BeNil())
	g.Expect(findCondition(execution, v1alpha1.ConditionStopped)).To(BeNil())
}

// An execution that exceeds its limit ends its work as an abandon does, and is Failed when nothing of it runs any more.
func TestAnExecutionThatExceedsItsTimeFails(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startLimited(t, 2, ignoreTermination)
	expectNotReady(t, execution, v1alpha1.ReasonFailing, "2 seconds after its start (timeoutSeconds)", "Build/compile")
	expectNoStop(t, execution)
	expectState(t, execution, v1alpha1.ExecutionInProgress)

	g.Eventually(graceOf(t, execution), timeout, interval).ShouldNot(BeNil())
	killPods(t, execution, "compile")
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	expectNotReady(t, execution, v1alpha1.ReasonExecutionTimedOut, "2 seconds after its start")
	expectNoStop(t, execution)
	g.Expect(findAction(execution, "compile").Reason).To(Equal(v1alpha1.ReasonExecutionTimedOut))
	g.Expect(actionStates(execution)).To(Equal(states{"compile": actionFailed, "roll-out": actionNotStarted}))
	g.Expect(execution.Status.TimedOutTime.Before(execution.Status.DeadlineTime)).To(BeFalse())
	expectVerdict(t, createObject(t, builders.StopAndWait(execution)), v1alpha1.ReasonNotStoppable)
}

// A stop that arrives while a limit ends the work is accepted, and wins.
func TestAStopOfAnExecutionThatTimedOutWins(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startLimited(t, 2, ignoreTermination)
	expectNotReady(t, execution, v1alpha1.ReasonFailing, "timeoutSeconds")
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	waitForState(t, execution, v1alpha1.ExecutionStopping)
	g.Eventually(graceOf(t, execution), timeout, interval).ShouldNot(BeNil())
	killPods(t, execution, "compile")
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	waitForStopped(t, sr)
}

// The limit of the execution goes before that of its Pipeline, and is recorded when it starts.
func TestTheLimitOfAnExecutionGoesBeforeThatOfItsPipeline(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	first := startLimited(t, 3600)
	own := builders.Execution(first.Namespace, "web")
	own.Spec.TimeoutSeconds = ptr.To[int64](7200)
	createObject(t, own)
	for execution, seconds := range map[*v1alpha1.PipelineExecution]time.Duration{first: 3600, own: 7200} {
		waitForAction(t, execution, "compile", actionInProgress)
		status := execution.Status
		g.Expect(status.TimeoutSeconds).To(HaveValue(BeEquivalentTo(seconds)))
		g.Expect(status.DeadlineTime.Sub(status.StartTime.Time)).To(BeNumerically("~", seconds*time.Second, time.Second))
	}
}

// An action of which no pod runs in time fails; one of which a pod runs has no such limit any more.
func TestAnActionThatDoesNotStartInTimeFails(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	within := func(seconds int64) builders.ActionOption {
		return func(action *v1alpha1.Action, _ *batchv1.JobSpec) { action.StartTimeoutSeconds = &seconds }
	}
	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("queued", builders.Suspended, within(2)), builders.Action("lint", within(600))))
	execution := createExecution(t, ns, "web")
	waitForAction(t, execution, "queued", actionFailed)
	queued := findAction(execution, "queued")
	g.Expect(queued.Reason).To(Equal(v1alpha1.ReasonStartTimedOut))
	g.Expect(queued.Message).To(ContainSubstring("startTimeoutSeconds"))
	expectNotReady(t, execution, v1alpha1.ReasonFailing, "StartTimedOut", "Build/lint")
	g.Eventually(func() v1alpha1.ActionStatus { return findAction(refreshObject(t, execution), "lint") }, timeout, interval).
		Should(HaveField("StartDeadlineTime", BeNil()))
	expectNoStop(t, execution)
	finishAction(t, execution, "lint", "Succeeded")
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	expectNotReady(t, execution, v1alpha1.ReasonActionFailed, "StartTimedOut")
}

func TestSchemaTimeLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		good  func(string) manifest
		field string
		most  int64
		about string
	}{
		{goodPipeline, "spec.timeoutSeconds", 31536000, "should be less than or equal to 31536000"},
		{goodExecution, "spec.timeoutSeconds", 31536000, "should be less than or equal to 31536000"},
		{goodPipeline, "spec.stages[0].actions[0].startTimeoutSeconds", 604800, "should be less than or equal to 604800"},
	} {
		testSchema(t, c.good, []schemaCase{
			{name: c.field + " absent", field: c.field},
			{name: c.field + " 0", field: c.field, value: int64(0), refused: "should be greater than or equal to 1"},
			{name: c.field + " 1", field: c.field, value: int64(1)},
			{name: c.field + " most", field: c.field, value: c.most},
			{name: c.field + " more", field: c.field, value: c.most + 1, refused: c.about},
			{name: c.field + " a duration", field: c.field, value: "1h", refused: "must be of type integer"},
		})
	}
	const refused = "timeoutSeconds is immutable; to end the execution sooner, create a StopRequest"
	testEdits(t, goodExecution, []editCase{
		{"changed", "spec.timeoutSeconds", int64(60), int64(1), refused},
		{"removed", "spec.timeoutSeconds", int64(60), nil, refused},
		{"added", "spec.timeoutSeconds", nil, int64(60), refused},
		{"as it was", "spec.timeoutSeconds", int64(60), int64(60), ""},
	})
}

// Every sample is an object that the API server takes.
func TestTheSamplesAreValid(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	files, err := filepath.Glob(filepath.Join(apiserver.RepositoryRoot(), "config", "samples", "*.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	tried := 0
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		content, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		object := &unstructured.Unstructured{}
		g.Expect(yaml.UnmarshalStrict(content, &object.Object)).To(Succeed(), file)
		object.SetNamespace(ns)
		g.Expect(k8s.Create(t.Context(), object, client.DryRunAll, client.FieldValidation("Strict"))).To(Succeed(), file)
		tried++
	}
	g.Expect(tried).To(BeNumerically(">=", 3))
}

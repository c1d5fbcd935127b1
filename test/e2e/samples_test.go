// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// noID is what the samples have in the place of a pipelineExecutionId.
const noID = "00000000-0000-0000-0000-000000000000"

// readSample reads an object of config/samples, with some texts replaced: an old one, its new one, and so on. Each old one has to be there.
func readSample[T client.Object](t *testing.T, ns, file string, object T, replace ...string) T {
	t.Helper()
	g := NewWithT(t)
	content, err := os.ReadFile(filepath.Join("..", "..", "config", "samples", file))
	g.Expect(err).NotTo(HaveOccurred())
	for i := 0; i < len(replace); i += 2 {
		g.Expect(string(content)).To(ContainSubstring(replace[i]))
	}
	g.Expect(yaml.UnmarshalStrict([]byte(strings.NewReplacer(replace...).Replace(string(content))), object)).To(Succeed())
	object.SetNamespace(ns)
	return object
}

// createSamplePipeline creates the Pipeline of a sample, and waits until it is Ready.
func createSamplePipeline(t *testing.T, ns, file string, replace ...string) *v1alpha1.Pipeline {
	t.Helper()
	pipeline := createObject(t, readSample(t, ns, file, &v1alpha1.Pipeline{}, replace...))
	NewWithT(t).Eventually(func() bool {
		return meta.IsStatusConditionTrue(refreshObject(t, pipeline).Status.Conditions, v1alpha1.ConditionReady)
	}, timeout, interval).Should(BeTrue(), func() string { return marshalJSON(pipeline.Status) })
	return pipeline
}

// clientOf returns a client that acts as a user who may do everything.
func clientOf(t *testing.T, user string) client.Client {
	t.Helper()
	g := NewWithT(t)
	config, err := ctrl.GetConfig()
	g.Expect(err).NotTo(HaveOccurred())
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:masters"}}
	c, err := client.New(config, client.Options{Scheme: k8s.Scheme()})
	g.Expect(err).NotTo(HaveOccurred())
	return c
}

// waitForReadyReason waits until the condition Ready of an execution has a reason.
func waitForReadyReason(t *testing.T, execution *v1alpha1.PipelineExecution, reason string) {
	t.Helper()
	NewWithT(t).Eventually(func() string {
		if c := meta.FindStatusCondition(refreshObject(t, execution).Status.Conditions, v1alpha1.ConditionReady); c != nil {
			return c.Reason
		}
		return ""
	}, timeout, interval).Should(Equal(reason), func() string { return marshalJSON(execution.Status) })
}

// Somebody else than who started the execution approves it, and it rolls out.
func TestTheSampleOfAnApproval(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createSamplePipeline(t, ns, "approval.yaml")
	execution := createObject(t, builders.Execution(ns, "release"))
	waitForReadyReason(t, execution, v1alpha1.ReasonWaitingForApproval)
	g.Expect(listPods(t, execution)).To(BeEmpty(), "an approval costs no pod")
	result := readSample(t, ns, "approvalresult.yaml", &v1alpha1.ApprovalResult{}, noID, string(execution.UID))
	g.Expect(clientOf(t, "grace").Create(t.Context(), result)).To(Succeed())
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	g.Expect(execution.Status.Stages[0].Actions[0].Approval.Result.DecidedBy).To(Equal("grace"))
	g.Expect(readLogs(t, execution)).To(Equal([]string{"roll-out is done"}))
}

// What one container puts out reaches the image and the environment of a later one.
func TestTheSampleOfOutputs(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	createSamplePipeline(t, ns, "outputs.yaml")
	execution := createObject(t, builders.Execution(ns, "outputs"))
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	NewWithT(t).Expect(readLogs(t, execution)).To(Equal([]string{"rolling out 1.35"}))
}

// An execution that keeps its limits succeeds, and one that exceeds its own fails when nothing of it runs any more.
func TestTheSampleOfTimeLimits(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createSamplePipeline(t, ns, "pipeline-time-limits.yaml", "sleep 5", "sleep 8")
	execution := createObject(t, builders.Execution(ns, "time-limits"))
	short := builders.Execution(ns, "time-limits")
	short.Spec.TimeoutSeconds = ptr.To[int64](3)
	createObject(t, short)
	waitForState(t, short, v1alpha1.ExecutionFailed)
	g.Expect(listRunningActions(t, short)).To(BeEmpty())
	g.Expect(short.Status.Stages[0].Actions[0].Reason).To(Equal(v1alpha1.ReasonExecutionTimedOut))
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	g.Expect(execution.Status.DeadlineTime).NotTo(BeNil())
	g.Expect(execution.Status.TimedOutTime).To(BeNil())
}

// Two executions build one after the other, both wait before the stage that is held, one is stopped there, and the other rolls out.
func TestTheSampleOfAQueue(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline := createSamplePipeline(t, ns, "queue.yaml", `"20"`, `"3"`)
	one, other := createObject(t, builders.Execution(ns, "release")), createObject(t, builders.Execution(ns, "release"))
	for _, execution := range []*v1alpha1.PipelineExecution{one, other} {
		waitForReadyReason(t, execution, v1alpha1.ReasonTransitionDisabled)
		g.Expect(listStartedActions(t, execution)).To(Equal([]string{"compile"}))
	}
	compiled := func(execution *v1alpha1.PipelineExecution) v1alpha1.ActionStatus {
		return execution.Status.Stages[0].Actions[0]
	}
	first, second := compiled(one), compiled(other)
	if second.StartTime.Before(first.StartTime) {
		first, second = second, first
	}
	g.Expect(second.StartTime.Before(first.CompletionTime)).To(BeFalse(), "one at a time is in the stage")

	sr := createObject(t, builders.StopAndWait(one))
	expectAccepted(t, sr)
	waitForStopped(t, one)
	g.Expect(k8s.Patch(t.Context(), pipeline, client.RawPatch("application/json-patch+json",
		[]byte(`[{"op":"remove","path":"/spec/stages/1/transition"}]`)))).To(Succeed())
	waitForState(t, other, v1alpha1.ExecutionSucceeded)
	g.Expect(listStartedActions(t, one)).To(Equal([]string{"compile"}))
	waitForDone(t, sr)
}

// The samples of an execution and of both stops: one waits until the containers are done, one ends them as soon as the node can.
func TestTheSamplesOfStops(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createSamplePipeline(t, ns, "pipeline.yaml")
	waiting := createObject(t, readSample(t, ns, "pipelineexecution.yaml", &v1alpha1.PipelineExecution{}, `"30"`, `"10"`))
	atOnce := createObject(t, readSample(t, ns, "pipelineexecution.yaml", &v1alpha1.PipelineExecution{}, `"30"`, `"3600"`))
	for _, execution := range []*v1alpha1.PipelineExecution{waiting, atOnce} {
		g.Eventually(func() int { return countRunningPods(t, execution) }, timeout, interval).Should(Equal(2))
	}
	wait := createObject(t, readSample(t, ns, "stoprequest.yaml", &v1alpha1.StopRequest{}, noID, string(waiting.UID)))
	abandon := createObject(t, readSample(t, ns, "stoprequest-at-once.yaml", &v1alpha1.StopRequest{}, noID, string(atOnce.UID)))
	expectAccepted(t, wait)
	expectAccepted(t, abandon)
	waitForStopped(t, atOnce)
	g.Expect(atOnce.Status.Stop.Requests[0].GracePeriodSeconds).To(HaveValue(BeZero()))
	g.Expect(actionStates(atOnce)).To(And(HaveKeyWithValue("compile", v1alpha1.ActionAbandoned), HaveKeyWithValue("test", v1alpha1.ActionAbandoned)))
	waitForStopped(t, waiting)
	g.Expect(readLogs(t, waiting)).To(ConsistOf("compile starts", "compile is done", "test starts", "test is done"))
	for _, execution := range []*v1alpha1.PipelineExecution{waiting, atOnce} {
		g.Expect(listStartedActions(t, execution)).To(Equal([]string{"compile", "test"}))
	}
	waitForDone(t, wait)
	waitForDone(t, abandon)
}

// countRunningPods returns how many pods of an execution run.
func countRunningPods(t *testing.T, execution *v1alpha1.PipelineExecution) int {
	t.Helper()
	running := 0
	for _, pod := range listPods(t, execution) {
		if pod.Status.Phase == corev1.PodRunning {
			running++
		}
	}
	return running
}

// The sample of docs/jobs.md runs to its end.
func TestTheSampleOfJobs(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	createSamplePipeline(t, ns, "jobs.yaml")
	execution := createObject(t, builders.Execution(ns, "jobs"))
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	NewWithT(t).Expect(readLogs(t, execution)).To(ContainElements("shard 0", "shard 1", "shard 2", "the database is ready"))
}

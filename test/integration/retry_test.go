// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
)

// failInDeploy returns an execution whose stage Build succeeded, with an output, and that failed in Deploy after one of two actions succeeded.
func failInDeploy(t *testing.T, ns string) *v1alpha1.PipelineExecution {
	t.Helper()
	createPipeline(t, ns, "web",
		builders.Stage("Build", builders.Action("compile", withOutputs("BUILD", "TAG"))),
		builders.Stage("Deploy", builders.Action("copy"), builders.Action("roll-out")),
		builders.Stage("Announce", builders.Action("mail")))
	execution := createExecution(t, ns, "web")
	endAction(t, execution, "compile", "TAG=v1\n")
	finishAction(t, execution, "copy", corev1.PodSucceeded)
	waitForAction(t, execution, "copy", actionSucceeded)
	finishAction(t, execution, "roll-out", corev1.PodFailed)
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	return execution
}

func createRetry(t *testing.T, original *v1alpha1.PipelineExecution, stage string, mode v1alpha1.RetryMode, edits ...func(*v1alpha1.PipelineExecutionSpec)) *v1alpha1.PipelineExecution {
	t.Helper()
	e := builders.Execution(original.Namespace, original.Spec.PipelineName)
	e.Spec.RetryOf = &v1alpha1.RetryOf{PipelineExecutionID: string(original.UID), StageName: stage, RetryMode: mode}
	for _, edit := range edits {
		edit(&e.Spec)
	}
	return createObject(t, e)
}

// expectRefused waits until a retry is refused, and checks that it runs nothing and stays as it is.
func expectRefused(t *testing.T, retry *v1alpha1.PipelineExecution, reason string) {
	t.Helper()
	g := NewWithT(t)
	waitForState(t, retry, v1alpha1.ExecutionFailed)
	g.Expect(findCondition(retry, v1alpha1.ConditionReady).Reason).To(Equal(reason))
	g.Expect(findCondition(retry, v1alpha1.ConditionReady).Message).To(HavePrefix("spec.retryOf."))
	g.Expect(findCondition(retry, v1alpha1.ConditionFinished).Status).To(Equal(metav1.ConditionTrue))
	version := retry.Status.Version
	expectJobs(t, retry, 0)
	g.Expect(refreshObject(t, retry).Status.Version).To(Equal(version))
}

func TestARetryRunsTheFailedActionsAndTheStagesAfterThem(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	first := failInDeploy(t, createNamespace(t))
	before := first.Status.DeepCopy()
	retry := createRetry(t, first, "Deploy", v1alpha1.RetryModeFailedActions)
	pod := waitForRunning(t, retry, "roll-out")
	g.Expect(pod.Spec.Containers[0].Env).To(ContainElement(corev1.EnvVar{Name: "BUILD_TAG", Value: "v1"}))
	finishAction(t, retry, "roll-out", corev1.PodSucceeded)
	finishAction(t, retry, "mail", corev1.PodSucceeded)
	waitForState(t, retry, v1alpha1.ExecutionSucceeded)
	expectJobs(t, retry, 2)
	g.Expect(retry.Status.PipelineRevision).To(Equal(first.Status.PipelineRevision))
	g.Expect(retry.Status.RetryOf).To(HaveValue(And(HaveField("Name", first.Name), HaveField("PipelineExecutionID", string(first.UID)))))
	for _, name := range []string{"compile", "copy"} {
		g.Expect(findAction(retry, name)).To(And(HaveField("TakenOverFrom", string(first.UID)), HaveField("Workload", v1alpha1.WorkloadReference{})))
	}

	after := refreshObject(t, first).Status.DeepCopy()
	g.Expect(after.RetriedBy).To(HaveValue(And(HaveField("Name", retry.Name), HaveField("PipelineExecutionID", string(retry.UID)))))
	after.RetriedBy, after.Version = nil, before.Version
	g.Expect(after).To(Equal(before), "more than the link was changed in a final status")
	expectRefused(t, createRetry(t, first, "Deploy", v1alpha1.RetryModeAllActions), v1alpha1.ReasonNotLatestPipelineExecution)
}

func TestARetryOfAllActionsOutlivesTheFirstExecution(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	first := failInDeploy(t, createNamespace(t))
	retry := createRetry(t, first, "Deploy", v1alpha1.RetryModeAllActions)
	waitForRunning(t, retry, "copy")
	g.Expect(k8s.Delete(t.Context(), first)).To(Succeed())
	finishAction(t, retry, "copy", corev1.PodSucceeded)
	finishAction(t, retry, "roll-out", corev1.PodSucceeded)
	finishAction(t, retry, "mail", corev1.PodSucceeded)
	waitForState(t, retry, v1alpha1.ExecutionSucceeded)
}

func TestARetryIsStoppedAndRetried(t *testing.T) {
	t.Parallel()
	first := failInDeploy(t, createNamespace(t))
	retry := createRetry(t, first, "Deploy", v1alpha1.RetryModeFailedActions)
	waitForRunning(t, retry, "roll-out")
	sr := createObject(t, builders.StopAndAbandon(retry))
	expectAccepted(t, sr)
	killPods(t, retry, "roll-out")
	waitForState(t, retry, v1alpha1.ExecutionStopped)
	again := createRetry(t, retry, "Deploy", v1alpha1.RetryModeFailedActions)
	finishAction(t, again, "roll-out", corev1.PodSucceeded)
	finishAction(t, again, "mail", corev1.PodSucceeded)
	waitForState(t, again, v1alpha1.ExecutionSucceeded)
	NewWithT(t).Expect(findAction(again, "compile").TakenOverFrom).To(Equal(string(first.UID)))
}

func TestRetriesThatAreRefused(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	first := failInDeploy(t, ns)
	createPipeline(t, ns, "other", builders.Stage("Deploy", builders.Action("roll-out")))
	const failedActions = v1alpha1.RetryModeFailedActions
	running := createExecution(t, ns, "web")
	waitForRunning(t, running, "compile")
	for name, tt := range map[string]struct {
		original *v1alpha1.PipelineExecution
		stage    string
		edit     func(*v1alpha1.PipelineExecutionSpec)
		reason   string
	}{
		"one that runs":             {running, "Build", func(*v1alpha1.PipelineExecutionSpec) {}, v1alpha1.ReasonStageNotRetryable},
		"a stage that succeeded":    {first, "Build", func(*v1alpha1.PipelineExecutionSpec) {}, v1alpha1.ReasonStageNotRetryable},
		"a stage that is not there": {first, "Test", func(*v1alpha1.PipelineExecutionSpec) {}, v1alpha1.ReasonStageNotFound},
		"one of another pipeline":   {first, "Deploy", func(s *v1alpha1.PipelineExecutionSpec) { s.PipelineName = "other" }, v1alpha1.ReasonPipelineExecutionNotFound},
		"an unknown id":             {first, "Deploy", func(s *v1alpha1.PipelineExecutionSpec) { s.RetryOf.PipelineExecutionID = builders.UnknownID }, v1alpha1.ReasonPipelineExecutionNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectRefused(t, createRetry(t, tt.original, tt.stage, failedActions, tt.edit), tt.reason)
		})
	}
}

func TestARetryWhoseRevisionIsGone(t *testing.T) {
	t.Parallel()
	first := failInDeploy(t, createNamespace(t))
	revision := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: first.Namespace, Name: first.Status.PipelineRevision}}
	NewWithT(t).Expect(k8s.Delete(t.Context(), revision)).To(Succeed())
	expectRefused(t, createRetry(t, first, "Deploy", v1alpha1.RetryModeFailedActions), v1alpha1.ReasonRevisionLost)
	NewWithT(t).Expect(refreshObject(t, first).Status.RetriedBy).To(BeNil())
}

func TestARetryInAQueue(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	_, first := startQueue(t, ns, v1alpha1.ExecutionModeQueued)
	finishAction(t, first, "compile", corev1.PodFailed)
	waitForState(t, first, v1alpha1.ExecutionFailed)
	second := createExecution(t, ns, "web")
	waitForRunning(t, second, "compile")
	expectRefused(t, createRetry(t, first, "Build", v1alpha1.RetryModeFailedActions), v1alpha1.ReasonNotLatestPipelineExecution)
	finishAction(t, second, "compile", corev1.PodFailed)
	waitForState(t, second, v1alpha1.ExecutionFailed)
	retry := createRetry(t, second, "Build", v1alpha1.RetryModeFailedActions)
	finishAction(t, retry, "compile", corev1.PodSucceeded)
	finishAction(t, retry, "roll-out", corev1.PodSucceeded)
	waitForState(t, retry, v1alpha1.ExecutionSucceeded)
}

func TestSchemaRetryOf(t *testing.T) {
	t.Parallel()
	const field = "spec.retryOf"
	of := func(id, stage, mode string) map[string]any {
		return map[string]any{"pipelineExecutionId": id, "stageName": stage, "retryMode": mode}
	}
	testSchema(t, goodExecution, []schemaCase{
		{name: "failed actions", field: field, value: of(builders.UnknownID, "Deploy", "FAILED_ACTIONS")},
		{name: "all actions", field: field, value: of(builders.UnknownID, "Deploy", "ALL_ACTIONS")},
		{name: "a name for an id", field: field, value: of("run-1", "Deploy", "ALL_ACTIONS"), at: field + ".pipelineExecutionId", refused: "must be the id of an execution in lower case"},
		{name: "no stage", field: field, value: of(builders.UnknownID, "", "ALL_ACTIONS"), at: field + ".stageName", refused: "should be at least 1 chars long"},
		{name: "another mode", field: field, value: of(builders.UnknownID, "Deploy", "SOME"), at: field + ".retryMode", refused: "Unsupported value"},
	})
	withVariables := func(ns string) manifest {
		m := goodExecution(ns)
		setField(m.Object, field, of(builders.UnknownID, "Deploy", "ALL_ACTIONS"))
		return m
	}
	testSchema(t, withVariables, []schemaCase{
		{name: "variables beside it", field: "spec.variables", value: []any{map[string]any{"name": "TAG", "value": "1"}}, refused: "a retry takes over the variables"},
	})
	testEdits(t, goodExecution, []editCase{
		{"added", field, nil, of(builders.UnknownID, "Deploy", "ALL_ACTIONS"), "retryOf is immutable"},
		{"removed", field, of(builders.UnknownID, "Deploy", "ALL_ACTIONS"), nil, "retryOf is immutable"},
		{"changed", field, of(builders.UnknownID, "Deploy", "ALL_ACTIONS"), of(builders.UnknownID, "Build", "ALL_ACTIONS"), "retryOf is immutable"},
	})
}

// The commands of docs/retrying.md, in their order.
func TestTheCommandsOfTheRetryingPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	kubeconfig := createKubeconfig(t, ns)
	output := ""
	for i, command := range readBlocks(t, "docs/retrying.md", "sh") {
		switch i {
		case 1:
			g.Expect(cluster.EndPod(t.Context(), waitForPod(t, ns, "release-1", "compile"), "TAG=v1\n")).To(Succeed())
			g.Expect(cluster.SetPodPhase(t.Context(), waitForPod(t, ns, "release-1", "copy"), corev1.PodSucceeded)).To(Succeed())
			g.Expect(cluster.SetPodPhase(t.Context(), waitForPod(t, ns, "release-1", "roll-out"), corev1.PodFailed)).To(Succeed())
		case 3:
			waitForPod(t, ns, "release-1-again", "roll-out")
		}
		var err error
		output, err = apiserver.RunShell(t.Context(), kubeconfig, command)
		g.Expect(err).NotTo(HaveOccurred(), "%s\n%s", command, output)
	}
	g.Expect(output).To(HaveSuffix("release-1-again\n"))
}

// waitForPod waits until a pod of an action of a sample runs, and returns it.
func waitForPod(t *testing.T, ns, execution, action string) *corev1.Pod {
	t.Helper()
	g := NewWithT(t)
	e := &v1alpha1.PipelineExecution{}
	g.Expect(k8s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: execution}, e)).To(Succeed())
	var found *corev1.Pod
	g.Eventually(func(g Gomega) {
		list := &corev1.PodList{}
		g.Expect(k8s.List(t.Context(), list, client.InNamespace(ns), client.MatchingLabels{v1alpha1.LabelExecutionID: string(e.UID)})).To(Succeed())
		for i := range list.Items {
			if list.Items[i].Annotations[v1alpha1.AnnotationAction] == action && list.Items[i].Status.Phase == corev1.PodRunning {
				found = &list.Items[i]
			}
		}
		g.Expect(found).NotTo(BeNil())
	}, timeout, interval).Should(Succeed(), "no pod of action %s of %s runs", action, execution)
	return found
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// objectInState brings an object into a state.
type objectInState func(*testing.T) client.Object

// statesOf are the states of each kind that config/gitops has an object of.
var statesOf = map[string]map[string]objectInState{
	"Pipeline":          pipelineStates,
	"PipelineExecution": executionStates,
	"StopRequest":       stopRequestStates,
	"ApprovalResult":    approvalResultStates,
}

// The objects on which the health checks and actions of config/gitops are tested are those that the operator writes, in every state.
func TestTheObjectsOfConfigGitOpsAreReal(t *testing.T) {
	t.Parallel()
	for kind, states := range statesOf {
		for state, bringAbout := range states {
			t.Run(kind+"/"+state, func(t *testing.T) {
				t.Parallel()
				expectAsInGitOps(t, state, bringAbout(t))
			})
		}
		files, err := filepath.Glob(filepath.Join(customizationsFolder, kind, "testdata", "*.yaml"))
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		for _, file := range files {
			NewWithT(t).Expect(states).To(HaveKey(strings.TrimSuffix(filepath.Base(file), ".yaml")), "nothing brings %s about", file)
		}
	}
}

var pipelineStates = map[string]objectInState{
	"ready": func(t *testing.T) client.Object { return createReleasePipeline(t, createNamespace(t)) },
	"held": func(t *testing.T) client.Object {
		pipeline := createReleasePipeline(t, createNamespace(t))
		changePipeline(t, pipeline, func(spec *v1alpha1.PipelineSpec) {
			spec.Stages[2].Transition = &v1alpha1.StageTransition{Disabled: true, Reason: "release freeze"}
		})
		return pipeline
	},
	"queued": func(t *testing.T) client.Object {
		pipeline, _ := startQueue(t, createNamespace(t), v1alpha1.ExecutionModeQueued)
		createWaiting(t, pipeline.Namespace, "Build")
		return pipeline
	},
	"name-taken": func(t *testing.T) client.Object {
		pipeline := createReleasePipeline(t, createNamespace(t))
		taken := builders.Pipeline(pipeline.Namespace, "other", pipeline.Spec.Stages...)
		taken.Spec.PipelineName = pipeline.Name
		createObject(t, taken)
		expectNotReady(t, taken, v1alpha1.ReasonPipelineNameTaken)
		return taken
	},
	"invalid-outputs": func(t *testing.T) client.Object {
		pipeline := builders.Pipeline(createNamespace(t), "release", builders.Stage("Build", builders.Action("compile", withOutputs("BUILD", "TAG"))))
		pipeline.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "BUILD_TAG"}}
		createObject(t, pipeline)
		expectNotReady(t, pipeline, v1alpha1.ReasonInvalidOutputs)
		return pipeline
	},
	"check-pending": func(t *testing.T) client.Object {
		ns := createNamespace(t)
		webhook := registerWebhook(t, ns, admissionregistrationv1.Create, nobodyListens, nil)
		t.Cleanup(func() { _ = k8s.Delete(context.Background(), webhook) })
		waitForWebhookThatIsDown(t, ns)
		pipeline := createPipeline(t, ns, "release", builders.Stage("Build", builders.Action("compile")))
		expectCheckPending(t, pipeline, "failed calling webhook")
		return pipeline
	},
}

var executionStates = map[string]objectInState{
	"waiting-for-pipeline": func(t *testing.T) client.Object {
		execution := createExecution(t, createNamespace(t), "release")
		expectNotReady(t, execution, v1alpha1.ReasonWaitingForPipeline)
		return execution
	},
	"in-progress":          func(t *testing.T) client.Object { return startExecution(t) },
	"waiting-for-approval": func(t *testing.T) client.Object { return startApproval(t, k8s, createNamespace(t), stagingApproval) },
	"waiting-for-somebody-else": func(t *testing.T) client.Object {
		return startApproval(t, k8s, createNamespace(t), v1alpha1.Approval{ForbidStarter: true})
	},
	"waiting-for-two-approvals": func(t *testing.T) client.Object {
		ns := createNamespace(t)
		createPipeline(t, ns, "release", builders.Stage("Release",
			builders.Approval("legal", 1, v1alpha1.Approval{}), builders.Approval("staging", 1, v1alpha1.Approval{})))
		execution := createExecution(t, ns, "release")
		waitForAction(t, execution, "staging", actionInProgress)
		return execution
	},
	"held": func(t *testing.T) client.Object {
		pipeline := builders.Pipeline(createNamespace(t), "web", builders.Stage("Build", builders.Action("compile")))
		pipeline.Spec.Stages[0].Transition = &v1alpha1.StageTransition{Disabled: true, Reason: "release freeze"}
		createObject(t, pipeline)
		return createWaiting(t, pipeline.Namespace, "Build")
	},
	"queued": func(t *testing.T) client.Object {
		pipeline, _ := startQueue(t, createNamespace(t), v1alpha1.ExecutionModeQueued)
		return createWaiting(t, pipeline.Namespace, "Build")
	},
	"superseded": func(t *testing.T) client.Object {
		pipeline, _ := startQueue(t, createNamespace(t), v1alpha1.ExecutionModeSuperseded)
		return findSuperseded(t, createExecution(t, pipeline.Namespace, "web"), createExecution(t, pipeline.Namespace, "web"))
	},
	"failing": func(t *testing.T) client.Object {
		ns := createNamespace(t)
		createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile"), builders.Action("lint")))
		execution := createExecution(t, ns, "web")
		waitForRunning(t, execution, "lint")
		finishAction(t, execution, "compile", corev1.PodFailed)
		waitForAction(t, execution, "compile", actionFailed)
		return execution
	},
	"stopping": func(t *testing.T) client.Object { return stopAndWait(t, startExecution(t)).execution },
	"abandoning": func(t *testing.T) client.Object {
		return stopAndAbandon(t, startExecution(t, ignoreTermination)).execution
	},
	"succeeded": func(t *testing.T) client.Object {
		execution := startExecution(t)
		for _, action := range []string{"compile", "package", "roll-out"} {
			finishAction(t, execution, action, corev1.PodSucceeded)
		}
		return waitForEnd(t, execution, v1alpha1.ExecutionSucceeded)
	},
	"failed": func(t *testing.T) client.Object { return failInDeploy(t, createNamespace(t)) },
	"failed-by-rejection": func(t *testing.T) client.Object {
		execution := startApproval(t, k8s, createNamespace(t), stagingApproval)
		createObject(t, builders.ApprovalResult(execution, "Release", "approve", v1alpha1.ApprovalRejected))
		return waitForEnd(t, execution, v1alpha1.ExecutionFailed)
	},
	"failed-before-it-ran": func(t *testing.T) client.Object {
		ns := createNamespace(t)
		createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
		execution := createObject(t, builders.Execution(ns, "web", v1alpha1.Variable{Name: "UNKNOWN", Value: "v"}))
		return waitForEnd(t, execution, v1alpha1.ExecutionFailed)
	},
	"restored-copy": func(t *testing.T) client.Object {
		restored := recreateObject(t, startExecution(t), func(*v1alpha1.PipelineExecution) {})
		return waitForEnd(t, restored, v1alpha1.ExecutionFailed)
	},
	"stopped": func(t *testing.T) client.Object {
		execution := stopAndAbandon(t, startExecution(t)).execution
		return waitForEnd(t, execution, v1alpha1.ExecutionStopped)
	},
	"stopped-with-nothing-failed": func(t *testing.T) client.Object {
		ns := createNamespace(t)
		createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")), builders.Stage("Deploy", builders.Action("roll-out")))
		execution := createExecution(t, ns, "web")
		waitForRunning(t, execution, "compile")
		return finishStopped(t, stopAndWait(t, execution).execution, "compile")
	},
	"retry": func(t *testing.T) client.Object {
		retry := createRetry(t, failInDeploy(t, createNamespace(t)), "Deploy", v1alpha1.RetryModeFailedActions)
		waitForRunning(t, retry, "roll-out")
		return retry
	},
	"retry-stopped-before-its-stage": func(t *testing.T) client.Object {
		first := failInDeploy(t, createNamespace(t))
		pipeline := &v1alpha1.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: first.Namespace, Name: "web"}}
		changePipeline(t, pipeline, func(spec *v1alpha1.PipelineSpec) {
			spec.Stages[1].Transition = &v1alpha1.StageTransition{Disabled: true, Reason: "release freeze"}
		})
		retry := createRetry(t, first, "Deploy", v1alpha1.RetryModeFailedActions)
		waitBefore(t, retry, "Deploy")
		return waitForEnd(t, stopAndAbandon(t, retry).execution, v1alpha1.ExecutionStopped)
	},
	"retried": func(t *testing.T) client.Object {
		first := failInDeploy(t, createNamespace(t))
		waitForRunning(t, createRetry(t, first, "Deploy", v1alpha1.RetryModeFailedActions), "roll-out")
		return first
	},
	"retry-refused": func(t *testing.T) client.Object {
		first := startExecution(t)
		return waitForEnd(t, createRetry(t, first, "Build", v1alpha1.RetryModeFailedActions), v1alpha1.ExecutionFailed)
	},
}

var stopRequestStates = map[string]objectInState{
	"stopping": func(t *testing.T) client.Object { return stopAndWait(t, startExecution(t)).request },
	"abandoning": func(t *testing.T) client.Object {
		return stopAndAbandon(t, startExecution(t, ignoreTermination)).request
	},
	"stopped": func(t *testing.T) client.Object {
		sr := stopAndAbandon(t, startExecution(t)).request
		waitForStopped(t, sr)
		return sr
	},
	"duplicated": func(t *testing.T) client.Object {
		sr := createObject(t, builders.StopAndWait(stopAndWait(t, startExecution(t)).execution))
		expectVerdict(t, sr, v1alpha1.ReasonDuplicatedStopRequest)
		return sr
	},
	"not-stoppable": func(t *testing.T) client.Object {
		sr := createObject(t, builders.StopAndWait(failInDeploy(t, createNamespace(t))))
		expectVerdict(t, sr, v1alpha1.ReasonNotStoppable)
		return sr
	},
	"pipeline-not-found": func(t *testing.T) client.Object {
		sr := createObject(t, builders.StopRequest(createNamespace(t), "web", builders.UnknownID))
		expectVerdict(t, sr, v1alpha1.ReasonPipelineNotFound)
		return sr
	},
	"execution-deleted": func(t *testing.T) client.Object {
		s := stopAndWait(t, startExecution(t))
		NewWithT(t).Expect(k8s.Delete(t.Context(), s.execution)).To(Succeed())
		waitForCondition(t, s.request, v1alpha1.ConditionFinished, metav1.ConditionTrue)
		return s.request
	},
	"work-left-running": func(t *testing.T) client.Object {
		s := stopAndWait(t, startExecution(t))
		NewWithT(t).Expect(k8s.Delete(t.Context(), s.execution, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
		waitForCondition(t, s.request, v1alpha1.ConditionFinished, metav1.ConditionTrue)
		return s.request
	},
}

var approvalResultStates = map[string]objectInState{
	"approved": func(t *testing.T) client.Object {
		return answer(t, startApproval(t, k8s, createNamespace(t), stagingApproval), v1alpha1.ApprovalApproved, v1alpha1.ReasonAccepted)
	},
	"rejected": func(t *testing.T) client.Object {
		return answer(t, startApproval(t, k8s, createNamespace(t), stagingApproval), v1alpha1.ApprovalRejected, v1alpha1.ReasonAccepted)
	},
	"already-completed": func(t *testing.T) client.Object {
		execution := startApproval(t, k8s, createNamespace(t), stagingApproval)
		answer(t, execution, v1alpha1.ApprovalApproved, v1alpha1.ReasonAccepted)
		return answer(t, execution, v1alpha1.ApprovalRejected, v1alpha1.ReasonApprovalAlreadyCompleted)
	},
	"execution-not-found": func(t *testing.T) client.Object {
		execution := builders.Execution(createNamespace(t), "web")
		execution.UID = builders.UnknownID
		createPipeline(t, execution.Namespace, "web", builders.Stage("Build", builders.Action("compile")))
		return answer(t, execution, v1alpha1.ApprovalApproved, v1alpha1.ReasonPipelineExecutionNotFound)
	},
}

// stagingApproval is an approval with what a person needs to know.
var stagingApproval = v1alpha1.Approval{Message: "Is staging good?", URL: "https://example.com/dashboards/staging"}

// createReleasePipeline creates a Pipeline with variables and an approval, and waits until it can be run.
func createReleasePipeline(t *testing.T, ns string) *v1alpha1.Pipeline {
	t.Helper()
	pipeline := builders.Pipeline(ns, "release",
		builders.Stage("Build", builders.Action("compile")),
		builders.Stage("Release", builders.Approval("approve", 1, stagingApproval)),
		builders.Stage("Deploy", builders.Action("roll-out")))
	pipeline.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "TARGET", DefaultValue: ptr.To("staging")}, {Name: "REGION", DefaultValue: ptr.To("eu")}}
	createObject(t, pipeline)
	waitForCondition(t, pipeline, v1alpha1.ConditionReady, metav1.ConditionTrue)
	return pipeline
}

// stoppingExecution is an execution and the request that stops it.
type stoppingExecution struct {
	execution *v1alpha1.PipelineExecution
	request   *v1alpha1.StopRequest
}

func stopAndWait(t *testing.T, execution *v1alpha1.PipelineExecution) stoppingExecution {
	t.Helper()
	return stopWith(t, execution, builders.StopAndWait(execution))
}

func stopAndAbandon(t *testing.T, execution *v1alpha1.PipelineExecution) stoppingExecution {
	t.Helper()
	return stopWith(t, execution, builders.StopAndAbandon(execution))
}

func stopWith(t *testing.T, execution *v1alpha1.PipelineExecution, sr *v1alpha1.StopRequest) stoppingExecution {
	t.Helper()
	expectAccepted(t, createObject(t, sr))
	return stoppingExecution{execution, sr}
}

func waitForEnd(t *testing.T, execution *v1alpha1.PipelineExecution, state v1alpha1.ExecutionState) *v1alpha1.PipelineExecution {
	t.Helper()
	waitForState(t, execution, state)
	return execution
}

// finishStopped lets the only action finish that an execution waits for in order to stop.
func finishStopped(t *testing.T, execution *v1alpha1.PipelineExecution, action string) *v1alpha1.PipelineExecution {
	t.Helper()
	finishAction(t, execution, action, corev1.PodSucceeded)
	return waitForEnd(t, execution, v1alpha1.ExecutionStopped)
}

// findSuperseded returns the one of two executions that ends Superseded. Those of one second are ordered by their ids.
func findSuperseded(t *testing.T, executions ...*v1alpha1.PipelineExecution) *v1alpha1.PipelineExecution {
	t.Helper()
	var superseded *v1alpha1.PipelineExecution
	NewWithT(t).Eventually(func() *v1alpha1.PipelineExecution {
		for _, execution := range executions {
			if refreshObject(t, execution).Status.State == v1alpha1.ExecutionSuperseded {
				superseded = execution
			}
		}
		return superseded
	}, timeout, interval).ShouldNot(BeNil())
	return superseded
}

// answer creates a result for the approval of startApproval, and waits for its verdict.
func answer(t *testing.T, execution *v1alpha1.PipelineExecution, decision v1alpha1.ApprovalDecision, verdict string) *v1alpha1.ApprovalResult {
	t.Helper()
	ar := createObject(t, builders.ApprovalResult(execution, "Release", "approve", decision))
	expectResult(t, ar, verdict)
	return ar
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// createRetry creates an execution that retries the stage "Deploy" of the execution of a name, if there is one.
func (s *Sim) createRetry(name, original string, mode v1alpha1.RetryMode) {
	target, there := s.Store.Find(simcluster.Execution, key(original)).(*v1alpha1.PipelineExecution)
	if !there {
		return
	}
	s.createObject(&v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.PipelineExecutionSpec{PipelineName: target.Spec.PipelineName, RetryOf: &v1alpha1.RetryOf{
			PipelineExecutionID: string(target.UID), StageName: "Deploy", RetryMode: mode,
		}},
	})
}

// newRetryAct retries the failed actions of the execution "run".
func newRetryAct(when When, name string) Act {
	return Act{when, func(s *Sim) { s.createRetry(name, "run", v1alpha1.RetryModeFailedActions) }}
}

// whenEnded is when an execution has a state.
func whenEnded(name, state string) When {
	return func(s *Sim, _ *simcluster.Call, _ bool) bool { return endOfExecution(s, name) == state }
}

// whenRetried is when the execution "run" names its retry.
func whenRetried(s *Sim, _ *simcluster.Call, _ bool) bool {
	e, ok := s.Store.Find(simcluster.Execution, key("run")).(*v1alpha1.PipelineExecution)
	return ok && e.Status.RetriedBy != nil
}

// whenThere is when an execution was created.
func whenThere(name string) When {
	return func(s *Sim, _ *simcluster.Call, _ bool) bool {
		return s.Store.Find(simcluster.Execution, key(name)) != nil
	}
}

// retryScenarios are executions that retry a stage of another.
func retryScenarios() []*Scenario {
	const queued, parallel = v1alpha1.ExecutionModeQueued, v1alpha1.ExecutionModeParallel
	stages := func(second action) []v1alpha1.Stage {
		return []v1alpha1.Stage{newStage("Build", newAction("compile")), newStage("Deploy", newAction("copy"), second)}
	}
	fails, hangs := stages(newAction("roll-out").thatFails()), stages(newAction("roll-out").thatHangs())
	retries := newRetryAct(whenState(v1alpha1.ExecutionFailed), "retry")
	stopRetry := func(when When, how func(*v1alpha1.StopRequestSpec)) Act {
		return Act{when, func(s *Sim) { s.createStopRequest("stop-retry", "retry", how) }}
	}
	deletesRun := func(s *Sim) { _ = s.Store.Delete(simcluster.Execution, key("run"), client.DeleteOptions{}) }
	return []*Scenario{
		{Name: "retry", Setup: setUpRuns(parallel, fails, "run"), Acts: []Act{retries}, Want: map[string]string{"run": failed, "retry": failed}},
		{Name: "retry-of-a-stopped-one", Setup: setUpRuns(parallel, hangs, "run"), Acts: []Act{
			newStopAct(whenRunning(2), "stop", setAbandon), newRetryAct(whenState(v1alpha1.ExecutionStopped), "retry"),
		}, Want: map[string]string{"run": stopped, "retry": inProgress, "stop": accepted}},
		{Name: "retry-twice", Setup: setUpRuns(parallel, fails, "run"), Acts: []Act{
			retries, newRetryAct(whenThere("retry"), "again"),
		}, Want: map[string]string{"run": failed, "retry": failed, "again": failed}},
		{Name: "retry-is-stopped-as-it-is-bound", Setup: setUpRuns(parallel, fails, "run"), Acts: []Act{retries, stopRetry(whenRetried, setWait)},
			Want: map[string]string{"run": failed, "retry": stopped, "stop-retry": accepted}},
		{Name: "retry-is-stopped-before-it-is-bound", Setup: setUpRuns(parallel, fails, "run"), Acts: []Act{
			{whenState(v1alpha1.ExecutionFailed), func(s *Sim) {
				_ = s.Store.Delete(simcluster.Pipeline, key("web"), client.DeleteOptions{})
				s.createRetry("retry", "run", v1alpha1.RetryModeFailedActions)
			}},
			stopRetry(whenThere("retry"), setAbandon),
			{whenEnded("retry", stopped), func(s *Sim) {
				s.createPipeline(fails...)
				s.createRetry("again", "run", v1alpha1.RetryModeAllActions)
			}},
		}, Want: map[string]string{"run": failed, "retry": stopped, "again": failed, "stop-retry": accepted}},
		{Name: "retry-while-the-first-one-is-deleted", Setup: setUpRuns(parallel, fails, "run"), Acts: []Act{retries, {whenThere("retry"), deletesRun}},
			FreesNames: true, Retains: true, Want: map[string]string{"retry": failed}},
		{Name: "retry-and-then-the-first-one-is-deleted", Setup: setUpRuns(parallel, fails, "run"), Acts: []Act{retries, {whenRetried, deletesRun}},
			FreesNames: true, Retains: true, Want: map[string]string{"retry": failed}},
		{Name: "retry-of-one-that-runs", Setup: setUpRuns(parallel, hangs, "run"), Acts: []Act{newRetryAct(whenRunning(2), "retry")},
			Want: map[string]string{"run": inProgress, "retry": failed}},
		{Name: "retry-in-a-queue", Setup: setUpRuns(queued, fails, "run"), Acts: []Act{retries}, Want: map[string]string{"run": failed, "retry": failed}},
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

const (
	alreadyDecided = v1alpha1.ReasonApprovalAlreadyCompleted
	notPending     = v1alpha1.ReasonApprovalNotPending
	notAllowed     = v1alpha1.ReasonApproverNotAllowed
	// shortApproval is how long an approval waits whose time comes before the cluster is at rest.
	shortApproval = 20 * time.Second
)

// newApproval returns the action "approve", which waits for a person.
func newApproval() action {
	return newAction("approve").withChange(func(d *v1alpha1.Action) {
		d.Job, d.Approval = nil, &v1alpha1.Approval{Message: "Is it good?"}
	})
}

func (a action) thatTimesOut() action {
	return a.withChange(func(d *v1alpha1.Action) { d.Approval.TimeoutSeconds = ptr.To(int64(shortApproval / time.Second)) })
}

func (a action) thatForbidsStarter() action {
	return a.withChange(func(d *v1alpha1.Action) { d.Approval.ForbidStarter = true })
}

// createResult decides the action "approve" of the stage "Release" of the execution "run", if that is there.
func (s *Sim) createResult(name, by string, status v1alpha1.ApprovalDecision) {
	s.createResultWithTTL(name, by, status, nil)
}

// createResultWithTTL does what createResult does, with a result that is deleted by its age.
func (s *Sim) createResultWithTTL(name, by string, status v1alpha1.ApprovalDecision, ttl *int32) {
	target, there := s.Store.Find(simcluster.Execution, key("run")).(*v1alpha1.PipelineExecution)
	if !there {
		return
	}
	s.createObject(&v1alpha1.ApprovalResult{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.ApprovalResultSpec{
			PipelineName: target.Spec.PipelineName, PipelineExecutionID: string(target.UID), StageName: "Release", ActionName: "approve",
			Status: status, Summary: "looked at it", DecidedBy: by, TTLSecondsAfterFinished: ttl,
		},
	})
}

func newApproveAct(when When, name string) Act {
	return Act{when, func(s *Sim) { s.createResult(name, "ada", v1alpha1.ApprovalApproved) }}
}

// newRejectAct creates the result "no".
func newRejectAct(when When) Act {
	return Act{when, func(s *Sim) { s.createResult("no", "ada", v1alpha1.ApprovalRejected) }}
}

// whenApprovalPending is when an approval of the execution "run" waits.
func whenApprovalPending(s *Sim, _ *simcluster.Call, _ bool) bool {
	execution, there := s.Store.Find(simcluster.Execution, key("run")).(*v1alpha1.PipelineExecution)
	if !there {
		return false
	}
	for _, stage := range execution.Status.Stages {
		for _, a := range stage.Actions {
			if a.Approval != nil && a.State == v1alpha1.ActionInProgress {
				return true
			}
		}
	}
	return false
}

// whenSubmitted is when a result was passed on to its execution.
func whenSubmitted(name string) When {
	return func(s *Sim, _ *simcluster.Call, _ bool) bool {
		ar, there := s.Store.Find(simcluster.ApprovalResult, key(name)).(*v1alpha1.ApprovalResult)
		return there && ar.Status.SubmittedTime != nil
	}
}

// approvalScenarios are executions that wait for a person, alone, beside a Job and before a stage; and stops that come before, with and
// after a result.
func approvalScenarios() []*Scenario {
	alone := setUpOneRun(newStage("Release", newApproval()))
	before := setUpOneRun(newStage("Release", newApproval()), newStage("Deploy", newAction("roll-out")))
	beside := setUpOneRun(newStage("Release", newApproval(), newAction("soak"), newAction("roll-out").withRunOrder(2)))
	short := setUpOneRun(newStage("Release", newApproval().thatTimesOut()), newStage("Deploy", newAction("roll-out")))
	return []*Scenario{
		{Name: "approval-waits", Setup: alone, Want: map[string]string{"run": inProgress}},
		{Name: "approval", Small: true, Setup: before, Acts: []Act{newApproveAct(whenApprovalPending, "yes")},
			Want: map[string]string{"run": succeeded, "yes": accepted}},
		{Name: "approval-beside-a-job", Setup: beside, Acts: []Act{newApproveAct(whenRunning(1), "yes")},
			Want: map[string]string{"run": succeeded, "yes": accepted}},
		{Name: "approval-rejected", Setup: before, Acts: []Act{newRejectAct(whenApprovalPending)}, Want: map[string]string{"run": failed, "no": accepted}},
		{Name: "approval-timeout", Setup: short, Want: map[string]string{"run": failed}},
		{Name: "approval-late", Setup: short, Acts: []Act{newApproveAct(whenState(v1alpha1.ExecutionFailed), "yes")},
			Want: map[string]string{"run": failed, "yes": notPending}},
		// What came too early decides nothing later.
		{Name: "approval-early", Setup: setUpOneRun(newStage("Build", newAction("compile")), newStage("Release", newApproval())),
			Acts: []Act{newApproveAct(whenRunning(1), "early")}, Want: map[string]string{"run": inProgress, "early": notPending}},
		{Name: "approval-twice", Setup: before, Acts: []Act{newApproveAct(whenApprovalPending, "yes"), newRejectAct(whenAnswered("yes"))},
			Want: map[string]string{"run": succeeded, "yes": accepted, "no": alreadyDecided}},
		{Name: "approval-by-the-starter", Setup: func(s *Sim) {
			s.createPipeline(newStage("Release", newApproval().thatForbidsStarter()))
			s.createObject(&v1alpha1.PipelineExecution{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "run"},
				Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "web", StartedBy: "ada"},
			})
		}, Acts: []Act{newApproveAct(whenApprovalPending, "own"), {whenAnswered("own"), func(s *Sim) { s.createResult("other", "grace", v1alpha1.ApprovalApproved) }}},
			Want: map[string]string{"run": succeeded, "own": notAllowed, "other": accepted}},
		{Name: "approval-wait", Setup: before, Acts: []Act{newStopAct(whenApprovalPending, "stop", setWait)},
			Want: map[string]string{"run": stopping, "stop": accepted}},
		{Name: "approval-wait-approved", Setup: before, Acts: []Act{newStopAct(whenApprovalPending, "stop", setWait), newApproveAct(whenAnswered("stop"), "yes")},
			Want: map[string]string{"run": stopped, "stop": accepted, "yes": accepted}},
		{Name: "approval-wait-rejected", Setup: before, Acts: []Act{newStopAct(whenApprovalPending, "stop", setWait), newRejectAct(whenAnswered("stop"))},
			Want: map[string]string{"run": stopped, "stop": accepted, "no": accepted}},
		{Name: "approval-wait-timeout", Setup: short, Acts: []Act{newStopAct(whenApprovalPending, "stop", setWait)},
			Want: map[string]string{"run": stopped, "stop": accepted}},
		{Name: "approval-abandon", Small: true, Setup: before, Acts: []Act{newStopAct(whenApprovalPending, "stop", setAbandon), newApproveAct(whenAnswered("stop"), "yes")},
			Want: map[string]string{"run": stopped, "stop": accepted, "yes": notPending}},
		{Name: "approval-escalated", Setup: beside, Acts: []Act{
			newStopAct(whenRunning(1), "wait", setWait), newStopAct(whenAnswered("wait"), "abandon", setAbandon), newApproveAct(whenAnswered("abandon"), "yes"),
		}, Want: map[string]string{"run": stopped, "wait": accepted, "abandon": accepted, "yes": notPending}},
		{Name: "approval-abandoned-on-stop", Setup: setUpOneRun(newStage("Release", newApproval().thatIsAbandonedOnStop(), newAction("soak"))),
			Acts: []Act{newStopAct(whenRunning(1), "stop", setWait)}, Want: map[string]string{"run": stopped, "stop": accepted}},
		// A stop arrives when the result is submitted, and not taken yet.
		{Name: "approval-submitted-abandon", Small: true, Setup: before, Acts: []Act{newApproveAct(whenApprovalPending, "yes"), {whenSubmitted("yes"), func(s *Sim) {
			s.createStopRequest("stop", "run", setAbandon)
			s.Op.Relist(simcluster.StopRequest)
		}}},
			Want: map[string]string{"run": stopped, "stop": accepted, "yes": notPending}},
		{Name: "approval-then-wait", Setup: before, Acts: []Act{newApproveAct(whenApprovalPending, "yes"), newStopAct(whenAnswered("yes"), "stop", setWait)},
			Want: map[string]string{"yes": accepted, "stop": accepted, "run": stopped}},
	}
}

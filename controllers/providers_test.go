// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/action/job"
	"haltline.dev/haltline/controllers/plan"
)

// approvalProvider is a second kind of action: somebody approves it. Its workload is in memory. It shows that a kind of action
// needs nothing but a provider, and that package plan does not know of any.
type approvalProvider struct {
	cluster   *fakeCluster
	approvals map[string]*approval
	calls     []string
	// isRefused has every start be refused.
	isRefused bool
}

// approval is the workload of an action, or what keeps its name from being taken.
type approval struct {
	uid                                      string
	placeholder, approved, withdrawn, orphan bool
	// withdrawing counts down until it has been withdrawn.
	withdrawing int
}

var _ action.Provider = &approvalProvider{}

func (p *approvalProvider) WorkloadKind() plan.WorkloadKind {
	return plan.WorkloadKind{APIVersion: "example.com/v1", Kind: "Approval"}
}

func (p *approvalProvider) Handles(definition *v1alpha1.Action) bool { return definition.Job == nil }

func (p *approvalProvider) Validate(*v1alpha1.Action) error { return nil }

func (p *approvalProvider) TryStart(context.Context, action.Trial) (action.Refusal, error) {
	return action.Refusal{}, nil
}

func (p *approvalProvider) Watches() []action.Watch { return nil }

// change records a call that changes something.
func (p *approvalProvider) change(call string) {
	p.calls = append(p.calls, call)
	p.cluster.effects++
}

func (p *approvalProvider) Start(_ context.Context, _ action.Scope, op plan.Operation) (plan.Observation, error) {
	if p.isRefused {
		return plan.Observation{Phase: plan.PhaseBlocked, Message: "exceeded quota"}, errQuota
	}
	known := p.approvals[op.Workload.Name]
	if known != nil && known.placeholder {
		return plan.Observation{}, errors.New("it was fenced")
	}
	if known == nil {
		p.change("start")
		known = &approval{uid: fmt.Sprintf("approval-%d", len(p.approvals)+1)}
		p.approvals[op.Workload.Name] = known
	}
	return observeApproval(known), nil
}

func (p *approvalProvider) Fence(_ context.Context, _ action.Scope, op plan.Operation) (plan.Observation, error) {
	known := p.approvals[op.Workload.Name]
	if known == nil {
		p.change("fence")
		known = &approval{placeholder: true}
		p.approvals[op.Workload.Name] = known
	}
	if known.placeholder {
		return plan.Observation{Phase: plan.PhaseNeverStarted}, nil
	}
	return observeApproval(known), nil
}

func (p *approvalProvider) Observe(_ context.Context, _ action.Scope, op plan.Operation) (plan.Observation, error) {
	return observeApproval(p.approvals[op.Workload.Name]), nil
}

func (p *approvalProvider) Terminate(_ context.Context, _ action.Scope, op plan.Operation) (plan.Observation, error) {
	known := p.approvals[op.Workload.Name]
	if known.withdrawing > 0 {
		p.change("terminate")
		known.withdrawing--
		return observeApproval(known), nil
	}
	known.withdrawn = true
	return plan.Observation{Phase: plan.PhaseEnded, UID: known.uid}, nil
}

func (p *approvalProvider) Orphan(_ context.Context, _ action.Scope, op plan.Operation) (plan.Observation, error) {
	known := p.approvals[op.Workload.Name]
	if !known.orphan {
		p.change("orphan")
		known.orphan = true
	}
	return plan.Observation{Phase: plan.PhaseEnded, UID: known.uid, Message: "It is left to go on."}, nil
}

func (p *approvalProvider) FindRemainingWork(context.Context, string, string, metav1.Time) (action.RemainingWork, error) {
	var work action.RemainingWork
	for name, known := range p.approvals {
		if !known.placeholder && !known.approved && !known.withdrawn && !known.orphan {
			work.Ending = append(work.Ending, fmt.Sprintf("Approval %q", name))
		}
	}
	return work, nil
}

func observeApproval(known *approval) plan.Observation {
	if known.approved {
		return plan.Observation{Phase: plan.PhaseSucceeded, UID: known.uid}
	}
	return plan.Observation{Phase: plan.PhaseRunning, UID: known.uid}
}

// approve has somebody approve everything that was asked for.
func (p *approvalProvider) approve() {
	for _, known := range p.approvals {
		known.approved = !known.placeholder
	}
}

// makeMixedPipeline returns a Pipeline of a Job and an approval in one group, and of a Job behind them.
func makeMixedPipeline(onAbandon v1alpha1.OnAbandon) *v1alpha1.Pipeline {
	pipeline := makePipeline()
	pipeline.Spec.Stages[0].Actions = []v1alpha1.Action{makeAction("a", 1), {Name: "m", RunOrder: 1, OnAbandon: onAbandon}}
	return pipeline
}

// newMixedCluster returns a cluster with an execution of that Pipeline, an operator with both providers, and the second one.
func newMixedCluster(t *testing.T, onAbandon v1alpha1.OnAbandon) (*fakeCluster, *operator, *approvalProvider) {
	t.Helper()
	cluster := newCluster(t, makeMixedPipeline(onAbandon), makeExecution())
	op := cluster.newOperator("op")
	approvals := &approvalProvider{cluster: cluster, approvals: map[string]*approval{}}
	registry := action.NewRegistry(&job.Provider{Client: op.newClient(""), APIReader: op.newClient("live ")}, approvals)
	op.executions.Registry, op.requests.Registry = registry, registry
	return cluster, op, approvals
}

// checkActions checks the state of the execution and of its actions, in their order.
func checkActions(t *testing.T, cluster *fakeCluster, state v1alpha1.ExecutionState, want ...v1alpha1.ActionState) {
	t.Helper()
	status := cluster.getExecution().Status
	var got []v1alpha1.ActionState
	for _, stage := range status.Stages {
		for _, a := range stage.Actions {
			got = append(got, a.State)
		}
	}
	if status.State != state || !slices.Equal(got, want) {
		t.Errorf("the execution is %s, its actions are %v; want %s and %v", status.State, got, state, want)
	}
}

const (
	notStarted = v1alpha1.ActionNotStarted
	inProgress = v1alpha1.ActionInProgress
	succeeded  = v1alpha1.ActionSucceeded
	abandoned  = v1alpha1.ActionAbandoned
)

func TestASecondProviderRuns(t *testing.T) {
	cluster, op, approvals := newMixedCluster(t, "")
	cluster.must(op.settle())
	checkActions(t, cluster, v1alpha1.ExecutionInProgress, inProgress, inProgress, notStarted)
	actions := cluster.getExecution().Status.Stages[0].Actions
	for i, want := range []v1alpha1.WorkloadReference{
		{APIVersion: "batch/v1", Kind: "Job", Name: actions[0].Workload.Name, UID: string(cluster.findJob("a").UID)},
		{APIVersion: "example.com/v1", Kind: "Approval", Name: actions[1].Workload.Name, UID: "approval-1"},
	} {
		if diff := cmp.Diff(want, actions[i].Workload); diff != "" || actions[i].Attempt != 1 {
			t.Errorf("attempt %d, workload (-want +got):\n%s", actions[i].Attempt, diff)
		}
	}
	cluster.finishJob("a", batchv1.JobComplete)
	cluster.must(op.settle())
	checkActions(t, cluster, v1alpha1.ExecutionInProgress, succeeded, inProgress, notStarted)
	approvals.approve()
	cluster.must(op.settle())
	cluster.finishJob("c", batchv1.JobComplete)
	cluster.must(op.settle())
	checkActions(t, cluster, v1alpha1.ExecutionSucceeded, succeeded, succeeded, succeeded)
	if diff := cmp.Diff([]string{"start"}, approvals.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestASecondProviderIsWaitedFor(t *testing.T) {
	cluster, op, approvals := newMixedCluster(t, "")
	cluster.must(op.settle())
	cluster.createStopRequest("r", false)
	cluster.finishJob("a", batchv1.JobComplete)
	cluster.must(op.settle())
	checkActions(t, cluster, v1alpha1.ExecutionStopping, succeeded, inProgress, notStarted)
	waits := cluster.getExecution().Status.Stop.WaitingFor
	if len(waits) != 1 || waits[0].Workload.Kind != "Approval" || waits[0].Message != fmt.Sprintf("Approval %q has to finish.", waits[0].Workload.Name) {
		t.Errorf("the stop waits for %+v", waits)
	}
	approvals.approve()
	cluster.must(op.settle())
	checkActions(t, cluster, v1alpha1.ExecutionStopped, succeeded, succeeded, notStarted)
	if got := describeVerdict(cluster.getRequest("r")); got != verdictAccepted {
		t.Errorf("the verdict is %q", got)
	}
}

func TestASecondProviderIsAbandoned(t *testing.T) {
	tests := map[v1alpha1.OnAbandon][]string{
		v1alpha1.OnAbandonTerminate: {"start", "terminate", "terminate"},
		v1alpha1.OnAbandonOrphan:    {"start", "orphan"},
	}
	for onAbandon, calls := range tests {
		t.Run(string(onAbandon), func(t *testing.T) {
			cluster, op, approvals := newMixedCluster(t, onAbandon)
			cluster.must(op.settle())
			for _, known := range approvals.approvals {
				known.withdrawing = 2
			}
			cluster.createStopRequest("r", true)
			cluster.must(op.settle())
			checkActions(t, cluster, v1alpha1.ExecutionStopped, abandoned, abandoned, notStarted)
			if diff := cmp.Diff(calls, approvals.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if work, err := approvals.FindRemainingWork(t.Context(), "team", executionUID, metav1.Time{}); err != nil || len(work.Ending) > 0 {
				t.Errorf("Stopped, and something remains: %v, %v", work.Ending, err)
			}
			if !ptr.Deref(cluster.findJob("a").Spec.Suspend, false) {
				t.Error("the Job beside it runs on")
			}
		})
	}
}

// A start that is refused is fenced before the stop is published, and a paused operator cannot start it later.
func TestASecondProviderIsFenced(t *testing.T) {
	for _, abandon := range []bool{false, true} {
		t.Run(fmt.Sprintf("abandon %v", abandon), func(t *testing.T) {
			cluster, op, approvals := newMixedCluster(t, "")
			approvals.isRefused = true
			cluster.before = refuseJobs("a")
			cluster.must(ignoreQuota(op.settle()))
			checkActions(t, cluster, v1alpha1.ExecutionInProgress, inProgress, inProgress, notStarted)
			unconfirmed := plan.Operations(&cluster.getExecution().Status, makeMixedPipeline("").Spec.Definition())[1]

			cluster.createStopRequest("r", abandon)
			cluster.must(ignoreQuota(op.settle()))
			checkActions(t, cluster, v1alpha1.ExecutionStopped, notStarted, notStarted, notStarted)
			if diff := cmp.Diff([]string{"fence"}, approvals.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			approvals.isRefused = false
			if o, err := op.executions.Registry.Execute(t.Context(), action.Scope{Execution: makeExecution()}, unconfirmed); err == nil || o.Phase != 0 {
				t.Errorf("a start after the fence: %+v, %v", o, err)
			}
		})
	}
}

// The end of an accepted request whose execution is deleted waits for what every provider has left.
func TestASecondProviderHasRemainingWork(t *testing.T) {
	cluster, op, approvals := newMixedCluster(t, "")
	cluster.must(op.settle())
	cluster.createStopRequest("r", false)
	cluster.must(op.settle())
	cluster.must(cluster.raw.Delete(t.Context(), cluster.getExecution()))
	cluster.must(cluster.raw.Delete(t.Context(), cluster.findJob("a")))
	cluster.must(cluster.raw.DeleteAllOf(t.Context(), &corev1.Pod{}, client.InNamespace("team")))
	for _, isGone := range []bool{false, true} {
		if isGone {
			approvals.approve()
		}
		cluster.must(op.reconcileRequest("r"))
		if got := cluster.getRequest("r").Status.State == v1alpha1.ExecutionStopped; got != isGone {
			t.Errorf("what it ran is gone: %v, and the request reads %+v", isGone, cluster.getRequest("r").Status)
		}
	}
}

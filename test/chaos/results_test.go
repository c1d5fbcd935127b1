// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// resultAsk is an approval result that is made some time after the one before it.
type resultAsk struct {
	low, high time.Duration
	// when is the moment that it waits for, if that comes; nil if it waits for none.
	when     moment
	rejects  bool
	isByOwn  bool
	pipeline string
	// id, stage and action are what the result names; those of the approval if they are empty.
	id, stage, action string
}

// resultScript is the approval results for one execution.
type resultScript []resultAsk

const (
	approvalStage  = "Release"
	approvalAction = "approve"
)

var (
	// approve comes as soon as the approval waits, and approveSoon when it may not wait yet, or not any more.
	approve     = resultAsk{when: isWaitingForApproval}
	approveSoon = resultAsk{high: 6 * time.Second}
	approveLate = resultAsk{when: hasEndedApproval}
	approveNow  = resultAsk{}
)

func (a resultAsk) withRejection() resultAsk { a.rejects = true; return a }

// byStarter is by the user who started the execution.
func (a resultAsk) byStarter() resultAsk { a.isByOwn = true; return a }

func (a resultAsk) withTarget(pipeline, id, stage, action string) resultAsk {
	a.pipeline, a.id, a.stage, a.action = pipeline, id, stage, action
	return a
}

// unknownTargets name a pipeline, an execution, a stage and an action that are not there.
var unknownTargets = resultScript{
	approveNow.withTarget(unknownPipeline, unknownID, "", ""), approveNow.withTarget("", unknownID, "", ""),
	approve.withTarget("", "", "nowhere", ""), approve.withTarget("", "", "", "nothing"),
}

// resultScripts are drawn for executions that wait for approval.
var resultScripts = []resultScript{
	{},
	{approve},
	{approve.withRejection()},
	{approveSoon},
	{approveSoon.withRejection(), approveNow},
	{approve, approveNow.withRejection()},
	{approve.byStarter(), approveNow},
	{approveSoon, approveSoon},
	{approveLate},
	unknownTargets,
}

// runResults makes the approval results of a script.
func (l *load) runResults(ctx context.Context, e *v1alpha1.PipelineExecution, s resultScript, r *rand.Rand) error {
	for i, a := range s {
		if a.when != nil {
			l.waitFor(ctx, e, a.when)
		}
		if !pause(ctx, randomDuration(r, a.low, a.high)) {
			return ctx.Err()
		}
		ar, user := a.newResult(e), l.approver
		if a.isByOwn {
			user = l.k8s
		}
		ar.Name = fmt.Sprintf("%s-result-%d", e.Name, i)
		if err := createAs(ctx, user, ar); err != nil {
			return err
		}
		l.counts.add("approval results")
	}
	return nil
}

// newResult returns an approval result for an execution.
func (a resultAsk) newResult(e *v1alpha1.PipelineExecution) *v1alpha1.ApprovalResult {
	status := v1alpha1.ApprovalApproved
	if a.rejects {
		status = v1alpha1.ApprovalRejected
	}
	return &v1alpha1.ApprovalResult{
		ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace},
		Spec: v1alpha1.ApprovalResultSpec{
			PipelineName: cmp.Or(a.pipeline, e.Spec.PipelineName), PipelineExecutionID: cmp.Or(a.id, string(e.UID)),
			StageName: cmp.Or(a.stage, approvalStage), ActionName: cmp.Or(a.action, approvalAction), Status: status, Summary: "chaos",
		},
	}
}

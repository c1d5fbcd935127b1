// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"haltline.dev/haltline/api/v1alpha1"
)

// "An unconfirmed intent is fenced before the stop is published": only the write after the fence turns the state to Stopping.
func TestTheFenceComesBeforeThePublication(t *testing.T) {
	for _, abandon := range []bool{false, true} {
		t.Run(fmt.Sprintf("abandon %v", abandon), func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), makeExecution())
			op := cluster.newOperator("op")
			cluster.before = refuseJobs("b")
			if err := ignoreQuota(op.settle()); err != nil {
				t.Fatal(err)
			}
			cluster.createStopRequest("r", abandon)
			var states []string
			cluster.after = func(c apiCall) error {
				switch c.name {
				case callWriteStatus:
					states = append(states, string(cluster.getExecution().Status.State))
				case callCreatePlaceholder:
					states = append(states, c.name)
				case callAnswer:
					if isAccepted(cluster.getRequest("r")) {
						states = append(states, "Accepted")
					}
				}
				return nil
			}
			_ = op.settle()
			want := []string{"InProgress", callCreatePlaceholder, "Stopping", "Accepted"}
			if len(states) < len(want) || !slices.Equal(states[:len(want)], want) {
				t.Errorf("in this order: %v; want first %v", states, want)
			}
			if a := cluster.getExecution().Status.Stages[0].Actions[1]; a.State != v1alpha1.ActionNotStarted || a.Workload.UID != "" {
				t.Errorf("the fenced action is %+v", a)
			}
			if n := len(cluster.jobs); n != 2 || cluster.jobs[0].placeholder || !cluster.jobs[1].placeholder {
				t.Errorf("created %+v", cluster.jobs)
			}
		})
	}
}

// While the placeholder is refused, the stop is not published, nothing starts, and the conditions show why.
func TestAFenceThatIsRefused(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	refuse := func(c apiCall) error {
		if c.name == callCreateJob || c.name == callCreatePlaceholder {
			return errQuota
		}
		return nil
	}
	cluster.before = refuse
	_ = op.settle()
	cluster.createStopRequest("r", false)
	cluster.must(op.settle())
	checkTriedAgain(t, op)
	execution, sr := cluster.getExecution(), cluster.getRequest("r")
	ready := meta.FindStatusCondition(execution.Status.Conditions, v1alpha1.ConditionReady)
	if execution.Status.State != v1alpha1.ExecutionInProgress || ready.Reason != v1alpha1.ReasonFencing || !strings.Contains(ready.Message, "exceeded quota") {
		t.Errorf("the execution is %s: %s: %s", execution.Status.State, ready.Reason, ready.Message)
	}
	if meta.FindStatusCondition(sr.Status.Conditions, v1alpha1.ConditionAccepted) != nil {
		t.Errorf("the request has a verdict: %+v", sr.Status.Conditions)
	}
	cluster.before = refuseJobs("a")
	cluster.must(op.settle())
	checkStopped(t, cluster, 1)
	if !cluster.jobs[0].placeholder {
		t.Errorf("created %+v", cluster.jobs)
	}
}

// A paused operator that goes on later finds the name taken.
func TestAPausedOperatorFindsTheNameTaken(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	paused, other := cluster.newOperator("paused"), cluster.newOperator("other")
	once := true
	cluster.before = func(c apiCall) error {
		switch {
		case c.who == "other":
			return refuseJobs("a")(c)
		case c.name == callCreateJob && once:
			once = false
			cluster.createStopRequest("w", false)
			cluster.must(ignoreQuota(other.settle()))
			if !cluster.isStopPublished() {
				t.Error("the stop was not published")
			}
		}
		return nil
	}
	if got, err := paused.reconcileExecution(); err != nil || got.RequeueAfter == 0 || got.RequeueAfter > 15*time.Second {
		t.Errorf("again after %s, %v: the operator takes its start for one that was carried out", got.RequeueAfter, err)
	}
	cluster.must(paused.settle())
	checkStopped(t, cluster, 1)
	if !cluster.jobs[0].placeholder {
		t.Errorf("created %+v", cluster.jobs)
	}
}

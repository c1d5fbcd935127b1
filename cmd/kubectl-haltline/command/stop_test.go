// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
)

func expectCode(t *testing.T, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
}

func TestStopOne(t *testing.T) {
	h := newHarness(t, execution("web", "web-1", 1, v1alpha1.ExecutionInProgress), execution("web", "web-2", 2, v1alpha1.ExecutionSucceeded))
	expectCode(t, h.run("stop", "web-1", "--reason", "the release is on hold"), cli.CodeDone)
	expectCode(t, h.run("stop", "web-1"), cli.CodeDuplicate)
	expectCode(t, h.run("stop", "web-1", "--abandon", "--grace-period", "5"), cli.CodeDone)
	expectCode(t, h.run("stop", "web-1", "--abandon"), cli.CodeDuplicate)
	expectCode(t, h.run("stop", "web-2"), cli.CodeRefused)
	expectCode(t, h.run("stop", "web-2", "--wait"), cli.CodeRefused)
	expectCode(t, h.run("stop", "web-3"), cli.CodeNotFound)
	h.compare("stop-one")
}

func TestStopRequestHasWhatWasAskedFor(t *testing.T) {
	h := newHarness(t, execution("web", "web-1", 1, v1alpha1.ExecutionInProgress))
	expectCode(t, h.run("stop", "web-1", "--reason", "a reason", "--escalate-after", "10m", "--grace-period", "1m30s", "-o", "yaml"), cli.CodeDone)
	h.compare("stop-yaml")
}

func TestStopFindsTheExecution(t *testing.T) {
	for _, args := range [][]string{{"web-2"}, {testID(2)}, {"@latest", "--pipeline", "web"}, {"@latest", "-p", "web", "--abandon"}} {
		h := newHarness(t,
			execution("web", "web-2", 2, v1alpha1.ExecutionInProgress), execution("web", "web-3", 3, v1alpha1.ExecutionInProgress),
			execution("api", "api-1", 1, v1alpha1.ExecutionInProgress), execution("api", testID(2), 4, v1alpha1.ExecutionInProgress))
		expectCode(t, h.run(append([]string{"stop"}, args...)...), cli.CodeDone)
		if ids := h.stoppedIDs(); !slices.Equal(ids, []string{testID(2)}) {
			t.Errorf("%v stops %v", args, ids)
		}
	}
}

// Nobody knows which of two is the latest that were created in the same second, so neither is stopped.
func TestStopOfTheLatestOfTwoInOneSecond(t *testing.T) {
	h := newHarness(t,
		execution("web", "web-1", 1, v1alpha1.ExecutionInProgress), execution("web", "web-2", 1, v1alpha1.ExecutionInProgress),
		execution("web", "web-3", 2, v1alpha1.ExecutionInProgress))
	expectCode(t, h.run("stop", "@latest"), cli.CodeUsage)
	if ids := h.stoppedIDs(); len(ids) > 0 {
		t.Errorf("it stops %v", ids)
	}
}

// stoppedIDs returns the ids of all StopRequests, in their order.
func (h *harness) stoppedIDs() []string {
	h.t.Helper()
	var ids []string
	for _, sr := range h.stopRequests() {
		ids = append(ids, sr.Spec.PipelineExecutionID)
	}
	slices.Sort(ids)
	return ids
}

func (h *harness) stopRequests() []v1alpha1.StopRequest {
	h.t.Helper()
	list := &v1alpha1.StopRequestList{}
	if err := h.cluster.List(h.t.Context(), list); err != nil {
		h.t.Fatal(err)
	}
	return list.Items
}

func TestStopOfAnotherPipeline(t *testing.T) {
	h := newHarness(t, execution("web", "web-1", 1, v1alpha1.ExecutionInProgress))
	expectCode(t, h.run("stop", "web-1", "--pipeline", "api"), cli.CodeNotFound)
	expectCode(t, h.run("stop", "@latest", "--pipeline", "api"), cli.CodeNotFound)
	if len(h.stopRequests()) > 0 {
		t.Error("it was stopped")
	}
	h.compare("stop-other-pipeline")
}

func TestStopCommandLines(t *testing.T) {
	h := newHarness(t, execution("web", "web-1", 1, v1alpha1.ExecutionInProgress))
	for _, args := range [][]string{
		{}, {"web-1", "web-2"}, {"web-1", "--all"}, {"web-1", "-l", "a=b"}, {"--all", "--pipeline", "web"}, {"web-1", "--abandon", "--escalate-after", "1m"},
		{"web-1", "--grace-period", "5s"}, {"web-1", "--escalate-after", "soon"}, {"web-1", "--dry-run", "maybe"}, {"web-1", "-o", "xml"},
		{"-l", "a in b", "--yes"}, {"--all"},
	} {
		expectCode(t, h.run(append([]string{"stop"}, args...)...), cli.CodeUsage)
	}
	if len(h.stopRequests()) > 0 {
		t.Error("something was stopped")
	}
	h.compare("stop-usage")
}

func TestStopDryRun(t *testing.T) {
	h := newHarness(t, execution("web", "web-1", 1, v1alpha1.ExecutionInProgress), execution("web", "web-2", 2, v1alpha1.ExecutionInProgress))
	expectCode(t, h.run("stop", "web-1", "--dry-run=client"), cli.CodeDone)
	expectCode(t, h.run("stop", "web-1", "--dry-run=server", "--abandon"), cli.CodeDone)
	expectCode(t, h.run("stop", "--pipeline", "web", "--dry-run=server"), cli.CodeDone)
	if len(h.stopRequests()) > 0 {
		t.Error("something was stopped")
	}
	h.compare("stop-dry-run")
}

func TestStopForbidden(t *testing.T) {
	h := newHarness(t, execution("web", "web-1", 1, v1alpha1.ExecutionInProgress))
	message := `ValidatingAdmissionPolicy 'haltline-verbs' with binding 'haltline-verbs' denied request: user bob lacks the verb "abandon" on ` +
		`pipelineexecutions.pipelines.haltline.dev in namespace shop, which a StopRequest with abandon: true, escalateAfterSeconds or gracePeriodSeconds needs`
	h.intercept.Create = func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
		return apierrors.NewForbidden(schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "stoprequests"}, "stop-web-1", errors.New(message))
	}
	expectCode(t, h.run("stop", "web-1", "--abandon"), cli.CodeError)
	h.compare("stop-forbidden")
}

func TestStopWithoutVerdict(t *testing.T) {
	h := newHarness(t, execution("web", "web-1", 1, v1alpha1.ExecutionInProgress))
	h.operator = nil
	expectCode(t, h.run("stop", "web-1", "--timeout", "10ms"), cli.CodeTimeout)
	expectCode(t, h.run("stop", "--pipeline", "web", "--yes", "--timeout", "10ms"), cli.CodeTimeout)
	h.operator = func(_ client.Client, o client.Object) error {
		sr := o.(*v1alpha1.StopRequest)
		meta.SetStatusCondition(&sr.Status.Conditions, metav1.Condition{
			Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonStopBlocked, Message: "The API server refuses it: too large.",
		})
		return nil
	}
	expectCode(t, h.run("stop", "web-1", "--timeout", "10ms"), cli.CodeTimeout)
	h.compare("stop-without-verdict")
}

// decideAndEnd lets executions end in a state as soon as their stop is accepted.
func decideAndEnd(state v1alpha1.ExecutionState) func(client.Client, client.Object) error {
	return func(c client.Client, object client.Object) error {
		if err := decideLikeTheOperator(c, object); err != nil {
			return err
		}
		sr := object.(*v1alpha1.StopRequest)
		execution, err := executionOfID(c, sr.Spec.PipelineExecutionID)
		if err != nil || findVerdict(sr.Status.Conditions).Status != metav1.ConditionTrue {
			return err
		}
		execution.Status.State = state
		execution.Status.Stages = []v1alpha1.StageStatus{stageIn("Build", v1alpha1.StageStopped,
			v1alpha1.ActionStatus{Name: "compile", State: v1alpha1.ActionSucceeded}, v1alpha1.ActionStatus{Name: "package", State: v1alpha1.ActionNotStarted})}
		meta.SetStatusCondition(&execution.Status.Conditions, metav1.Condition{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: string(state), Message: "It was stopped.",
		})
		meta.SetStatusCondition(&sr.Status.Conditions, metav1.Condition{
			Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue, Reason: string(state), Message: `Execution "` + execution.Name + `" is ` + string(state) + ".",
		})
		if state == v1alpha1.ExecutionStopped {
			meta.SetStatusCondition(&sr.Status.Conditions, metav1.Condition{
				Type: v1alpha1.ConditionStopped, Status: metav1.ConditionTrue, Reason: string(state), Message: "It is stopped.",
			})
		}
		return c.Update(context.Background(), execution)
	}
}

func TestStopAndWaitForTheEnd(t *testing.T) {
	h := newHarness(t, execution("web", "web-1", 1, v1alpha1.ExecutionInProgress))
	h.operator = decideAndEnd(v1alpha1.ExecutionStopped)
	expectCode(t, h.run("stop", "web-1", "--wait"), cli.CodeDone)
	h.compare("stop-wait")
}

// The request names the end if somebody deleted the execution meanwhile.
func TestStopAndWaitForADeletedExecution(t *testing.T) {
	h := newHarness(t, execution("web", "web-1", 1, v1alpha1.ExecutionInProgress))
	h.operator = func(c client.Client, object client.Object) error {
		if err := decideLikeTheOperator(c, object); err != nil {
			return err
		}
		sr := object.(*v1alpha1.StopRequest)
		meta.SetStatusCondition(&sr.Status.Conditions, metav1.Condition{
			Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonWorkLeftRunning, Message: `Job "web-1-x" was left running.`,
		})
		execution, err := executionOfID(c, sr.Spec.PipelineExecutionID)
		if err != nil {
			return err
		}
		return c.Delete(context.Background(), execution)
	}
	expectCode(t, h.run("stop", "web-1", "--wait"), cli.CodeEndedOtherwise)
	h.compare("stop-wait-deleted")
}

// fleet are executions of two pipelines in every state.
func fleet() []client.Object {
	waits := execution("web", "web-3", 3, v1alpha1.ExecutionStopping)
	waits.Status.Stop = &v1alpha1.StopStatus{Mode: v1alpha1.StopModeWait, Requests: []v1alpha1.AcceptedStopRequest{{UID: "u", Name: "before", Mode: v1alpha1.StopModeWait}}}
	abandons := execution("web", "web-4", 4, v1alpha1.ExecutionStopping)
	abandons.Status.Stop = &v1alpha1.StopStatus{Mode: v1alpha1.StopModeAbandon, Requests: []v1alpha1.AcceptedStopRequest{{UID: "u", Name: "before", Mode: v1alpha1.StopModeAbandon}}}
	elsewhere := execution("web", "web-9", 9, v1alpha1.ExecutionInProgress)
	elsewhere.Namespace = "other"
	return []client.Object{
		execution("web", "web-1", 1, v1alpha1.ExecutionInProgress), execution("web", "web-2", 2, ""), waits, abandons,
		execution("web", "web-5", 5, v1alpha1.ExecutionStopped), execution("web", "web-6", 6, v1alpha1.ExecutionSucceeded),
		execution("web", "web-7", 7, v1alpha1.ExecutionFailed), execution("web", "web-8", 8, v1alpha1.ExecutionSuperseded),
		elsewhere, execution("api", "api-10", 10, v1alpha1.ExecutionInProgress),
	}
}

func TestStopSeveralSelects(t *testing.T) {
	tests := map[string]struct {
		args []string
		want []int
	}{
		"a pipeline":              {[]string{"--pipeline", "web"}, []int{1, 2}},
		"a pipeline, abandoned":   {[]string{"--pipeline", "web", "--abandon"}, []int{1, 2, 3}},
		"labels":                  {[]string{"-l", v1alpha1.LabelPipeline + "=api"}, []int{10}},
		"labels of a pipeline":    {[]string{"-l", v1alpha1.LabelPipeline + "!=x", "-p", "api"}, []int{10}},
		"all":                     {[]string{"--all"}, []int{1, 2, 10}},
		"all, in every namespace": {[]string{"--all", "-A"}, []int{1, 2, 9, 10}},
		"nothing":                 {[]string{"--pipeline", "none"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, fleet()...)
			expectCode(t, h.run(append([]string{"stop", "--yes"}, test.args...)...), cli.CodeDone)
			var want []string
			for _, n := range test.want {
				want = append(want, testID(n))
			}
			if got := h.stoppedIDs(); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			for _, sr := range h.stopRequests() {
				if sr.Labels[v1alpha1.LabelBatch] != "20261127-103000-abcde" {
					t.Errorf("%s has the labels %v", sr.Name, sr.Labels)
				}
			}
		})
	}
}

// withSteadyNames lets the objects of a batch, which are created at the same time, have names that can be foreseen.
func withSteadyNames(h *harness) *harness {
	created := map[string]int{}
	h.intercept.Create = func(_ context.Context, _ client.WithWatch, object client.Object, _ ...client.CreateOption) error {
		created[object.GetGenerateName()]++
		object.SetName(fmt.Sprintf("%s%05d", object.GetGenerateName(), created[object.GetGenerateName()]))
		return nil
	}
	return h
}

func TestStopSeveralPrints(t *testing.T) {
	h := withSteadyNames(newHarness(t, fleet()...))
	expectCode(t, h.run("stop", "--pipeline", "web", "--yes", "--reason", "the cluster is moved"), cli.CodeDone)
	expectCode(t, h.run("stop", "--pipeline", "web", "--yes"), cli.CodeDone)
	expectCode(t, h.run("stop", "--all", "-A", "--abandon", "--yes", "-o", "name"), cli.CodeDone)
	expectCode(t, h.run("stop", "--pipeline", "none", "--yes"), cli.CodeDone)
	h.compare("stop-several")
}

// One has ended between the list and its request, another one may not be stopped.
func TestStopSeveralPartly(t *testing.T) {
	h := newHarness(t,
		execution("web", "web-1", 1, v1alpha1.ExecutionInProgress), execution("web", "web-2", 2, v1alpha1.ExecutionInProgress),
		execution("web", "web-3", 3, v1alpha1.ExecutionInProgress))
	h.intercept.Create = func(ctx context.Context, c client.WithWatch, object client.Object, _ ...client.CreateOption) error {
		object.SetName(object.GetGenerateName() + "00000")
		switch object.(*v1alpha1.StopRequest).Spec.PipelineExecutionID {
		case testID(2):
			return apierrors.NewForbidden(schema.GroupResource{Resource: "stoprequests"}, "", errors.New("not this one"))
		case testID(3):
			ended, err := executionOfID(c, testID(3))
			if err != nil {
				return err
			}
			ended.Status.State = v1alpha1.ExecutionSucceeded
			return c.Update(ctx, ended)
		}
		return nil
	}
	expectCode(t, h.run("stop", "--pipeline", "web", "--yes"), cli.CodePartly)
	h.compare("stop-several-partly")
}

func TestStopSeveralForbidden(t *testing.T) {
	h := newHarness(t, execution("web", "web-1", 1, v1alpha1.ExecutionInProgress), execution("web", "web-2", 2, v1alpha1.ExecutionInProgress))
	h.intercept.Create = func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
		return apierrors.NewForbidden(schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "stoprequests"}, "",
			errors.New(`User "bob" cannot create resource "stoprequests" in API group "pipelines.haltline.dev" in the namespace "shop"`))
	}
	expectCode(t, h.run("stop", "--pipeline", "web", "--yes"), cli.CodeError)
	h.compare("stop-several-forbidden")
}

// If nobody knows whether a request is there, the command tells how to look for it.
func TestStopSeveralOfUnknownOutcome(t *testing.T) {
	const hint = "The requests: kubectl get stoprequests"
	for _, test := range []struct {
		err     error
		tellsIt bool
	}{
		{errors.New("connection reset by peer"), true},
		{apierrors.NewTimeoutError("the request timed out", 1), true},
		{apierrors.NewServerTimeout(schema.GroupResource{Resource: "stoprequests"}, "create", 1), true},
		{apierrors.NewInternalError(errors.New("failed calling webhook")), false},
		{apierrors.NewForbidden(schema.GroupResource{Resource: "stoprequests"}, "", errors.New("no")), false},
	} {
		h := newHarness(t, execution("web", "web-1", 1, v1alpha1.ExecutionInProgress))
		h.intercept.Create = func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return test.err }
		expectCode(t, h.run("stop", "--all", "--yes"), cli.CodeError)
		if got := strings.Contains(h.log.String(), hint); got != test.tellsIt {
			t.Errorf("%v: it tells how to find requests: %t", test.err, got)
		}
	}
}

func TestStopSeveralAndWaitForTheEnds(t *testing.T) {
	h := withSteadyNames(newHarness(t, execution("web", "web-1", 1, v1alpha1.ExecutionInProgress), execution("web", "web-2", 2, v1alpha1.ExecutionInProgress)))
	h.operator = decideAndEnd(v1alpha1.ExecutionStopped)
	expectCode(t, h.run("stop", "--pipeline", "web", "--yes", "--wait"), cli.CodeDone)
	h.compare("stop-several-wait")
}

// A verdict is not the end: the requests are Finished only at the second look.
func TestStopSeveralWaitsForTheEndAndNotForTheVerdict(t *testing.T) {
	h := withSteadyNames(newHarness(t, execution("web", "web-1", 1, v1alpha1.ExecutionInProgress)))
	h.operator = decideAndEnd(v1alpha1.ExecutionStopped)
	looks := 0
	h.intercept.List = func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
		if err := c.List(ctx, list, options...); err != nil {
			return err
		}
		requests, ok := list.(*v1alpha1.StopRequestList)
		if !ok {
			return nil
		}
		looks++
		if looks == 1 {
			meta.RemoveStatusCondition(&requests.Items[0].Status.Conditions, v1alpha1.ConditionFinished)
		}
		return nil
	}
	expectCode(t, h.run("stop", "--pipeline", "web", "--yes", "--wait"), cli.CodeDone)
	if looks != 2 {
		t.Errorf("it looked %d times, want 2", looks)
	}
	h.compare("stop-several-wait-longer")
}

// Somebody who deletes a request must not let the command wait without end.
func TestStopSeveralWhoseRequestIsDeleted(t *testing.T) {
	h := newHarness(t, execution("web", "web-1", 1, v1alpha1.ExecutionInProgress))
	h.operator = nil
	h.intercept.List = func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
		if _, ok := list.(*v1alpha1.StopRequestList); ok {
			return nil
		}
		return c.List(ctx, list, options...)
	}
	expectCode(t, h.run("stop", "--pipeline", "web", "--yes", "--wait"), cli.CodeError)
	h.compare("stop-several-deleted")
}

func TestStopSeveralAsks(t *testing.T) {
	for answer, isStopped := range map[string]bool{"y\n": true, "YES\n": true, "\n": false, "n\n": false, "yellow\n": false} {
		h := newHarness(t, execution("web", "web-1", 1, v1alpha1.ExecutionInProgress))
		h.typed = answer
		code := h.run("stop", "--pipeline", "web")
		if (code == cli.CodeDone) != isStopped || (len(h.stopRequests()) == 1) != isStopped {
			t.Errorf("%q: exit code %d, %d requests", answer, code, len(h.stopRequests()))
		}
	}
	var many []client.Object
	for n := range 25 {
		many = append(many, execution("web", "web-"+string(rune('a'+n)), n, v1alpha1.ExecutionInProgress))
	}
	h := newHarness(t, many...)
	h.typed = "n\n"
	expectCode(t, h.run("stop", "--all", "--abandon"), cli.CodeError)
	h.compare("stop-several-asks")
}

// A list of a page holds 500; the rest must not be forgotten.
func TestStopSeveralReadsEveryPage(t *testing.T) {
	h := newHarness(t)
	pages := map[string]*v1alpha1.PipelineExecutionList{
		"":       {ListMeta: metav1.ListMeta{Continue: "second"}, Items: []v1alpha1.PipelineExecution{*execution("web", "web-1", 1, "")}},
		"second": {Items: []v1alpha1.PipelineExecution{*execution("web", "web-2", 2, "")}},
	}
	h.intercept.List = func(_ context.Context, _ client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
		applied := (&client.ListOptions{}).ApplyOptions(options)
		if applied.Limit == 0 {
			t.Error("the list is not bounded")
		}
		pages[applied.Continue].DeepCopyInto(list.(*v1alpha1.PipelineExecutionList))
		return nil
	}
	expectCode(t, h.run("stop", "--all", "--dry-run=client"), cli.CodeDone)
	h.compare("stop-several-pages")
}

// A copy that a restore made has the id of another in its status, and one that the operator has not looked at has none there.
func TestStopByIDBelievesTheUID(t *testing.T) {
	restored := execution("web", "web-1", 1, v1alpha1.ExecutionInProgress)
	restored.Status.PipelineExecutionID = testID(2)
	unseen := execution("web", "web-2", 2, "")
	unseen.Status.PipelineExecutionID = ""
	h := newHarness(t, restored, unseen)
	h.operator = nil
	expectCode(t, h.run("stop", testID(2), "--timeout", "10ms"), cli.CodeTimeout)
	if ids := h.stoppedIDs(); !slices.Equal(ids, []string{testID(2)}) {
		t.Errorf("it stops %v", ids)
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/randfill"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
)

// FuzzRules: whatever an execution and its requests hold, the rules do not panic, what was accepted stays so, a verdict is
// given once, and what is written is what the API server takes.
func FuzzRules(f *testing.F) {
	for _, seed := range makeSeeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fill := makeFiller(data)
		execution, sr := &v1alpha1.PipelineExecution{}, &v1alpha1.StopRequest{}
		var requests []v1alpha1.StopRequest
		var now metav1.Time
		for _, into := range []any{execution, sr, &requests, &now} {
			fill.Fill(into)
		}
		checkRules(t, execution, sr, requests, now)
	})
}

// FuzzRulesOfJSON: the same, for what an API server could have stored under no schema at all.
func FuzzRulesOfJSON(f *testing.F) {
	f.Add(`{"metadata":{"uid":"u"},"status":{"state":"InProgress","stop":{"mode":"Wait"}}}`, `{"metadata":{"uid":"r"},"spec":{"abandon":true}}`, int64(0))
	f.Add(`{"status":{"state":"Stopping","stop":{"mode":"Abandon","requests":[]}}}`, `{}`, int64(1))
	f.Add(`{"status":{"stop":{"mode":"Odd","requests":[{"uid":"r"},{"uid":"r"}]}}}`, `{"metadata":{"uid":"r"}}`, int64(-62135596800))
	f.Add(`{}`, `{"spec":{"escalateAfterSeconds":9223372036854775807},"status":{"conditions":[{},{"type":"Accepted","status":"Unknown"}]}}`, int64(0))
	f.Add(`{"status":{"state":"Stopped"}}`, `{"status":{"conditions":[{"type":"Accepted","status":"True"}]}}`, int64(0))
	f.Fuzz(func(t *testing.T, executionJSON, requestJSON string, now int64) {
		execution, sr := &v1alpha1.PipelineExecution{}, &v1alpha1.StopRequest{}
		if json.Unmarshal([]byte(executionJSON), execution) != nil || json.Unmarshal([]byte(requestJSON), sr) != nil {
			return // No such object.
		}
		checkRules(t, execution, sr, []v1alpha1.StopRequest{*sr, {}}, metav1.Unix(now, 0))
	})
}

func checkRules(t *testing.T, execution *v1alpha1.PipelineExecution, sr *v1alpha1.StopRequest, requests []v1alpha1.StopRequest, now metav1.Time) {
	t.Helper()
	executionBefore, requestBefore := execution.DeepCopy(), sr.DeepCopy()
	checkAccept(t, &execution.Status, append(requests, *sr), now)
	for _, answer := range []verdict.Verdict{Decide(execution, sr), DecideNotFound(sr, true), DecideNotFound(sr, false), {}} {
		if answer.Decided && !slices.Contains([]string{
			v1alpha1.ReasonAccepted, v1alpha1.ReasonDuplicatedStopRequest, v1alpha1.ReasonNotStoppable, v1alpha1.ReasonPipelineNotFound,
		}, answer.Reason) {
			t.Errorf("a verdict of the reason %q", answer.Reason)
		}
		if !answer.Decided && (answer.Accepted || answer.Reason != "") {
			t.Errorf("no verdict, and it has a reason: %+v", answer)
		}
		checkStatus(t, sr, execution, answer, now)
		checkStatus(t, sr, nil, answer, now)
	}
	ConcernsExecution(sr, execution)
	if !equality.Semantic.DeepEqual(executionBefore, execution) || !equality.Semantic.DeepEqual(requestBefore, sr) {
		t.Errorf("the rules changed what they look at:\n%s%s", cmp.Diff(executionBefore, execution), cmp.Diff(requestBefore, sr))
	}
}

// checkAccept checks that the record of a stop only grows, and does not grow once the execution is final.
func checkAccept(t *testing.T, status *v1alpha1.PipelineExecutionStatus, requests []v1alpha1.StopRequest, now metav1.Time) {
	t.Helper()
	before := status.Stop
	after := Accept(status, requests, now)
	EscalationTime(after)
	if before == nil && after == nil {
		return
	}
	if after == nil {
		t.Fatalf("the stop %+v is gone", before)
	}
	var had []v1alpha1.AcceptedStopRequest
	if before != nil {
		had = before.Requests
		if before.Mode == v1alpha1.StopModeAbandon && after.Mode != v1alpha1.StopModeAbandon {
			t.Errorf("a stop that abandons has the mode %q now", after.Mode)
		}
	}
	if len(after.Requests) < len(had) || (status.State.IsFinal() && len(after.Requests) != len(had)) {
		t.Errorf("%d requests were accepted, now %d, in state %q", len(had), len(after.Requests), status.State)
	}
	for i := range had {
		if had[i].UID != after.Requests[i].UID || had[i].AcceptedTime != after.Requests[i].AcceptedTime {
			t.Errorf("an accepted request was %+v, is %+v", had[i], after.Requests[i])
		}
	}
}

// validReason is the schema of metav1.Condition.
var validReason = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`)

// checkStatus checks that a verdict is given once, that a finished request stays as it is, and that what is set is valid.
func checkStatus(t *testing.T, sr *v1alpha1.StopRequest, execution *v1alpha1.PipelineExecution, answer verdict.Verdict, now metav1.Time) {
	t.Helper()
	after := sr.DeepCopy()
	after.Status = NextStatus(sr, execution, answer, now)
	if verdict.IsFinished(sr.Status.Conditions) {
		if !equality.Semantic.DeepEqual(sr.Status, after.Status) {
			t.Errorf("a finished request changed (-before +after):\n%s", cmp.Diff(sr.Status, after.Status))
		}
		return
	}
	if meta.IsStatusConditionTrue(sr.Status.Conditions, v1alpha1.ConditionAccepted) &&
		!meta.IsStatusConditionTrue(after.Status.Conditions, v1alpha1.ConditionAccepted) {
		t.Errorf("an accepted request is %+v", after.Status)
	}
	if again := NextStatus(after, execution, answer, now); !equality.Semantic.DeepEqual(after.Status, again) {
		t.Errorf("the same verdict again changes (-before +after):\n%s", cmp.Diff(after.Status, again))
	}
	for _, name := range []string{
		v1alpha1.ConditionAccepted, v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionStopped,
		v1alpha1.ConditionFinished,
	} {
		c, was := meta.FindStatusCondition(after.Status.Conditions, name), meta.FindStatusCondition(sr.Status.Conditions, name)
		if c == nil || equality.Semantic.DeepEqual(c, was) {
			continue
		}
		if answer.Decided || execution != nil { // verdict.Verdict{} is not one that the operator makes of anything.
			checkCondition(t, c, verdict.FindGiven(sr.Status.Conditions))
		}
	}
}

// checkCondition checks that the API server takes a condition. The reason of a verdict that the request had before is one
// that the API server has taken.
func checkCondition(t *testing.T, c *metav1.Condition, given *verdict.Verdict) {
	t.Helper()
	const maxReason, maxMessage = 1024, 32768
	n := utf8.RuneCountInString(c.Message)
	reasonIsValid := validReason.MatchString(c.Reason) && len(c.Reason) <= maxReason || given != nil && given.Reason == c.Reason
	if !reasonIsValid || n > maxMessage {
		t.Errorf("the API server refuses condition %s: reason %.100q, a message of %d characters: %.100q", c.Type, c.Reason, n, c.Message)
	}
}

// makeSeeds returns bytes that fill much, and bytes that fill little.
func makeSeeds() [][]byte {
	seeds := [][]byte{nil, []byte(strings.Repeat("\xff", 600)), []byte(strings.Repeat("\x00", 600))}
	for seed := range byte(40) {
		data := make([]byte, 700)
		for i := range data {
			data[i] = byte(i*i)*seed ^ byte(i>>3)*(seed+7) ^ seed
		}
		seeds = append(seeds, data)
	}
	return seeds
}

// makeFiller returns one that fills any object from the bytes, often with values that mean something here.
func makeFiller(data []byte) *randfill.Filler {
	return randfill.NewFromGoFuzz(data).NilChance(.25).NumElements(0, 3).Funcs(
		func(s *string, c randfill.Continue) { *s = pickWord(c) },
		func(u *types.UID, c randfill.Continue) { *u = types.UID(pickWord(c)) },
		func(t *metav1.Time, c randfill.Continue) { *t = pickTime(c) },
		func(m *metav1.ObjectMeta, c randfill.Continue) { *m = pickMetadata(c) },
		func(s *v1alpha1.ExecutionState, c randfill.Continue) {
			*s = pickOne(c, "", v1alpha1.ExecutionInProgress, v1alpha1.ExecutionStopping, v1alpha1.ExecutionStopping,
				v1alpha1.ExecutionStopped, v1alpha1.ExecutionSucceeded, v1alpha1.ExecutionFailed, "Odd\x00")
		},
		func(m *v1alpha1.StopMode, c randfill.Continue) { *m = pickOne(c, "", wait, wait, abandon, "odd") },
		func(s *metav1.ConditionStatus, c randfill.Continue) {
			*s = pickOne(c, "", metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown, "odd")
		},
		func(cond *metav1.Condition, c randfill.Continue) {
			c.FillNoCustom(cond)
			cond.Type = pickOne(c, v1alpha1.ConditionReady, v1alpha1.ConditionAccepted, v1alpha1.ConditionStopped, pickWord(c))
		},
	)
}

func pickOne[T any](c randfill.Continue, values ...T) T { return values[c.Intn(len(values))] }

// pickWord returns a string. Some are returned again and again.
func pickWord(c randfill.Continue) string {
	switch c.Intn(12) {
	case 0:
		return ""
	case 1:
		return strings.Repeat(pickOne(c, "é", "x", "\xff", "\"", "\U0010ffff", "%s"), c.Intn(3000))
	case 2:
		return strings.Repeat("n", 40000)
	case 3:
		return c.String(40)
	case 4:
		return pickOne(c, "\xff\xfe", "\x00", "%!s(int=1)", "a\nb", "..", "-")
	default:
		return pickOne(c, "r0", "r1", "run-1", pipelineName, executionID)
	}
}

// pickMetadata returns what the API server lets through for every kind, whatever its schema.
func pickMetadata(c randfill.Continue) metav1.ObjectMeta {
	m := metav1.ObjectMeta{
		Namespace: pickOne(c, "team", strings.Repeat("n", 63)), Name: pickOne(c, "run-1", "run.2", strings.Repeat("n", 253)),
		UID: pickOne[types.UID](c, "", "r0", "r1", executionID), Generation: int64(c.Uint64()), CreationTimestamp: pickTime(c),
	}
	c.Fill(&m.Labels)
	c.Fill(&m.DeletionTimestamp)
	return m
}

// pickTime returns a time, near or as far away as one can be.
func pickTime(c randfill.Continue) metav1.Time {
	switch c.Intn(6) {
	case 0:
		return metav1.Time{}
	case 1:
		return metav1.NewTime(time.Unix(1<<62, 999999999))
	case 2:
		return metav1.NewTime(time.Unix(-1<<62, 0))
	default:
		return at(c.Intn(100) - 50)
	}
}

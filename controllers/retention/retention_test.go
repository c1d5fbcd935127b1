// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package retention

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

var now = time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC)

// makeEnded returns an execution that ended some time ago.
func makeEnded(name string, state v1alpha1.ExecutionState, ago time.Duration, changes ...func(*v1alpha1.PipelineExecution)) *v1alpha1.PipelineExecution {
	e := &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Name: name}}
	e.Status.State = state
	if state.IsFinal() {
		e.Status.CompletionTime = &metav1.Time{Time: now.Add(-ago)}
	}
	for _, change := range changes {
		change(e)
	}
	return e
}

func withTTL(seconds int32) func(*v1alpha1.PipelineExecution) {
	return func(e *v1alpha1.PipelineExecution) { e.Spec.TTLSecondsAfterFinished = &seconds }
}

func kept(e *v1alpha1.PipelineExecution) {
	e.Annotations = map[string]string{v1alpha1.AnnotationKeep: ""}
}

func beingDeleted(e *v1alpha1.PipelineExecution) { e.DeletionTimestamp = &metav1.Time{Time: now} }

func limits(succeeded, failed, stopped int, ttl *int32) Limits {
	return Limits{History: map[v1alpha1.ExecutionState]int{
		v1alpha1.ExecutionSucceeded: succeeded, v1alpha1.ExecutionFailed: failed, v1alpha1.ExecutionStopped: stopped,
		v1alpha1.ExecutionSuperseded: 100,
	}, TTL: ttl}
}

func TestExpired(t *testing.T) {
	const succeeded, failed, stopped = v1alpha1.ExecutionSucceeded, v1alpha1.ExecutionFailed, v1alpha1.ExecutionStopped
	many := limits(100, 100, 100, nil)
	for _, tt := range []struct {
		name       string
		executions []*v1alpha1.PipelineExecution
		limits     Limits
		want       []string
		next       time.Duration
	}{
		{"none", nil, many, nil, 0},
		{"as many as are kept", []*v1alpha1.PipelineExecution{
			makeEnded("a", succeeded, 3*time.Hour), makeEnded("b", succeeded, 2*time.Hour),
		}, limits(2, 0, 0, nil), nil, 0},
		{"too many: the oldest go, the oldest first", []*v1alpha1.PipelineExecution{
			makeEnded("b", succeeded, 3*time.Hour), makeEnded("c", succeeded, time.Hour), makeEnded("a", succeeded, 4*time.Hour),
		}, limits(1, 0, 0, nil), []string{"a", "b"}, 0},
		{"each end has a history of its own", []*v1alpha1.PipelineExecution{
			makeEnded("s1", succeeded, 9*time.Hour), makeEnded("s2", succeeded, 8*time.Hour), makeEnded("f1", failed, 7*time.Hour),
			makeEnded("f2", failed, 6*time.Hour), makeEnded("x1", stopped, 5*time.Hour), makeEnded("x2", stopped, 4*time.Hour),
		}, limits(2, 1, 0, nil), []string{"f1", "x1", "x2"}, 0},
		{"one too many, that has just ended", []*v1alpha1.PipelineExecution{makeEnded("a", failed, 20*time.Second)}, limits(0, 0, 0, nil), nil, 40 * time.Second},
		{"and a minute later", []*v1alpha1.PipelineExecution{makeEnded("a", failed, time.Minute)}, limits(0, 0, 0, nil), []string{"a"}, 0},
		{"those that run do not count and do not go", []*v1alpha1.PipelineExecution{
			makeEnded("runs", v1alpha1.ExecutionInProgress, 0, withTTL(0)), makeEnded("stops", v1alpha1.ExecutionStopping, 0, withTTL(0)), makeEnded("new", "", 0, withTTL(0)),
		}, limits(0, 0, 0, ptr.To[int32](0)), nil, 0},
		{"a final state without a time", []*v1alpha1.PipelineExecution{
			makeEnded("a", succeeded, 0, func(e *v1alpha1.PipelineExecution) { e.Status.CompletionTime = nil }),
		}, limits(0, 0, 0, nil), nil, 0},
		{"one that is being deleted, and one that is kept, do not count", []*v1alpha1.PipelineExecution{
			makeEnded("a", succeeded, time.Hour, beingDeleted), makeEnded("b", succeeded, 2*time.Hour, kept), makeEnded("c", succeeded, 3*time.Hour),
		}, limits(1, 0, 0, nil), nil, 0},
		{"what is kept is kept from a TTL, too", []*v1alpha1.PipelineExecution{makeEnded("a", succeeded, time.Hour, kept, withTTL(1))}, many, nil, 0},
		{"the TTL of the pipeline", []*v1alpha1.PipelineExecution{
			makeEnded("old", succeeded, 2*time.Hour), makeEnded("new", stopped, 50*time.Minute),
		}, limits(100, 100, 100, ptr.To[int32](3600)), []string{"old"}, 10 * time.Minute},
		{"an execution's own TTL, longer and shorter", []*v1alpha1.PipelineExecution{
			makeEnded("longer", succeeded, 2*time.Hour, withTTL(3*3600)), makeEnded("shorter", succeeded, 2*time.Minute, withTTL(90)),
		}, limits(100, 100, 100, ptr.To[int32](3600)), []string{"shorter"}, time.Hour},
		{"a TTL of 0 keeps for a minute", []*v1alpha1.PipelineExecution{makeEnded("a", succeeded, 59*time.Second, withTTL(0))}, many, nil, time.Second},
		{"a longer TTL does not keep what is too many", []*v1alpha1.PipelineExecution{makeEnded("a", succeeded, time.Hour, withTTL(86400))}, limits(0, 0, 0, nil), []string{"a"}, 0},
		{"the same time: by name", []*v1alpha1.PipelineExecution{
			makeEnded("b", succeeded, time.Hour), makeEnded("a", succeeded, time.Hour), makeEnded("c", succeeded, time.Hour),
		}, limits(1, 0, 0, nil), []string{"a", "b"}, 0},
		{"the soonest of several is next", []*v1alpha1.PipelineExecution{
			makeEnded("a", succeeded, 10*time.Second, withTTL(100)), makeEnded("b", succeeded, 20*time.Second, withTTL(70)), makeEnded("c", succeeded, 0, withTTL(600)),
		}, many, nil, 50 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // The order in which a cache has them does not matter.
				expired, next := Expired(tt.executions, tt.limits, now)
				var names []string
				for _, e := range expired {
					names = append(names, e.Name)
				}
				if diff := cmp.Diff(tt.want, names); diff != "" || next != tt.next {
					t.Errorf("expired (-want +got):\n%snext after %s, want %s", diff, next, tt.next)
				}
				slices.Reverse(tt.executions)
			}
		})
	}
}

func TestLimitsOf(t *testing.T) {
	own := &v1alpha1.Pipeline{Spec: v1alpha1.PipelineSpec{
		History: &v1alpha1.ExecutionHistory{Succeeded: ptr.To[int32](0), Stopped: ptr.To[int32](7)}, TTLSecondsAfterFinished: ptr.To[int32](60),
	}}
	superseded := &v1alpha1.Pipeline{Spec: v1alpha1.PipelineSpec{History: &v1alpha1.ExecutionHistory{Superseded: ptr.To[int32](3)}}}
	for _, tt := range []struct {
		name     string
		pipeline *v1alpha1.Pipeline
		want     Limits
	}{
		{"no Pipeline", nil, limits(100, 100, 100, nil)},
		{"a Pipeline that says nothing", &v1alpha1.Pipeline{}, limits(100, 100, 100, nil)},
		{"a Pipeline that says some", own, limits(0, 100, 7, ptr.To[int32](60))},
		{"a Pipeline that says how many superseded ones", superseded, Limits{History: map[v1alpha1.ExecutionState]int{
			v1alpha1.ExecutionSucceeded: 100, v1alpha1.ExecutionFailed: 100, v1alpha1.ExecutionStopped: 100, v1alpha1.ExecutionSuperseded: 3,
		}}},
	} {
		if diff := cmp.Diff(tt.want, LimitsOf(tt.pipeline)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestRequestExpiresAfter(t *testing.T) {
	for _, tt := range []struct {
		name     string
		ttl      *int32
		finished metav1.ConditionStatus
		ago      time.Duration
		deleting bool
		want     time.Duration
		ends     bool
	}{
		{"no TTL", nil, metav1.ConditionTrue, time.Hour, false, 0, false},
		{"not finished", ptr.To[int32](0), metav1.ConditionFalse, time.Hour, false, 0, false},
		{"no such condition", ptr.To[int32](0), "", time.Hour, false, 0, false},
		{"not yet", ptr.To[int32](3600), metav1.ConditionTrue, 59 * time.Minute, false, time.Minute, true},
		{"now", ptr.To[int32](3600), metav1.ConditionTrue, time.Hour, false, 0, true},
		{"late", ptr.To[int32](3600), metav1.ConditionTrue, 2 * time.Hour, false, -time.Hour, true},
		{"in its first minute", ptr.To[int32](0), metav1.ConditionTrue, 45 * time.Second, false, 15 * time.Second, true},
		{"being deleted", ptr.To[int32](0), metav1.ConditionTrue, time.Hour, true, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sr := &v1alpha1.StopRequest{Spec: v1alpha1.StopRequestSpec{TTLSecondsAfterFinished: tt.ttl}}
			if tt.deleting {
				sr.DeletionTimestamp = &metav1.Time{Time: now}
			}
			if tt.finished != "" {
				sr.Status.Conditions = []metav1.Condition{
					{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue},
					{Type: v1alpha1.ConditionFinished, Status: tt.finished, LastTransitionTime: metav1.NewTime(now.Add(-tt.ago))},
				}
			}
			if got, ends := RequestExpiresAfter(sr, sr.Spec.TTLSecondsAfterFinished, sr.Status.Conditions, now); got != tt.want || ends != tt.ends {
				t.Errorf("after %s, %v; want %s, %v", got, ends, tt.want, tt.ends)
			}
		})
	}
}

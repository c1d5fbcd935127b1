// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/internal/text"
)

const duplicated = v1alpha1.ReasonDuplicatedStopRequest

var (
	acceptance = NewAcceptance("it stops")
	rejection  = NewRejection(duplicated, "it stops already")
)

// at returns a time that many seconds after a fixed one.
func at(seconds int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 3, 1, 12, 0, seconds, 0, time.UTC))
}

// write is one write of conditions.
type write func(Writer)

// applyWrites returns the conditions after the writes, each of them a second later than the one before.
func applyWrites(writes ...write) []metav1.Condition {
	conditions, observedGeneration := []metav1.Condition{}, int64(-1)
	for i, w := range writes {
		w(Writer{Conditions: &conditions, ObservedGeneration: &observedGeneration, Generation: 1, Now: at(i)})
	}
	return conditions
}

// summarize returns each condition as "Status/Reason: message".
func summarize(conditions []metav1.Condition) map[string]string {
	summary := map[string]string{}
	for _, c := range conditions {
		summary[c.Type] = string(c.Status) + "/" + c.Reason + ": " + c.Message
	}
	return summary
}

// The ways in which a request goes.
var (
	pending     write = func(w Writer) { w.SetReconciling("Fencing", "not yet") }
	block       write = func(w Writer) { w.SetReconciling(v1alpha1.ReasonStopBlocked, "too large") }
	accept      write = func(w Writer) { w.SetAccepted(acceptance) }
	reject      write = func(w Writer) { w.SetRejected(rejection) }
	progressing write = func(w Writer) { w.SetReconciling("Stopping", "it waits") }
	done        write = func(w Writer) { w.SetDone("Stopped", "it has stopped") }
)

// TestWriter is the table of what the conditions of a request show, and of how kstatus reads them: Reconciling while
// something is to come, Stalled if the request was rejected, Ready when what it asked for is done.
func TestWriter(t *testing.T) {
	tests := []struct {
		name   string
		writes []write
		want   map[string]string
	}{
		{"nothing", nil, map[string]string{}},
		{"pending", []write{pending}, map[string]string{"Ready": "False/Fencing: not yet", "Reconciling": "True/Fencing: not yet"}},
		{
			"accepted, and on its way", []write{pending, accept, progressing},
			map[string]string{"Accepted": "True/Accepted: it stops", "Ready": "False/Stopping: it waits", "Reconciling": "True/Stopping: it waits"},
		},
		{
			"done", []write{pending, accept, progressing, done},
			map[string]string{
				"Accepted": "True/Accepted: it stops", "Ready": "True/Stopped: it has stopped", "Finished": "True/Stopped: it has stopped",
			},
		},
		{
			"accepted and done in one", []write{accept, done},
			map[string]string{
				"Accepted": "True/Accepted: it stops", "Ready": "True/Stopped: it has stopped", "Finished": "True/Stopped: it has stopped",
			},
		},
		{
			"rejected", []write{reject},
			map[string]string{
				"Accepted": "False/" + duplicated + ": it stops already", "Ready": "False/" + duplicated + ": it stops already",
				"Stalled": "True/" + duplicated + ": it stops already", "Finished": "True/" + duplicated + ": it stops already",
			},
		},
		{
			"rejected after it was pending", []write{pending, reject},
			map[string]string{
				"Accepted": "False/" + duplicated + ": it stops already", "Ready": "False/" + duplicated + ": it stops already",
				"Stalled": "True/" + duplicated + ": it stops already", "Finished": "True/" + duplicated + ": it stops already",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, summarize(applyWrites(tt.writes...))); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
		})
	}
}

// A condition has the generation that it is about, and the time at which it changed its status: not that of every write.
func TestWriterGenerationAndTime(t *testing.T) {
	conditions, observedGeneration := []metav1.Condition{}, int64(-1)
	write := func(now int, generation int64) {
		Writer{Conditions: &conditions, ObservedGeneration: &observedGeneration, Generation: generation, Now: at(now)}.SetReconciling("Fencing", "not yet")
	}
	write(1, 1)
	write(9, 2)
	if observedGeneration != 2 {
		t.Errorf("observedGeneration is %d, want 2", observedGeneration)
	}
	for _, c := range conditions {
		if first := at(1); c.ObservedGeneration != 2 || !c.LastTransitionTime.Equal(&first) {
			t.Errorf("%s: generation %d, since %s", c.Type, c.ObservedGeneration, c.LastTransitionTime)
		}
	}
}

func TestWriterMessagesAreBounded(t *testing.T) {
	conditions := applyWrites(func(w Writer) { w.SetRejected(NewRejection(duplicated, "%s", strings.Repeat("停", 5000))) })
	for _, c := range conditions {
		n, size := utf8.RuneCountInString(c.Message), text.SizeInJSON(c.Message)
		if size > text.MaxMessageSize || size <= text.MaxMessageSize-len("停…") || !utf8.ValidString(c.Message) {
			t.Errorf("%s has a message of %d characters", c.Type, n)
		}
	}
}

func TestFindGivenAndTheEnd(t *testing.T) {
	unknown := []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionUnknown, Reason: "R", Message: "m"}}
	unfinished := applyWrites(reject)
	meta.RemoveStatusCondition(&unfinished, v1alpha1.ConditionFinished)
	tests := []struct {
		name                   string
		conditions             []metav1.Condition
		given                  *Verdict
		isAccepted, isFinished bool
	}{
		{"nothing", nil, nil, false, false},
		{"pending", applyWrites(pending), nil, false, false},
		{"accepted", applyWrites(accept, progressing), &acceptance, true, false},
		{"done", applyWrites(accept, done), &acceptance, true, true},
		{"rejected", applyWrites(reject), &rejection, false, true},
		{"rejected by a former version, which knew no Finished", unfinished, &rejection, false, false},
		// No operator writes it. What is not an acceptance must not be taken for one.
		{"unknown", unknown, &Verdict{Decided: true, Reason: "R", Message: "m"}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.given, FindGiven(tt.conditions)); diff != "" {
				t.Errorf("given (-want +got):\n%s", diff)
			}
			if got := IsAccepted(tt.conditions); got != tt.isAccepted {
				t.Errorf("IsAccepted is %v, want %v", got, tt.isAccepted)
			}
			if got := IsFinished(tt.conditions); got != tt.isFinished {
				t.Errorf("IsFinished is %v, want %v", got, tt.isFinished)
			}
		})
	}
}

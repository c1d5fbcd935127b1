// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

// A check that finds nothing is worth nothing: each finds what is wrong with a history, and nothing in a good one.
func TestChecks(t *testing.T) {
	tests := []struct {
		name string
		// wants is the check that finds something; empty where none does.
		wants string
		story func(*book)
	}{
		{"a good stop", "", func(b *book) {
			b.execution(inProgress, works)
			b.job("j")
			b.pod(corev1.PodRunning)
			b.request(abandon, "")
			b.execution(stopping, abandoned, abandon)
			b.request(abandon, yes)
			b.job("j", terminated)
			b.gone("pod")
			b.execution(isStopped, abandoned, abandon)
		}},
		{"no verdict", "I1 one", func(b *book) { b.request(wait, "") }},
		{"another verdict", "I1 one", func(b *book) { b.request(wait, yes); b.request(wait, v1alpha1.ReasonNotStoppable) }},
		{"accepted before it is published", "I1 every", func(b *book) {
			b.execution(inProgress, works, wait)
			b.request(wait, yes)
		}},
		{"not stoppable in progress", "I1 every", func(b *book) { b.execution(inProgress, works); b.request(wait, v1alpha1.ReasonNotStoppable) }},
		{"a duplicate of nothing", "I1 every", func(b *book) { b.execution(inProgress, works); b.request(wait, v1alpha1.ReasonDuplicatedStopRequest) }},
		{"a wait after an abandon", "I2", func(b *book) { b.execution(stopping, works, abandon, wait) }},
		{"a stop is undone", "I2", func(b *book) { b.execution(stopping, works, wait); b.execution(stopping, works) }},
		{"a Job after Accepted", "I3", func(b *book) {
			b.execution(stopping, works, wait)
			b.request(wait, yes)
			b.job("j")
		}},
		{"a Job after its stop was published", "I3", func(b *book) {
			b.execution(stopping, works, wait)
			b.job("j")
			b.request(wait, yes)
		}},
		{"a fence, and then Accepted", "", func(b *book) {
			b.execution(inProgress, works, wait)
			b.job("k", placeholder)
			b.execution(isStopped, notStarted, wait)
			b.request(wait, yes)
		}},
		{"a fence after Accepted", "I3", func(b *book) {
			b.execution(isStopped, notStarted, wait)
			b.request(wait, yes)
			b.job("k", placeholder)
		}},
		{"the name of a lost Job is held after Accepted", "", func(b *book) {
			b.execution(inProgress, works)
			b.job("j")
			b.execution(stopping, works, wait)
			b.request(wait, yes)
			b.gone("j")
			b.job("k", placeholder)
			b.execution(isStopped, failed, wait)
		}},
		{"the name of a Job that is there is held after Accepted", "I3", func(b *book) {
			b.execution(inProgress, works)
			b.job("j")
			b.execution(stopping, works, wait)
			b.request(wait, yes)
			b.job("k", placeholder)
		}},
		{"the name of a Job that was not recorded is held after Accepted", "I3", func(b *book) {
			b.execution(inProgress, works)
			b.job("x", func(j *batchv1.Job) { j.Name = "j" })
			b.execution(stopping, works, wait)
			b.request(wait, yes)
			b.gone("x")
			b.job("k", placeholder)
		}},
		{"a Job that was created before Accepted, by a request that was lost", "", func(b *book) {
			b.execution(stopping, works, wait)
			b.request(wait, yes)
			b.job("j", complete)
			b.h.lives["j"].versions[0].entry = nil
			b.lose("create", "jobs", "")
			b.execution(isStopped, succeeded, wait)
		}},
		{"a lost Job runs again after Accepted", "I3", func(b *book) {
			b.execution(inProgress, works)
			b.job("j")
			b.execution(stopping, works, wait)
			b.request(wait, yes)
			b.gone("j")
			b.job("k", func(j *batchv1.Job) { j.Name = "j" })
		}},
		{"two Jobs of an action", "I4", func(b *book) { b.execution(inProgress, works); b.job("j"); b.gone("j"); b.job("k") }},
		{"a final state changes", "I5 final", func(b *book) { b.execution(isStopped, succeeded); b.execution(v1alpha1.ExecutionSucceeded, succeeded) }},
		{"Stopping is taken back", "I5 final", func(b *book) { b.execution(stopping, works, wait); b.execution(inProgress, works, wait) }},
		{"Stopped while a Job runs", "I5 Stopped", func(b *book) { b.job("j"); b.execution(isStopped, succeeded, wait); b.job("j", complete) }},
		{"Stopped while a Job runs of which the execution does not know", "I5 Stopped", func(b *book) {
			b.job("j")
			b.execution(isStopped, notStarted, wait)
			b.job("j", complete)
		}},
		{"Stopped while a pod is there of a Job of which the execution does not know", "I5 Stopped", func(b *book) {
			b.job("j", terminated)
			b.pod(corev1.PodRunning)
			b.execution(isStopped, notStarted, wait)
			b.gone("pod")
		}},
		{"Stopped while a pod is there of a Job that finished", "I5 Stopped", func(b *book) {
			b.job("j", complete)
			b.pod(corev1.PodRunning)
			b.execution(isStopped, succeeded, wait)
			b.gone("pod")
		}},
		{"Stopped while a Job can be resumed", "I5 Stopped", func(b *book) {
			b.job("j", suspended)
			b.execution(isStopped, abandoned, abandon)
		}},
		{"Stopped while the end of a Job was being written, by a request that was lost", "", func(b *book) {
			b.job("j")
			b.execution(isStopped, succeeded, wait)
			b.job("j", complete)
			b.lose("update", "jobs", "j")
		}},
		{"Stopped while a Job runs, and a request about a pod of its name was lost", "I5 Stopped", func(b *book) {
			b.job("j")
			b.execution(isStopped, succeeded, wait)
			b.job("j", complete)
			b.lose("update", "pods", "j")
			b.lose("create", "jobs", "")
		}},
		{"orphaned as its action asks for", "", func(b *book) {
			b.pipeline(v1alpha1.OnAbandonOrphan)
			b.job("j")
			b.pod(corev1.PodRunning)
			b.job("j", orphaned)
			b.execution(isStopped, abandoned, abandon)
		}},
		{"orphaned, and its action does not ask for it", "I5 Stopped", func(b *book) {
			b.pipeline(v1alpha1.OnAbandonTerminate)
			b.job("j")
			b.job("j", orphaned)
			b.execution(isStopped, abandoned, abandon)
		}},
		{"orphaned without being asked, and finished since", "I6", func(b *book) {
			b.pipeline(v1alpha1.OnAbandonTerminate)
			b.job("j")
			b.job("j", orphaned, complete)
			b.execution(isStopped, abandoned, abandon)
		}},
		{"orphaned, and its action was not abandoned", "I6", func(b *book) {
			b.pipeline(v1alpha1.OnAbandonOrphan)
			b.job("j")
			b.job("j", orphaned, complete)
			b.execution(isStopped, succeeded, wait)
		}},
		{"Stopped while a pod is there", "I5 Stopped", func(b *book) {
			b.job("j", terminated)
			b.pod(corev1.PodRunning)
			b.execution(isStopped, abandoned, abandon)
			b.gone("pod")
		}},
		{"a pod after Stopped", "I5 Stopped", func(b *book) {
			b.job("j", terminated)
			b.execution(isStopped, abandoned, abandon)
			b.pod(corev1.PodPending)
		}},
		{"a Job is left running", "I6", func(b *book) { b.job("j"); b.execution(v1alpha1.ExecutionFailed, succeeded) }},
		{"a Job of somebody else's is written", "I7", func(b *book) { b.job("x", foreign); b.job("x", foreign, suspended) }},
		{"written again and again", "I9", func(b *book) {
			for range maxStatusWrites + 1 {
				b.execution(inProgress, works)
			}
		}},
		{"deleted", "I10", func(b *book) {
			b.h.entries = append(b.h.entries, &entry{Verb: "delete", User: struct{ Username string }{operatorUser}})
		}},
		{"an update without a version", "I10", func(b *book) {
			b.h.entries = append(b.h.entries, &entry{Verb: "update", User: struct{ Username string }{operatorUser}, RequestObject: []byte(`{"metadata":{"uid":"e"}}`)})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := &book{h: &history{lives: map[types.UID]*life{}}}
			tt.story(b)
			found := findAll(b.h)
			if tt.wants == "" && len(found) > 0 || tt.wants != "" && !strings.HasPrefix(strings.Join(found[tt.wants], ""), tt.wants) {
				t.Errorf("found %v, want %q", found, tt.wants)
			}
		})
	}
}

// findAll returns the names of the checks that find something, by every beginning of them that a test may want.
func findAll(h *history) map[string][]string {
	found := map[string][]string{}
	for _, c := range checks {
		f := &findings{}
		c.run(h, f)
		words := strings.Fields(c.name)
		for _, v := range f.violations {
			for _, key := range []string{words[0], words[0] + " " + words[1]} {
				found[key] = append(found[key], c.name+": "+v.text)
			}
		}
	}
	return found
}

func TestUnjudged(t *testing.T) {
	for _, tt := range []struct {
		unjudged, executions int
		tooMany              bool
	}{{0, 0, false}, {0, 40, false}, {2, 40, false}, {3, 40, true}, {1, 12, true}} {
		if err := tooManyUnjudged(tt.unjudged, tt.executions); (err != nil) != tt.tooMany {
			t.Errorf("%d of %d: %v", tt.unjudged, tt.executions, err)
		}
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// book is a history that a test writes.
type book struct {
	h  *history
	rv uint64
}

// write adds a version of an object, written by the operator.
func (b *book) write(o client.Object, verb string) {
	b.rv++
	b.h.add(version{rv: b.rv, object: o, entry: &entry{Verb: verb, User: struct{ Username string }{operatorUser}}})
}

func (b *book) gone(uid types.UID) {
	b.rv++
	b.h.lives[uid].gone = &span{b.rv - 1, b.rv}
}

func (b *book) execution(state v1alpha1.ExecutionState, action v1alpha1.ActionState, requests ...v1alpha1.StopMode) {
	e := &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Name: "e", UID: "e"}, Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "p"}}
	e.Status.State = state
	a := v1alpha1.ActionStatus{Name: "a", State: action, JobName: "j", JobUID: "j"}
	if action != v1alpha1.ActionInProgress && state.Final() {
		a.CompletionTime = &metav1.Time{}
	}
	e.Status.Stages = []v1alpha1.StageStatus{{Name: "s", Actions: []v1alpha1.ActionStatus{a}}}
	for _, mode := range requests {
		if e.Status.Stop == nil {
			e.Status.Stop = &v1alpha1.Stop{}
		}
		e.Status.Stop.Mode = mode
		e.Status.Stop.Requests = append(e.Status.Stop.Requests, v1alpha1.AcceptedStop{UID: "r" + string(mode), Name: "r" + string(mode), Mode: mode})
	}
	b.write(e, "update")
}

func (b *book) request(mode v1alpha1.StopMode, reason string) {
	r := &v1alpha1.StopRequest{ObjectMeta: metav1.ObjectMeta{Name: "r" + string(mode), UID: types.UID("r" + mode)}}
	r.Spec = v1alpha1.StopRequestSpec{PipelineName: "p", PipelineExecutionID: "e", Abandon: mode == v1alpha1.StopModeAbandon}
	if reason != "" {
		status := metav1.ConditionFalse
		if reason == v1alpha1.ReasonAccepted {
			status = metav1.ConditionTrue
		}
		meta.SetStatusCondition(&r.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: status, Reason: reason})
		r.Status.Conditions[0].LastTransitionTime = metav1.Time{}
	}
	b.write(r, "update")
}

func (b *book) job(uid types.UID, edit ...func(*batchv1.Job)) {
	j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{
		Name: string(uid), UID: uid, Labels: map[string]string{v1alpha1.LabelExecutionID: "e"},
		Annotations:     map[string]string{v1alpha1.AnnotationStage: "s", v1alpha1.AnnotationAction: "a"},
		OwnerReferences: []metav1.OwnerReference{{Kind: "PipelineExecution", UID: "e", Controller: ptr.To(true)}},
	}}
	for _, f := range edit {
		f(j)
	}
	verb := "patch"
	if b.h.lives[uid] == nil {
		verb = "create"
	}
	b.write(j, verb)
}

func suspended(j *batchv1.Job) { j.Spec.Suspend = ptr.To(true) }

func foreign(j *batchv1.Job) { j.OwnerReferences = nil }

func complete(j *batchv1.Job) {
	j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
}

func (b *book) pod(phase corev1.PodPhase) {
	b.write(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "pod", UID: "pod", Labels: map[string]string{"batch.kubernetes.io/controller-uid": "j", v1alpha1.LabelExecutionID: "e"}},
		Status:     corev1.PodStatus{Phase: phase},
	}, "create")
}

const (
	inProgress = v1alpha1.ExecutionInProgress
	stopping   = v1alpha1.ExecutionStopping
	isStopped  = v1alpha1.ExecutionStopped
	works      = v1alpha1.ActionInProgress
	abandoned  = v1alpha1.ActionAbandoned
	succeeded  = v1alpha1.ActionSucceeded
	wait       = v1alpha1.StopModeWait
	abandon    = v1alpha1.StopModeAbandon
	yes        = v1alpha1.ReasonAccepted
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
			b.job("j", suspended)
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
		{"two Jobs of an action", "I4", func(b *book) { b.execution(inProgress, works); b.job("j"); b.gone("j"); b.job("k") }},
		{"a final state changes", "I5 final", func(b *book) { b.execution(isStopped, succeeded); b.execution(v1alpha1.ExecutionSucceeded, succeeded) }},
		{"Stopping is taken back", "I5 final", func(b *book) { b.execution(stopping, works, wait); b.execution(inProgress, works, wait) }},
		{"Stopped while a Job runs", "I5 Stopped", func(b *book) { b.job("j"); b.execution(isStopped, succeeded, wait); b.job("j", complete) }},
		{"Stopped while a pod is there", "I5 Stopped", func(b *book) {
			b.job("j", suspended)
			b.pod(corev1.PodRunning)
			b.execution(isStopped, abandoned, abandon)
			b.gone("pod")
		}},
		{"a pod after Stopped", "I5 Stopped", func(b *book) {
			b.job("j", suspended)
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

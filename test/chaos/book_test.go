// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	appsv1 "k8s.io/api/apps/v1"
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
	e.Status.State, e.Status.PipelineRevision = state, "revision"
	a := v1alpha1.ActionStatus{Name: "a", State: action, Workload: v1alpha1.WorkloadReference{Name: "j", UID: "j"}}
	switch {
	case action == notStarted:
		a.Workload.UID = ""
	case action != works && state.IsFinal():
		a.CompletionTime = &metav1.Time{}
	}
	e.Status.Stages = []v1alpha1.StageStatus{{Name: "s", Actions: []v1alpha1.ActionStatus{a}}}
	for _, mode := range requests {
		if e.Status.Stop == nil {
			e.Status.Stop = &v1alpha1.StopStatus{}
		}
		e.Status.Stop.Mode = mode
		e.Status.Stop.Requests = append(e.Status.Stop.Requests, v1alpha1.AcceptedStopRequest{UID: "r" + string(mode), Name: "r" + string(mode), Mode: mode})
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

// pipeline writes the Pipeline of the execution, and the revision that it runs.
func (b *book) pipeline(onAbandon v1alpha1.OnAbandon) {
	p := &v1alpha1.Pipeline{ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "p", Generation: 1}}
	p.Spec.Stages = []v1alpha1.Stage{{Name: "s", Actions: []v1alpha1.Action{{Name: "a", OnAbandon: onAbandon}}}}
	b.write(p, "create")
	b.write(&appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{Name: "revision", UID: "revision", Labels: map[string]string{v1alpha1.LabelPipelineUID: "p"}}, Revision: 1,
	}, "create")
}

// lose adds a request that the API server was killed in the middle of.
func (b *book) lose(verb, resource, name string) {
	e := &entry{Stage: "RequestReceived", Verb: verb}
	e.ObjectRef.Resource, e.ObjectRef.Name = resource, name
	b.h.lost = append(b.h.lost, e)
}

func suspended(j *batchv1.Job) { j.Spec.Suspend = ptr.To(true) }

func terminated(j *batchv1.Job) { j.Spec.Suspend, j.Spec.Parallelism = ptr.To(true), ptr.To[int32](0) }

func placeholder(j *batchv1.Job) {
	terminated(j)
	j.Name, j.Labels[v1alpha1.LabelPlaceholder] = "j", "true"
}

func orphaned(j *batchv1.Job) {
	j.OwnerReferences = nil
	j.Labels[v1alpha1.LabelOrphaned] = "true"
}

func foreign(j *batchv1.Job) { j.OwnerReferences, j.Labels = nil, nil }

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
	failed     = v1alpha1.ActionFailed
	notStarted = v1alpha1.ActionNotStarted
	wait       = v1alpha1.StopModeWait
	abandon    = v1alpha1.StopModeAbandon
	yes        = v1alpha1.ReasonAccepted
)

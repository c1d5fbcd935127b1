// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

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
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/test/simcluster"
)

const (
	inProgress = v1alpha1.ExecutionInProgress
	stopping   = v1alpha1.ExecutionStopping
	isStopped  = v1alpha1.ExecutionStopped
	atWork     = v1alpha1.ActionInProgress
	abandoned  = v1alpha1.ActionAbandoned
	succeeded  = v1alpha1.ActionSucceeded
	failed     = v1alpha1.ActionFailed
	notStarted = v1alpha1.ActionNotStarted
	wait       = v1alpha1.StopModeWait
	abandon    = v1alpha1.StopModeAbandon
	accepted   = v1alpha1.ReasonAccepted
)

// jobName is the name of the Job of the action, and its uid in the status.
var jobName = plan.WorkloadName(newExecution(), plan.ActionKey{Stage: "s", Action: "a"}, 1, "")

// historyBuilder writes a history by hand: one execution "e" with one action, written by the operator.
type historyBuilder struct {
	history  History
	position uint64
	versions map[types.UID]client.Object
}

// write adds a version of an object, written by the operator. How the objects of a person began is not known.
func (b *historyBuilder) write(o client.Object) {
	b.position++
	old, verb := b.versions[o.GetUID()], "update"
	if old == nil && !isOurs(simcluster.KindOf(o)) {
		verb = "create"
	}
	b.versions[o.GetUID()] = o
	b.history.Changes = append(b.history.Changes, Change{
		Position: b.position, After: b.position - 1, Kind: simcluster.KindOf(o), Key: client.ObjectKeyFromObject(o), Old: old, New: o,
		Writer: WriterOperator, By: "operator", Verb: verb,
	})
}

// last returns the last change.
func (b *historyBuilder) last() *Change { return &b.history.Changes[len(b.history.Changes)-1] }

// remove adds the removal of an object, which only a watch saw.
func (b *historyBuilder) remove(uid types.UID) {
	b.position++
	o := b.versions[uid]
	b.history.Changes = append(b.history.Changes, Change{
		Position: b.position, After: b.position - 1, Kind: simcluster.KindOf(o), Key: client.ObjectKeyFromObject(o), Old: o,
	})
}

func newExecution() *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Name: "e", UID: "e"}, Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "p"},
	}
}

// writeExecution writes the execution with the state of its action, and the stop requests that it has accepted.
func (b *historyBuilder) writeExecution(state v1alpha1.ExecutionState, action v1alpha1.ActionState, requests ...v1alpha1.StopMode) {
	e := newExecution()
	e.Status.State, e.Status.PipelineRevision = state, "revision"
	a := v1alpha1.ActionStatus{
		Name: "a", State: action, Attempt: 1,
		Workload: v1alpha1.WorkloadReference{APIVersion: "batch/v1", Kind: "Job", Name: jobName, UID: "j"},
	}
	switch {
	case action == notStarted:
		a.Workload.UID = ""
	case action != atWork && state.IsFinal():
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
	if state.IsFinal() {
		setCondition(&e.Status.Conditions, v1alpha1.ConditionFinished, true, string(state))
	}
	b.write(e)
}

func setCondition(conditions *[]metav1.Condition, conditionType string, value bool, reason string) {
	status := metav1.ConditionFalse
	if value {
		status = metav1.ConditionTrue
	}
	*conditions = append(*conditions, metav1.Condition{Type: conditionType, Status: status, Reason: reason})
}

// writeRequest writes the stop request of a mode with a verdict, if there is one.
func (b *historyBuilder) writeRequest(mode v1alpha1.StopMode, verdict string) {
	sr := &v1alpha1.StopRequest{ObjectMeta: metav1.ObjectMeta{Name: "r" + string(mode), UID: types.UID("r" + mode)}}
	sr.Spec = v1alpha1.StopRequestSpec{PipelineName: "p", PipelineExecutionID: "e", Abandon: mode == abandon}
	if verdict != "" {
		setCondition(&sr.Status.Conditions, v1alpha1.ConditionAccepted, verdict == accepted, verdict)
	}
	if verdict != "" && verdict != accepted {
		setCondition(&sr.Status.Conditions, v1alpha1.ConditionFinished, true, verdict)
	}
	b.write(sr)
}

// concludeRequest writes that an accepted request reads Stopped.
func (b *historyBuilder) concludeRequest(mode v1alpha1.StopMode) {
	sr := b.versions[types.UID("r"+mode)].DeepCopyObject().(*v1alpha1.StopRequest)
	meta.SetStatusCondition(&sr.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionStopped, Status: metav1.ConditionTrue, Reason: "Stopped"})
	meta.SetStatusCondition(&sr.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue, Reason: "Stopped"})
	b.write(sr)
}

// writeJob writes a Job of the action.
func (b *historyBuilder) writeJob(uid types.UID, edits ...func(*batchv1.Job)) {
	j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{
		Name: jobName, UID: uid, Labels: map[string]string{v1alpha1.LabelExecutionID: "e"},
		Annotations:     map[string]string{v1alpha1.AnnotationStage: "s", v1alpha1.AnnotationAction: "a"},
		OwnerReferences: []metav1.OwnerReference{{Kind: "PipelineExecution", UID: "e", Controller: ptr.To(true)}},
	}}
	for _, edit := range edits {
		edit(j)
	}
	b.write(j)
}

// writePipeline writes the Pipeline of the execution, and the revision that it runs.
func (b *historyBuilder) writePipeline(onAbandon v1alpha1.OnAbandon) {
	p := &v1alpha1.Pipeline{ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "p", Generation: 1}}
	p.Spec.Stages = []v1alpha1.Stage{{Name: "s", Actions: []v1alpha1.Action{{Name: "a", OnAbandon: onAbandon}}}}
	b.write(p)
	b.last().Writer = WriterOther
	b.write(&appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{Name: "revision", UID: "revision", Labels: map[string]string{v1alpha1.LabelPipelineUID: "p"}}, Revision: 1,
	})
}

// writePod writes the pod of the Job "j".
func (b *historyBuilder) writePod(phase corev1.PodPhase) {
	b.write(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "pod", UID: "pod", Labels: map[string]string{batchv1.ControllerUidLabel: "j", v1alpha1.LabelExecutionID: "e"}},
		Status:     corev1.PodStatus{Phase: phase},
	})
	b.last().Writer = WriterOther
}

// lose adds a request during which the API server was killed.
func (b *historyBuilder) lose(verb string, kind simcluster.Kind, name string) {
	b.history.Lost = append(b.history.Lost, LostWrite{Verb: verb, Kind: kind, Key: client.ObjectKey{Name: name}})
}

// request adds a request of the operator.
func (b *historyBuilder) request(verb string, guard Guard) {
	b.history.Requests = append(b.history.Requests, &Request{Text: verb, Verb: verb, Guard: &guard})
}

func setSuspended(j *batchv1.Job) { j.Spec.Suspend = ptr.To(true) }

func setTerminated(j *batchv1.Job) {
	j.Spec.Suspend, j.Spec.Parallelism = ptr.To(true), ptr.To[int32](0)
}

func setPlaceholder(j *batchv1.Job) {
	setTerminated(j)
	j.Labels[v1alpha1.LabelPlaceholder] = "true"
}

func setOrphaned(j *batchv1.Job) {
	j.OwnerReferences = nil
	j.Labels[v1alpha1.LabelOrphaned] = "true"
}

func setForeign(j *batchv1.Job) { j.OwnerReferences, j.Labels = nil, nil }

func setComplete(j *batchv1.Job) {
	j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/test/invariants"
	"haltline.dev/haltline/test/simcluster"
	"haltline.dev/haltline/test/simcluster/operator"
)

// stopRequestController is the name of the controller of stop requests.
const stopRequestController = "stoprequest"

// historyBuilder makes a history in which the test decides what the operator writes.
type historyBuilder struct {
	*Sim
	t   *testing.T
	job *batchv1.Job
}

// newHistoryBuilder begins with a Pipeline of one action, and an execution of it.
func newHistoryBuilder(t *testing.T, a action, injections ...*Injection) *historyBuilder {
	s := NewSim(&Scenario{Name: t.Name(), Setup: setUpOneRun(newStage("Build", a))}, injections...)
	s.Op = operator.NewProcess(s.Store, operatorName, nil, nil)
	return &historyBuilder{Sim: s, t: t}
}

// step is one step of a history.
type step struct {
	name string
	do   func(*historyBuilder)
}

// lawfulSteps are the lawful history: the execution runs a Job, is asked to abandon it, and stops.
func lawfulSteps() []step {
	return []step{
		{"pin", (*historyBuilder).createRevision},
		{"intent", func(b *historyBuilder) { b.writeStates(v1alpha1.ExecutionInProgress, v1alpha1.ActionInProgress) }},
		{"create", func(b *historyBuilder) { b.job = b.createJob(b.jobName(), setRunnable) }},
		{"confirm", func(b *historyBuilder) {
			b.updateStatus(func(s *v1alpha1.PipelineExecutionStatus) { s.Stages[0].Actions[0].Workload.UID = string(b.job.UID) })
		}},
		{"work", (*historyBuilder).settle},
		{"request", func(b *historyBuilder) { b.requestStop("stop", setAbandon) }},
		{"publish", func(b *historyBuilder) { b.publishStop("stop", v1alpha1.StopModeAbandon) }},
		{"accept", func(b *historyBuilder) { b.giveVerdict("stop", accepted) }},
		{"terminate", func(b *historyBuilder) { b.patchSpec(`{"suspend":true,"parallelism":0}`) }},
		{"end", (*historyBuilder).settle},
		{"stop", (*historyBuilder).stopExecution},
		{"conclude", (*historyBuilder).concludeRequests},
		{"rest", func(b *historyBuilder) { b.Settled = len(b.Store.History) }},
	}
}

// deviation is what a history has before a step of the lawful one, instead of it, or instead of it and all that follow.
type deviation struct {
	before, instead, until string
	do                     func(*historyBuilder)
}

// build takes the lawful steps, with a deviation.
func (b *historyBuilder) build(d deviation) {
	for _, s := range lawfulSteps() {
		if s.name == d.before || s.name == d.instead || s.name == d.until {
			d.do(b)
		}
		if s.name == d.until {
			if b.RestartedAt == 0 {
				b.Settled = len(b.Store.History)
			}
			return
		}
		if s.name != d.instead {
			s.do(b)
		}
	}
}

// settle lets everybody except the operator do what there is to do.
func (b *historyBuilder) settle() { b.settleCluster() }

// actAsOutsider makes a person do what an injection names.
func (b *historyBuilder) actAsOutsider(what string) {
	b.Store.As(outsider, func() { b.Sim.actAsOutsider(strings.Split(what, ".")) })
}

// wipeStatus makes a person remove a part of the status of the execution.
func (b *historyBuilder) wipeStatus(part string) { b.actAsOutsider("wipe.PipelineExecution.0." + part) }

// addFinalizer makes a person keep the execution from going when it is deleted.
func (b *historyBuilder) addFinalizer() {
	b.Store.As(outsider, func() {
		b.Store.Mutate(simcluster.Execution, key("run"), func(o client.Object) { o.SetFinalizers([]string{"example.com/stays"}) })
	})
}

// requestStop makes a person ask for a stop.
func (b *historyBuilder) requestStop(name string, how func(*v1alpha1.StopRequestSpec)) {
	b.Store.As(outsider, func() { b.createStopRequest(name, "run", how) })
}

// deleteObject makes a person delete an object.
func (b *historyBuilder) deleteObject(k simcluster.Kind, name string) {
	background := metav1.DeletePropagationBackground
	b.Store.As(outsider, func() { _ = b.Store.Delete(k, key(name), client.DeleteOptions{PropagationPolicy: &background}) })
}

// reconcile makes the controller of executions call the API server. A call may be refused.
func (b *historyBuilder) reconcile(do func(client.Client)) {
	b.Op.ReconcileBy(executionController, b.findExecution(), do)
}

func (b *historyBuilder) findExecution() *v1alpha1.PipelineExecution {
	return b.Store.Find(simcluster.Execution, key("run")).DeepCopyObject().(*v1alpha1.PipelineExecution)
}

func (b *historyBuilder) createRevision() {
	pipeline := b.Store.Find(simcluster.Pipeline, key("web")).(*v1alpha1.Pipeline)
	b.reconcile(func(c client.Client) {
		_ = c.Create(b.t.Context(), &appsv1.ControllerRevision{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: "web-1", Labels: map[string]string{v1alpha1.LabelPipelineUID: string(pipeline.UID)},
			},
			Revision: pipeline.Generation,
		})
	})
}

// deleteRevision makes the operator delete the revision, under its uid.
func (b *historyBuilder) deleteRevision() {
	revision := b.Store.Find(simcluster.Revision, key("web-1")).DeepCopyObject().(*appsv1.ControllerRevision)
	b.Op.ReconcileBy("revision", revision, func(c client.Client) {
		_ = c.Delete(b.t.Context(), revision, client.Preconditions{UID: &revision.UID})
	})
}

// retain deletes the execution, as the controller of retention does, some time after its end.
func (b *historyBuilder) retain(after time.Duration) {
	execution := b.findExecution()
	b.Store.Clock.SetTime(execution.Status.CompletionTime.Add(after))
	b.Op.ReconcileBy("retention", execution, func(c client.Client) {
		_ = c.Delete(b.t.Context(), execution, client.Preconditions{UID: &execution.UID, ResourceVersion: &execution.ResourceVersion})
	})
	b.settle()
}

// updateStatus writes the status of the execution.
func (b *historyBuilder) updateStatus(change func(*v1alpha1.PipelineExecutionStatus)) {
	execution := b.findExecution()
	change(&execution.Status)
	b.reconcile(func(c client.Client) { _ = c.Status().Update(b.t.Context(), execution) })
}

// writeMessage writes a message of the action, as a controller.
func (b *historyBuilder) writeMessage(text, controller string) {
	execution := b.findExecution()
	execution.Status.Stages[0].Actions[0].Message = text
	b.Op.ReconcileBy(controller, execution, func(c client.Client) { _ = c.Status().Update(b.t.Context(), execution) })
}

// writeMessages writes a number of messages in one reconciliation.
func (b *historyBuilder) writeMessages(n int) {
	b.reconcile(func(c client.Client) {
		for i := range n {
			execution := b.findExecution()
			execution.Status.Stages[0].Actions[0].Message = strconv.Itoa(i)
			_ = c.Status().Update(b.t.Context(), execution)
		}
	})
}

// writeReady writes the condition Ready of the execution.
func (b *historyBuilder) writeReady(reason string) {
	b.updateStatus(func(s *v1alpha1.PipelineExecutionStatus) {
		meta.SetStatusCondition(&s.Conditions, metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason})
	})
}

// writeFinished writes the condition Finished of the execution, or removes it if the reason is empty.
func (b *historyBuilder) writeFinished(reason string) {
	b.updateStatus(func(s *v1alpha1.PipelineExecutionStatus) { setFinished(s, reason) })
}

func setFinished(s *v1alpha1.PipelineExecutionStatus, reason string) {
	if reason == "" {
		meta.RemoveStatusCondition(&s.Conditions, v1alpha1.ConditionFinished)
		return
	}
	meta.SetStatusCondition(&s.Conditions, metav1.Condition{Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue, Reason: reason})
}

// writeAttempt writes the attempt of the action.
func (b *historyBuilder) writeAttempt(attempt int32) {
	b.updateStatus(func(s *v1alpha1.PipelineExecutionStatus) { s.Stages[0].Actions[0].Attempt = attempt })
}

// writeSpec changes the spec of the execution.
func (b *historyBuilder) writeSpec(startedBy string) {
	execution := b.findExecution()
	execution.Spec.StartedBy = startedBy
	b.reconcile(func(c client.Client) { _ = c.Update(b.t.Context(), execution) })
}

// writeFinalizer sets a finalizer on the execution, and removes it again.
func (b *historyBuilder) writeFinalizer() {
	for _, finalizers := range [][]string{{"haltline.dev/stop"}, nil} {
		execution := b.findExecution()
		execution.Finalizers = finalizers
		b.reconcile(func(c client.Client) { _ = c.Update(b.t.Context(), execution) })
	}
}

// rewriteStatus writes the status that is there, under a resourceVersion.
func (b *historyBuilder) rewriteStatus(resourceVersion string) {
	execution := b.findExecution()
	execution.ResourceVersion = resourceVersion
	b.reconcile(func(c client.Client) { _ = c.Status().Update(b.t.Context(), execution) })
}

// writeStates writes the state of the execution and of its action.
func (b *historyBuilder) writeStates(execution v1alpha1.ExecutionState, action v1alpha1.ActionState) {
	b.updateStatus(func(s *v1alpha1.PipelineExecutionStatus) {
		if len(s.Stages) == 0 {
			s.PipelineRevision = "web-1"
			s.Stages = []v1alpha1.StageStatus{{Name: "Build", Actions: []v1alpha1.ActionStatus{{
				Name: "compile", Attempt: 1, Workload: v1alpha1.WorkloadReference{APIVersion: "batch/v1", Kind: "Job", Name: b.jobName()},
			}}}}
		}
		s.State, s.Stages[0].Actions[0].State = execution, action
	})
}

// jobName is the name of the Job of the action.
func (b *historyBuilder) jobName() string {
	return plan.WorkloadName(b.findExecution(), plan.ActionKey{Stage: "Build", Action: "compile"}, 1, "")
}

// setRunnable makes a Job one of the action that never ends.
func setRunnable(job *batchv1.Job) {
	job.Annotations = map[string]string{v1alpha1.AnnotationStage: "Build", v1alpha1.AnnotationAction: "compile"}
	job.Spec.Template.Annotations = map[string]string{simcluster.AnnotationOutcome: simcluster.Never}
}

// setPlaceholder makes a Job a placeholder.
func setPlaceholder(job *batchv1.Job) {
	setRunnable(job)
	job.Labels[v1alpha1.LabelPlaceholder] = "true"
	job.Spec.Suspend, job.Spec.Parallelism, job.Spec.Completions = ptr.To(true), ptr.To[int32](0), ptr.To[int32](0)
}

// setRunnablePlaceholder makes a Job a placeholder that gets a pod.
func setRunnablePlaceholder(job *batchv1.Job) {
	setRunnable(job)
	job.Labels[v1alpha1.LabelPlaceholder] = "true"
}

// newJob returns a Job of the execution.
func (b *historyBuilder) newJob(name string, change func(*batchv1.Job)) *batchv1.Job {
	execution := b.findExecution()
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, Labels: map[string]string{v1alpha1.LabelExecutionID: string(execution.UID)},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(execution, simcluster.Execution.GVK())},
	}}
	change(job)
	return job
}

// createJob makes the operator create a Job.
func (b *historyBuilder) createJob(name string, change func(*batchv1.Job)) *batchv1.Job {
	job := b.newJob(name, change)
	b.reconcile(func(c client.Client) { _ = c.Create(b.t.Context(), job) })
	return job
}

// deleteJob makes the operator delete the Job, under a uid if there is one.
func (b *historyBuilder) deleteJob(uid *types.UID) {
	background := metav1.DeletePropagationBackground
	options := &client.DeleteOptions{PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: uid}}
	b.reconcile(func(c client.Client) { _ = c.Delete(b.t.Context(), b.job, options) })
}

// recreateJob makes a person delete the Job, and the operator create another one under its name.
func (b *historyBuilder) recreateJob(change func(*batchv1.Job)) *batchv1.Job {
	b.deleteObject(simcluster.Job, b.jobName())
	b.settle()
	return b.createJob(b.jobName(), change)
}

// patchJob makes the operator patch the Job of the action.
func (b *historyBuilder) patchJob(body map[string]any) {
	raw, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	target := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: b.job.Name}}
	b.reconcile(func(c client.Client) { _ = c.Patch(b.t.Context(), target, client.RawPatch(types.MergePatchType, raw)) })
}

// withVersion adds to a patch the resourceVersion that the Job has.
func (b *historyBuilder) withVersion(body map[string]any) map[string]any {
	metadata, _ := body["metadata"].(map[string]any)
	metadata = maps.Clone(metadata)
	if metadata == nil {
		metadata = map[string]any{}
	}
	if job := b.Store.Find(simcluster.Job, key(b.job.Name)); job != nil {
		metadata["resourceVersion"] = job.GetResourceVersion()
	}
	return map[string]any{"metadata": metadata, "spec": body["spec"]}
}

// patchSpec makes the operator patch the spec of the Job.
func (b *historyBuilder) patchSpec(text string) {
	b.patchJob(b.withVersion(map[string]any{"spec": json.RawMessage(text)}))
}

// orphanJob makes the operator release the Job, mark it, or both.
func (b *historyBuilder) orphanJob(release, mark bool) {
	metadata := map[string]any{}
	if release {
		metadata["ownerReferences"] = nil
	}
	if mark {
		metadata["labels"] = map[string]any{v1alpha1.LabelOrphaned: "true"}
	}
	b.patchJob(b.withVersion(map[string]any{"metadata": metadata, "spec": map[string]any{}}))
}

// publishStop records a request and publishes the stop.
func (b *historyBuilder) publishStop(name string, mode v1alpha1.StopMode) {
	b.recordStop(name, mode, v1alpha1.ExecutionStopping)
}

func (b *historyBuilder) recordStop(name string, mode v1alpha1.StopMode, state v1alpha1.ExecutionState) {
	sr := b.Store.Find(simcluster.StopRequest, key(name))
	b.updateStatus(func(s *v1alpha1.PipelineExecutionStatus) {
		if s.Stop == nil {
			s.Stop = &v1alpha1.StopStatus{}
		}
		s.Stop.Mode, s.State = mode, state
		s.Stop.Requests = append(s.Stop.Requests, v1alpha1.AcceptedStopRequest{UID: string(sr.GetUID()), Name: name, Mode: mode})
		if mode == v1alpha1.StopModeAbandon {
			s.Stages[0].Actions[0].State = v1alpha1.ActionAbandoned
		}
	})
}

// abandonAction records the action as abandoned.
func (b *historyBuilder) abandonAction() {
	b.updateStatus(func(s *v1alpha1.PipelineExecutionStatus) { s.Stages[0].Actions[0].State = v1alpha1.ActionAbandoned })
}

// giveVerdict gives a request its verdict. A rejected request is finished.
func (b *historyBuilder) giveVerdict(name, reason string) {
	if reason == accepted {
		b.writeConditions(name, metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: reason})
		return
	}
	b.writeConditions(name,
		metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionFalse, Reason: reason},
		metav1.Condition{Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue, Reason: reason},
	)
}

// concludeRequests finishes all requests that were accepted: the execution has stopped.
func (b *historyBuilder) concludeRequests() {
	for _, o := range b.Store.All(simcluster.StopRequest) {
		if invariants.IsAccepted(o.(*v1alpha1.StopRequest)) {
			b.writeConditions(o.GetName(),
				metav1.Condition{Type: v1alpha1.ConditionStopped, Status: metav1.ConditionTrue, Reason: stopped},
				metav1.Condition{Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue, Reason: stopped},
			)
		}
	}
}

func (b *historyBuilder) writeConditions(name string, conditions ...metav1.Condition) {
	sr := b.Store.Find(simcluster.StopRequest, key(name)).DeepCopyObject().(*v1alpha1.StopRequest)
	for _, c := range conditions {
		meta.SetStatusCondition(&sr.Status.Conditions, c)
	}
	b.Op.ReconcileBy(stopRequestController, sr, func(c client.Client) { _ = c.Status().Update(b.t.Context(), sr) })
}

// endExecution gives the execution a final state, with its action ended.
func (b *historyBuilder) endExecution(state v1alpha1.ExecutionState) {
	b.updateStatus(func(s *v1alpha1.PipelineExecutionStatus) {
		now := metav1.NewTime(b.Store.Clock.Now())
		s.State, s.CompletionTime = state, &now
		setFinished(s, string(state))
		if len(s.Stages) > 0 {
			s.Stages[0].Actions[0].CompletionTime = &now
		}
	})
}

func (b *historyBuilder) stopExecution() { b.endExecution(v1alpha1.ExecutionStopped) }

// restartAtRest marks the rest, at which the operator is restarted, and makes it do something.
func (b *historyBuilder) restartAtRest(do func()) {
	b.Settled, b.RestartedAt = len(b.Store.History), len(b.Op.Calls)
	do()
}

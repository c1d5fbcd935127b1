// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// tale is a history in which a test does what an operator would.
type tale struct {
	*Sim
	t   *testing.T
	job *batchv1.Job
}

// newTale begins with a Pipeline of one action, and an execution of it.
func newTale(t *testing.T, a action, trouble ...*Injection) *tale {
	s := NewSim(&Scenario{Name: t.Name(), Setup: oneRun(stage("Build", a))}, trouble...)
	s.Op = simcluster.NewProcess(s.Store, operatorName, nil, nil)
	return &tale{Sim: s, t: t}
}

// steps are the lawful history: the execution runs a Job, is asked to abandon it, and stops.
func steps() []step {
	return []step{
		{"pin", (*tale).pin},
		{"intend", func(b *tale) { b.action(v1alpha1.ExecutionInProgress, v1alpha1.ActionInProgress) }},
		{"create", func(b *tale) { b.job = b.create("job", marks) }},
		{"prove", func(b *tale) {
			b.update(func(s *v1alpha1.PipelineExecutionStatus) { s.Stages[0].Actions[0].Workload.UID = string(b.job.UID) })
		}},
		{"work", (*tale).moves},
		{"ask", func(b *tale) { b.asks("stop", abandon) }},
		{"accept", func(b *tale) { b.accept("stop", v1alpha1.StopModeAbandon) }},
		{"answer", func(b *tale) { b.answer("stop", accepted) }},
		{"end", func(b *tale) { b.spec(`{"suspend":true,"parallelism":0}`) }},
		{"gone", (*tale).moves},
		{"stop", (*tale).stops},
		{"conclude", (*tale).conclude},
		{"rest", func(b *tale) { b.Settled = len(b.Store.History) }},
	}
}

// step is one of a history.
type step struct {
	name string
	do   func(*tale)
}

// change is what a history has before a step of the lawful one, or instead of it, or instead of it and all that follow.
type change struct {
	before, instead, until string
	do                     func(*tale)
}

// tell has the lawful history happen, but for a change.
func (b *tale) tell(c change) {
	for _, s := range steps() {
		if s.name == c.before || s.name == c.instead || s.name == c.until {
			c.do(b)
		}
		if s.name == c.until {
			if b.RestedFrom == 0 {
				b.Settled = len(b.Store.History)
			}
			return
		}
		if s.name != c.instead {
			s.do(b)
		}
	}
}

// as has the operator make calls as one of its controllers does when it reconciles an object. A call may be refused.
func (b *tale) as(controller string, o client.Object, do func(client.Client)) {
	b.Op.Pretend(controller, o, do)
}

// run has it do so when it reconciles the execution.
func (b *tale) run(do func(client.Client)) { b.as("pipelineexecution", b.execution(), do) }

// moves lets everybody else do what there is to do.
func (b *tale) moves() { b.worldMovesOn() }

// user has a person do something.
func (b *tale) user(do func()) { b.Store.As(outsider, do) }

// outside has a person do what an injection names.
func (b *tale) outside(what string) { b.user(func() { b.outsideAct(strings.Split(what, ".")) }) }

// wipes has a person take a part of the execution's status away.
func (b *tale) wipes(part string) { b.outside("wipe.PipelineExecution.0." + part) }

// finalizer has a person keep the execution from going when it is deleted.
func (b *tale) finalizer() {
	b.user(func() {
		b.Store.Mutate(simcluster.Execution, key("run"), func(o client.Object) { o.SetFinalizers([]string{"example.com/stays"}) })
	})
}

func (b *tale) asks(name string, how func(*v1alpha1.StopRequestSpec)) {
	b.user(func() { b.request(name, "run", how) })
}

func (b *tale) execution() *v1alpha1.PipelineExecution {
	return b.Store.Find(simcluster.Execution, key("run")).DeepCopyObject().(*v1alpha1.PipelineExecution)
}

func (b *tale) pin() {
	p := b.Store.Find(simcluster.Pipeline, key("web")).(*v1alpha1.Pipeline)
	raw, err := json.Marshal(p.Spec)
	if err != nil {
		b.t.Fatal(err)
	}
	b.run(func(c client.Client) {
		_ = c.Create(b.t.Context(), &appsv1.ControllerRevision{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web-1"}, Data: runtime.RawExtension{Raw: raw},
		})
	})
}

// update writes the status of the execution.
func (b *tale) update(change func(*v1alpha1.PipelineExecutionStatus)) {
	e := b.execution()
	change(&e.Status)
	b.run(func(c client.Client) { _ = c.Status().Update(b.t.Context(), e) })
}

// message writes a message of the action, as a controller of that name.
func (b *tale) message(text, controller string) {
	e := b.execution()
	e.Status.Stages[0].Actions[0].Message = text
	b.as(controller, e, func(c client.Client) { _ = c.Status().Update(b.t.Context(), e) })
}

// messages writes so many messages in one reconciliation.
func (b *tale) messages(n int) {
	b.run(func(c client.Client) {
		for i := range n {
			e := b.execution()
			e.Status.Stages[0].Actions[0].Message = strconv.Itoa(i)
			_ = c.Status().Update(b.t.Context(), e)
		}
	})
}

// shows writes a condition of the execution.
func (b *tale) shows(reason string) {
	b.update(func(s *v1alpha1.PipelineExecutionStatus) {
		s.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: reason}}
	})
}

// rewrites writes the status that there is, under a resourceVersion.
func (b *tale) rewrites(resourceVersion string) {
	e := b.execution()
	e.ResourceVersion = resourceVersion
	b.run(func(c client.Client) { _ = c.Status().Update(b.t.Context(), e) })
}

// action writes the state of the execution and of its action.
func (b *tale) action(state v1alpha1.ExecutionState, action v1alpha1.ActionState) {
	b.update(func(s *v1alpha1.PipelineExecutionStatus) {
		if len(s.Stages) == 0 {
			s.PipelineRevision = "web-1"
			s.Stages = []v1alpha1.StageStatus{{Name: "Build", Actions: []v1alpha1.ActionStatus{{Name: "compile"}}}}
		}
		s.State, s.Stages[0].Actions[0].State = state, action
	})
}

// marks are what the Job of the action has.
func marks(job *batchv1.Job) {
	job.Annotations = map[string]string{v1alpha1.AnnotationStage: "Build", v1alpha1.AnnotationAction: "compile"}
	job.Spec.Template.Annotations = map[string]string{simcluster.AnnotationOutcome: simcluster.Never}
}

func placeholder(job *batchv1.Job) {
	marks(job)
	job.Spec.Suspend, job.Spec.Parallelism, job.Spec.Completions = ptr.To(true), ptr.To[int32](0), ptr.To[int32](0)
}

// newJob is a Job of the execution.
func (b *tale) newJob(name string, change func(*batchv1.Job)) *batchv1.Job {
	e := b.execution()
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, Labels: map[string]string{v1alpha1.LabelExecutionID: string(e.UID)},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(e, simcluster.Execution.GVK())},
	}}
	change(job)
	return job
}

// create has the operator create a Job.
func (b *tale) create(name string, change func(*batchv1.Job)) *batchv1.Job {
	job := b.newJob(name, change)
	b.run(func(c client.Client) { _ = c.Create(b.t.Context(), job) })
	return job
}

// removes has the operator delete the Job, if it has a uid.
func (b *tale) removes(uid *types.UID) {
	background := metav1.DeletePropagationBackground
	options := &client.DeleteOptions{PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: uid}}
	b.run(func(c client.Client) { _ = c.Delete(b.t.Context(), b.job, options) })
}

// again has the Job deleted by another, and another one created in its place.
func (b *tale) again(change func(*batchv1.Job)) *batchv1.Job {
	b.deletes(simcluster.Job, "job")
	b.moves()
	return b.create("job", change)
}

func (b *tale) deletes(k simcluster.Kind, name string) {
	background := metav1.DeletePropagationBackground
	b.user(func() { _ = b.Store.Delete(k, key(name), client.DeleteOptions{PropagationPolicy: &background}) })
}

// patch has the operator patch the Job of the action.
func (b *tale) patch(change map[string]any) { b.run(func(c client.Client) { b.send(c, change) }) }

func (b *tale) send(c client.Client, change map[string]any) {
	raw, err := json.Marshal(change)
	if err != nil {
		b.t.Fatal(err)
	}
	target := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "job"}}
	_ = c.Patch(b.t.Context(), target, client.RawPatch(types.MergePatchType, raw))
}

// current has a patch name the resourceVersion that the Job has.
func (b *tale) current(change map[string]any) map[string]any {
	metadata, _ := change["metadata"].(map[string]any)
	metadata = maps.Clone(metadata)
	if metadata == nil {
		metadata = map[string]any{}
	}
	if job := b.Store.Find(simcluster.Job, key("job")); job != nil {
		metadata["resourceVersion"] = job.GetResourceVersion()
	}
	return map[string]any{"metadata": metadata, "spec": change["spec"]}
}

// spec has the operator patch the spec of the Job.
func (b *tale) spec(text string) { b.patch(b.current(map[string]any{"spec": json.RawMessage(text)})) }

// release has the operator give its Job up, and mark it, or one of both.
func (b *tale) release(gives, marks bool) {
	metadata := map[string]any{}
	if gives {
		metadata["ownerReferences"] = nil
	}
	if marks {
		metadata["labels"] = map[string]any{v1alpha1.LabelOrphaned: "true"}
	}
	b.patch(b.current(map[string]any{"metadata": metadata, "spec": map[string]any{}}))
}

// accept records a request, and publishes the stop.
func (b *tale) accept(name string, mode v1alpha1.StopMode) {
	b.record(name, mode, v1alpha1.ExecutionStopping)
}

func (b *tale) record(name string, mode v1alpha1.StopMode, state v1alpha1.ExecutionState) {
	r := b.Store.Find(simcluster.StopRequest, key(name))
	b.update(func(s *v1alpha1.PipelineExecutionStatus) {
		if s.Stop == nil {
			s.Stop = &v1alpha1.StopStatus{}
		}
		s.Stop.Mode, s.State = mode, state
		s.Stop.Requests = append(s.Stop.Requests, v1alpha1.AcceptedStopRequest{UID: string(r.GetUID()), Name: name, Mode: mode})
		if mode == v1alpha1.StopModeAbandon {
			s.Stages[0].Actions[0].State = v1alpha1.ActionAbandoned
		}
	})
}

// answer gives a request its verdict.
func (b *tale) answer(name, reason string) {
	value := metav1.ConditionFalse
	if reason == accepted {
		value = metav1.ConditionTrue
	}
	b.condition(name, metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: value, Reason: reason})
}

// conclude says of all requests that were accepted that the execution has stopped.
func (b *tale) conclude() {
	for _, o := range b.Store.All(simcluster.StopRequest) {
		if verdictOf(o.(*v1alpha1.StopRequest)) == accepted {
			b.condition(o.GetName(), metav1.Condition{Type: v1alpha1.ConditionStopped, Status: metav1.ConditionTrue, Reason: stopped})
		}
	}
}

func (b *tale) condition(name string, condition metav1.Condition) {
	r := b.Store.Find(simcluster.StopRequest, key(name)).DeepCopyObject().(*v1alpha1.StopRequest)
	meta.SetStatusCondition(&r.Status.Conditions, condition)
	b.as("stoprequest", r, func(c client.Client) { _ = c.Status().Update(b.t.Context(), r) })
}

// ends gives the execution a final state, with its action ended.
func (b *tale) ends(state v1alpha1.ExecutionState) {
	b.update(func(s *v1alpha1.PipelineExecutionStatus) {
		s.State = state
		if len(s.Stages) > 0 {
			s.Stages[0].Actions[0].CompletionTime = &metav1.Time{Time: b.Store.Clock.Now()}
		}
	})
}

func (b *tale) stops() { b.ends(v1alpha1.ExecutionStopped) }

// restart says that the operator was restarted at rest, and has it do something.
func (b *tale) restart(do func()) {
	b.Settled, b.RestedFrom = len(b.Store.History), len(b.Op.Calls)
	do()
}

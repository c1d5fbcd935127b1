// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/invariants"
	"haltline.dev/haltline/test/simcluster"
)

// Scenario is a script: what is there at the start, and what people do at which time.
type Scenario struct {
	Name string
	// Setup creates what is there before the operator starts.
	Setup func(s *Sim)
	// Acts are what people do, each once.
	Acts []Act
	// Refuse reports whether a quota refuses a call, if it is set.
	Refuse func(s *Sim, c *simcluster.Call) bool
	// Want is how the undisturbed run ends: the states of executions and the verdicts on requests, by their names.
	Want map[string]string
	// Small scenarios are explored in pairs.
	Small bool
	// FromFirstStop is true if injections begin when the first request is there. Until then the run is, call for call, that
	// of another scenario.
	FromFirstStop bool
	// FreesNames is true if somebody deletes a Job, which frees its name. A paused operator may then create it again, which is a
	// known departure, so nothing is injected that pauses one or wipes what is known of the Job.
	FreesNames bool
	// RetriesInTime is true if what is refused is tried again until a time limit is over. With a clock that is set by an hour that takes
	// more steps than a run may have, or the run is at rest before.
	RetriesInTime bool
	// Retains is true if the operator deletes an execution, and with it the names of its Jobs. Besides what is left out for FreesNames,
	// no cache shows the execution for long when it is gone: names would be reserved for it, and collected as garbage, without end.
	Retains bool
}

// Act is what a person does, and when.
type Act struct {
	When When
	Do   func(s *Sim)
}

// When reports whether the time of an act has come. It is asked right before and right after each call of the operator, and
// without a call before each step of the run.
type When func(s *Sim, c *simcluster.Call, after bool) bool

const namespace = "team"

func key(name string) client.ObjectKey { return client.ObjectKey{Namespace: namespace, Name: name} }

// action describes an action of a pipeline.
type action struct {
	name    string
	outcome string
	order   int32
	change  func(*v1alpha1.Action)
}

func newAction(name string) action { return action{name: name, outcome: simcluster.Succeed, order: 1} }

func (a action) thatFails() action { a.outcome = simcluster.Fail; return a }
func (a action) thatHangs() action { a.outcome = simcluster.Never; return a }
func (a action) withRunOrder(order int32) action {
	a.order = order
	return a
}

func (a action) thatIsAbandonedOnStop() action {
	return a.withChange(func(d *v1alpha1.Action) { d.OnStop = v1alpha1.OnStopAbandon })
}

func (a action) thatIsOrphaned() action {
	return a.withChange(func(d *v1alpha1.Action) { d.OnAbandon = v1alpha1.OnAbandonOrphan })
}

// withJob replaces part of the spec of the Job.
func (a action) withJob(part, replacement string) action {
	return a.withChange(func(d *v1alpha1.Action) {
		d.Job.Spec.Raw = []byte(strings.Replace(string(d.Job.Spec.Raw), part, replacement, 1))
	})
}

// withPods makes the Job run so many pods at once.
func (a action) withPods(n int) action {
	return a.withJob(`"backoffLimit":0`, fmt.Sprintf(`"backoffLimit":0,"parallelism":%d,"completions":%d`, n, n))
}

// thatRetries makes the Job try again when a pod fails.
func (a action) thatRetries() action { return a.withJob(`"backoffLimit":0`, `"backoffLimit":2`) }

func (a action) withChange(change func(*v1alpha1.Action)) action {
	before := a.change
	a.change = func(d *v1alpha1.Action) {
		if before != nil {
			before(d)
		}
		change(d)
	}
	return a
}

func (a action) definition() v1alpha1.Action {
	d := v1alpha1.Action{
		Name: a.name, RunOrder: a.order, OnStop: v1alpha1.OnStopFinish, OnAbandon: v1alpha1.OnAbandonTerminate,
		Job: &v1alpha1.JobTemplate{Spec: runtime.RawExtension{Raw: fmt.Appendf(nil,
			`{"backoffLimit":0,"template":{"metadata":{"annotations":{%q:%q}},"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}`,
			simcluster.AnnotationOutcome, a.outcome)}},
	}
	if a.change != nil {
		a.change(&d)
	}
	return d
}

func newStage(name string, actions ...action) v1alpha1.Stage {
	s := v1alpha1.Stage{Name: name}
	for _, a := range actions {
		s.Actions = append(s.Actions, a.definition())
	}
	return s
}

// createPipeline creates the Pipeline of the executions.
func (s *Sim) createPipeline(stages ...v1alpha1.Stage) {
	s.createObject(&v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"},
		Spec:       v1alpha1.PipelineSpec{ExecutionMode: v1alpha1.ExecutionModeParallel, Stages: stages},
	})
}

// createNamedPipeline creates a Pipeline whose pipelineName is not the name of the object.
func (s *Sim) createNamedPipeline(name, pipelineName string, stages ...v1alpha1.Stage) {
	s.createObject(&v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.PipelineSpec{PipelineName: pipelineName, ExecutionMode: v1alpha1.ExecutionModeParallel, Stages: stages},
	})
}

// createExecution creates an execution of the Pipeline "web".
func (s *Sim) createExecution(name string) {
	s.createObject(&v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "web"},
	})
}

// createStopRequest creates a StopRequest for the execution of a name, if there is one.
func (s *Sim) createStopRequest(name, execution string, change func(*v1alpha1.StopRequestSpec)) {
	target, there := s.Store.Find(simcluster.Execution, key(execution)).(*v1alpha1.PipelineExecution)
	if !there {
		return
	}
	sr := &v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.StopRequestSpec{
			PipelineName: target.Spec.PipelineName, PipelineExecutionID: string(target.UID), RequestedBy: "ada", Reason: "wrong branch",
		},
	}
	change(&sr.Spec)
	s.createObject(sr)
}

func setWait(*v1alpha1.StopRequestSpec)         {}
func setAbandon(spec *v1alpha1.StopRequestSpec) { spec.Abandon = true }
func setGrace(spec *v1alpha1.StopRequestSpec) {
	spec.Abandon, spec.GracePeriodSeconds = true, ptr.To[int64](0)
}
func setEscalation(spec *v1alpha1.StopRequestSpec) { spec.EscalateAfterSeconds = ptr.To[int64](20) }

// createObject creates an object. A person who cannot create it does nothing about that.
func (s *Sim) createObject(o client.Object) { _ = s.Store.Create(o) }

// Times at which people act.

func whenStarted(*Sim, *simcluster.Call, bool) bool { return true }

// beforeCall is right before the nth live call of a verb on a kind.
func beforeCall(verb string, k simcluster.Kind, n int) When { return whenCalled(verb, k, n, false) }

// afterCall is right after the nth live call of a verb on a kind.
func afterCall(verb string, k simcluster.Kind, n int) When { return whenCalled(verb, k, n, true) }

func whenCalled(verb string, k simcluster.Kind, n int, wantAfter bool) When {
	return func(s *Sim, c *simcluster.Call, after bool) bool {
		if c == nil || after != wantAfter || c.Verb != verb || c.Kind != k || c.Cached {
			return false
		}
		seen := 0
		for _, other := range s.Op.Calls {
			if other.Verb == verb && other.Kind == k && !other.Cached {
				seen++
			}
		}
		return seen >= n
	}
}

// whenRunning is when n pods run.
func whenRunning(n int) When {
	return func(s *Sim, _ *simcluster.Call, _ bool) bool {
		running := 0
		for _, o := range s.Store.All(simcluster.Pod) {
			if o.(*corev1.Pod).Status.Phase == corev1.PodRunning {
				running++
			}
		}
		return running >= n
	}
}

// whenTried is when there are n pods and the last one has not ended.
func whenTried(n int) When {
	return func(s *Sim, _ *simcluster.Call, _ bool) bool {
		pods := s.Store.All(simcluster.Pod)
		return len(pods) >= n && slices.ContainsFunc(pods, func(o client.Object) bool { return o.(*corev1.Pod).Status.Phase == corev1.PodPending })
	}
}

// whenPodEnded is when a pod has ended, which its Job does not show yet.
func whenPodEnded(s *Sim, _ *simcluster.Call, _ bool) bool {
	for _, o := range s.Store.All(simcluster.Pod) {
		if invariants.HasPodEnded(o.(*corev1.Pod)) {
			return true
		}
	}
	return false
}

// whenFinished is when n Jobs have finished.
func whenFinished(n int) When {
	return func(s *Sim, _ *simcluster.Call, _ bool) bool {
		finished := 0
		for _, o := range s.Store.All(simcluster.Job) {
			if invariants.IsJobFinished(o) {
				finished++
			}
		}
		return finished >= n
	}
}

// whenState is when the execution "run" has a state.
func whenState(state v1alpha1.ExecutionState) When {
	return func(s *Sim, _ *simcluster.Call, _ bool) bool {
		e, ok := s.Store.Find(simcluster.Execution, key("run")).(*v1alpha1.PipelineExecution)
		return ok && e.Status.State == state
	}
}

// whenRefused is when a Pipeline reads that its pipelineName is taken.
func whenRefused(name string) When {
	return func(s *Sim, _ *simcluster.Call, _ bool) bool {
		pipeline, there := s.Store.Find(simcluster.Pipeline, key(name)).(*v1alpha1.Pipeline)
		return there && wasRefused(pipeline)
	}
}

// whenAnswered is when a request has its verdict.
func whenAnswered(name string) When {
	return func(s *Sim, _ *simcluster.Call, _ bool) bool { return s.verdictOf(name) != "" }
}

// verdictOf returns the verdict on the stop request or the approval result of a name, or nothing.
func (s *Sim) verdictOf(name string) string {
	if sr, there := s.Store.Find(simcluster.StopRequest, key(name)).(*v1alpha1.StopRequest); there {
		return invariants.VerdictOf(sr)
	}
	if ar, there := s.Store.Find(simcluster.ApprovalResult, key(name)).(*v1alpha1.ApprovalResult); there {
		return invariants.VerdictOfResult(ar)
	}
	return ""
}

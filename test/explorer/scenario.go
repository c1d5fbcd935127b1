// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// Scenario is a script: what there is, and what people do when.
type Scenario struct {
	Name string
	// Setup creates what there is before the operator starts.
	Setup func(s *Sim)
	// Acts are what people do, each once.
	Acts []Act
	// Refuse says which calls a quota refuses.
	Refuse func(s *Sim, c *simcluster.Call) bool
	// Want says how the undisturbed run ends: the state of an execution, the verdict on a request, by name.
	Want map[string]string
	// Small scenarios are explored in pairs.
	Small bool
	// FromFirstStop has injections begin when the first request is there. Until then the run is, call for call, that of
	// another scenario.
	FromFirstStop bool
}

// Act is what a person does when the time has come.
type Act struct {
	When When
	Do   func(s *Sim)
}

// When reports whether the time has come: between two things that the operator or the world does, where there is no
// call; or right before, or right after, a call of the operator.
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

func act(name string) action { return action{name: name, outcome: simcluster.Succeed, order: 1} }

func (a action) fails() action { a.outcome = simcluster.Fail; return a }
func (a action) hangs() action { a.outcome = simcluster.Never; return a }
func (a action) at(order int32) action {
	a.order = order
	return a
}

func (a action) abandonedOnStop() action {
	return a.with(func(d *v1alpha1.Action) { d.OnStop = v1alpha1.OnStopAbandon })
}

func (a action) orphaned() action {
	return a.with(func(d *v1alpha1.Action) { d.OnAbandon = v1alpha1.OnAbandonOrphan })
}

func (a action) with(change func(*v1alpha1.Action)) action {
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

func stage(name string, actions ...action) v1alpha1.Stage {
	s := v1alpha1.Stage{Name: name}
	for _, a := range actions {
		s.Actions = append(s.Actions, a.definition())
	}
	return s
}

// pipeline creates a Pipeline.
func (s *Sim) pipeline(name string, stages ...v1alpha1.Stage) {
	s.create(&v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.PipelineSpec{ExecutionMode: v1alpha1.ExecutionModeParallel, Stages: stages},
	})
}

// execution creates an execution of the Pipeline "web".
func (s *Sim) execution(name string) {
	s.create(&v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "web"},
	})
}

// request creates a StopRequest for an execution, where there is one of that name.
func (s *Sim) request(name, execution string, change func(*v1alpha1.StopRequestSpec)) {
	e, ok := s.Store.Find(simcluster.Execution, key(execution)).(*v1alpha1.PipelineExecution)
	if !ok {
		return
	}
	r := &v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.StopRequestSpec{
			PipelineName: e.Spec.PipelineName, PipelineExecutionID: string(e.UID), RequestedBy: "ada", Reason: "wrong branch",
		},
	}
	change(&r.Spec)
	s.create(r)
}

func wait(*v1alpha1.StopRequestSpec)       {}
func abandon(r *v1alpha1.StopRequestSpec)  { r.Abandon = true }
func escalate(r *v1alpha1.StopRequestSpec) { r.EscalateAfterSeconds = ptr.To[int64](20) }

// create creates an object as a person does, who is told when it cannot be, and shrugs.
func (s *Sim) create(o client.Object) { _ = s.Store.Create(o) }

// Times at which people act.

func atOnce(*Sim, *simcluster.Call, bool) bool { return true }

// beforeCall is the moment before the nth call of a verb on a kind.
func beforeCall(verb string, k simcluster.Kind, n int) When { return nth(verb, k, n, false) }

// afterCall is the moment after the nth call of a verb on a kind.
func afterCall(verb string, k simcluster.Kind, n int) When { return nth(verb, k, n, true) }

func nth(verb string, k simcluster.Kind, n int, wantAfter bool) When {
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

// whenPodEnded is when a pod has ended, and its Job does not say so yet.
func whenPodEnded(s *Sim, _ *simcluster.Call, _ bool) bool {
	for _, o := range s.Store.All(simcluster.Pod) {
		if !isLive(o.(*corev1.Pod)) {
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
			if isFinished(o.(*batchv1.Job)) {
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

// whenAnswered is when a request has its verdict.
func whenAnswered(name string) When {
	return func(s *Sim, _ *simcluster.Call, _ bool) bool {
		r, ok := s.Store.Find(simcluster.StopRequest, key(name)).(*v1alpha1.StopRequest)
		return ok && verdictOf(r) != ""
	}
}

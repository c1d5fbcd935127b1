// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sample has executions in every state for tests. The operator's own planner makes their statuses, so that what is shown of them is
// what people get to see.
package sample

import (
	"fmt"
	"maps"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/test/builders"
)

// Namespace is that of every object.
const Namespace = "team"

// Start is when every execution was created.
var Start = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// Run is an execution that goes on step by step.
type Run struct {
	Execution *v1alpha1.PipelineExecution
	// Pipeline is the one that it runs; nil if there is none.
	Pipeline *v1alpha1.Pipeline
	now      time.Time
	observed map[plan.ActionKey]plan.Observation
}

// uid returns an id that a name stands for.
func uid(name string) types.UID {
	sum := 0
	for _, r := range name {
		sum = sum*31%999983 + int(r)
	}
	return types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", sum))
}

// New returns an execution of a pipeline that no operator has looked at.
func New(name string, pipeline *v1alpha1.Pipeline) *Run {
	execution := builders.Execution(Namespace, pipeline.Name)
	execution.Name, execution.GenerateName, execution.UID = name, "", uid(name)
	execution.Generation = 1
	execution.CreationTimestamp = metav1.NewTime(Start)
	execution.Spec.StartedBy = "ada@example.com"
	execution.Status.ObservedGeneration = -1
	return &Run{Execution: execution, Pipeline: pipeline, now: Start, observed: map[plan.ActionKey]plan.Observation{}}
}

// At lets the time go on until so long after the start.
func (r *Run) At(d time.Duration) *Run {
	r.now = Start.Add(d)
	return r
}

// Step lets the operator look at the execution. Change sets what else it sees; it may be nil.
func (r *Run) Step(change func(*plan.Input)) *Run {
	in := plan.Input{Execution: r.Execution, Pipeline: r.Pipeline, Observed: maps.Clone(r.observed), Nonce: "sample", Now: metav1.NewTime(r.now)}
	if r.Pipeline != nil {
		in.Revision, in.Definition = "revision-1", r.Pipeline.Spec.Definition()
		in.WorkloadKinds = map[plan.ActionKey]plan.WorkloadKind{}
		for key := range plan.DefinedActions(in.Definition) {
			in.WorkloadKinds[key] = plan.WorkloadKind{APIVersion: "batch/v1", Kind: "Job"}
		}
	}
	if change != nil {
		change(&in)
	}
	r.Execution.Status = plan.Next(in)
	return r
}

// Observe sets what is seen of an action from now on, and lets the operator look.
func (r *Run) Observe(name string, o plan.Observation) *Run {
	r.observe(name, o)
	return r.Step(nil)
}

func (r *Run) observe(name string, o plan.Observation) {
	stage, action, _ := strings.Cut(name, "/")
	if o.UID == "" && o.Phase != plan.PhaseBlocked && o.Phase != plan.PhaseNeverStarted {
		o.UID = string(uid("job-" + name))
	}
	r.observed[plan.ActionKey{Stage: stage, Action: action}] = o
}

// Runs has actions run from now on.
func (r *Run) Runs(names ...string) *Run {
	for _, name := range names {
		r.observe(name, plan.Observation{Phase: plan.PhaseRunning, HasRun: true})
	}
	return r.Step(nil)
}

// Succeeds has actions end well.
func (r *Run) Succeeds(names ...string) *Run {
	for _, name := range names {
		r.observe(name, plan.Observation{Phase: plan.PhaseSucceeded})
	}
	return r.Step(nil)
}

// Fails has an action fail.
func (r *Run) Fails(name string) *Run {
	return r.Observe(name, plan.Observation{
		Phase: plan.PhaseFailed, Reason: "BackoffLimitExceeded",
		Message: `Job has reached the specified backoff limit. Pod "web-1-x7k2p" failed: container "main" ended with exit code 3.`,
	})
}

// IsKept has something keep an action.
func (r *Run) IsKept(name, reason, message string) *Run {
	return r.Observe(name, plan.Observation{Phase: plan.PhaseRunning, Reason: reason, Message: message})
}

// StopRequest returns a request of Grace to stop the execution, created now.
func (r *Run) StopRequest(name string, change func(*v1alpha1.StopRequestSpec)) v1alpha1.StopRequest {
	sr := builders.StopAndWait(r.Execution)
	sr.Name, sr.GenerateName, sr.UID = name, "", uid(name)
	sr.CreationTimestamp = metav1.NewTime(r.now)
	sr.Spec.Reason, sr.Spec.RequestedBy = "the release is on hold", "grace@example.com"
	if change != nil {
		change(&sr.Spec)
	}
	return *sr
}

// Stop has the operator accept a request of Grace.
func (r *Run) Stop(name string, change func(*v1alpha1.StopRequestSpec)) *Run {
	return r.Step(func(in *plan.Input) { in.Requests = []v1alpha1.StopRequest{r.StopRequest(name, change)} })
}

// Abandon makes a request abandon.
func Abandon(spec *v1alpha1.StopRequestSpec) { spec.Abandon, spec.Reason = true, "it must go" }

// EscalateAfter returns what makes a request escalate after so many seconds.
func EscalateAfter(seconds int64) func(*v1alpha1.StopRequestSpec) {
	return func(spec *v1alpha1.StopRequestSpec) { spec.EscalateAfterSeconds = ptr.To(seconds) }
}

// Decide has Grace decide an approval.
func (r *Run) Decide(stage, action string, decision v1alpha1.ApprovalDecision) *Run {
	ar := builders.ApprovalResult(r.Execution, stage, action, decision)
	ar.Name, ar.GenerateName, ar.UID = "result-1", "", "result-1"
	ar.CreationTimestamp = metav1.NewTime(r.now)
	ar.Spec.Summary, ar.Spec.DecidedBy = "the dashboards look good", "grace@example.com"
	if decision == v1alpha1.ApprovalRejected {
		ar.Spec.Summary = "latency went up"
	}
	ar.Status.SubmittedTime = ptr.To(metav1.NewTime(r.now))
	return r.Step(func(in *plan.Input) { in.Results = []v1alpha1.ApprovalResult{*ar} })
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// Case is an execution in one state, with what there is beside it.
type Case struct {
	Name      string
	Execution *v1alpha1.PipelineExecution
	// Pipelines are those of its pipelineName.
	Pipelines []v1alpha1.Pipeline
	// StopRequests are those for it.
	StopRequests []v1alpha1.StopRequest
	// Now is when somebody looks.
	Now time.Time
}

// Cases returns an execution in every state that there is.
func Cases() []Case {
	var all []Case
	for _, group := range [][]Case{pending(), waiting(), running(), kept(), approvals(), failing(), stopping(), ended(), refused(), retries()} {
		all = append(all, group...)
	}
	return all
}

// seen returns the case that somebody looks at the execution so long after its start.
func (r *Run) seen(name string, after time.Duration) Case {
	c := Case{Name: name, Execution: r.Execution, Now: Start.Add(after)}
	if r.Pipeline != nil {
		c.Pipelines = []v1alpha1.Pipeline{*r.Pipeline}
	}
	return c
}

func (c Case) withPipelines(pipelines ...v1alpha1.Pipeline) Case {
	c.Pipelines = pipelines
	return c
}

func (c Case) withRequest(sr v1alpha1.StopRequest) Case {
	c.StopRequests = append(c.StopRequests, sr)
	return c
}

// begun returns an execution of Web that compiles and tests.
func begun() *Run {
	return New("web-1", Web()).At(time.Second).Step(nil).At(2*time.Second).Runs("Build/compile", "Build/test")
}

func pending() []Case {
	restored := begun()
	restored.Execution.UID = uid("web-1-restored")
	return []Case{
		New("web-1", Web()).seen("pending, created just now", 2*time.Second),
		New("web-1", Web()).seen("pending for long", 5*time.Minute),
		restored.seen("pending, with the status of another execution", 5*time.Minute),
	}
}

// waitingForPipeline returns an execution that waits for its Pipeline.
func waitingForPipeline() *Run {
	r := New("web-1", Web())
	r.Pipeline = nil
	return r.At(time.Second).Step(nil)
}

func waiting() []Case {
	blocked := New("web-1", Web()).At(20 * time.Second).Step(func(in *plan.Input) {
		in.Revision, in.Definition, in.PinBlocked = "", nil, `Trying again: creating ControllerRevision "web-1": exceeded quota: objects`
	})
	turn := func(mode v1alpha1.ExecutionMode, waiting ...string) *Run {
		return New("web-1", Queue(mode, waiting...)).At(time.Second).Step(nil)
	}
	overtaken := turn(v1alpha1.ExecutionModeSuperseded, "web-1")
	overtaken.Pipeline.Status.Stages[0].Waiting[0].SupersededBy = "web-2"
	come := turn(v1alpha1.ExecutionModeQueued, "web-1")
	come.Pipeline.Status.Stages[0].Execution = &v1alpha1.StageExecution{PipelineExecutionID: string(come.Execution.UID), Name: "web-1"}
	empty := turn(v1alpha1.ExecutionModeQueued, "web-1")
	empty.Pipeline.Status.Stages[0].Execution = nil
	return []Case{
		waitingForPipeline().seen("waits for its Pipeline", 5*time.Minute),
		waitingForPipeline().seen("waits for a Pipeline that is there now", time.Minute).withPipelines(*Web()),
		waitingForPipeline().seen("waits for a Pipeline that was refused", 5*time.Minute).withPipelines(refusedPipeline()),
		blocked.seen("cannot pin what it runs", time.Minute),
		turn(v1alpha1.ExecutionModeQueued, "web-1", "web-2").seen("waits for its turn, enters next", 5*time.Minute),
		turn(v1alpha1.ExecutionModeQueued, "web-7", "web-8", "web-1").seen("waits for its turn behind two others", 5*time.Minute),
		turn(v1alpha1.ExecutionModeQueued, "a", "b", "c", "d", "e").seen("waits for its turn behind many", 5*time.Minute),
		turn(v1alpha1.ExecutionModeSuperseded, "web-1").seen("waits for its turn and can be superseded", 5*time.Minute),
		overtaken.seen("waits and was superseded", 5*time.Minute),
		come.seen("its turn has come", time.Minute),
		empty.seen("waits for a stage that nobody is in", time.Minute),
		turn(v1alpha1.ExecutionModeQueued, "web-1").seen("waits in a queue whose Pipeline is gone", 5*time.Minute).withPipelines(),
		New("web-1", Held()).At(time.Second).Step(nil).seen("waits for a transition", 5*time.Minute),
	}
}

func running() []Case {
	limited := Web()
	limited.Spec.TimeoutSeconds = ptr.To[int64](3600)
	deleted := begun()
	deleted.Execution.DeletionTimestamp = ptr.To(metav1.NewTime(Start.Add(time.Minute)))
	deleted.Execution.Finalizers = []string{"example.com/archive"}
	return []Case{
		New("web-1", Web()).At(time.Second).Step(nil).seen("is being started", 5*time.Second),
		New("web-1", Web()).At(time.Second).Step(nil).seen("was to be started long ago", 5*time.Minute),
		begun().seen("runs two actions", 90*time.Second),
		begun().At(time.Minute).Succeeds("Build/test").seen("runs one action", 90*time.Second),
		New("web-1", limited).At(time.Second).Step(nil).At(2*time.Second).Runs("Build/compile", "Build/test").seen("runs with a time limit", 10*time.Minute),
		New("web-1", limited).At(time.Second).Step(nil).At(2*time.Second).Runs("Build/compile", "Build/test").seen("is past its time limit", 2*time.Hour),
		deleted.seen("is being deleted", 3*time.Minute),
	}
}

func kept() []Case {
	started := func() *Run { return New("web-1", Web()).At(time.Second).Step(nil).At(20 * time.Second) }
	limited := Web()
	limited.Spec.Stages[0].Actions[0].StartTimeoutSeconds = ptr.To[int64](600)
	many := started()
	many.observe("Build/test", plan.Observation{Phase: plan.PhaseRunning, Reason: "ImagePullBackOff", Message: `Container "main" of pod "web-1-b" cannot start: ImagePullBackOff.`})
	quota := started().Runs("Build/test").Observe("Build/compile", plan.Observation{
		Phase: plan.PhaseBlocked, Message: `Trying again: creating Job "web-1-abc": jobs.batch "web-1-abc" is forbidden: exceeded quota: jobs`,
	})
	return []Case{
		quota.seen("the API server refuses a Job", time.Minute),
		started().Runs("Build/test").IsKept("Build/compile", "Unschedulable", `Pod "web-1-a" cannot be scheduled: 0/3 nodes are available: 3 Insufficient cpu.`).
			seen("no node takes a pod", 2*time.Minute),
		many.IsKept("Build/compile", v1alpha1.ReasonNoPod, `Job "web-1-abc" has no pod: FailedCreate: pods "web-1-a" is forbidden: exceeded quota`).
			seen("nothing of it runs", 2*time.Minute),
		New("web-1", limited).At(time.Second).Step(nil).At(20*time.Second).
			IsKept("Build/compile", v1alpha1.ReasonJobSuspended, `Job "web-1-abc" is suspended.`).seen("waits in a queue with a limit", 2*time.Minute),
		started().Runs("Build/test").IsKept("Build/compile", "CrashLoopBackOff", `Container "main" of pod "web-1-a" crashes and is started again: it ended with exit code 1.`).
			seen("a container crashes", 2*time.Minute),
		started().Runs("Build/test").IsKept("Build/compile", "FailedMount", `Pod "web-1-a" does not run: MountVolume.SetUp failed for volume "data".`).
			seen("a volume cannot be mounted", 2*time.Minute),
		started().Runs("Build/test").IsKept("Build/compile", "SomethingNew", "Nobody knows this reason yet.").seen("an unknown reason", 2*time.Minute),
		started().Runs("Build/compile").IsKept("Build/test", v1alpha1.ReasonInitContainerRunning, `Init container "setup" of pod "web-1-b" runs since 2026-11-20T12:00:05Z.`).
			seen("the second action is kept", 2*time.Minute),
	}
}

func approvals() []Case {
	asks := func(forbidStarter bool) *Run {
		return New("release-1", Release(forbidStarter)).At(time.Second).Step(nil)
	}
	unknown := asks(true)
	unknown.Execution.Spec.StartedBy = ""
	mixed := Release(false)
	mixed.Spec.Stages[0].Actions = append(mixed.Spec.Stages[0].Actions, Web().Spec.Stages[0].Actions[0])
	return []Case{
		asks(false).seen("waits for approval", time.Hour),
		asks(true).seen("waits for approval by somebody else", time.Hour),
		unknown.seen("waits for approval that nobody can give", time.Hour),
		asks(false).seen("waits for approval past its time", 26*time.Hour),
		New("release-1", mixed).At(time.Second).Step(nil).At(2*time.Second).Runs("Release/compile").seen("waits for approval while it runs", time.Hour),
		asks(false).At(time.Hour).Decide("Release", "approve", v1alpha1.ApprovalApproved).Runs("Deploy/roll-out").seen("was approved", 2*time.Hour),
	}
}

func failing() []Case {
	limited := Web()
	limited.Spec.TimeoutSeconds = ptr.To[int64](60)
	asks := Release(false)
	asks.Spec.Stages[0].Actions = append(asks.Spec.Stages[0].Actions, Web().Spec.Stages[0].Actions[0])
	return []Case{
		begun().At(time.Minute).Fails("Build/compile").seen("one action failed and another runs", 2*time.Minute),
		New("release-1", asks).At(time.Second).Step(nil).At(time.Minute).Fails("Release/compile").seen("one action failed and another waits for approval", 2*time.Minute),
		New("web-1", limited).At(time.Second).Step(nil).At(2*time.Second).Runs("Build/compile", "Build/test").At(2*time.Minute).Step(nil).
			seen("ends what exceeded its time limit", 3*time.Minute),
	}
}

func stopping() []Case {
	undecided := begun()
	blocked := begun().StopRequest("stop-1", nil)
	blocked.Status.Conditions = []metav1.Condition{{
		Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonStopBlocked,
		Message: `The stop cannot be recorded on execution "web-1": etcdserver: request is too large. Trying again.`,
	}}
	fencing := New("web-1", Web()).At(time.Second).Step(nil).At(2*time.Second).Stop("stop-1", nil)
	refused := New("web-1", Web()).At(time.Second).Step(nil).At(2*time.Second).Stop("stop-1", nil).Observe("Build/compile", plan.Observation{
		Phase: plan.PhaseBlocked, Message: `Trying again: creating Job "web-1-abc": jobs.batch "web-1-abc" is forbidden: exceeded quota: jobs`,
	})
	deleted := New("web-1", Web()).At(time.Second).Step(nil).At(2*time.Second).Stop("stop-1", nil).Observe("Build/compile", plan.Observation{
		Phase: plan.PhaseBlocked, Message: `Trying again: job "web-1-abc" was deleted by somebody else; its pods have to end: web-1-abc-x7k2p.`,
	})
	grace := begun().At(time.Minute).Stop("stop-1", Abandon).At(70*time.Second).
		IsKept("Build/compile", v1alpha1.ReasonInGracePeriod, `Pod "web-1-a" is in its grace period, until 2026-11-20T12:02:00Z.`)
	stuck := begun().At(time.Minute).Stop("stop-1", Abandon).At(10*time.Minute).Observe("Build/test", plan.Observation{Phase: plan.PhaseEnded}).
		IsKept("Build/compile", v1alpha1.ReasonPodNotEnding, `Pod "web-1-a" should have ended at 2026-11-20T12:02:00Z and has not. Its node "worker-1" is not ready.`)
	asks := New("release-1", Release(false)).At(time.Second).Step(nil).At(time.Minute).Stop("stop-1", nil)
	return []Case{
		undecided.At(time.Minute).seen("a stop has no verdict yet", 62*time.Second).withRequest(undecided.StopRequest("stop-1", nil)),
		undecided.seen("a stop has no verdict for long", 5*time.Minute).withRequest(undecided.StopRequest("stop-1", nil)),
		begun().seen("a stop cannot be recorded", 5*time.Minute).withRequest(blocked),
		fencing.seen("makes sure that nothing more starts", 4*time.Second),
		refused.seen("a quota keeps the operator from making sure that nothing more starts", time.Minute),
		deleted.seen("pods of a Job that somebody deleted keep it from making sure that nothing more starts", time.Minute),
		begun().At(time.Minute).Stop("stop-1", nil).seen("stops and waits", 2*time.Minute),
		begun().At(time.Minute).Stop("stop-1", EscalateAfter(600)).seen("stops and waits, and escalates", 2*time.Minute),
		begun().At(time.Minute).Stop("stop-1", EscalateAfter(600)).At(661*time.Second).Step(nil).seen("has escalated", 662*time.Second),
		begun().At(time.Minute).Stop("stop-1", EscalateAfter(600)).seen("should have escalated", time.Hour),
		begun().At(time.Minute).Stop("stop-1", nil).At(2*time.Minute).Stop("stop-2", Abandon).seen("was abandoned while it waited", 121*time.Second),
		begun().At(time.Minute).Stop("stop-1", Abandon).seen("abandons", 62*time.Second),
		grace.seen("abandons, a pod is in its grace period", 75*time.Second),
		stuck.seen("abandons, a pod does not end", 15*time.Minute),
		asks.seen("stops and waits for an approval", time.Hour),
	}
}

func ended() []Case {
	succeeded := begun().At(time.Minute).Succeeds("Build/compile", "Build/test").Runs("Build/package").At(2 * time.Minute).Succeeds("Build/package").
		Runs("Deploy/roll-out").At(3 * time.Minute).Succeeds("Deploy/roll-out")
	failed := begun().At(time.Minute).Succeeds("Build/test").At(2 * time.Minute).Fails("Build/compile")
	limited := Web()
	limited.Spec.TimeoutSeconds = ptr.To[int64](60)
	timedOut := New("web-1", limited).At(time.Second).Step(nil).At(2*time.Second).Runs("Build/compile", "Build/test").At(2 * time.Minute).Step(nil)
	timedOut.observe("Build/test", plan.Observation{Phase: plan.PhaseEnded})
	orphaned := begun().At(time.Minute).Stop("stop-1", Abandon).At(65*time.Second).Observe("Build/test", plan.Observation{Phase: plan.PhaseEnded})
	keptFrom := begun().At(time.Minute).Succeeds("Build/test").Stop("stop-1", nil)
	overtaken := New("web-1", Queue(v1alpha1.ExecutionModeSuperseded, "web-1")).At(time.Second).Step(nil)
	overtaken.Pipeline.Status.Stages[0].Waiting[0].SupersededBy = "web-2"
	return []Case{
		succeeded.seen("succeeded", time.Hour),
		failed.seen("an action failed", time.Hour),
		timedOut.At(3*time.Minute).Observe("Build/compile", plan.Observation{Phase: plan.PhaseEnded}).seen("exceeded its time limit", time.Hour),
		begun().At(time.Minute).Stop("stop-1", nil).At(2*time.Minute).Succeeds("Build/compile", "Build/test").seen("was stopped", time.Hour),
		orphaned.Observe("Build/compile", plan.Observation{
			Phase: plan.PhaseEnded, Message: `Job "web-1-abc" was left to go on, outside the execution; its label is pipelines.haltline.dev/orphaned.`,
		}).seen("was abandoned and left running", time.Hour),
		keptFrom.Observe("Build/compile", plan.Observation{
			Phase: plan.PhaseNeverStarted, Reason: v1alpha1.ReasonKeptFromStarting,
			Message: `Job "web-1-abc" had never run when the execution was stopped, and never will.`,
		}).seen("was stopped before an action ran", time.Hour),
		New("web-1", Held()).At(time.Second).Step(nil).At(time.Minute).Stop("stop-1", nil).seen("was stopped while it waited", time.Hour),
		overtaken.At(time.Minute).Step(nil).seen("was superseded", time.Hour),
		New("release-1", Release(false)).At(time.Second).Step(nil).At(time.Minute).Decide("Release", "approve", v1alpha1.ApprovalRejected).
			seen("was rejected", time.Hour),
		New("release-1", Release(false)).At(time.Second).Step(nil).At(25*time.Hour).Step(nil).seen("was not approved in time", 26*time.Hour),
	}
}

func refused() []Case {
	invalid := func(reason, message string) *Run {
		return New("web-1", Web()).At(time.Second).Step(func(in *plan.Input) { in.Problem = &plan.Problem{Reason: reason, Message: message} })
	}
	lost := New("web-1", Web()).At(time.Second).Step(nil).At(2*time.Second).Runs("Build/compile", "Build/test")
	lost.observe("Build/compile", plan.Observation{Phase: plan.PhaseSucceeded})
	lost.observe("Build/test", plan.Observation{Phase: plan.PhaseSucceeded})
	restored := begun()
	restored.Execution.UID = uid("web-1-restored")
	restored.Execution.Status = plan.NextOfRestoredCopy(restored.Execution, metav1.NewTime(Start.Add(time.Second)))
	cases := []Case{
		invalid(v1alpha1.ReasonInvalidVariables, `spec.variables: the variable "TAG" has no default and is not set; set it.`).seen("a variable is missing", time.Hour),
		invalid(v1alpha1.ReasonInvalidJobTemplate, `spec.stages["Build"].actions["compile"].job.spec: ttlSecondsAfterFinished must not be set; change the Pipeline, and start another execution.`).
			seen("the pipeline cannot be run", time.Hour),
		lost.Step(func(in *plan.Input) { in.Definition = nil }).seen("its revision was deleted", time.Hour),
		restored.seen("is a copy that a restore made", time.Hour),
	}
	for _, reason := range []string{
		v1alpha1.ReasonInvalidImage, v1alpha1.ReasonInvalidOutputs, v1alpha1.ReasonInvalidWorkspace, v1alpha1.ReasonDefinitionTooLarge,
	} {
		cases = append(cases, invalid(reason, "spec: something is wrong; change the Pipeline, and start another execution.").seen("the pipeline has "+reason, time.Hour))
	}
	for _, reason := range []string{
		v1alpha1.ReasonNotLatestPipelineExecution, v1alpha1.ReasonStageNotRetryable, v1alpha1.ReasonStageNotFound, v1alpha1.ReasonPipelineExecutionNotFound,
	} {
		cases = append(cases, refusedRetry(reason).seen("a retry was refused with "+reason, time.Hour))
	}
	return cases
}

// refusedRetry returns a retry that the operator refused.
func refusedRetry(reason string) *Run {
	retry := New("web-2", Web())
	retry.Execution.Spec.RetryOf = &v1alpha1.RetryOf{PipelineExecutionID: string(uid("web-1")), StageName: "Build", RetryMode: v1alpha1.RetryModeFailedActions}
	return retry.At(time.Second).Step(func(in *plan.Input) {
		in.Revision, in.Definition = "", nil
		in.Refused = &plan.Problem{Reason: reason, Message: "spec.retryOf: it cannot be retried; start another execution."}
	})
}

func retries() []Case {
	original := begun().At(time.Minute).Succeeds("Build/test").At(2 * time.Minute).Fails("Build/compile")
	retry := New("web-2", Web())
	retry.Execution.Spec.RetryOf = &v1alpha1.RetryOf{
		PipelineExecutionID: string(original.Execution.UID), StageName: "Build", RetryMode: v1alpha1.RetryModeFailedActions,
	}
	retry.At(time.Second).Step(func(in *plan.Input) { in.Original = original.Execution }).At(2 * time.Second).Runs("Build/compile")
	original.Execution.Status.RetriedBy = &v1alpha1.RetriedBy{PipelineExecutionID: string(retry.Execution.UID), Name: retry.Execution.Name}
	stopped := begun().At(time.Minute).Stop("stop-1", Abandon)
	stopped.observe("Build/test", plan.Observation{Phase: plan.PhaseEnded})
	stopped.At(2*time.Minute).Observe("Build/compile", plan.Observation{Phase: plan.PhaseEnded})
	stopped.Execution.Status.RetriedBy = &v1alpha1.RetriedBy{PipelineExecutionID: string(uid("web-9")), Name: "web-9"}
	return []Case{
		retry.seen("retries another one", time.Minute),
		original.seen("failed and is retried", time.Hour),
		stopped.seen("was stopped and is retried", time.Hour),
	}
}

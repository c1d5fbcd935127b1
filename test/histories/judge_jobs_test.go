// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"maps"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// jobRecord is a Job of an execution as it was last committed, and what the judge knows about it.
type jobRecord struct {
	*batchv1.Job
	key model.Key
	// isUnrecorded is true if it was deleted before its execution had recorded its uid. It is created again then.
	isUnrecorded bool
	// isLate is true if a paused operator created it after its name was freed.
	isLate bool
	// isReleased is true once it goes on outside its execution.
	isReleased bool
}

func (j *judge) judgeJob(c simcluster.Change) {
	o, exists := c.New.(*batchv1.Job)
	if !exists {
		o = c.Old.(*batchv1.Job)
	}
	execution := j.executions[types.UID(o.Labels[v1alpha1.LabelExecutionID])]
	before := j.jobs[o.UID]
	if before == nil {
		before = &jobRecord{key: model.Key{Stage: o.Annotations[v1alpha1.AnnotationStage], Action: o.Annotations[v1alpha1.AnnotationAction]}}
		j.jobs[o.UID] = before
	}
	if c.Call > 0 && isRunnable(o) && (c.Old == nil || !isRunnable(before.Job)) && execution.promise != "" {
		j.judgeLateStart(execution, before, c)
	}
	if c.Old == nil {
		j.judgeNewJob(execution, before, o, c.By)
	}
	before.Job = o
	if !exists {
		execution.freedAt[before.key] = len(j.store.History)
	}
	if o.Labels[v1alpha1.LabelPlaceholder] != "" {
		execution.freed[before.key] = execution.freed[before.key] || !exists
		return
	}
	if (!exists || o.DeletionTimestamp != nil) && !execution.lost[before.key] {
		execution.lost[before.key] = true
		before.isUnrecorded = !hasRecorded(execution, o.UID)
	}
	if outcome := findOutcome(o); outcome != "" {
		if execution.definition.findOutputProblem(before.key) != "" {
			outcome = model.Fails
		}
		execution.ended[before.key] = outcome
	}
	if o.Labels[v1alpha1.LabelOrphaned] != "" && !before.isReleased {
		j.judgeReleased(execution, before)
	}
}

// judgeNewJob judges a Job that is created: it is for an action that its execution runs itself, and knows the release of the pipeline that
// the execution has pinned and the variables that the execution was started with.
func (j *judge) judgeNewJob(execution *executionRecord, created *jobRecord, o *batchv1.Job, by string) {
	if execution.retry.takenOver[created.key] != "" {
		j.addFinding("execution %q has taken over action %q, and there is Job %q for it", execution.Name, created.key.Action, o.Name)
	}
	if o.Labels[v1alpha1.LabelPlaceholder] != "" {
		return
	}
	if freedAt, isFreed := execution.freedAt[created.key]; isFreed && isOperator(by) && !created.isLate {
		if checkedAt, hasChecked := j.lastCheck[by]; hasChecked && checkedAt < freedAt {
			created.isLate = true
			j.known[freedName]++
		}
	}
	j.judgeMount(execution, created, o, by)
	expected, absent := execution.expectedOutputs(created.key)
	maps.Copy(expected, execution.expectedVariables())
	for _, c := range o.Spec.Template.Spec.Containers {
		for name, want := range expected {
			if got, has := findVariable(c.Env, name); !has || got != want {
				j.addFinding("Job %q of execution %q has %s=%q, not %q", o.Name, execution.Name, name, got, want)
			}
		}
		for _, name := range absent {
			if got, has := findVariable(c.Env, name); has {
				j.addFinding("Job %q of execution %q has %s=%q, which is no output before it", o.Name, execution.Name, name, got)
			}
		}
	}
}

func findVariable(env []corev1.EnvVar, name string) (value string, has bool) {
	for _, v := range env {
		if v.Name == name {
			return v.Value, true
		}
	}
	return "", false
}

// judgeLateStart judges the start of a Job after the promise that nothing more of its execution starts. One departure is known:
// somebody deleted the Job of the action or its placeholder, and the operator made its last live check before the promise.
func (j *judge) judgeLateStart(execution *executionRecord, started *jobRecord, c simcluster.Change) {
	checkedAt, hasChecked := j.lastCheck[c.By]
	if (execution.lost[started.key] || execution.freed[started.key]) && c.Old == nil && hasChecked && checkedAt <= execution.promisedAt {
		started.isLate = true
		j.known[freedName]++
		return
	}
	j.addFinding("%s starts Job %q of execution %q, although %s", c.By, c.Key.Name, execution.Name, execution.promise)
}

// judgeReleased judges a Job that goes on outside its execution: its action was abandoned, and asks for that.
func (j *judge) judgeReleased(execution *executionRecord, released *jobRecord) {
	released.isReleased = true
	abandoned := actionStates(&execution.Status)[released.key] == v1alpha1.ActionAbandoned
	if !abandoned && !execution.timedOut[released.key] || execution.definition.actions[released.key].OnAbandon != v1alpha1.OnAbandonOrphan {
		j.addFinding("Job %q of execution %q is left to go on, and nobody asked for that", released.Name, execution.Name)
	}
}

func (j *judge) judgePod(c simcluster.Change) {
	pod, exists := c.New.(*corev1.Pod)
	if !exists || c.Old != nil {
		return
	}
	of := j.jobs[types.UID(pod.Labels[batchv1.ControllerUidLabel])]
	execution := j.executions[types.UID(of.Labels[v1alpha1.LabelExecutionID])]
	if first := execution.ran[of.key]; first != nil && first != of && !first.isUnrecorded && !of.isLate {
		j.addFinding("action %q of execution %q runs a second time", of.key.Action, execution.Name)
	}
	execution.ran[of.key] = of
	if execution.state.IsFinal() && !of.isReleased && !of.isLate {
		j.addFinding("execution %q is %s, and its action %q runs", execution.Name, execution.state, of.key.Action)
	}
}

// judgeQuiet judges that nothing of an execution runs or can run, except what goes on outside it and what a paused operator created.
func (j *judge) judgeQuiet(execution *executionRecord) {
	for _, o := range j.store.All(simcluster.Pod) {
		pod := o.(*corev1.Pod)
		of := j.jobs[types.UID(pod.Labels[batchv1.ControllerUidLabel])]
		ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
		switch {
		case pod.Labels[v1alpha1.LabelExecutionID] != string(execution.UID) || ended || of.isReleased || of.isLate:
		case of.isUnrecorded && (execution.Status.Stop == nil || execution.Status.Stop.Mode == v1alpha1.StopModeWait):
			j.known[unrecordedPod]++
		default:
			j.addFinding("execution %q is %s, and pod %q of its action %q is %s", execution.Name, execution.state, pod.Name, of.key.Action, pod.Status.Phase)
		}
	}
	for _, o := range j.store.All(simcluster.Job) {
		isLate := j.jobs[o.GetUID()].isLate
		if metav1.IsControlledBy(o, execution) && isRunnable(o.(*batchv1.Job)) && o.GetDeletionTimestamp() == nil && !isLate {
			j.addFinding("execution %q is %s, and its Job %q may run", execution.Name, execution.state, o.GetName())
		}
	}
}

// hasRecorded reports whether a status has the uid of a Job.
func hasRecorded(execution *executionRecord, job types.UID) bool {
	for _, s := range execution.Status.Stages {
		if slices.ContainsFunc(s.Actions, func(a v1alpha1.ActionStatus) bool { return a.Workload.UID == string(job) }) {
			return true
		}
	}
	return false
}

// isRunnable reports whether the Job controller may create a pod for the Job.
func isRunnable(o *batchv1.Job) bool {
	return findOutcome(o) == "" && !ptr.Deref(o.Spec.Suspend, false) && ptr.Deref(o.Spec.Parallelism, 1) > 0
}

// findOutcome returns how a Job ended, or nothing.
func findOutcome(o *batchv1.Job) model.Outcome {
	for _, c := range o.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobComplete:
			return model.Succeeds
		case c.Type == batchv1.JobFailed:
			return model.Fails
		}
	}
	return ""
}

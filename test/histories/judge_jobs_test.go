// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
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

// job is a Job of an execution as it was last committed, and what is known of it.
type job struct {
	*batchv1.Job
	key model.Key
	// unrecorded says that it was deleted before its execution had recorded its uid: it is then created again.
	unrecorded bool
	// late says that a paused operator created it when its name was freed.
	late bool
	// released says that it was left to go on outside its execution.
	released bool
}

func (j *judge) seeJob(c simcluster.Change) {
	o, exists := c.New.(*batchv1.Job)
	if !exists {
		o = c.Old.(*batchv1.Job)
	}
	x := j.executions[types.UID(o.Labels[v1alpha1.LabelExecutionID])]
	before := j.jobs[o.UID]
	if before == nil {
		before = &job{key: model.Key{Stage: o.Annotations[v1alpha1.AnnotationStage], Action: o.Annotations[v1alpha1.AnnotationAction]}}
		j.jobs[o.UID] = before
	}
	if c.Call > 0 && mayRun(o) && (c.Old == nil || !mayRun(before.Job)) && x.promised != "" {
		j.judgeLateStart(x, before, c)
	}
	before.Job = o
	if o.Labels[v1alpha1.LabelPlaceholder] != "" {
		return
	}
	if (!exists || o.DeletionTimestamp != nil) && !x.lost[before.key] {
		x.lost[before.key] = true
		before.unrecorded = !records(x, o.UID)
	}
	if outcome := outcomeOf(o); outcome != "" {
		x.ended[before.key] = outcome
	}
	if o.Labels[v1alpha1.LabelOrphaned] != "" && !before.released {
		j.judgeReleased(x, before)
	}
}

// judgeLateStart judges that a Job starts of an execution of which people were told that nothing more does.
func (j *judge) judgeLateStart(x *execution, started *job, c simcluster.Change) {
	if x.lost[started.key] && c.Old == nil && j.began[c.By] <= x.promisedAt {
		started.late = true
		j.known[freedName]++
		return
	}
	j.violated("%s starts Job %q of execution %q, although %s", c.By, c.Key.Name, x.Name, x.promised)
}

// judgeReleased judges that a Job is left to go on: its action was abandoned, and asks for that.
func (j *judge) judgeReleased(x *execution, released *job) {
	released.released = true
	abandoned := actionStates(&x.Status)[released.key] == v1alpha1.ActionAbandoned
	if !abandoned || x.definition.actions[released.key].OnAbandon != v1alpha1.OnAbandonOrphan {
		j.violated("Job %q of execution %q is left to go on, and nobody asked for that", released.Name, x.Name)
	}
}

func (j *judge) seePod(c simcluster.Change) {
	pod, exists := c.New.(*corev1.Pod)
	if !exists || c.Old != nil {
		return
	}
	of := j.jobs[types.UID(pod.Labels[batchv1.ControllerUidLabel])]
	x := j.executions[types.UID(of.Labels[v1alpha1.LabelExecutionID])]
	if first := x.ran[of.key]; first != nil && first != of && !first.unrecorded && !of.late {
		j.violated("action %q of execution %q runs a second time", of.key.Action, x.Name)
	}
	x.ran[of.key] = of
	if x.state.Final() && !of.released && !of.late {
		j.violated("execution %q is %s, and its action %q runs", x.Name, x.state, of.key.Action)
	}
}

// judgeQuiet judges that nothing of an execution runs, or can, but what was left to go on.
func (j *judge) judgeQuiet(x *execution) {
	for _, o := range j.store.All(simcluster.Pod) {
		pod := o.(*corev1.Pod)
		of := j.jobs[types.UID(pod.Labels[batchv1.ControllerUidLabel])]
		ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
		switch {
		case pod.Labels[v1alpha1.LabelExecutionID] != string(x.UID) || ended || of.released:
		case of.unrecorded && (x.Status.Stop == nil || x.Status.Stop.Mode == v1alpha1.StopModeWait):
			j.known[unrecordedPod]++
		default:
			j.violated("execution %q is %s, and pod %q of its action %q is %s", x.Name, x.state, pod.Name, of.key.Action, pod.Status.Phase)
		}
	}
	for _, o := range j.store.All(simcluster.Job) {
		if metav1.IsControlledBy(o, x) && mayRun(o.(*batchv1.Job)) && o.GetDeletionTimestamp() == nil {
			j.violated("execution %q is %s, and its Job %q may run", x.Name, x.state, o.GetName())
		}
	}
}

func records(x *execution, job types.UID) bool {
	for _, s := range x.Status.Stages {
		if slices.ContainsFunc(s.Actions, func(a v1alpha1.ActionStatus) bool { return a.Workload.UID == string(job) }) {
			return true
		}
	}
	return false
}

// mayRun reports whether the Job controller may create a pod for the Job.
func mayRun(o *batchv1.Job) bool {
	return outcomeOf(o) == "" && !ptr.Deref(o.Spec.Suspend, false) && ptr.Deref(o.Spec.Parallelism, 1) > 0
}

// outcomeOf is how a Job ended, or nothing.
func outcomeOf(o *batchv1.Job) model.Outcome {
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

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"slices"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// outsider is the writer of what no script asks for.
const outsider = "outsider"

// actAsOutsider does "verb.Kind.index.how" to the index-th object of a kind, if there is one.
func (s *Sim) actAsOutsider(words []string) {
	switch words[0] {
	case "terminate":
		s.Store.Terminating = true
		return
	case "stop":
		s.createOutsideStops(words[1])
		return
	case "lose":
		s.deleteRunningJob()
		return
	case "foreign":
		s.createForeignJob(parseNumber(words[1]))
		return
	case "forge":
		s.createForgedJob(parseNumber(words[1]), words[2])
		return
	}
	k, _ := simcluster.KindNamed(words[1])
	all := s.Store.All(k)
	if i := parseNumber(words[2]); i < len(all) {
		s.changeObject(words[0], k, all[i], append(words[3:], "")[0])
	}
}

func (s *Sim) changeObject(verb string, k simcluster.Kind, o client.Object, how string) {
	name := client.ObjectKeyFromObject(o)
	switch verb {
	case "delete":
		policy := metav1.DeletionPropagation(how)
		_ = s.Store.Delete(k, name, client.DeleteOptions{PropagationPolicy: &policy})
	case "recreate":
		s.recreateObject(k, o)
	case "restore":
		s.restoreStopRequest(o.(*v1alpha1.StopRequest))
	case "unown":
		s.Store.Mutate(k, name, func(o client.Object) { o.SetOwnerReferences(nil) })
	case "adopt":
		s.adoptObject(k, name)
	case "unlabel":
		s.Store.Mutate(k, name, func(o client.Object) {
			delete(o.GetLabels(), v1alpha1.LabelExecutionID)
			delete(o.GetLabels(), batchv1.ControllerUidLabel)
		})
	case "placeholder":
		s.addLabel(k, name, v1alpha1.LabelPlaceholder)
	case "orphaned":
		s.addLabel(k, name, v1alpha1.LabelOrphaned)
	case "edit":
		s.Store.Mutate(k, name, editPipeline)
	case "wipe":
		s.Store.Mutate(k, name, func(o client.Object) { wipeObjectStatus(o, how) })
	case "resume":
		s.Store.Mutate(k, name, func(o client.Object) { o.(*batchv1.Job).Spec.Suspend = ptr.To(false) })
	case "suspend":
		s.Store.Mutate(k, name, func(o client.Object) { o.(*batchv1.Job).Spec.Suspend = ptr.To(true) })
	case "touch":
		s.Store.Mutate(k, name, func(o client.Object) {
			metav1.SetMetaDataAnnotation(o.(metav1.ObjectMetaAccessor).GetObjectMeta().(*metav1.ObjectMeta), "touched", "yes")
		})
	default:
		panic("no such act: " + verb)
	}
}

// addLabel gives an object a label that only the operator should give.
func (s *Sim) addLabel(k simcluster.Kind, name client.ObjectKey, label string) {
	s.Store.Mutate(k, name, func(o client.Object) {
		metav1.SetMetaDataLabel(o.(metav1.ObjectMetaAccessor).GetObjectMeta().(*metav1.ObjectMeta), label, "true")
	})
}

// deleteRunningJob deletes the first Job whose execution has not ended.
func (s *Sim) deleteRunningJob() {
	for _, o := range s.Store.All(simcluster.Job) {
		e, ok := s.Store.ByUID(types.UID(o.GetLabels()[v1alpha1.LabelExecutionID])).(*v1alpha1.PipelineExecution)
		if ok && !e.Status.State.IsFinal() && !hasEnded(o) {
			s.changeObject("delete", simcluster.Job, o, string(metav1.DeletePropagationBackground))
			return
		}
	}
}

// hasEnded reports whether a Job has completed or failed. Nobody holds the name of one that is deleted then.
func hasEnded(o client.Object) bool {
	return slices.ContainsFunc(o.(*batchv1.Job).Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
	})
}

// recreateObject deletes an object and creates it again with the same name and spec, as `kubectl replace --force` does.
func (s *Sim) recreateObject(k simcluster.Kind, o client.Object) {
	name := client.ObjectKeyFromObject(o)
	_ = s.Store.Delete(k, name, client.DeleteOptions{})
	s.Store.Mutate(k, name, func(o client.Object) {
		o.SetFinalizers(nil)
		o.SetDeletionGracePeriodSeconds(ptr.To[int64](0))
	})
	again := o.DeepCopyObject().(client.Object)
	again.SetUID("")
	again.SetResourceVersion("")
	again.SetDeletionTimestamp(nil)
	if job, isJob := again.(*batchv1.Job); isJob {
		delete(job.Spec.Template.Labels, batchv1.ControllerUidLabel)
	}
	s.createObject(again)
}

// restoreStopRequest deletes a request and creates it again with its status, as a backup tool does that restores that as well.
func (s *Sim) restoreStopRequest(sr *v1alpha1.StopRequest) {
	s.recreateObject(simcluster.StopRequest, sr)
	s.Store.Mutate(simcluster.StopRequest, client.ObjectKeyFromObject(sr), func(o client.Object) {
		o.(*v1alpha1.StopRequest).Status = *sr.Status.DeepCopy()
	})
}

// adoptObject gives an object another controller.
func (s *Sim) adoptObject(k simcluster.Kind, name client.ObjectKey) {
	other := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "another-controller"}}
	if s.Store.Find(simcluster.Pod, client.ObjectKeyFromObject(other)) == nil {
		s.createObject(other)
	}
	owner := s.Store.Find(simcluster.Pod, client.ObjectKeyFromObject(other))
	if owner == nil {
		return
	}
	s.Store.Mutate(k, name, func(o client.Object) {
		o.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(owner, corev1.SchemeGroupVersion.WithKind("Pod"))})
	})
}

// editPipeline changes what a Pipeline runs.
func editPipeline(o client.Object) {
	pipeline := o.(*v1alpha1.Pipeline)
	pipeline.Spec.Stages = append(pipeline.Spec.Stages, newStage("added", newAction("added")))
	pipeline.Spec.Stages[0].Actions[0].OnAbandon = v1alpha1.OnAbandonOrphan
}

// wipeObjectStatus removes a status, as a restore without status does, or a part of it, as a person may do by hand.
func wipeObjectStatus(o client.Object, part string) {
	if sr, isRequest := o.(*v1alpha1.StopRequest); isRequest {
		sr.Status = v1alpha1.StopRequestStatus{ObservedGeneration: -1}
		return
	}
	status := &o.(*v1alpha1.PipelineExecution).Status
	switch part {
	case "all":
		*status = v1alpha1.PipelineExecutionStatus{ObservedGeneration: -1}
	case "state":
		status.State = ""
	case "stages":
		status.Stages = nil
	case "stop":
		status.Stop = nil
	case "conditions":
		status.Conditions = nil
	}
}

// countActions returns how many actions the Pipelines have.
func (s *Sim) countActions() int {
	n := 0
	for _, p := range s.Store.All(simcluster.Pipeline) {
		for _, st := range p.(*v1alpha1.Pipeline).Spec.Stages {
			n += len(st.Actions)
		}
	}
	return n
}

// churn changes the metadata of what the operator is about to change, each time that it does, so that no resourceVersion stays. It
// spares what has no status yet, whose first status is written under the resourceVersion, and what is deleted, which is as well.
func (s *Sim) churn(c *simcluster.Call) {
	if c.Verb != "delete" && hasStatusOrIsJob(s.Store.Find(c.Kind, c.Key)) {
		s.Store.Mutate(c.Kind, c.Key, func(o client.Object) {
			metav1.SetMetaDataAnnotation(o.(metav1.ObjectMetaAccessor).GetObjectMeta().(*metav1.ObjectMeta), "test/churn", strconv.Itoa(c.Number))
		})
	}
}

func hasStatusOrIsJob(o client.Object) bool {
	switch o := o.(type) {
	case *v1alpha1.Pipeline:
		return o.Status.Version > 0
	case *v1alpha1.PipelineExecution:
		return o.Status.Version > 0
	case *v1alpha1.StopRequest:
		return o.Status.Version > 0
	case *batchv1.Job:
		return o != nil
	}
	return false
}

// createForeignJob creates a Job that no execution controls, under the name of the nth workload.
func (s *Sim) createForeignJob(n int) {
	names := s.workloadNames()
	if n < len(names) {
		s.createObject(&batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: names[n]}})
	}
}

// createForgedJob creates a Job under the name of the nth workload that says that the execution controls it.
func (s *Sim) createForgedJob(n int, how string) {
	executions, names := s.Store.All(simcluster.Execution), s.workloadNames()
	if n >= len(names) {
		return
	}
	owner := metav1.NewControllerRef(executions[0], v1alpha1.GroupVersion.WithKind("PipelineExecution"))
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: names[n], OwnerReferences: []metav1.OwnerReference{*owner},
		Labels: map[string]string{v1alpha1.LabelExecutionID: string(executions[0].GetUID())},
	}}
	if how == "placeholder" {
		job.Labels[v1alpha1.LabelPlaceholder] = "true"
		job.Spec.Suspend, job.Spec.Parallelism = ptr.To(true), ptr.To[int32](0)
	}
	s.createObject(job)
}

// workloadNames returns the names that the executions recorded with their intents.
func (s *Sim) workloadNames() []string {
	var names []string
	for _, o := range s.Store.All(simcluster.Execution) {
		for _, stage := range o.(*v1alpha1.PipelineExecution).Status.Stages {
			for _, action := range stage.Actions {
				if action.Workload.Name != "" {
					names = append(names, action.Workload.Name)
				}
			}
		}
	}
	return names
}

// createOutsideStops creates stop requests for the first execution, one for each letter: w waits, a abandons, e escalates.
func (s *Sim) createOutsideStops(letters string) {
	executions := s.Store.All(simcluster.Execution)
	if len(executions) == 0 {
		return
	}
	for i, letter := range letters {
		how := map[rune]func(*v1alpha1.StopRequestSpec){'w': setWait, 'a': setAbandon, 'e': setEscalation}[letter]
		s.createStopRequest(fmt.Sprintf("outside-%d-%c-%d", i, letter, len(s.Store.History)), executions[0].GetName(), how)
	}
}

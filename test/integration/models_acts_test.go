// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/action/job"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/test/simcluster"
)

// modelAct is what somebody does in a script.
type modelAct struct {
	what string
	do   func(context.Context, *modelSide) error
}

const manual = "test/manual"

// jobEdit changes a Job that a script creates.
type jobEdit func(*modelSide, *batchv1.Job)

// createJob creates a Job of one pod, which fails when its pod does.
func createJob(name string, edits ...jobEdit) modelAct {
	return modelAct{"create Job/" + name, func(ctx context.Context, s *modelSide) error {
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: scriptSpec()}
		for _, edit := range edits {
			edit(s, job)
		}
		return s.add(ctx, job)
	}}
}

func scriptSpec() batchv1.JobSpec {
	return batchv1.JobSpec{
		BackoffLimit: ptr.To[int32](0),
		Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			// The namespace controller waits for as long as a pod's grace period before it looks again.
			TerminationGracePeriodSeconds: ptr.To[int64](2),
			Containers:                    []corev1.Container{{Name: "main", Image: "example"}},
		}},
	}
}

func suspended(_ *modelSide, j *batchv1.Job) { j.Spec.Suspend = ptr.To(true) }

// finalized has a finalizer of nobody's be on the Job.
func finalized(_ *modelSide, j *batchv1.Job) { j.Finalizers = []string{manual} }

// held has its pods ignore that they are deleted, until an act ends them.
func held(_ *modelSide, j *batchv1.Job) {
	j.Spec.Template.Annotations = map[string]string{annotationHoldGrace: "yes", simcluster.AnnotationHoldGrace: "yes"}
}

// finalizedPods has pods that are held, and then kept by a finalizer of nobody's.
func finalizedPods(s *modelSide, j *batchv1.Job) {
	held(s, j)
	j.Spec.Template.Finalizers = []string{manual}
}

func replacedWhenFailed(_ *modelSide, j *batchv1.Job) {
	j.Spec.PodReplacementPolicy = ptr.To(batchv1.Failed)
}

func parallelism(n int32) jobEdit {
	return func(_ *modelSide, j *batchv1.Job) { j.Spec.Parallelism = &n }
}

func completions(n int32) jobEdit {
	return func(_ *modelSide, j *batchv1.Job) { j.Spec.Completions = &n }
}

func tries(n int32) jobEdit {
	return func(_ *modelSide, j *batchv1.Job) { j.Spec.BackoffLimit = ptr.To(n - 1) }
}

// controlledBy makes the owner the controller, which its deletion in the foreground waits for; owned does neither.
func controlledBy(owner string) jobEdit {
	return func(s *modelSide, j *batchv1.Job) {
		j.OwnerReferences = append(j.OwnerReferences, s.reference(owner, true, true))
	}
}

func owned(owner string, blocks bool) jobEdit {
	return func(s *modelSide, j *batchv1.Job) {
		j.OwnerReferences = append(j.OwnerReferences, s.reference(owner, false, blocks))
	}
}

// createOwner creates an object that no controller cares for.
func createOwner(name string) modelAct {
	return modelAct{"create ControllerRevision/" + name, func(ctx context.Context, s *modelSide) error {
		return s.add(ctx, revision(metav1.ObjectMeta{Name: name}))
	}}
}

func revision(m metav1.ObjectMeta) *appsv1.ControllerRevision {
	return &appsv1.ControllerRevision{ObjectMeta: m, Data: runtime.RawExtension{Raw: []byte("{}")}, Revision: 1}
}

// createExecution creates an execution whose Pipeline there is not, so that the operator starts nothing of it.
func createExecution() modelAct {
	return modelAct{"create PipelineExecution/run", func(ctx context.Context, s *modelSide) error {
		return s.add(ctx, &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Name: "run"},
			Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "absent"}})
	}}
}

// fence has the operator's own code create a placeholder.
func fence(name string) modelAct {
	return modelAct{"fence Job/" + name, func(ctx context.Context, s *modelSide) error {
		e := &v1alpha1.PipelineExecution{}
		if err := s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "run"}, e); err != nil {
			return err
		}
		provider := &job.Provider{Client: s, APIReader: s}
		op := plan.Operation{Type: plan.OperationFence, Workload: v1alpha1.WorkloadReference{Name: name}}
		if _, err := provider.Fence(ctx, action.Scope{Execution: e}, op); err != nil {
			return err
		}
		placeholder := &batchv1.Job{}
		err := s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, placeholder)
		s.remember(placeholder)
		return err
	}}
}

// remove deletes an object such as "Job/job".
func remove(name string, options ...client.DeleteOption) modelAct {
	o := (&client.DeleteOptions{}).ApplyOptions(options)
	how := fmt.Sprintf("delete %s (%s)", name, ptr.Deref(o.PropagationPolicy, "no policy"))
	return modelAct{how, func(ctx context.Context, s *modelSide) error { return s.Delete(ctx, s.named(name), options...) }}
}

const (
	background = client.PropagationPolicy(metav1.DeletePropagationBackground)
	foreground = client.PropagationPolicy(metav1.DeletePropagationForeground)
	orphan     = client.PropagationPolicy(metav1.DeletePropagationOrphan)
)

// named returns what is enough of an object to write to it.
func (s *modelSide) named(name string) client.Object {
	kind, object, _ := strings.Cut(name, "/")
	o := map[string]client.Object{
		"Job": &batchv1.Job{}, "PipelineExecution": &v1alpha1.PipelineExecution{}, "ControllerRevision": &appsv1.ControllerRevision{},
	}[kind]
	o.SetNamespace(s.namespace)
	o.SetName(object)
	return o
}

// patchJob applies a JSON merge patch to a Job, where "$uid" is the Job's.
func patchJob(name, content string) modelAct {
	return modelAct{"patch Job/" + name + " " + content, func(ctx context.Context, s *modelSide) error {
		return s.Patch(ctx, s.named("Job/"+name), s.patchOf(content, "Job/"+name))
	}}
}

func (s *modelSide) patchOf(content, job string) client.Patch {
	return client.RawPatch(types.MergePatchType, []byte(strings.ReplaceAll(content, "$uid", string(s.uid(job)))))
}

// patchPods does the same to the pods that a Job made.
func patchPods(job, content string) modelAct {
	return eachPod("patch the pods of Job/"+job+" "+content, job, func(ctx context.Context, s *modelSide, pod *corev1.Pod) error {
		return s.Patch(ctx, pod, s.patchOf(content, "Job/"+job))
	})
}

func removePods(job string, options ...client.DeleteOption) modelAct {
	return eachPod("delete the pods of Job/"+job, job, func(ctx context.Context, s *modelSide, pod *corev1.Pod) error {
		return s.Delete(ctx, pod, options...)
	})
}

// podsEnd has the containers of all pods of a Job end that run; those that are held in their grace period go.
func podsEnd(job string, phase corev1.PodPhase) modelAct {
	return eachPod(fmt.Sprintf("the pods of Job/%s end %s", job, phase), job, func(ctx context.Context, s *modelSide, pod *corev1.Pod) error {
		if pod.Status.Phase != corev1.PodRunning {
			return nil
		}
		return s.endPod(ctx, pod, phase)
	})
}

func (s *modelSide) endPod(ctx context.Context, pod *corev1.Pod, phase corev1.PodPhase) error {
	if err := s.setPhase(ctx, pod, phase); err != nil || pod.DeletionTimestamp == nil {
		return err
	}
	return s.letGo(ctx, pod)
}

// onePodEnds has one of several do so.
func onePodEnds(job string, phase corev1.PodPhase) modelAct {
	return modelAct{fmt.Sprintf("one pod of Job/%s ends %s", job, phase), func(ctx context.Context, s *modelSide) error {
		pods, err := s.podsOf(ctx, job)
		for i := range pods {
			if pods[i].Status.Phase == corev1.PodRunning && pods[i].DeletionTimestamp == nil {
				return s.endPod(ctx, &pods[i], phase)
			}
		}
		if err == nil {
			err = errors.New("no pod runs")
		}
		return err
	}}
}

// eachPod does something to each pod that a Job made; there has to be one.
func eachPod(what, job string, do func(context.Context, *modelSide, *corev1.Pod) error) modelAct {
	return modelAct{what, func(ctx context.Context, s *modelSide) error {
		pods, err := s.podsOf(ctx, job)
		if err != nil {
			return err
		}
		if len(pods) == 0 {
			return errors.New("the Job has no pods")
		}
		for i := range pods {
			if err := do(ctx, s, &pods[i]); err != nil {
				return err
			}
		}
		return nil
	}}
}

// together does several things before anybody comes to rest.
func together(acts ...modelAct) modelAct {
	var what []string
	for _, act := range acts {
		what = append(what, act.what)
	}
	return modelAct{strings.Join(what, ", and "), func(ctx context.Context, s *modelSide) error {
		for _, act := range acts {
			if err := act.do(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}}
}

func terminate() modelAct {
	return modelAct{"delete the namespace", func(ctx context.Context, s *modelSide) error { return s.terminate(ctx) }}
}

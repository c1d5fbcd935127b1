// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package comparison

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
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/simcluster"
)

// step is something that somebody does in a script.
type step struct {
	// what describes it in a failure.
	what string
	do   func(context.Context, *cluster) error
}

// foreignFinalizer belongs to nobody, so that only a step removes it.
const foreignFinalizer = "test/manual"

// What steps patch Jobs and pods with.
const (
	suspend = `{"spec":{"suspend":true}}`
	resume  = `{"spec":{"suspend":false}}`
	stop    = `{"spec":{"suspend":true,"parallelism":0}}`
	release = `{"metadata":{"finalizers":null}}`
	disown  = `{"metadata":{"ownerReferences":null}}`
	unlabel = `{"metadata":{"labels":{"batch.kubernetes.io/controller-uid":null}}}`
	relabel = `{"metadata":{"labels":{"batch.kubernetes.io/controller-uid":"$uid"}}}`
	touch   = `{"metadata":{"labels":{"a":"b"},"annotations":{"a":"b"}}}`
)

// How the pods of a Job end.
const (
	podSucceeded = corev1.PodSucceeded
	podFailed    = corev1.PodFailed
)

// jobEdit changes a Job that a script creates.
type jobEdit func(*cluster, *batchv1.Job)

// createJob returns a step that creates a Job of one pod, which fails when its pod does.
func createJob(name string, edits ...jobEdit) step {
	return step{"create Job/" + name, func(ctx context.Context, c *cluster) error {
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: newJobSpec()}
		for _, edit := range edits {
			edit(c, job)
		}
		return c.createObject(ctx, job)
	}}
}

func newJobSpec() batchv1.JobSpec {
	spec := builders.JobSpec("compared")
	// The namespace controller waits for as long as the grace period of a pod before it looks again.
	spec.Template.Spec.TerminationGracePeriodSeconds = ptr.To[int64](2)
	return *spec
}

func withSuspend(_ *cluster, job *batchv1.Job) { job.Spec.Suspend = ptr.To(true) }

// withFinalizer keeps the Job when it is deleted.
func withFinalizer(_ *cluster, job *batchv1.Job) { job.Finalizers = []string{foreignFinalizer} }

// withHeldPods lets the pods go on in their grace period, until a step ends them.
func withHeldPods(_ *cluster, job *batchv1.Job) {
	job.Spec.Template.Annotations = map[string]string{apiserver.AnnotationHoldGrace: "yes", simcluster.AnnotationHoldGrace: "yes"}
}

// withFinalizedPods does the same, and keeps the pods after they have ended.
func withFinalizedPods(c *cluster, job *batchv1.Job) {
	withHeldPods(c, job)
	job.Spec.Template.Finalizers = []string{foreignFinalizer}
}

// withLateReplacement replaces a pod only when it has ended.
func withLateReplacement(_ *cluster, job *batchv1.Job) {
	job.Spec.PodReplacementPolicy = ptr.To(batchv1.Failed)
}

func withParallelism(n int32) jobEdit {
	return func(_ *cluster, job *batchv1.Job) { job.Spec.Parallelism = &n }
}

func withCompletions(n int32) jobEdit {
	return func(_ *cluster, job *batchv1.Job) { job.Spec.Completions = &n }
}

// withTries lets n pods fail before the Job fails.
func withTries(n int32) jobEdit {
	return func(_ *cluster, job *batchv1.Job) { job.Spec.BackoffLimit = ptr.To(n - 1) }
}

// withController gives the Job a controller whose deletion in the foreground waits for the Job.
func withController(owner string) jobEdit {
	return func(c *cluster, job *batchv1.Job) {
		job.OwnerReferences = append(job.OwnerReferences, c.ownerReference(owner, true, true))
	}
}

// withOwner gives the Job an owner that is not its controller. Its deletion in the foreground waits for the Job if blocks is true.
func withOwner(owner string, blocks bool) jobEdit {
	return func(c *cluster, job *batchv1.Job) {
		job.OwnerReferences = append(job.OwnerReferences, c.ownerReference(owner, false, blocks))
	}
}

// createOwner returns a step that creates an object that no controller cares for.
func createOwner(name string) step {
	return step{"create ControllerRevision/" + name, func(ctx context.Context, c *cluster) error {
		return c.createObject(ctx, newRevision(metav1.ObjectMeta{Name: name}))
	}}
}

func newRevision(m metav1.ObjectMeta) *appsv1.ControllerRevision {
	return &appsv1.ControllerRevision{ObjectMeta: m, Data: runtime.RawExtension{Raw: []byte("{}")}, Revision: 1}
}

// createExecution returns a step that creates an execution.
func createExecution() step {
	return step{"create PipelineExecution/run", func(ctx context.Context, c *cluster) error {
		return c.createObject(ctx, &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Name: "run"},
			Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "absent"}})
	}}
}

// fenceJob returns a step in which the code of the operator creates a placeholder.
func fenceJob(name string) step {
	return step{"fence Job/" + name, func(ctx context.Context, c *cluster) error {
		execution := &v1alpha1.PipelineExecution{}
		if err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: "run"}, execution); err != nil {
			return err
		}
		provider := &job.Provider{Client: c, APIReader: c}
		op := plan.Operation{Type: plan.OperationFence, Workload: v1alpha1.WorkloadReference{Name: name}}
		if _, err := provider.Fence(ctx, action.Scope{Execution: execution}, op); err != nil {
			return err
		}
		placeholder := &batchv1.Job{}
		err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, placeholder)
		c.rememberObject(placeholder)
		return err
	}}
}

// deleteObject returns a step that deletes an object such as "Job/job".
func deleteObject(name string, options ...client.DeleteOption) step {
	o := (&client.DeleteOptions{}).ApplyOptions(options)
	how := fmt.Sprintf("delete %s (%s)", name, ptr.Deref(o.PropagationPolicy, "no policy"))
	return step{how, func(ctx context.Context, c *cluster) error { return c.Delete(ctx, c.objectNamed(name), options...) }}
}

// How dependents of what is deleted are dealt with.
const (
	background = client.PropagationPolicy(metav1.DeletePropagationBackground)
	foreground = client.PropagationPolicy(metav1.DeletePropagationForeground)
	orphan     = client.PropagationPolicy(metav1.DeletePropagationOrphan)
)

// objectNamed returns an object with nothing but its name, such as "Job/job".
func (c *cluster) objectNamed(name string) client.Object {
	kind, object, _ := strings.Cut(name, "/")
	o := map[string]client.Object{
		"Job": &batchv1.Job{}, "PipelineExecution": &v1alpha1.PipelineExecution{}, "ControllerRevision": &appsv1.ControllerRevision{},
	}[kind]
	o.SetNamespace(c.namespace)
	o.SetName(object)
	return o
}

// patchJob returns a step that applies a JSON merge patch to a Job. In it, "$uid" is the uid of the Job.
func patchJob(name, content string) step {
	return step{"patch Job/" + name + " " + content, func(ctx context.Context, c *cluster) error {
		return c.Patch(ctx, c.objectNamed("Job/"+name), c.buildPatch(content, "Job/"+name))
	}}
}

func (c *cluster) buildPatch(content, job string) client.Patch {
	return client.RawPatch(types.MergePatchType, []byte(strings.ReplaceAll(content, "$uid", string(c.findUID(job)))))
}

// patchPods returns a step that does the same to the pods that a Job made.
func patchPods(job, content string) step {
	return forEachPod("patch the pods of Job/"+job+" "+content, job, func(ctx context.Context, c *cluster, pod *corev1.Pod) error {
		return c.Patch(ctx, pod, c.buildPatch(content, "Job/"+job))
	})
}

func deletePods(job string, options ...client.DeleteOption) step {
	return forEachPod("delete the pods of Job/"+job, job, func(ctx context.Context, c *cluster, pod *corev1.Pod) error {
		return c.Delete(ctx, pod, options...)
	})
}

// endPods returns a step in which every pod of a Job that runs ends. Pods that are held in their grace period go then.
func endPods(job string, phase corev1.PodPhase) step {
	return forEachPod(fmt.Sprintf("end the pods of Job/%s as %s", job, phase), job, func(ctx context.Context, c *cluster, pod *corev1.Pod) error {
		if pod.Status.Phase != corev1.PodRunning {
			return nil
		}
		return c.endPod(ctx, pod, phase)
	})
}

func (c *cluster) endPod(ctx context.Context, pod *corev1.Pod, phase corev1.PodPhase) error {
	if err := c.setPodPhase(ctx, pod, phase); err != nil || pod.DeletionTimestamp == nil {
		return err
	}
	return c.killPod(ctx, pod)
}

// endOnePod returns a step in which one of the pods that run ends.
func endOnePod(job string, phase corev1.PodPhase) step {
	return step{fmt.Sprintf("end one pod of Job/%s as %s", job, phase), func(ctx context.Context, c *cluster) error {
		pods, err := c.listPods(ctx, job)
		if err != nil {
			return err
		}
		for i := range pods {
			if pods[i].Status.Phase == corev1.PodRunning && pods[i].DeletionTimestamp == nil {
				return c.endPod(ctx, &pods[i], phase)
			}
		}
		return errors.New("no pod runs")
	}}
}

// forEachPod returns a step that does something to each pod that a Job made. It fails if there is none.
func forEachPod(what, job string, do func(context.Context, *cluster, *corev1.Pod) error) step {
	return step{what, func(ctx context.Context, c *cluster) error {
		pods, err := c.listPods(ctx, job)
		if err != nil {
			return err
		}
		if len(pods) == 0 {
			return errors.New("the Job has no pods")
		}
		for i := range pods {
			if err := do(ctx, c, &pods[i]); err != nil {
				return err
			}
		}
		return nil
	}}
}

// doTogether returns a step that takes several before the controllers rest.
func doTogether(steps ...step) step {
	var what []string
	for _, s := range steps {
		what = append(what, s.what)
	}
	return step{strings.Join(what, ", and "), func(ctx context.Context, c *cluster) error {
		for _, s := range steps {
			if err := s.do(ctx, c); err != nil {
				return err
			}
		}
		return nil
	}}
}

func deleteNamespace() step {
	return step{"delete the namespace", func(ctx context.Context, c *cluster) error { return c.deleteNamespace(ctx) }}
}

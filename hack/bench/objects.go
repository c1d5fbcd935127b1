// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// The annotation of hack/cluster/kwok-stages.yaml that says how many seconds a pod runs, and values of it.
const (
	annotationSeconds = "haltline.dev/simulated-seconds"
	forLong           = "86400"
	atOnce            = "0"
)

// pipelineName is the name of the pipeline of every namespace.
const pipelineName = "web"

func buildJobSpec(seconds string) batchv1.JobSpec {
	return batchv1.JobSpec{
		BackoffLimit: ptr.To[int32](0),
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{annotationSeconds: seconds}},
			Spec: corev1.PodSpec{
				RestartPolicy: corev1.RestartPolicyNever,
				Containers:    []corev1.Container{{Name: "main", Image: "busybox:1.35"}},
			},
		},
	}
}

// createPipeline creates a pipeline of two steps, of which the first runs for so many seconds.
func (c *cluster) createPipeline(ctx context.Context, namespace, seconds string) error {
	stage := func(name, seconds string) (v1alpha1.Stage, error) {
		raw, err := json.Marshal(buildJobSpec(seconds))
		return v1alpha1.Stage{Name: name, Actions: []v1alpha1.Action{{Name: name, Job: &v1alpha1.JobTemplate{Spec: runtime.RawExtension{Raw: raw}}}}}, err
	}
	first, err := stage("build", seconds)
	if err != nil {
		return err
	}
	second, err := stage("deploy", forLong)
	if err != nil {
		return err
	}
	return c.Create(ctx, &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: pipelineName},
		Spec: v1alpha1.PipelineSpec{
			ExecutionMode: v1alpha1.ExecutionModeParallel, History: keepAll(), Stages: []v1alpha1.Stage{first, second},
		},
	})
}

// keepAll is a history that has nothing deleted in the middle of a measurement.
func keepAll() *v1alpha1.ExecutionHistory {
	return &v1alpha1.ExecutionHistory{Succeeded: ptr.To[int32](maxFinished), Failed: ptr.To[int32](maxFinished), Stopped: ptr.To[int32](maxFinished)}
}

func buildExecution(namespace, name string) *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.PipelineExecutionSpec{PipelineName: pipelineName},
	}
}

// createExecution starts an execution of the pipeline, and returns its id.
func (c *cluster) createExecution(ctx context.Context, namespace, name string) (types.UID, error) {
	e := buildExecution(namespace, name)
	err := c.Create(ctx, e)
	return e.UID, err
}

// createExecutions starts as many executions as there are names at once, and returns their ids.
func (c *cluster) createExecutions(ctx context.Context, namespace string, names []string) ([]types.UID, error) {
	ids := make([]types.UID, len(names))
	err := forEach(ctx, len(names), writers, func(ctx context.Context, i int) (err error) {
		ids[i], err = c.createExecution(ctx, namespace, names[i])
		return err
	})
	return ids, err
}

func buildStopRequest(namespace, name string, id types.UID, abandon bool) *v1alpha1.StopRequest {
	return &v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.StopRequestSpec{PipelineName: pipelineName, PipelineExecutionID: string(id), Abandon: abandon, Reason: "a measurement"},
	}
}

// stop asks to stop an execution.
func (c *cluster) stop(ctx context.Context, namespace, name string, id types.UID, abandon bool) error {
	return c.Create(ctx, buildStopRequest(namespace, name, id, abandon))
}

// writeStatus writes a status as the operator does, with a patch that replaces it.
func (c *cluster) writeStatus(ctx context.Context, o client.Object, status any) error {
	raw, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/uid", "value": o.GetUID()}, {"op": "add", "path": "/status", "value": status},
	})
	if err != nil {
		return err
	}
	return c.Status().Patch(ctx, o, client.RawPatch(types.JSONPatchType, raw))
}

// buildConditions returns conditions that are as long as those of the operator.
func buildConditions(reason string, names ...string) []metav1.Condition {
	var conditions []metav1.Condition
	for _, name := range names {
		conditions = append(conditions, metav1.Condition{
			Type: name, Status: metav1.ConditionTrue, Reason: reason, ObservedGeneration: 1, LastTransitionTime: metav1.Now(),
			Message: "A stop was accepted; an action has to end.",
		})
	}
	return conditions
}

// createJob creates a plain Job, which the operator has nothing to do with.
func (c *cluster) createJob(ctx context.Context, namespace, name string) error {
	return c.Create(ctx, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: buildJobSpec(forLong)})
}

// suspendJob ends a plain Job as the operator ends those of actions.
func (c *cluster) suspendJob(ctx context.Context, namespace, name string) error {
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	return c.Patch(ctx, job, client.RawPatch(types.JSONPatchType,
		[]byte(`[{"op":"add","path":"/spec/suspend","value":true},{"op":"add","path":"/spec/parallelism","value":0}]`)))
}

// findPods returns the names of the pods of executions, when each runs.
func (c *cluster) findPods(ctx context.Context, namespace string, ids []types.UID) ([]string, error) {
	names := make([]string, len(ids))
	for i, id := range ids {
		for names[i] == "" {
			var pods corev1.PodList
			if err := c.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelExecutionID: string(id)}); err != nil {
				return nil, err
			}
			if len(pods.Items) > 0 && pods.Items[0].Status.Phase == corev1.PodRunning {
				names[i] = pods.Items[0].Name
			} else if err := pause(ctx, restBetween); err != nil {
				return nil, err
			}
		}
	}
	return names, nil
}

// endPod writes that a pod has succeeded, as its node would.
func (c *cluster) endPod(ctx context.Context, namespace, name string) error {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	return c.Status().Patch(ctx, pod, client.RawPatch(types.MergePatchType, []byte(`{"status":{"phase":"Succeeded"}}`)))
}

// makeNames returns names that begin alike.
func makeNames(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", prefix, i)
	}
	return names
}

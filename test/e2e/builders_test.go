// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// What containers run. Each says that it starts, and when it is done.
const (
	// works ends at once.
	works = `echo "$HALTLINE_ACTION starts"; echo "$HALTLINE_ACTION is done"`
	// worksAWhile ends by itself after long enough for a stop to come first.
	worksAWhile = `trap 'echo "$HALTLINE_ACTION was told to end"; exit 143' TERM
		echo "$HALTLINE_ACTION starts"; sleep 12 & wait $!; echo "$HALTLINE_ACTION is done"`
	// fails does too, with an error.
	fails = `echo "$HALTLINE_ACTION starts"; sleep 8; echo "$HALTLINE_ACTION gives up"; exit 1`
	// worksOn goes on until it is told to end, and then needs a few seconds.
	worksOn = `trap 'echo "$HALTLINE_ACTION was told to end"; sleep 4; echo "$HALTLINE_ACTION has cleaned up"; exit 0' TERM
		echo "$HALTLINE_ACTION starts"; sleep 3600 & wait $!; echo "$HALTLINE_ACTION is done"`
	// isDeaf goes on until it is killed.
	isDeaf = `trap '' TERM; echo "$HALTLINE_ACTION starts"; sleep 3600; echo "$HALTLINE_ACTION is done"`
)

// namespace makes a namespace for a test, under the restricted pod security standard. At the test's end it is deleted,
// whatever runs in it, and that has to come to an end.
func namespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "e2e-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	NewWithT(t).Expect(k8s.Create(t.Context(), ns)).To(Succeed())
	t.Cleanup(func() {
		ctx := context.Background()
		if t.Failed() {
			report(ctx, t, ns.Name)
		}
		g := NewWithT(t)
		g.Expect(k8s.Delete(ctx, ns)).To(Succeed())
		g.Eventually(func() bool {
			return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(ns), ns))
		}, patience, tick).Should(BeTrue(), func() string { return "namespace " + ns.Name + " is still there: " + inJSON(ns.Status) })
	})
	return ns.Name
}

// act is an action that runs a script.
func act(name string, runOrder int32, script string, edit ...func(*v1alpha1.Action, *batchv1.JobSpec)) v1alpha1.Action {
	spec := jobSpec(name, script)
	a := v1alpha1.Action{Name: name, RunOrder: runOrder}
	for _, f := range edit {
		f(&a, spec)
	}
	a.Job = &v1alpha1.JobTemplate{Spec: runtime.RawExtension{Raw: []byte(inJSON(spec))}}
	return a
}

// jobSpec is a Job of one container, whose pods have the name of the action as a label.
func jobSpec(action, script string) *batchv1.JobSpec {
	return &batchv1.JobSpec{
		BackoffLimit: ptr.To[int32](0),
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"action": action}},
			Spec: corev1.PodSpec{
				RestartPolicy:                 corev1.RestartPolicyNever,
				TerminationGracePeriodSeconds: ptr.To[int64](60),
				AutomountServiceAccountToken:  ptr.To(false),
				SecurityContext: &corev1.PodSecurityContext{
					RunAsNonRoot:   ptr.To(true),
					RunAsUser:      ptr.To[int64](65532),
					SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
				},
				Containers: []corev1.Container{{
					Name: "main", Image: "busybox:1.35", Command: []string{"sh", "-c", script},
					SecurityContext: &corev1.SecurityContext{
						AllowPrivilegeEscalation: ptr.To(false),
						ReadOnlyRootFilesystem:   ptr.To(true),
						Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
					},
				}},
			},
		},
	}
}

// grace gives the pods of an action that many seconds to end in.
func grace(seconds int64) func(*v1alpha1.Action, *batchv1.JobSpec) {
	return func(_ *v1alpha1.Action, s *batchv1.JobSpec) { s.Template.Spec.TerminationGracePeriodSeconds = &seconds }
}

// orphan leaves the Job of an abandoned action running.
func orphan(a *v1alpha1.Action, _ *batchv1.JobSpec) { a.OnAbandon = v1alpha1.OnAbandonOrphan }

func stage(name string, actions ...v1alpha1.Action) v1alpha1.Stage {
	return v1alpha1.Stage{Name: name, Actions: actions}
}

// pipeline makes a pipeline whose name is "web".
func pipeline(t *testing.T, ns string, stages ...v1alpha1.Stage) {
	t.Helper()
	NewWithT(t).Expect(k8s.Create(t.Context(), pipelineOf(ns, stages...))).To(Succeed())
}

func pipelineOf(ns string, stages ...v1alpha1.Stage) *v1alpha1.Pipeline {
	return &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web"},
		Spec:       v1alpha1.PipelineSpec{Stages: stages},
	}
}

func execution(t *testing.T, ns string, variables ...v1alpha1.Variable) *v1alpha1.PipelineExecution {
	t.Helper()
	e := &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "run-"},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "web", Variables: variables},
	}
	NewWithT(t).Expect(k8s.Create(t.Context(), e)).To(Succeed())
	return e
}

// request asks to stop an execution.
func request(t *testing.T, e *v1alpha1.PipelineExecution, abandon bool) *v1alpha1.StopRequest {
	t.Helper()
	return ask(t, e.Namespace, e.Spec.PipelineName, string(e.UID), abandon)
}

func ask(t *testing.T, ns, pipelineName, id string, abandon bool) *v1alpha1.StopRequest {
	t.Helper()
	r := &v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "stop-"},
		Spec:       v1alpha1.StopRequestSpec{PipelineName: pipelineName, PipelineExecutionID: id, Abandon: abandon, Reason: "a test"},
	}
	NewWithT(t).Expect(k8s.Create(t.Context(), r)).To(Succeed())
	return r
}

func inJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

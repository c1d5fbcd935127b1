// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// A placeholder never runs: it is suspended, and has nothing to run if somebody else resumes it.
func TestPlaceholder(t *testing.T) {
	start := makeStart(minimalSpec)
	start.Definition.Job.Metadata.Labels = map[string]string{"team": "a"}
	placeholder := newPlaceholder(makeScope(), start)

	if !isPlaceholder(placeholder) || !isSuspended(placeholder) {
		t.Errorf("placeholder: %v, suspended: %v", isPlaceholder(placeholder), isSuspended(placeholder))
	}
	if n, m := placeholder.Spec.Parallelism, placeholder.Spec.Completions; n == nil || *n != 0 || m == nil || *m != 0 {
		t.Errorf("it would run something: parallelism %v, completions %v", n, m)
	}
	for _, c := range placeholder.Spec.Template.Spec.Containers {
		if c.Image == "busybox" || len(c.Command)+len(c.Args) > 0 {
			t.Errorf("it has what the action runs: %+v", c)
		}
	}
	// It takes the name of the Job that it stands for, and is deleted with the execution.
	started := mustBuild(t, makeScope(), makeStart(minimalSpec))
	if placeholder.Name != started.Name || placeholder.Namespace != started.Namespace {
		t.Errorf("it holds %s/%s, and the Job is %s/%s", placeholder.Namespace, placeholder.Name, started.Namespace, started.Name)
	}
	if diff := cmp.Diff(started.OwnerReferences, placeholder.OwnerReferences); diff != "" {
		t.Errorf("owners (-Job +placeholder):\n%s", diff)
	}
	want := ourLabels(v1alpha1.LabelPlaceholder, "true")
	if diff := cmp.Diff(want, placeholder.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

// A namespace may enforce the restricted pod security standard, and a policy may check the pod templates of Jobs.
func TestPlaceholderIsRestricted(t *testing.T) {
	pod := newPlaceholder(makeScope(), makeStart(minimalSpec)).Spec.Template.Spec
	if !ptr.Deref(pod.SecurityContext.RunAsNonRoot, false) || pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("pod: %+v", pod.SecurityContext)
	}
	if len(pod.Containers) != 1 || pod.RestartPolicy != corev1.RestartPolicyNever {
		t.Fatalf("%d containers, restartPolicy %s: the API server would refuse it", len(pod.Containers), pod.RestartPolicy)
	}
	c := pod.Containers[0].SecurityContext
	if ptr.Deref(c.AllowPrivilegeEscalation, true) || !cmp.Equal(c.Capabilities, &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}) {
		t.Errorf("container: %+v", c)
	}
	if ptr.Deref(pod.AutomountServiceAccountToken, true) {
		t.Error("it has a token that it does not need")
	}
}

// A placeholder that looks like the Job runs nothing. Everything else is as the user wrote it.
func TestAPlaceholderLikeTheJob(t *testing.T) {
	cluster := newCluster(t)
	cluster.failFirst["create Job"] = []error{errQuota}
	op := makeUnconfirmed(plan.OperationFence)
	op.Definition.Job.Metadata.Labels = map[string]string{"example.com/team": "payments"}
	_, err := cluster.execute(makeScope(), op)
	cluster.must(err)
	want := mustBuild(t, makeScope(), op)
	want.Labels[v1alpha1.LabelPlaceholder] = "true"
	asSuspended(want)
	asEmpty(want)
	got := cluster.job()
	got.ResourceVersion, got.TypeMeta, got.ManagedFields, got.UID = "", metav1.TypeMeta{}, nil, ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the placeholder (-want +got):\n%s", diff)
	}
	if o, err := cluster.execute(makeScope(), makeUnconfirmed(plan.OperationStart)); err != nil || o.Reason != v1alpha1.ReasonJobNotBelieved {
		t.Errorf("a start after it: %+v, %v", o, err)
	}
}

// If no Job can be made of the template, or it is not known, the refusal of the plain placeholder is what is reported.
func TestNoPlaceholderLikeTheJob(t *testing.T) {
	unknown := makeUnconfirmed(plan.OperationFence)
	unknown.Definition = v1alpha1.Action{}
	bad := makeStart(`{"templat":{}}`)
	bad.Type = plan.OperationFence
	for name, op := range map[string]plan.Operation{"no such template": bad, "the definition is gone": unknown} {
		t.Run(name, func(t *testing.T) {
			tt := operationCase{
				failAlways: map[string]error{"create Job": errQuota}, want: plan.Observation{Phase: plan.PhaseBlocked},
				messageParts: []string{"exceeded quota"}, errorPart: "exceeded quota", calls: []string{"create Job"},
			}
			tt.check(t, op)
		})
	}
}

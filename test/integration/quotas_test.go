// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

func TestAQuotaThatForbidsJobsHoldsAStartUp(t *testing.T) {
	t.Parallel()
	execution, quota := startBlockedByQuota(t)
	// It is tried again and again, but written once.
	expectNoWrites(t, execution)
	raiseQuota(t, quota)
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	finishAction(t, execution, "roll-out", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
}

// A placeholder is a Job too, so a stop cannot be accepted while no Job can be created.
func TestAQuotaThatForbidsJobsHoldsAStopUp(t *testing.T) {
	t.Parallel()
	for name, buildRequest := range map[string]func(*v1alpha1.PipelineExecution) *v1alpha1.StopRequest{
		"wait": builders.StopAndWait, "abandon": builders.StopAndAbandon,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			execution, quota := startBlockedByQuota(t)
			sr := createObject(t, buildRequest(execution))
			expectNotReady(t, execution, v1alpha1.ReasonFencing, `"compile"`, "exceeded quota: no-jobs")
			g.Expect(execution.Status.State).To(Equal(v1alpha1.ExecutionInProgress))
			g.Expect(execution.Status.Stop.WaitingFor).To(ConsistOf(HaveField("Message", ContainSubstring("exceeded quota: no-jobs"))))
			g.Consistently(func() *metav1.Condition {
				return findCondition(refreshObject(t, sr), v1alpha1.ConditionAccepted)
			}, quietTime, interval).Should(BeNil(), "no verdict while a start is not fenced")
			expectNoWrites(t, execution)

			raiseQuota(t, quota)
			expectAccepted(t, sr)
			waitForState(t, execution, v1alpha1.ExecutionStopped)
			g.Expect(actionStates(execution)).To(Equal(states{"compile": actionNotStarted, "roll-out": actionNotStarted}))
			g.Expect(execution.Status.Stop.WaitingFor).To(BeEmpty())
			placeholders := listJobs(t, execution)
			g.Expect(placeholders).To(HaveLen(1))
			g.Expect(placeholders[0].Labels).To(HaveKeyWithValue(v1alpha1.LabelPlaceholder, "true"))
			g.Expect(*placeholders[0].Spec.Suspend).To(BeTrue())
		})
	}
}

// startBlockedByQuota returns an execution that cannot start because a quota of its namespace forbids Jobs.
func startBlockedByQuota(t *testing.T) (*v1alpha1.PipelineExecution, *corev1.ResourceQuota) {
	t.Helper()
	g := NewWithT(t)
	ns := createNamespace(t)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "no-jobs"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/jobs.batch": resource.MustParse("0")}}}
	createObject(t, quota)
	// Until the quota has a status it refuses with another message.
	g.Eventually(func() corev1.ResourceList { return refreshObject(t, quota).Status.Used }, timeout, interval).Should(HaveLen(1))

	pipeline := createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")), builders.Stage("Deploy", builders.Action("roll-out")))
	waitForCondition(t, pipeline, v1alpha1.ConditionReady, metav1.ConditionTrue)
	execution := createExecution(t, ns, "web")
	expectNotReady(t, execution, v1alpha1.ReasonStartBlocked, `"compile"`, `"Build"`, "exceeded quota: no-jobs", "count/jobs.batch")
	g.Expect(execution.Status.State).To(Equal(v1alpha1.ExecutionInProgress))
	return execution, quota
}

func raiseQuota(t *testing.T, quota *corev1.ResourceQuota) {
	t.Helper()
	NewWithT(t).Expect(replaceAs(t, k8s, quota, func(stored *corev1.ResourceQuota) {
		stored.Spec.Hard = corev1.ResourceList{"count/jobs.batch": resource.MustParse("10")}
	})).To(Succeed())
}

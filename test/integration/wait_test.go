// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// How long a test waits for what must happen, how often it looks, also where a look takes long (a program, or a megabyte), and how long it
// watches for what must not happen.
const (
	timeout      = 90 * time.Second
	interval     = 50 * time.Millisecond
	slowInterval = 500 * time.Millisecond
	quietTime    = 500 * time.Millisecond
)

// refreshObject reads an object again.
func refreshObject[T client.Object](t *testing.T, object T) T {
	t.Helper()
	NewWithT(t).Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(object), object)).To(Succeed())
	return object
}

// waitForState waits until the execution is in a state.
func waitForState(t *testing.T, execution *v1alpha1.PipelineExecution, state v1alpha1.ExecutionState) {
	t.Helper()
	NewWithT(t).Eventually(func() v1alpha1.ExecutionState {
		return refreshObject(t, execution).Status.State
	}, timeout, interval).Should(Equal(state), func() string { return fmt.Sprintf("%s: %+v", execution.Name, execution.Status) })
}

// expectState watches for a while that the execution stays in a state.
func expectState(t *testing.T, execution *v1alpha1.PipelineExecution, state v1alpha1.ExecutionState) {
	t.Helper()
	NewWithT(t).Consistently(func() v1alpha1.ExecutionState {
		return refreshObject(t, execution).Status.State
	}, quietTime, interval).Should(Equal(state))
}

// expectVerdict waits for the verdict on a request, which is Accepted or the name of an exception.
func expectVerdict(t *testing.T, sr *v1alpha1.StopRequest, verdict string) {
	t.Helper()
	NewWithT(t).Eventually(func() *metav1.Condition {
		return findCondition(refreshObject(t, sr), v1alpha1.ConditionAccepted)
	}, timeout, interval).ShouldNot(BeNil(), "no verdict on %s", sr.Name)
	NewWithT(t).Expect(findCondition(sr, v1alpha1.ConditionAccepted).Reason).To(Equal(verdict))
}

// expectAccepted waits until a request is accepted.
func expectAccepted(t *testing.T, sr *v1alpha1.StopRequest) {
	t.Helper()
	expectVerdict(t, sr, v1alpha1.ReasonAccepted)
}

// waitForStopped waits until an accepted request shows that its execution is Stopped.
func waitForStopped(t *testing.T, sr *v1alpha1.StopRequest) {
	t.Helper()
	waitForCondition(t, sr, v1alpha1.ConditionStopped, metav1.ConditionTrue)
}

// waitForCondition waits until an object has a condition with a status.
func waitForCondition(t *testing.T, object client.Object, conditionType string, status metav1.ConditionStatus) {
	t.Helper()
	NewWithT(t).Eventually(func() metav1.ConditionStatus {
		if c := findCondition(refreshObject(t, object), conditionType); c != nil {
			return c.Status
		}
		return ""
	}, timeout, interval).Should(Equal(status), "%s of %s", conditionType, object.GetName())
}

// findCondition returns a condition of an object of ours, or nil if it is absent.
func findCondition(object client.Object, conditionType string) *metav1.Condition {
	switch typed := object.(type) {
	case *v1alpha1.Pipeline:
		return meta.FindStatusCondition(typed.Status.Conditions, conditionType)
	case *v1alpha1.PipelineExecution:
		return meta.FindStatusCondition(typed.Status.Conditions, conditionType)
	case *v1alpha1.StopRequest:
		return meta.FindStatusCondition(typed.Status.Conditions, conditionType)
	case *v1alpha1.ApprovalResult:
		return meta.FindStatusCondition(typed.Status.Conditions, conditionType)
	}
	return nil
}

// isConditionTrue reports whether an object of ours has a condition that is True.
func isConditionTrue(object client.Object, conditionType string) bool {
	c := findCondition(object, conditionType)
	return c != nil && c.Status == metav1.ConditionTrue
}

// expectNotReady waits until an object is not ready for that reason, with a message that contains each of the texts. It
// returns the message.
func expectNotReady(t *testing.T, object client.Object, reason string, texts ...string) string {
	t.Helper()
	var ready *metav1.Condition
	NewWithT(t).Eventually(func(g Gomega) {
		ready = findCondition(refreshObject(t, object), v1alpha1.ConditionReady)
		g.Expect(ready).NotTo(BeNil())
		g.Expect(ready.Reason).To(Equal(reason), ready.Message)
		g.Expect(ready.Status).To(Equal(metav1.ConditionFalse))
		g.Expect(ready.ObservedGeneration).To(Equal(object.GetGeneration()))
		for _, text := range texts {
			g.Expect(ready.Message).To(ContainSubstring(text))
		}
	}, timeout, interval).Should(Succeed())
	return ready.Message
}

// expectNoWrites watches for a while that nobody writes the objects.
func expectNoWrites(t *testing.T, objects ...client.Object) {
	t.Helper()
	versions := func() map[string]string {
		found := map[string]string{}
		for _, object := range objects {
			found[object.GetName()] = refreshObject(t, object).GetResourceVersion()
		}
		return found
	}
	NewWithT(t).Consistently(versions, 2*quietTime, interval).Should(Equal(versions()), "it is written again and again")
}

// waitUntilGone waits until an object does not exist any more. Where its UID is known, another of its name may exist: the operator
// puts a placeholder in the place of a lost Job.
func waitUntilGone(t *testing.T, object client.Object) {
	t.Helper()
	uid := object.GetUID()
	NewWithT(t).Eventually(func() bool {
		err := k8s.Get(t.Context(), client.ObjectKeyFromObject(object), object)
		return apierrors.IsNotFound(err) || err == nil && uid != "" && object.GetUID() != uid
	}, timeout, interval).Should(BeTrue(), "%s is still there", object.GetName())
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"slices"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// The operator is killed in the middle of two stops, and goes on with them: each request has one verdict, and nothing of what
// was stopped starts. Not parallel, since the other tests need an operator.
func TestOperatorIsKilledWhileStopping(t *testing.T) {
	g := NewWithT(t)
	one, other := createNamespace(t), createNamespace(t)
	createPipeline(t, one, builders.Stage("Build", newAction("compile", scriptSucceedsLate), newAction("package", scriptSucceeds, builders.RunOrder(2))), builders.Stage("Deploy", newAction("roll-out", scriptSucceeds)))
	createPipeline(t, other, builders.Stage("Build", newAction("compile", scriptCleansUp)), builders.Stage("Deploy", newAction("roll-out", scriptSucceeds)))
	waiting, abandoned := createExecution(t, one), createExecution(t, other)
	followLog(t, waiting, "compile")
	compile := followLog(t, abandoned, "compile")
	verdicts := watchVerdicts(t)

	wait, early := createObject(t, builders.StopAndWait(waiting)), createObject(t, builders.StopAndAbandon(abandoned))
	expectAccepted(t, wait)
	expectAccepted(t, early)
	killOperator(t)
	// Nobody answers these before there is an operator again.
	again, late := createObject(t, builders.StopAndWait(waiting)), createObject(t, builders.StopAndAbandon(abandoned))

	waitForStopped(t, waiting)
	waitForStopped(t, abandoned)
	g.Expect(readLogs(t, waiting)).To(Equal([]string{"compile starts", "compile is done"}))
	g.Expect(compile.waitForEnd(t)).To(HaveSuffix("compile has cleaned up\n"))
	for _, execution := range []*v1alpha1.PipelineExecution{waiting, abandoned} {
		g.Expect(listStartedActions(t, execution)).To(Equal([]string{"compile"}))
		g.Expect(execution.Status.Stop.Requests).To(HaveLen(1))
	}
	waitForDone(t, wait)
	waitForDone(t, early)
	for _, sr := range []*v1alpha1.StopRequest{again, late} {
		// Which one depends on whether the work ended first.
		g.Expect(waitForVerdict(t, sr)).To(BeElementOf(v1alpha1.ReasonDuplicatedStopRequest, v1alpha1.ReasonNotStoppable))
	}
	for _, sr := range []*v1alpha1.StopRequest{wait, early, again, late} {
		g.Eventually(func() []string { return verdicts(sr) }, timeout, interval).Should(Equal([]string{waitForVerdict(t, sr)}),
			"the verdicts on %s, one after the other", sr.Name)
	}
	g.Expect(waitForOperator(t.Context())).To(Succeed())
}

// If the operator is killed before its verdict, the next one gives it, before anything further starts.
func TestOperatorIsKilledBeforeTheVerdict(t *testing.T) {
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, builders.Stage("Build", newAction("compile", scriptSucceedsLate)), builders.Stage("Deploy", newAction("roll-out", scriptSucceeds)))
	execution := createExecution(t, ns)
	followLog(t, execution, "compile")

	killOperator(t)
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	waitForStopped(t, execution)
	waitForDone(t, sr)
	g.Expect(readLogs(t, execution)).To(Equal([]string{"compile starts", "compile is done"}))
	g.Expect(listStartedActions(t, execution)).To(Equal([]string{"compile"}))
	g.Expect(waitForOperator(t.Context())).To(Succeed())
}

// killOperator ends the operator's pods without a grace period.
func killOperator(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	d := &appsv1.Deployment{}
	g.Expect(k8s.Get(t.Context(), operatorKey, d)).To(Succeed())
	g.Expect(k8s.DeleteAllOf(t.Context(), &corev1.Pod{}, client.InNamespace(operatorKey.Namespace),
		client.MatchingLabels(d.Spec.Selector.MatchLabels), client.GracePeriodSeconds(0))).To(Succeed())
}

// watchVerdicts returns a function that lists the verdicts that a request has had so far.
func watchVerdicts(t *testing.T) func(*v1alpha1.StopRequest) []string {
	t.Helper()
	w, err := k8s.Watch(context.Background(), &v1alpha1.StopRequestList{})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	t.Cleanup(w.Stop)
	var mu sync.Mutex
	found := map[types.UID][]string{}
	see := func(sr *v1alpha1.StopRequest) {
		mu.Lock()
		defer mu.Unlock()
		c := meta.FindStatusCondition(sr.Status.Conditions, v1alpha1.ConditionAccepted)
		if had := found[sr.UID]; c != nil && (len(had) == 0 || had[len(had)-1] != c.Reason) {
			found[sr.UID] = append(had, c.Reason)
		}
	}
	go func() {
		for event := range w.ResultChan() {
			if sr, ok := event.Object.(*v1alpha1.StopRequest); ok {
				see(sr)
			}
		}
	}()
	return func(sr *v1alpha1.StopRequest) []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(found[sr.UID])
	}
}

// The operator runs with no more than it needs, in a namespace that enforces it.
func TestOperatorIsConfined(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := &corev1.Namespace{}
	g.Expect(k8s.Get(t.Context(), client.ObjectKey{Name: operatorKey.Namespace}, ns)).To(Succeed())
	g.Expect(ns.Labels).To(HaveKeyWithValue("pod-security.kubernetes.io/enforce", "restricted"))
	d := &appsv1.Deployment{}
	g.Expect(k8s.Get(t.Context(), operatorKey, d)).To(Succeed())
	list := &corev1.PodList{}
	g.Expect(k8s.List(t.Context(), list, client.InNamespace(operatorKey.Namespace),
		client.MatchingLabels(d.Spec.Selector.MatchLabels))).To(Succeed())
	g.Expect(list.Items).NotTo(BeEmpty())
	for _, p := range list.Items {
		g.Expect(p.Spec.SecurityContext.RunAsNonRoot).To(HaveValue(BeTrue()))
		g.Expect(p.Spec.SecurityContext.SeccompProfile.Type).To(Equal(corev1.SeccompProfileTypeRuntimeDefault))
		g.Expect(p.Spec.HostNetwork || p.Spec.HostPID || p.Spec.HostIPC).To(BeFalse())
		for _, c := range p.Spec.Containers {
			g.Expect(c.SecurityContext.ReadOnlyRootFilesystem).To(HaveValue(BeTrue()))
			g.Expect(c.SecurityContext.AllowPrivilegeEscalation).To(HaveValue(BeFalse()))
			g.Expect(c.SecurityContext.Capabilities.Drop).To(ConsistOf(corev1.Capability("ALL")))
			g.Expect(c.SecurityContext.Capabilities.Add).To(BeEmpty())
		}
	}
}

// What its service account may do, and what it may not, in any namespace.
func TestOperatorMayOnlyWhatItNeeds(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	const everywhere, core, haltline = "", "", "pipelines.haltline.dev"
	for _, c := range []struct {
		verb, group, resource, subresource, namespace string
		allowed                                       bool
	}{
		{"create", "batch", "jobs", "", everywhere, true},
		{"list", core, "pods", "", everywhere, true},
		// Those of an abandoned action whose Job somebody deleted.
		{"delete", core, "pods", "", everywhere, true},
		{"list", core, "events", "", everywhere, true},
		{"get", core, "nodes", "", everywhere, true},
		{"delete", "apps", "controllerrevisions", "", everywhere, true},
		{"patch", haltline, "pipelineexecutions", "status", everywhere, true},
		{"patch", haltline, "stoprequests", "status", everywhere, true},
		// What has finished. A policy keeps the operator from deleting anything else.
		{"delete", haltline, "pipelineexecutions", "", everywhere, true},
		{"delete", haltline, "stoprequests", "", everywhere, true},

		{"get", core, "secrets", "", everywhere, false},
		{"list", core, "secrets", "", everywhere, false},
		{"get", core, "secrets", "", operatorKey.Namespace, false},
		{"list", core, "secrets", "", operatorKey.Namespace, false},
		{"get", core, "configmaps", "", everywhere, false},
		{"create", core, "pods", "", everywhere, false},
		{"create", core, "pods", "", operatorKey.Namespace, false},
		{"deletecollection", core, "pods", "", everywhere, false},
		{"list", core, "nodes", "", everywhere, false},
		{"delete", haltline, "pipelines", "", everywhere, false},
		{"deletecollection", haltline, "pipelineexecutions", "", everywhere, false},
		{"create", core, "pods", "exec", everywhere, false},
		{"get", core, "pods", "exec", everywhere, false},
		{"create", core, "pods", "attach", everywhere, false},
		{"create", core, "pods", "ephemeralcontainers", everywhere, false},
		{"get", core, "nodes", "proxy", everywhere, false},
		{"create", core, "serviceaccounts", "token", everywhere, false},
		{"impersonate", core, "users", "", everywhere, false},
		{"delete", core, "namespaces", "", everywhere, false},
		{"bind", "rbac.authorization.k8s.io", "clusterroles", "", everywhere, false},
		{"escalate", "rbac.authorization.k8s.io", "clusterroles", "", everywhere, false},
		{"create", "rbac.authorization.k8s.io", "clusterrolebindings", "", everywhere, false},
		{"update", "apps", "deployments", "", operatorKey.Namespace, false},
		{"create", haltline, "stoprequests", "", everywhere, false},
		{"create", haltline, "pipelineexecutions", "", everywhere, false},
		{"update", haltline, "pipelines", "", everywhere, false},
		{"update", haltline, "pipelineexecutions", "", everywhere, false},
		{"delete", "batch", "jobs", "", everywhere, false},
	} {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:   "system:serviceaccount:" + operatorKey.Namespace + ":haltline-manager",
			Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + operatorKey.Namespace, "system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: c.verb, Group: c.group, Resource: c.resource, Subresource: c.subresource, Namespace: c.namespace,
			},
		}}
		g.Expect(k8s.Create(t.Context(), review)).To(Succeed())
		g.Expect(review.Status.Allowed).To(Equal(c.allowed), "%+v: %s", c, review.Status.Reason)
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
)

const (
	account  = "system:serviceaccount:haltline-system:haltline-manager"
	timeout  = time.Minute
	interval = 50 * time.Millisecond
)

// The operator runs as a process with the flags of config/namespaced, and with no more rights than that gives to its account.
func TestANamespacedOperatorRunsAndStopsInItsNamespaceAndTouchesNoOther(t *testing.T) {
	g := NewWithT(t)
	k8s := cluster.Client
	kubectl(t, "", "apply", "-k", "config/namespaced")
	operator, err := cluster.ClientAs(account)
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(func() error { return operator.List(t.Context(), &batchv1.JobList{}, client.InNamespace(served)) }, timeout, interval).
		Should(Succeed(), "the role is not in force")

	ignored := startIn(t, other)
	log := runNamespaced(t)
	execution := startIn(t, served)
	g.Eventually(func() bool { return isRunning(t, execution) }, timeout, interval).Should(BeTrue(), log.String)
	sr := builders.StopAndAbandon(execution)
	g.Eventually(func() error { return k8s.Create(t.Context(), sr) }, timeout, interval).Should(Succeed())
	g.Eventually(func() bool {
		g.Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(sr), sr)).To(Succeed())
		return meta.IsStatusConditionTrue(sr.Status.Conditions, v1alpha1.ConditionStopped)
	}, timeout, interval).Should(BeTrue(), log.String)

	// What was created before is as it was.
	before := ignored.DeepCopy()
	g.Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(ignored), ignored)).To(Succeed())
	g.Expect(ignored.ResourceVersion).To(Equal(before.ResourceVersion))
	jobs := &batchv1.JobList{}
	g.Expect(k8s.List(t.Context(), jobs, client.InNamespace(other))).To(Succeed())
	g.Expect(jobs.Items).To(BeEmpty())
	for _, list := range []client.ObjectList{&batchv1.JobList{}, &v1alpha1.PipelineExecutionList{}, &v1alpha1.StopRequestList{}} {
		g.Expect(apierrors.IsForbidden(operator.List(t.Context(), list, client.InNamespace(other)))).To(BeTrue())
	}
	g.Expect(log.String()).NotTo(ContainSubstring("is forbidden"))
}

// Two operators with other namespaces run beside each other in one namespace: each leads, and works in its own namespaces alone.
func TestOperatorsOfOtherNamespacesWorkBesideEachOther(t *testing.T) {
	g := NewWithT(t)
	kubectl(t, "", "apply", "-k", "config/namespaced")
	operators := map[string]*apiserver.Operator{}
	executions := map[string]*v1alpha1.PipelineExecution{}
	for _, namespace := range []string{"beside-a", "beside-b"} {
		kubectl(t, "", "create", "namespace", namespace)
		kubectl(t, "", "apply", "--namespace", namespace, "-k", "config/namespaced/role")
		flags := flagsOfNamespaced(t)
		flags[slices.Index(flags, "--namespaces="+served)] = "--namespaces=" + namespace
		operators[namespace] = startOperator(t, append(flags, "--leader-election-namespace=haltline-system"))
		executions[namespace] = startIn(t, namespace)
	}
	for namespace, execution := range executions {
		g.Eventually(func() bool { return isRunning(t, execution) }, timeout, interval).Should(BeTrue(), operators[namespace].Log.String)
		lease := &coordinationv1.Lease{}
		name := controllers.LeaseName(controllers.Shard{}, controllers.Namespaces{namespace})
		g.Expect(cluster.Client.Get(t.Context(), client.ObjectKey{Namespace: "haltline-system", Name: name}, lease)).To(Succeed())
	}
	for namespace, operator := range operators {
		for _, execution := range executions {
			g.Expect(mentions(operator, execution)).To(Equal(execution.Namespace == namespace), "the operator of %s and the execution in %s",
				namespace, execution.Namespace)
		}
		g.Expect(operator.Log.String()).NotTo(ContainSubstring("is forbidden"))
	}
}

// startIn creates a Pipeline and an execution of it.
func startIn(t *testing.T, namespace string) *v1alpha1.PipelineExecution {
	t.Helper()
	g := NewWithT(t)
	pipeline := builders.Pipeline(namespace, "web", builders.Stage("Build", builders.Action("compile")))
	// The policies need a moment to learn of the kinds.
	g.Eventually(func() error { return cluster.Client.Create(t.Context(), pipeline) }, timeout, interval).Should(Succeed())
	execution := builders.Execution(namespace, "web")
	g.Eventually(func() error { return cluster.Client.Create(t.Context(), execution) }, timeout, interval).Should(Succeed())
	return execution
}

// isRunning reports whether the only action of an execution is known to have started.
func isRunning(t *testing.T, execution *v1alpha1.PipelineExecution) bool {
	t.Helper()
	NewWithT(t).Expect(cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(execution), execution)).To(Succeed())
	for _, stage := range execution.Status.Stages {
		for _, action := range stage.Actions {
			return action.State == v1alpha1.ActionInProgress && action.Workload.UID != ""
		}
	}
	return false
}

// runNamespaced runs the operator of config/namespaced until the end of the test. It returns its log.
func runNamespaced(t *testing.T) *apiserver.Log {
	t.Helper()
	// Outside of a cluster there is no namespace for the lease.
	flags := slices.DeleteFunc(flagsOfNamespaced(t), func(flag string) bool { return flag == "--leader-elect" })
	return startOperator(t, flags).Log
}

// flagsOfNamespaced returns the flags of the operator of config/namespaced.
func flagsOfNamespaced(t *testing.T) []string {
	t.Helper()
	objects, _ := build(t, "namespaced")
	flags := find[appsv1.Deployment](t, objects, "Deployment", "haltline-manager").Spec.Template.Spec.Containers[0].Args
	NewWithT(t).Expect(flags).To(ContainElements("--leader-elect", "--namespaces="+served))
	return flags
}

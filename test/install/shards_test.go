// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
)

// shardOf returns the shard that a Deployment serves.
func shardOf(t *testing.T, deployment *appsv1.Deployment) controllers.Shard {
	t.Helper()
	var shard controllers.Shard
	for _, flag := range deployment.Spec.Template.Spec.Containers[0].Args {
		if value, ok := strings.CutPrefix(flag, "--shard="); ok {
			NewWithT(t).Expect(shard.Set(value)).To(Succeed())
		}
	}
	NewWithT(t).Expect(shard.IsSet()).To(BeTrue(), "%s has no shard", deployment.Name)
	return shard
}

// deploymentsOfShards returns the Deployments of config/shards, and the objects that they are among.
func deploymentsOfShards(t *testing.T) ([]*appsv1.Deployment, []*unstructured.Unstructured) {
	t.Helper()
	objects, _ := build(t, "shards")
	deployments := findAll[appsv1.Deployment](t, objects, "Deployment")
	NewWithT(t).Expect(deployments).To(HaveLen(2))
	return deployments, objects
}

// A namespace that no Deployment serves would wait for ever, and one whose replicas may not have their lease as well.
func TestTheShardsServeEveryNamespaceAndMayHaveTheirLeases(t *testing.T) {
	g := NewWithT(t)
	deployments, objects := deploymentsOfShards(t)
	var leases []string
	for _, deployment := range deployments {
		shard := shardOf(t, deployment)
		leases = append(leases, shard.LeaseName())
		g.Expect(shard.String()).To(HaveSuffix(fmt.Sprintf("/%d", len(deployments))))
		g.Expect(shard.CheckFlags(nil, slices.Contains(deployment.Spec.Template.Spec.Containers[0].Args, "--leader-elect"))).To(Succeed())
	}
	role := find[rbacv1.Role](t, objects, "Role", "haltline-leader-election")
	var allowed []string
	for _, rule := range role.Rules {
		allowed = append(allowed, rule.ResourceNames...)
	}
	g.Expect(allowed).To(ConsistOf(leases))

	plain, _ := build(t, "default")
	var none controllers.Shard
	g.Expect(find[rbacv1.Role](t, plain, "Role", "haltline-leader-election").Rules[1].ResourceNames).To(ConsistOf(none.LeaseName()))
}

// The pods of a shard are selected by its own Deployment and budget alone, which leaves one of its replicas.
func TestTheShardsHaveBudgetsOfTheirOwn(t *testing.T) {
	g := NewWithT(t)
	deployments, objects := deploymentsOfShards(t)
	budgets := findAll[policyv1.PodDisruptionBudget](t, objects, "PodDisruptionBudget")
	g.Expect(budgets).To(HaveLen(len(deployments)))
	for i, deployment := range deployments {
		g.Expect(*deployment.Spec.Replicas).To(BeEquivalentTo(2))
		for j := range deployments {
			for _, selector := range []*metav1.LabelSelector{deployments[j].Spec.Selector, budgets[j].Spec.Selector} {
				s, err := metav1.LabelSelectorAsSelector(selector)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(s.Matches(labels.Set(deployment.Spec.Template.Labels))).To(Equal(i == j), "%s and %s", deployment.Name, deployments[j].Name)
			}
		}
	}
}

// Two operators divide the namespaces, and each has a standby. When one of them is killed in the middle of a stop, its standby takes
// over its lease and finishes the stop; what belongs to the other shard is touched by neither.
func TestShardsDivideTheNamespacesAndAStandbyTakesOver(t *testing.T) {
	g := NewWithT(t)
	kubectl(t, "", "apply", "-k", "config/shards")
	// An operator of config/namespaced must not have these rights.
	t.Cleanup(func() {
		binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "haltline-manager"}}
		if err := cluster.Client.Delete(context.Background(), binding); err != nil {
			t.Error(err)
		}
	})
	deployments, _ := deploymentsOfShards(t)
	operators := map[string][]*apiserver.Operator{}
	for _, deployment := range deployments {
		shard := shardOf(t, deployment)
		flags := append(slices.Clone(deployment.Spec.Template.Spec.Containers[0].Args),
			"--metrics-bind-address=0", "--leader-election-namespace=haltline-system")
		for range *deployment.Spec.Replicas {
			operators[shard.String()] = append(operators[shard.String()], startOperator(t, flags))
		}
	}
	executions := map[string][]*v1alpha1.PipelineExecution{}
	for _, deployment := range deployments {
		shard := shardOf(t, deployment)
		for _, namespace := range namespacesOf(t, shard, 2) {
			executions[shard.String()] = append(executions[shard.String()], startIn(t, namespace))
		}
	}
	for shard, ofShard := range executions {
		for _, execution := range ofShard {
			g.Eventually(func() bool { return isRunning(t, execution) }, timeout, interval).Should(BeTrue(), logs(operators[shard]))
		}
	}

	// A stop and wait is accepted, and goes on until its Job ends.
	const killed, other = "0/2", "1/2"
	stopped := executions[killed][0]
	sr := builders.StopAndWait(stopped)
	g.Eventually(func() error { return cluster.Client.Create(t.Context(), sr) }, timeout, interval).Should(Succeed())
	hasCondition := func(condition string) func() bool {
		return func() bool {
			g.Expect(cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(sr), sr)).To(Succeed())
			return meta.IsStatusConditionTrue(sr.Status.Conditions, condition)
		}
	}
	g.Eventually(hasCondition(v1alpha1.ConditionAccepted), timeout, interval).Should(BeTrue(), logs(operators[killed]))
	leader := slices.IndexFunc(operators[killed], func(o *apiserver.Operator) bool { return mentions(o, stopped) })
	g.Expect(leader).To(BeNumerically(">=", 0))
	standby := operators[killed][1-leader]
	g.Expect(mentions(standby, stopped)).To(BeFalse(), "both replicas of a shard worked on one execution")
	operators[killed][leader].Kill()
	finishWork(t, stopped)
	g.Eventually(hasCondition(v1alpha1.ConditionStopped), timeout, interval).Should(BeTrue(), standby.Log.String())
	g.Expect(mentions(standby, stopped)).To(BeTrue())

	// Each was worked on by its own shard, and by no operator of the other one.
	for shard, others := range map[string]string{killed: other, other: killed} {
		for _, execution := range executions[shard] {
			g.Expect(slices.ContainsFunc(operators[shard], func(o *apiserver.Operator) bool { return mentions(o, execution) })).To(BeTrue())
			for _, o := range operators[others] {
				g.Expect(mentions(o, execution)).To(BeFalse(), "an operator of shard %s worked on an execution of %s", others, shard)
			}
		}
	}
	for _, ofShard := range operators {
		g.Expect(logs(ofShard)).NotTo(ContainSubstring("is forbidden"))
	}
}

// mentions reports whether the operator has reported anything about an execution.
func mentions(o *apiserver.Operator, execution *v1alpha1.PipelineExecution) bool {
	return strings.Contains(o.Log.String(), string(execution.UID))
}

func logs(operators []*apiserver.Operator) string {
	var all strings.Builder
	for _, o := range operators {
		all.WriteString(o.Log.String() + "\n")
	}
	return all.String()
}

// namespacesOf creates so many namespaces that a shard serves, and returns their names.
func namespacesOf(t *testing.T, shard controllers.Shard, count int) []string {
	t.Helper()
	var names []string
	for i := 0; len(names) < count; i++ {
		name := fmt.Sprintf("team-%d", i)
		if shard.Serves(name) {
			names = append(names, name)
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
			NewWithT(t).Expect(cluster.Client.Create(t.Context(), namespace)).To(Succeed())
		}
	}
	return names
}

// finishWork has the only pod of an execution succeed.
func finishWork(t *testing.T, execution *v1alpha1.PipelineExecution) {
	t.Helper()
	pods := &corev1.PodList{}
	NewWithT(t).Eventually(func() (bool, error) {
		err := cluster.Client.List(t.Context(), pods, client.InNamespace(execution.Namespace),
			client.MatchingLabels{v1alpha1.LabelExecutionID: string(execution.UID)})
		return len(pods.Items) == 1 && pods.Items[0].Status.Phase == corev1.PodRunning, err
	}, timeout, interval).Should(BeTrue())
	NewWithT(t).Expect(cluster.SetPodPhase(t.Context(), &pods.Items[0], corev1.PodSucceeded)).To(Succeed())
}

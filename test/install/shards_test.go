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
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/invariants"
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
		leases = append(leases, controllers.LeaseName(shard, nil))
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
	g.Expect(find[rbacv1.Role](t, plain, "Role", "haltline-leader-election").Rules[1].ResourceNames).
		To(ConsistOf(controllers.LeaseName(controllers.Shard{}, nil)))
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
	installShards(t)
	deployments, _ := deploymentsOfShards(t)
	operators := map[string][]*apiserver.Operator{}
	for _, deployment := range deployments {
		shard := shardOf(t, deployment)
		flags := append(slices.Clone(deployment.Spec.Template.Spec.Containers[0].Args), flagsOutside...)
		for range *deployment.Spec.Replicas {
			operators[shard.String()] = append(operators[shard.String()], startOperator(t, flags))
		}
	}
	executions := map[string][]*v1alpha1.PipelineExecution{}
	for _, deployment := range deployments {
		shard := shardOf(t, deployment)
		for _, namespace := range namespacesOf(t, shard, "team", 2) {
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
	g.Eventually(func() bool { return requestHas(t, sr, v1alpha1.ConditionAccepted) }, timeout, interval).Should(BeTrue(), logs(operators[killed]))
	leader := slices.IndexFunc(operators[killed], func(o *apiserver.Operator) bool { return mentions(o, stopped) })
	g.Expect(leader).To(BeNumerically(">=", 0))
	standby := operators[killed][1-leader]
	g.Expect(mentions(standby, stopped)).To(BeFalse(), "both replicas of a shard worked on one execution")
	operators[killed][leader].Kill()
	finishWork(t, stopped)
	g.Eventually(func() bool { return requestHas(t, sr, v1alpha1.ConditionStopped) }, timeout, interval).Should(BeTrue(), standby.Log.String())
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

// While the number of shards changes, an operator of all namespaces runs beside one of a shard. It finishes the stop that the operator of
// the other shard had accepted when it was killed, and the one that was asked for after that. Each stop gets one verdict, also in a
// namespace that both operators serve.
func TestAnOperatorOfAllNamespacesFinishesTheStopsOfAShard(t *testing.T) {
	g := NewWithT(t)
	installShards(t)
	first, second := parseShard(t, "0/2"), parseShard(t, "1/2")
	allowLeases(t, controllers.LeaseName(first, nil), controllers.LeaseName(second, nil), controllers.LeaseName(controllers.Shard{}, nil))
	common := append([]string{"--leader-elect"}, flagsOutside...)
	killed := startOperator(t, append(slices.Clone(common), "--shard="+first.String()))
	other := startOperator(t, append(slices.Clone(common), "--shard="+second.String()))
	namespaces := append(namespacesOf(t, first, "left", 2), namespacesOf(t, second, "left", 1)...)
	executions := make([]*v1alpha1.PipelineExecution, len(namespaces))
	for i, namespace := range namespaces {
		executions[i] = startIn(t, namespace)
	}
	for _, execution := range executions {
		g.Eventually(func() bool { return isRunning(t, execution) }, timeout, interval).Should(BeTrue(), killed.Log.String()+other.Log.String())
	}
	requests := &v1alpha1.StopRequestList{}
	g.Expect(cluster.Client.List(t.Context(), requests)).To(Succeed())

	accepted := builders.StopAndWait(executions[0])
	g.Expect(cluster.Client.Create(t.Context(), accepted)).To(Succeed())
	g.Eventually(func() bool { return requestHas(t, accepted, v1alpha1.ConditionAccepted) }, timeout, interval).Should(BeTrue(), killed.Log.String)
	killed.Kill()
	asked, shared := builders.StopAndWait(executions[1]), builders.StopAndWait(executions[2])
	g.Expect(cluster.Client.Create(t.Context(), asked)).To(Succeed())
	whole := startOperator(t, common)
	g.Eventually(func() bool { return requestHas(t, asked, v1alpha1.ConditionAccepted) }, timeout, interval).Should(BeTrue(), whole.Log.String)
	g.Expect(cluster.Client.Create(t.Context(), shared)).To(Succeed())
	g.Eventually(func() bool { return requestHas(t, shared, v1alpha1.ConditionAccepted) }, timeout, interval).Should(BeTrue(), whole.Log.String)
	for _, execution := range executions {
		finishWork(t, execution)
	}
	for _, sr := range []*v1alpha1.StopRequest{accepted, asked, shared} {
		g.Eventually(func() bool {
			return requestHas(t, sr, v1alpha1.ConditionStopped) && requestHas(t, sr, v1alpha1.ConditionFinished)
		},
			timeout, interval).Should(BeTrue(), whole.Log.String)
		g.Expect(verdictsSince(t, requests.ResourceVersion, sr)).To(HaveLen(1))
	}
	for _, execution := range executions[:2] {
		g.Expect(mentions(whole, execution)).To(BeTrue())
		g.Expect(mentions(other, execution)).To(BeFalse(), "an operator of shard %s worked on an execution of %s", second.String(), first.String())
	}
	for _, operator := range []*apiserver.Operator{killed, other, whole} {
		g.Expect(operator.Log.String()).NotTo(ContainSubstring("is forbidden"))
	}
}

// flagsOutside are the flags of an operator that runs outside of the cluster.
var flagsOutside = []string{"--metrics-bind-address=0", "--leader-election-namespace=haltline-system"}

// installShards installs config/shards until the test ends: an operator of config/namespaced must not have its rights.
func installShards(t *testing.T) {
	t.Helper()
	kubectl(t, "", "apply", "-k", "config/shards")
	t.Cleanup(func() {
		binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "haltline-manager"}}
		if err := cluster.Client.Delete(context.Background(), binding); err != nil {
			t.Error(err)
		}
	})
}

// parseShard returns the shard of a flag.
func parseShard(t *testing.T, value string) controllers.Shard {
	t.Helper()
	var shard controllers.Shard
	NewWithT(t).Expect(shard.Set(value)).To(Succeed())
	return shard
}

// allowLeases lets the account of the operator hold these leases.
func allowLeases(t *testing.T, names ...string) {
	t.Helper()
	g := NewWithT(t)
	role := &rbacv1.Role{}
	g.Expect(cluster.Client.Get(t.Context(), client.ObjectKey{Namespace: "haltline-system", Name: "haltline-leader-election"}, role)).To(Succeed())
	g.Expect(role.Rules[1].ResourceNames).NotTo(BeEmpty())
	role.Rules[1].ResourceNames = names
	g.Expect(cluster.Client.Update(t.Context(), role)).To(Succeed())
}

// requestHas reads a request, and reports whether a condition of it is true.
func requestHas(t *testing.T, sr *v1alpha1.StopRequest, condition string) bool {
	t.Helper()
	NewWithT(t).Expect(cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(sr), sr)).To(Succeed())
	return meta.IsStatusConditionTrue(sr.Status.Conditions, condition)
}

// verdictsSince returns the different verdicts that a request, which has finished, had since a resourceVersion.
func verdictsSince(t *testing.T, resourceVersion string, sr *v1alpha1.StopRequest) map[string]bool {
	t.Helper()
	g := NewWithT(t)
	watch, err := cluster.Client.Watch(t.Context(), &v1alpha1.StopRequestList{}, client.InNamespace(sr.Namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: resourceVersion}})
	g.Expect(err).NotTo(HaveOccurred())
	defer watch.Stop()
	verdicts := map[string]bool{}
	for {
		var event apiwatch.Event
		g.Eventually(watch.ResultChan(), timeout).Should(Receive(&event))
		seen, ok := event.Object.(*v1alpha1.StopRequest)
		g.Expect(ok).To(BeTrue(), "%v", event)
		if seen.UID != sr.UID {
			continue
		}
		if verdict := invariants.FindVerdict(seen); verdict != nil {
			verdicts[fmt.Sprintf("%s %s at %s", verdict.Status, verdict.Reason, verdict.LastTransitionTime)] = true
		}
		if seen.ResourceVersion == sr.ResourceVersion {
			return verdicts
		}
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

// namespacesOf creates so many namespaces that a shard serves, and returns their names, which begin with a prefix.
func namespacesOf(t *testing.T, shard controllers.Shard, prefix string, count int) []string {
	t.Helper()
	var names []string
	for i := 0; len(names) < count; i++ {
		name := fmt.Sprintf("%s-%d", prefix, i)
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

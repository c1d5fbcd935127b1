// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"

	"haltline.dev/haltline/test/apiserver"
)

func fromUnstructured(object *unstructured.Unstructured, typed any) error {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, typed)
}

// installations are the kustomizations that install an operator.
var installations = []string{"default", "webhook", "namespaced", "owner-references", "two-replicas", "shards"}

func TestEveryKustomizationIsAcceptedByAnAPIServer(t *testing.T) {
	config := filepath.Join(apiserver.RepositoryRoot(), "config")
	var folders []string
	NewWithT(t).Expect(filepath.WalkDir(config, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "kustomization.yaml" {
			return err
		}
		folder, err := filepath.Rel(config, filepath.Dir(path))
		folders = append(folders, folder)
		return err
	})).To(Succeed())
	NewWithT(t).Expect(folders).To(ContainElements(installations))
	// A component that only changes other objects has none of its own. The kinds of Flux and of the Prometheus operator are not there; test/monitoring
	// applies its component to an API server that has them.
	without := []string{
		"components/owner-references", "components/two-replicas", "components/monitoring", "policy/namespace", "gitops/flux", "gitops/kustomize",
		"samples/gitops/flux",
	}
	for _, folder := range folders {
		if slices.Contains(without, folder) {
			continue
		}
		t.Run(folder, func(t *testing.T) {
			_, text := build(t, folder)
			kubectl(t, text, "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-")
		})
	}
}

// The API server accepts stops from the first moment at which an operator could answer them, and its policies come before.
func TestTheOperatorIsAppliedAfterThePoliciesAndItsRights(t *testing.T) {
	for _, folder := range installations {
		objects, _ := build(t, folder)
		last := objects[len(objects)-1]
		NewWithT(t).Expect(last.GetKind()).To(Equal("Deployment"), folder)
	}
}

func TestTheRoleInANamespaceIsTheClusterRoleWithoutWhatIsOfTheCluster(t *testing.T) {
	g := NewWithT(t)
	whole, _ := build(t, "default")
	own, _ := build(t, "namespaced/role")
	g.Expect(own).To(HaveLen(2))
	isNamespaced := resourcesOfNamespaces(t)
	var want []rbacv1.PolicyRule
	for _, rule := range find[rbacv1.ClusterRole](t, whole, "ClusterRole", "haltline-manager").Rules {
		rule.Resources = slices.DeleteFunc(rule.Resources, func(resource string) bool {
			return !slices.ContainsFunc(rule.APIGroups, func(group string) bool { return isNamespaced[group+"/"+resource] })
		})
		if len(rule.Resources) > 0 {
			want = append(want, rule)
		}
	}
	g.Expect(find[rbacv1.Role](t, own, "Role", "haltline-manager").Rules).To(Equal(want))

	g.Expect(find[rbacv1.RoleBinding](t, own, "RoleBinding", "haltline-manager").Subjects).To(Equal(
		find[rbacv1.ClusterRoleBinding](t, whole, "ClusterRoleBinding", "haltline-manager").Subjects))
}

// resourcesOfNamespaces returns the resources of the API server that are in a namespace, as group/resource.
func resourcesOfNamespaces(t *testing.T) map[string]bool {
	t.Helper()
	client, err := discovery.NewDiscoveryClientForConfig(cluster.Config)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	_, lists, err := client.ServerGroupsAndResources()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	found := map[string]bool{}
	for _, list := range lists {
		group, _, hasGroup := strings.Cut(list.GroupVersion, "/")
		if !hasGroup {
			group = ""
		}
		for _, resource := range list.APIResources {
			found[group+"/"+resource.Name] = resource.Namespaced
			if resource.Namespaced && strings.HasPrefix(list.GroupVersion, "pipelines.haltline.dev/") {
				// Who sets finalizers is asked for, and nothing is served there.
				found[group+"/"+resource.Name+"/finalizers"] = true
			}
		}
	}
	return found
}

func TestANamespacedOperatorHasNoRightsOfTheCluster(t *testing.T) {
	objects, _ := build(t, "namespaced")
	for _, object := range objects {
		switch object.GetKind() {
		case "ClusterRoleBinding":
			t.Errorf("there is the ClusterRoleBinding %q", object.GetName())
		case "RoleBinding":
			NewWithT(t).Expect(object.GetNamespace()).To(BeElementOf(served, "haltline-system"))
		}
	}
}

func TestTheOverlayOnOwnerReferencesAddsOneRule(t *testing.T) {
	g := NewWithT(t)
	plain, _ := build(t, "default")
	changed, _ := build(t, "owner-references")
	const kind, name = "ClusterRole", "haltline-manager"
	g.Expect(find[rbacv1.ClusterRole](t, changed, kind, name).Rules).To(Equal(append(
		find[rbacv1.ClusterRole](t, plain, kind, name).Rules,
		rbacv1.PolicyRule{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: []string{"delete"}})))
}

func TestTheBudgetIsForTheReplicas(t *testing.T) {
	g := NewWithT(t)
	objects, _ := build(t, "two-replicas")
	deployment := find[appsv1.Deployment](t, objects, "Deployment", "haltline-manager")
	budget := find[policyv1.PodDisruptionBudget](t, objects, "PodDisruptionBudget", "haltline-manager")
	selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(selector.Matches(labels.Set(deployment.Spec.Template.Labels))).To(BeTrue())
	g.Expect(*deployment.Spec.Replicas).To(BeNumerically(">", budget.Spec.MaxUnavailable.IntVal))
	g.Expect(deployment.Spec.Template.Spec.Containers[0].Args).To(ContainElement("--leader-elect"))
}

// The ServiceMonitor finds the metrics of every installation that serves them, and gives them the job that the alerts select.
func TestTheServiceMonitorSelectsTheMetrics(t *testing.T) {
	g := NewWithT(t)
	monitoring, _ := build(t, "components/monitoring")
	monitor := find[struct {
		Spec struct {
			JobLabel  string               `json:"jobLabel"`
			Selector  metav1.LabelSelector `json:"selector"`
			Endpoints []struct {
				Port string `json:"port"`
			} `json:"endpoints"`
		} `json:"spec"`
	}](t, monitoring, "ServiceMonitor", "haltline")
	g.Expect(monitor.Spec.Endpoints).To(HaveLen(1))
	selector, err := metav1.LabelSelectorAsSelector(&monitor.Spec.Selector)
	g.Expect(err).NotTo(HaveOccurred())
	for _, folder := range installations {
		objects, _ := build(t, folder)
		services := findAll[corev1.Service](t, objects, "Service")
		if folder == "namespaced" {
			g.Expect(services).To(BeEmpty(), "it serves no metrics")
			continue
		}
		services = slices.DeleteFunc(services, func(s *corev1.Service) bool { return s.Spec.Ports[0].Name != monitor.Spec.Endpoints[0].Port })
		g.Expect(services).To(HaveLen(1), folder)
		g.Expect(selector.Matches(labels.Set(services[0].Labels))).To(BeTrue(), folder)
		g.Expect(services[0].Labels).To(HaveKeyWithValue(monitor.Spec.JobLabel, "haltline"), folder)
		g.Expect(services[0].Spec.Ports).To(HaveLen(1), folder)
	}
}

// A policy on an account that nobody has would deny nothing.
func TestThePoliciesNameTheAccountOfTheOperator(t *testing.T) {
	g := NewWithT(t)
	for _, folder := range installations {
		objects, _ := build(t, folder)
		deployments := findAll[appsv1.Deployment](t, objects, "Deployment")
		g.Expect(deployments).NotTo(BeEmpty())
		for _, deployment := range deployments {
			account := "system:serviceaccount:" + deployment.Namespace + ":" + deployment.Spec.Template.Spec.ServiceAccountName
			for _, name := range []string{"haltline-operator-jobs", "haltline-operator-pods", "haltline-operator-controllerrevisions", "haltline-operator-finished"} {
				policy := find[admissionregistrationv1.ValidatingAdmissionPolicy](t, objects, "ValidatingAdmissionPolicy", name)
				g.Expect(policy.Spec.MatchConditions[0].Expression).To(Equal(`request.userInfo.username == "` + account + `"`))
			}
		}
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
)

// argocdServer is the account under which Argo CD runs actions.
const argocdServer = "system:serviceaccount:argocd:argocd-server"

// What the scripts return is tested beside them. Here the API server and the operator take it, from an account with no more rights than
// config/gitops/argocd/role.yaml gives it.
func TestWhatTheActionsOfArgoCDCreateIsTaken(t *testing.T) {
	t.Parallel()
	out, err := runKubectl(t.Context(), cluster.Kubeconfig, "apply", "-f", filepath.Join(apiserver.RepositoryRoot(), "config", "gitops", "argocd", "role.yaml"))
	NewWithT(t).Expect(err).NotTo(HaveOccurred(), out)
	for _, tt := range []struct {
		kind, state, output string
		expect              func(*testing.T, *unstructured.Unstructured)
	}{
		{"PipelineExecution", "in-progress", "stop", expectStopTaken},
		{"PipelineExecution", "in-progress", "abandon", expectStopTaken},
		{"PipelineExecution", "stopping", "abandon-with-reason", expectStopTaken},
		{"PipelineExecution", "waiting-for-approval", "approve", expectAnswerTaken},
		{"PipelineExecution", "waiting-for-two-approvals", "reject-one-of-two", expectAnswerTaken},
		{"PipelineExecution", "failed", "retry", expectRetryTaken},
		{"PipelineExecution", "failed", "retry-all", expectRetryTaken},
		{"PipelineExecution", "retry-stopped-before-its-stage", "retry", expectRetryTaken},
		{"StopRequest", "stopping", "escalate", expectStopTaken},
		{"Pipeline", "ready", "start-with-variable", expectStartTaken},
	} {
		t.Run(tt.kind+"/"+tt.state+"/"+tt.output, func(t *testing.T) {
			t.Parallel()
			object := statesOf[tt.kind][tt.state](t)
			created := readActionOutput(t, expectAsInGitOps(t, tt.state, object), tt.kind, tt.output)
			createAsArgoCD(t, created)
			tt.expect(t, created)
			if tt.kind != "Pipeline" && created.GetKind() != "PipelineExecution" && tt.output != "escalate" {
				NewWithT(t).Expect(created.GetOwnerReferences()).To(ConsistOf(HaveField("UID", object.GetUID())))
			}
		})
	}
}

// An action that changes a Pipeline sends what differs.
func TestWhatTheActionsOfArgoCDPatchIsTaken(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	pipeline := createReleasePipeline(t, createNamespace(t))
	held := &v1alpha1.Pipeline{}
	content, err := os.ReadFile(filepath.Join(customizationsFolder, "Pipeline", "actions", "testdata", "held.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(yaml.Unmarshal(content, held)).To(Succeed())
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"stages": held.Spec.Stages}})
	g.Expect(err).NotTo(HaveOccurred())
	c := clientOfArgoCD(t, pipeline.Namespace)
	g.Eventually(func() error { return c.Patch(t.Context(), pipeline, client.RawPatch(types.MergePatchType, patch)) }, timeout, interval).Should(Succeed())
	waitForSummary(t, pipeline, "Deploy: disabled")
}

// readActionOutput returns the object that an action creates, with what a run of the test has in the place of what config/gitops has.
func readActionOutput(t *testing.T, meaning map[string]string, kind, output string) *unstructured.Unstructured {
	t.Helper()
	g := NewWithT(t)
	content, err := os.ReadFile(filepath.Join(customizationsFolder, kind, "actions", "testdata", output+".yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	var pairs []string
	for there, here := range meaning {
		pairs = append(pairs, there, here)
	}
	var resources []struct {
		Object map[string]any `json:"unstructuredObj"`
	}
	g.Expect(yaml.Unmarshal([]byte(strings.NewReplacer(pairs...).Replace(string(content))), &resources)).To(Succeed())
	return &unstructured.Unstructured{Object: resources[0].Object}
}

// clientOfArgoCD returns a client of the account under which Argo CD runs actions, with the rights that it needs in a namespace.
func clientOfArgoCD(t *testing.T, ns string) client.Client {
	t.Helper()
	createObject(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "haltline-argocd-actions"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "haltline-argocd-actions"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "argocd", Name: "argocd-server"}},
	})
	c, err := cluster.ClientAs(argocdServer)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return c
}

// createAsArgoCD creates an object as soon as the API server knows of the rights of Argo CD.
func createAsArgoCD(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	c := clientOfArgoCD(t, object.GetNamespace())
	NewWithT(t).Eventually(func(g Gomega) {
		if err := c.Create(t.Context(), object); apierrors.IsForbidden(err) {
			g.Expect(err).NotTo(HaveOccurred())
		} else if err != nil {
			t.Fatal(err)
		}
	}, timeout, interval).Should(Succeed())
}

// convertTo returns an object as one of our types.
func convertTo[T any](t *testing.T, object *unstructured.Unstructured) *T {
	t.Helper()
	content, err := object.MarshalJSON()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	typed := new(T)
	NewWithT(t).Expect(json.Unmarshal(content, typed)).To(Succeed())
	return typed
}

func expectStopTaken(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	sr := convertTo[v1alpha1.StopRequest](t, object)
	expectAccepted(t, sr)
	NewWithT(t).Expect(sr.Spec.RequestedBy).To(Equal(argocdServer))
}

func expectAnswerTaken(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	ar := convertTo[v1alpha1.ApprovalResult](t, object)
	expectResult(t, ar, v1alpha1.ReasonAccepted)
	NewWithT(t).Expect(ar.Spec.DecidedBy).To(Equal(argocdServer))
}

func expectRetryTaken(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	retry := convertTo[v1alpha1.PipelineExecution](t, object)
	NewWithT(t).Eventually(func() *v1alpha1.RetryStatus { return refreshObject(t, retry).Status.RetryOf }, timeout, interval).ShouldNot(BeNil(),
		func() string { return findCondition(retry, v1alpha1.ConditionReady).Message })
	NewWithT(t).Expect(retry.Spec.StartedBy).To(Equal(argocdServer))
}

func expectStartTaken(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	execution := convertTo[v1alpha1.PipelineExecution](t, object)
	waitForRunning(t, execution, "compile")
	NewWithT(t).Expect(execution.Spec.Variables).To(ConsistOf(v1alpha1.Variable{Name: "TARGET", Value: "production"}))
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package monitoring

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/prometheus/model/labels"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/test/apiserver"
)

const (
	timeout  = time.Minute
	interval = 100 * time.Millisecond
	// namespace is that of the operator.
	namespace = "haltline-system"
)

// operator is a process of the operator, which serves metrics.
type operator struct {
	address string
	// pod is the name that Prometheus knows it by, and lease that of the lease that it holds.
	pod, lease string
}

// buildOperator returns the path of the program.
func buildOperator(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "haltline")
	NewWithT(t).Expect(apiserver.Build(t.Context(), ".", binary)).To(Succeed())
	return binary
}

// startOperator runs the operator as config/default does, with further flags, until the test ends.
func startOperator(t *testing.T, cluster *apiserver.Cluster, binary, pod, lease string, flags ...string) operator {
	t.Helper()
	g := NewWithT(t)
	address, err := apiserver.FreeAddress(t.Context())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	o := operator{address: address.String(), pod: pod, lease: lease}
	//nolint:gosec // The path is the test's own.
	command := exec.CommandContext(t.Context(), binary, append([]string{
		"--leader-elect", "--leader-election-namespace=" + namespace, "--health-probe-bind-address=0", "--metrics-bind-address=" + o.address,
	}, flags...)...)
	command.Env = append(os.Environ(), "KUBECONFIG="+cluster.Kubeconfig, "GOMEMLIMIT=460MiB")
	log, err := apiserver.OpenLog()
	g.Expect(err).NotTo(HaveOccurred())
	command.Stdout, command.Stderr = log, log
	g.Expect(command.Start()).To(Succeed())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return o
}

// createScraperToken returns the token of a service account that may read the metrics.
func createScraperToken(t *testing.T, cluster *apiserver.Cluster) string {
	t.Helper()
	g := NewWithT(t)
	g.Expect(cluster.CreateAll(t.Context(), "rbac/metrics_reader_role.yaml")).To(Succeed())
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "prometheus"}}
	g.Expect(cluster.Client.Create(t.Context(), account)).To(Succeed())
	g.Expect(cluster.Client.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "prometheus-reads-haltline"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "haltline-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account.Name}},
	})).To(Succeed())
	// The operator remembers a refusal for a while, so the binding has to be in force before it is asked.
	g.Eventually(func(g Gomega) {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:                  "system:serviceaccount:" + namespace + ":" + account.Name,
			NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: "/metrics", Verb: "get"},
		}}
		g.Expect(cluster.Client.Create(t.Context(), review)).To(Succeed())
		g.Expect(review.Status.Allowed).To(BeTrue())
	}, timeout, interval).Should(Succeed())
	request := &authenticationv1.TokenRequest{}
	g.Expect(cluster.Client.SubResource("token").Create(t.Context(), account, request)).To(Succeed())
	return request.Status.Token
}

// scrape returns the page of metrics, which shows that the operator leads.
func (o operator) scrape(t *testing.T, token string) []byte {
	t.Helper()
	//nolint:gosec // The operator signs its certificate itself.
	scraper := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	var page []byte
	NewWithT(t).Eventually(func(g Gomega) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+o.address+"/metrics", http.NoBody)
		g.Expect(err).NotTo(HaveOccurred())
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := scraper.Do(request)
		g.Expect(err).NotTo(HaveOccurred())
		defer func() { _ = response.Body.Close() }()
		page, err = io.ReadAll(response.Body)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(response.StatusCode).To(Equal(http.StatusOK), string(page))
		g.Expect(string(page)).To(ContainSubstring("\nleader_election_master_status{name=\"" + o.lease + "\"} 1\n"))
	}, timeout, interval).Should(Succeed(), o.pod)
	return page
}

// targetLabels returns the labels that Prometheus gives to what it scrapes by the ServiceMonitor.
func (o operator) targetLabels() labels.Labels {
	return labels.FromStrings("job", "haltline", "namespace", namespace, "pod", o.pod, "container", "manager",
		"service", "haltline-metrics", "endpoint", "metrics", "instance", o.address)
}

// generateKinds writes the CRDs of the Prometheus operator into a folder, from its types, and returns the folder.
func generateKinds(t *testing.T) string {
	t.Helper()
	g := NewWithT(t)
	generator := os.Getenv("CONTROLLER_GEN")
	g.Expect(generator).NotTo(BeEmpty(), `CONTROLLER_GEN has to name controller-gen: "make test-monitoring" builds it and sets that`)
	folder := t.TempDir()
	//nolint:gosec // It is the program that the tester chose.
	output, err := exec.CommandContext(t.Context(), generator, "crd:allowDangerousTypes=true",
		"paths=github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1", "output:crd:dir="+folder).CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(output))
	return folder
}

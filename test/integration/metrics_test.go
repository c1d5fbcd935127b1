// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
)

func TestOnlyWhoMayReadMetricsGetsThem(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	stranger := createServiceAccount(t, "stranger")
	reader := createMetricsReader(t, "prometheus")
	for name, test := range map[string]struct {
		token string
		want  int
	}{
		"nobody":          {"", http.StatusUnauthorized},
		"a stranger":      {createToken(t, stranger), http.StatusForbidden},
		"a known scraper": {createToken(t, reader), http.StatusOK},
	} {
		code, _ := getMetrics(t, test.token)
		g.Expect(code).To(Equal(test.want), name)
	}
	// controller-runtime answers a token that the API server does not know with an internal error.
	code, page := getMetrics(t, "forged")
	g.Expect(code).To(BeNumerically(">=", http.StatusUnauthorized))
	g.Expect(page).NotTo(ContainSubstring("haltline_"))
}

// After a run and a stop every metric of docs/metrics.md is there, with its type and its labels.
func TestMetricsAreThoseOfTheirPage(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	wait := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, wait)
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	waitForStopped(t, wait)

	token := createToken(t, createMetricsReader(t, "prometheus"))
	documented := readDocumentedMetrics(t)
	var page string
	g.Eventually(func(g Gomega) {
		var code int
		code, page = getMetrics(t, token)
		g.Expect(code).To(Equal(http.StatusOK))
		for name, metric := range documented {
			g.Expect(page).To(ContainSubstring("# TYPE "+name+" "+metric.kind+"\n"), "%s is documented", name)
			g.Expect(page).To(MatchRegexp(`(?m)^`+name+`(_count)?`+metric.labelsPattern()+` `), "%s has other labels", name)
		}
	}, timeout, interval).Should(Succeed())
	for _, served := range regexp.MustCompile(`(?m)^# TYPE (haltline_\w+)`).FindAllStringSubmatch(page, -1) {
		g.Expect(documented).To(HaveKey(served[1]), "it is not documented")
	}
}

// documentedMetric is a row of the table in docs/metrics.md.
type documentedMetric struct {
	kind   string
	labels []string
}

// labelsPattern matches the labels of a sample, in the order of the API of Prometheus: by name.
func (m documentedMetric) labelsPattern() string {
	if len(m.labels) == 0 {
		return ""
	}
	var pairs []string
	for _, label := range m.labels {
		pairs = append(pairs, label+`="[^"]+"`)
	}
	return `\{` + strings.Join(pairs, ",") + `\}`
}

func readDocumentedMetrics(t *testing.T) map[string]documentedMetric {
	t.Helper()
	g := NewWithT(t)
	page, err := os.ReadFile(filepath.Join(apiserver.RepositoryRoot(), "docs", "metrics.md"))
	g.Expect(err).NotTo(HaveOccurred())
	found := map[string]documentedMetric{}
	row := regexp.MustCompile("(?m)^\\| `(haltline_\\w+)` \\| (\\w+) \\| ([^|]*)\\|")
	for _, columns := range row.FindAllStringSubmatch(string(page), -1) {
		metric := documentedMetric{kind: columns[2]}
		for _, label := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(columns[3], -1) {
			metric.labels = append(metric.labels, label[1])
		}
		found[columns[1]] = metric
	}
	g.Expect(found).NotTo(BeEmpty(), "docs/metrics.md has no table of metrics")
	return found
}

// getMetrics gets /metrics from the operator with a bearer token, or without one if it is empty.
func getMetrics(t *testing.T, token string) (code int, page string) {
	t.Helper()
	g := NewWithT(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+metricsAddress+"/metrics", http.NoBody)
	g.Expect(err).NotTo(HaveOccurred())
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	//nolint:gosec // The operator signs its certificate itself.
	scraper := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	var response *http.Response
	g.Eventually(func() (err error) {
		//nolint:bodyclose // It is closed below.
		response, err = scraper.Do(request)
		return err
	}, timeout, interval).Should(Succeed(), "the operator serves no metrics")
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	g.Expect(err).NotTo(HaveOccurred())
	return response.StatusCode, string(body)
}

func createServiceAccount(t *testing.T, name string) *corev1.ServiceAccount {
	t.Helper()
	return createObject(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: createNamespace(t), Name: name}})
}

// createMetricsReader returns a service account with the ClusterRole of config/rbac/metrics_reader_role.yaml.
func createMetricsReader(t *testing.T, name string) *corev1.ServiceAccount {
	t.Helper()
	account := createServiceAccount(t, name)
	binding := createObject(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: name + "-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "haltline-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
	})
	t.Cleanup(func() { _ = k8s.Delete(context.Background(), binding) })
	// The filter of the operator remembers a refusal for a while, so the binding has to be in force before it is asked.
	NewWithT(t).Eventually(func() bool {
		return createObject(t, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:                  "system:serviceaccount:" + account.Namespace + ":" + account.Name,
			NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: "/metrics", Verb: "get"},
		}}).Status.Allowed
	}, timeout, interval).Should(BeTrue())
	return account
}

func createToken(t *testing.T, account *corev1.ServiceAccount) string {
	t.Helper()
	request := &authenticationv1.TokenRequest{}
	NewWithT(t).Expect(k8s.SubResource("token").Create(t.Context(), account, request)).To(Succeed())
	return request.Status.Token
}

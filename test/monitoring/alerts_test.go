// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package monitoring

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"

	"haltline.dev/haltline/test/apiserver"
)

// component is the folder that is tested, from the root of the repository.
const component = "config/components/monitoring"

// runbooks is the address of the page of runbooks.
const runbooks = "https://haltline.dev/docs/runbooks#"

func readFile(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{apiserver.RepositoryRoot()}, path...)...))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(content)
}

// readRule returns the PrometheusRule, which must have no field that the Prometheus operator does not know.
func readRule(t *testing.T) *monitoringv1.PrometheusRule {
	t.Helper()
	rule := &monitoringv1.PrometheusRule{}
	NewWithT(t).Expect(yaml.UnmarshalStrict([]byte(readFile(t, component, "prometheus_rule.yaml")), rule)).To(Succeed())
	return rule
}

// readAlerts returns the alerts in their order.
func readAlerts(t *testing.T) []monitoringv1.Rule {
	t.Helper()
	var alerts []monitoringv1.Rule
	for _, group := range readRule(t).Spec.Groups {
		alerts = append(alerts, group.Rules...)
	}
	NewWithT(t).Expect(alerts).NotTo(BeEmpty())
	return alerts
}

// runPromtool runs the promtool that PROMTOOL names. The tests of the Makefile set it.
func runPromtool(t *testing.T, arguments ...string) {
	t.Helper()
	g := NewWithT(t)
	promtool := os.Getenv("PROMTOOL")
	g.Expect(promtool).NotTo(BeEmpty(), `PROMTOOL has to name promtool: "make test-alerts" builds it and sets that`)
	//nolint:gosec // It is the program that the tester chose.
	output, err := exec.CommandContext(t.Context(), promtool, arguments...).CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(output))
}

// The cases of alerts.yaml hold, each with the labels, the words and the command of the alert.
func TestAlertsFireAsTheirCasesShow(t *testing.T) {
	g := NewWithT(t)
	folder := t.TempDir()
	groups, err := yaml.Marshal(readRule(t).Spec)
	g.Expect(err).NotTo(HaveOccurred())
	rules, cases := filepath.Join(folder, "rules.yaml"), filepath.Join(folder, "alerts.yaml")
	g.Expect(os.WriteFile(rules, groups, 0o600)).To(Succeed())
	g.Expect(os.WriteFile(cases, []byte(readFile(t, "test", "monitoring", "alerts.yaml")), 0o600)).To(Succeed())
	runPromtool(t, "check", "rules", "--lint=all", "--lint-fatal", rules)
	runPromtool(t, "test", "rules", cases)
}

// unitTests is what of alerts.yaml shows which alerts have cases.
type unitTests struct {
	Tests []struct {
		AlertRuleTest []struct {
			Alertname string `json:"alertname"`
			ExpAlerts []any  `json:"exp_alerts"`
		} `json:"alert_rule_test"`
	} `json:"tests"`
}

func TestEveryAlertHasACaseInWhichItFiresAndOneInWhichItDoesNot(t *testing.T) {
	g := NewWithT(t)
	var cases unitTests
	g.Expect(yaml.Unmarshal([]byte(readFile(t, "test", "monitoring", "alerts.yaml")), &cases)).To(Succeed())
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range cases.Tests {
		// A case that is silent only because it comes too early is none: in its own series the alert never fires.
		firesHere := map[string]bool{}
		for _, expected := range test.AlertRuleTest {
			firesHere[expected.Alertname] = firesHere[expected.Alertname] || len(expected.ExpAlerts) > 0
		}
		for name, yes := range firesHere {
			fires[name], silent[name] = fires[name] || yes, silent[name] || !yes
		}
	}
	for _, alert := range readAlerts(t) {
		g.Expect(fires).To(HaveKeyWithValue(alert.Alert, true), "no case of alerts.yaml has it fire")
		g.Expect(silent).To(HaveKeyWithValue(alert.Alert, true), "no case of alerts.yaml has it stay silent")
	}
}

// Whoever is woken up reads what is wrong, the command to type first, and where to read on.
func TestEveryAlertHasItsWordsAndItsRunbook(t *testing.T) {
	g := NewWithT(t)
	sections := readRunbooks(t)
	for _, alert := range readAlerts(t) {
		g.Expect(alert.Alert).To(HavePrefix("Haltline"))
		g.Expect(alert.Labels).To(HaveKeyWithValue("severity", BeElementOf("critical", "warning")), alert.Alert)
		g.Expect(alert.Annotations["summary"]).To(HaveSuffix("."), alert.Alert)
		g.Expect(alert.Annotations).To(HaveKeyWithValue("runbook_url", runbooks+strings.ToLower(alert.Alert)))
		lines := strings.Split(alert.Annotations["description"], "\n")
		g.Expect(lines).To(HaveLen(2), "%s: a sentence or more, and the command", alert.Alert)
		g.Expect(sections).To(HaveKey(alert.Alert), "docs/runbooks.md has no section of it")
		g.Expect(sections[alert.Alert]).To(HavePrefix("```sh\n"+lines[1]+"\n"), "%s: its section begins with another command", alert.Alert)
		delete(sections, alert.Alert)
	}
	g.Expect(sections).To(BeEmpty(), "docs/runbooks.md has sections of alerts that are not there")
}

// readRunbooks returns the sections of docs/runbooks.md by the alert that each is about.
func readRunbooks(t *testing.T) map[string]string {
	t.Helper()
	sections := map[string]string{}
	for _, section := range strings.Split(readFile(t, "docs", "runbooks.md"), "\n## ")[1:] {
		title, text, _ := strings.Cut(section, "\n")
		if strings.HasPrefix(title, "Haltline") {
			sections[title] = strings.TrimSpace(text)
		}
	}
	return sections
}

// The table of docs/metrics.md lists the alerts, in their order, with their severity and a link to their section.
func TestThePageOfMetricsListsTheAlerts(t *testing.T) {
	g := NewWithT(t)
	row := regexp.MustCompile(`(?m)^\| \[(Haltline\w+)\]\(runbooks\.md#(\w+)\) \| (\w+) \|`)
	var listed, want []string
	for _, columns := range row.FindAllStringSubmatch(readFile(t, "docs", "metrics.md"), -1) {
		listed = append(listed, strings.Join(columns[1:], " "))
	}
	for _, alert := range readAlerts(t) {
		want = append(want, strings.Join([]string{alert.Alert, strings.ToLower(alert.Alert), alert.Labels["severity"]}, " "))
	}
	g.Expect(listed).To(Equal(want))
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package monitoring

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
)

// The operator runs, and people start, approve and stop executions. It is scraped before and after some of that. Each query of the
// alerts and of the dashboard has to find its metrics and labels there, and to give numbers.
func TestTheOperatorServesWhatIsAskedFor(t *testing.T) {
	g := NewWithT(t)
	cluster, err := apiserver.Start(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(cluster.Stop)
	g.Expect(cluster.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
	t.Run("an API server accepts the objects", func(t *testing.T) { checkComponent(t, cluster) })

	s, at := scrapeRuns(t, cluster)
	t.Run("alerts", func(t *testing.T) {
		for _, alert := range readAlerts(t) {
			t.Run(alert.Alert, func(t *testing.T) { checkQuery(t, s, alert.Expr.String(), at, nil) })
		}
	})
	t.Run("dashboard", func(t *testing.T) {
		for _, p := range readDashboard(t).Panels {
			for _, q := range p.Targets {
				t.Run(p.Title+" "+q.RefID, func(t *testing.T) { checkQuery(t, s, q.query(), at, q.legendLabels()) })
			}
		}
	})
}

// checkComponent runs the commands of docs/metrics.md with an API server that knows the kinds of the Prometheus operator: the first
// applies the component, and the second prints the rules for a Prometheus without that operator.
func checkComponent(t *testing.T, cluster *apiserver.Cluster) {
	t.Helper()
	g := NewWithT(t)
	kinds := generateKinds(t)
	commands := readBlocks(t, "sh")
	g.Expect(commands).To(HaveLen(2))
	out, err := apiserver.RunShell(t.Context(), cluster.Kubeconfig, commands[1])
	g.Expect(err).NotTo(HaveOccurred(), out)
	printed := monitoringv1.PrometheusRuleSpec{}
	g.Expect(json.Unmarshal([]byte(out), &printed)).To(Succeed())
	g.Expect(printed).To(Equal(readRule(t).Spec))

	for _, kind := range []string{"servicemonitors", "prometheusrules"} {
		out, err := apiserver.RunShell(t.Context(), cluster.Kubeconfig, "kubectl apply --server-side -f "+filepath.Join(kinds, "monitoring.coreos.com_"+kind+".yaml"))
		g.Expect(err).NotTo(HaveOccurred(), out)
	}
	g.Eventually(func(g Gomega) {
		out, err := apiserver.RunShell(t.Context(), cluster.Kubeconfig, strings.Replace(commands[0], "apply", "apply --validate=strict", 1))
		g.Expect(err).NotTo(HaveOccurred(), out)
	}, timeout, interval).Should(Succeed())
	out, err = apiserver.RunShell(t.Context(), cluster.Kubeconfig, "kubectl get -n haltline-system -o=jsonpath={.data} configmap/haltline-dashboard")
	g.Expect(err).NotTo(HaveOccurred(), out)
	g.Expect(out).To(ContainSubstring(`"haltline.json"`))
}

// scrapeRuns returns what was scraped of an operator without a shard and of one with a shard, and a time at which to look. Two minutes pass
// from one scrape to the next, whatever the test takes.
func scrapeRuns(t *testing.T, cluster *apiserver.Cluster) (samples, time.Time) {
	t.Helper()
	g := NewWithT(t)
	var shard controllers.Shard
	g.Expect(shard.Set("0/2")).To(Succeed())
	inShard, outside := newRun(t, cluster, shard.Serves), newRun(t, cluster, func(ns string) bool { return !shard.Serves(ns) })
	binary, token := buildOperator(t), createScraperToken(t, cluster)
	operators := []operator{
		startOperator(t, cluster, binary, "plain", controllers.LeaseName(controllers.Shard{}, controllers.Namespaces{outside.namespace}), "--namespaces="+outside.namespace),
		startOperator(t, cluster, binary, "shard", controllers.LeaseName(shard, nil), "--shard="+shard.String()),
	}
	s, at := samples{}, time.Unix(1e9, 0)
	for range 3 {
		inShard.once(t)
		outside.once(t)
		at = at.Add(2 * time.Minute)
		for _, o := range operators {
			g.Expect(s.add(o.scrape(t, token), at, o.targetLabels())).To(Succeed())
			// Prometheus itself records that it could scrape.
			up := labels.NewBuilder(o.targetLabels()).Set(model.MetricNameLabel, "up").Labels()
			s.addPoint(up, promql.FPoint{T: at.UnixMilli(), F: 1})
		}
	}
	return s, at
}

// checkQuery checks that a query finds its metrics and labels, that whatever it compares is a number, and that the result has the labels
// that a legend shows.
func checkQuery(t *testing.T, s samples, query string, at time.Time, legend []string) {
	t.Helper()
	g := NewWithT(t)
	expr := parse(t, query)
	g.Expect(findUnserved(expr, s)).To(BeEmpty(), query)
	for _, part := range measuredParts(expr) {
		result, err := s.evaluate(t.Context(), part.String(), at)
		g.Expect(err).NotTo(HaveOccurred(), part)
		g.Expect(result).NotTo(BeEmpty(), "%s gives no number", part)
		for _, label := range legend {
			hasLabel := func(sample promql.Sample) bool { return sample.Metric.Has(label) }
			g.Expect(slices.ContainsFunc(result, hasLabel)).To(BeTrue(), "no result of %s has the label %s, which the legend shows", part, label)
		}
	}
	g.Expect(expr.Type()).To(Equal(parser.ValueTypeVector), query)
}

// run is what people do in a namespace.
type run struct {
	cluster   *apiserver.Cluster
	namespace string
}

// newRun creates a namespace whose name a test wants, with a pipeline.
func newRun(t *testing.T, cluster *apiserver.Cluster, wants func(string) bool) *run {
	t.Helper()
	g := NewWithT(t)
	r := &run{cluster: cluster, namespace: "team"}
	for !wants(r.namespace) {
		r.namespace += "a"
	}
	pipeline := builders.Pipeline(r.namespace, "web",
		builders.Stage("Approve", builders.Approval("approve", 1, v1alpha1.Approval{})), builders.Stage("Build", builders.Action("compile")))
	g.Expect(cluster.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.namespace}})).To(Succeed())
	g.Expect(cluster.Client.Create(t.Context(), pipeline)).To(Succeed())
	return r
}

// once starts an execution, approves its first action, and abandons the second one; a second request to do so is rejected.
func (r *run) once(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	k8s := r.cluster.Client
	execution := builders.Execution(r.namespace, "web")
	g.Expect(k8s.Create(t.Context(), execution)).To(Succeed())
	r.waitForAction(t, execution, "Approve", func(a v1alpha1.ActionStatus) bool { return a.State == v1alpha1.ActionInProgress })
	g.Expect(k8s.Create(t.Context(), builders.ApprovalResult(execution, "Approve", "approve", v1alpha1.ApprovalApproved))).To(Succeed())
	r.waitForAction(t, execution, "Build", func(a v1alpha1.ActionStatus) bool { return a.Workload.UID != "" })
	r.stop(t, execution, v1alpha1.ConditionStopped, metav1.ConditionTrue)
	r.stop(t, execution, v1alpha1.ConditionAccepted, metav1.ConditionFalse)
}

// waitForAction waits until the only action of a stage is as a test wants it.
func (r *run) waitForAction(t *testing.T, execution *v1alpha1.PipelineExecution, stage string, is func(v1alpha1.ActionStatus) bool) {
	t.Helper()
	NewWithT(t).Eventually(func() (bool, error) {
		err := r.cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(execution), execution)
		i := slices.IndexFunc(execution.Status.Stages, func(s v1alpha1.StageStatus) bool { return s.Name == stage })
		return i >= 0 && is(execution.Status.Stages[i].Actions[0]), err
	}, timeout, interval).Should(BeTrue(), "%s", stage)
}

// stop asks to abandon an execution, and waits until the request has a condition.
func (r *run) stop(t *testing.T, execution *v1alpha1.PipelineExecution, condition string, want metav1.ConditionStatus) {
	t.Helper()
	g := NewWithT(t)
	sr := builders.StopAndAbandon(execution)
	g.Expect(r.cluster.Client.Create(t.Context(), sr)).To(Succeed())
	g.Eventually(func() (bool, error) {
		err := r.cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(sr), sr)
		return meta.IsStatusConditionPresentAndEqual(sr.Status.Conditions, condition, want), err
	}, timeout, interval).Should(BeTrue(), condition)
}

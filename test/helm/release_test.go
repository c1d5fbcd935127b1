// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/pages"
)

// kinds are those of the objects that a release has, except the CRDs.
const kinds = "mutatingadmissionpolicies,mutatingadmissionpolicybindings,mutatingwebhookconfigurations,validatingadmissionpolicies," +
	"validatingadmissionpolicybindings,clusterroles,clusterrolebindings,priorityclasses,roles,rolebindings,serviceaccounts,services,deployments," +
	"poddisruptionbudgets,networkpolicies,configmaps,secrets"

// objectsOfRelease returns the names of what a release has installed, except the CRDs.
func objectsOfRelease(t *testing.T) []string {
	t.Helper()
	return strings.Fields(kubectl(t, "get", kinds, "--all-namespaces", "--selector", "app.kubernetes.io/instance="+release, "--output", "name"))
}

func crds(t *testing.T) []string {
	t.Helper()
	return strings.Fields(kubectl(t, "get", "crds", "--output", "name"))
}

func TestASecondReleaseIsRefused(t *testing.T) {
	g := NewWithT(t)
	t.Cleanup(func() { removeAll(t) })
	helm(t, "install", release, chart, "--namespace", system, "--create-namespace")
	output, err := tryHelm(t, "install", "another", chart, "--namespace", "elsewhere", "--create-namespace")
	g.Expect(err).To(HaveOccurred())
	g.Expect(output).To(ContainSubstring("exists and cannot be imported into the current release"))
	g.Expect(output).To(ContainSubstring(`must equal "another": current value is "` + release + `"`))
	g.Expect(kubectl(t, "get", "deployments", "--namespace", "elsewhere", "--output", "name")).To(BeEmpty())
}

// An execution outlives the operator that started it, the upgrade, and the release.
func TestExecutionsOutliveUpgradesAndTheRelease(t *testing.T) {
	g := NewWithT(t)
	t.Cleanup(func() { removeAll(t) })
	helm(t, "install", release, chartBefore(t), "--namespace", system, "--create-namespace", "--set", "maxConcurrentReconciles=8")
	isReleased := lastRelease(t) != ""
	operator := runRelease(t)
	execution := start(t)
	g.Eventually(func() bool { return isRunning(t, execution) }, timeout, interval).Should(BeTrue(), operator.Log.String)
	job := workloadOf(execution)
	g.Expect(operator.Stop()).To(Succeed())

	for _, command := range commandsOf(t, "Upgrading") {
		runInPage(t, command)
	}
	if !isReleased {
		g.Expect(objectsOfRelease(t)).To(ContainElement("poddisruptionbudget.policy/haltline-manager"))
		g.Expect(objectsOfRelease(t)).NotTo(ContainElement("configmap/haltline-of-the-version-before"))
		g.Expect(kubectl(t, "get", "crd", "pipelines.pipelines.haltline.dev", "--output", "jsonpath={.spec.names.shortNames}")).To(Equal(`["pl"]`))
	}
	operator = runRelease(t)
	second := start(t)
	g.Eventually(func() bool { return isRunning(t, second) }, timeout, interval).Should(BeTrue(), operator.Log.String)
	g.Expect(isRunning(t, execution)).To(BeTrue())
	g.Expect(workloadOf(execution)).To(Equal(job), "it was started again")
	stop(t, second, operator)
	g.Expect(operator.Stop()).To(Succeed())

	// The page on installing has the command that lists what runs.
	g.Expect(shell(t, pages.BlocksOf(pages.Section(readPage(t, installing), "Removing it"), "sh")[1])).
		To(And(ContainSubstring(execution.Name), Not(ContainSubstring(second.Name))))
	runInPage(t, commandsOf(t, "Uninstalling")[0])
	g.Expect(objectsOfRelease(t)).To(BeEmpty())
	g.Expect(crds(t)).To(HaveLen(4))
	g.Expect(isRunning(t, execution)).To(BeTrue())

	_, err := tryHelm(t, "install", "another", chart, "--namespace", system)
	g.Expect(err).To(HaveOccurred(), "the CRDs that were kept are of another release")
	helm(t, "install", release, chart, "--namespace", system)
	operator = runRelease(t)
	stop(t, execution, operator)
}

func TestWithoutKeepNothingIsLeft(t *testing.T) {
	g := NewWithT(t)
	t.Cleanup(func() { removeAll(t) })
	helm(t, "install", release, chart, "--namespace", system, "--create-namespace")
	operator := runRelease(t)
	execution := start(t)
	g.Eventually(func() bool { return isRunning(t, execution) }, timeout, interval).Should(BeTrue(), operator.Log.String)
	g.Expect(operator.Stop()).To(Succeed())
	for _, command := range commandsOf(t, "Uninstalling")[1:] {
		runInPage(t, command)
	}
	g.Expect(objectsOfRelease(t)).To(BeEmpty())
	g.Eventually(func() []string { return crds(t) }, timeout, interval).Should(BeEmpty())
	g.Eventually(func() string {
		return kubectl(t, "get", "jobs,pods,controllerrevisions", "--namespace", team, "--output", "name")
	}, timeout, interval).
		Should(BeEmpty(), "what it ran is deleted with it")
}

// start creates the Pipeline if it is not there, and an execution of it.
func start(t *testing.T) *v1alpha1.PipelineExecution {
	t.Helper()
	g := NewWithT(t)
	pipeline := builders.Pipeline(team, "web", builders.Stage("Build", builders.Action("compile")))
	pipeline.Spec.ExecutionMode = v1alpha1.ExecutionModeParallel
	// The policies need a moment to learn of the kinds.
	g.Eventually(func() error {
		return client.IgnoreAlreadyExists(cluster.Client.Create(t.Context(), pipeline.DeepCopy()))
	}, timeout, interval).
		Should(Succeed())
	execution := builders.Execution(team, "web")
	g.Eventually(func() error { return cluster.Client.Create(t.Context(), execution) }, timeout, interval).Should(Succeed())
	return execution
}

// isRunning reports whether the only action of an execution is known to have started.
func isRunning(t *testing.T, execution *v1alpha1.PipelineExecution) bool {
	t.Helper()
	NewWithT(t).Expect(cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(execution), execution)).To(Succeed())
	return workloadOf(execution) != ""
}

// workloadOf returns the uid of the Job of the only action, if it runs.
func workloadOf(execution *v1alpha1.PipelineExecution) string {
	for _, stage := range execution.Status.Stages {
		for _, action := range stage.Actions {
			if action.State == v1alpha1.ActionInProgress {
				return action.Workload.UID
			}
		}
	}
	return ""
}

// stop stops an execution and waits until it has stopped.
func stop(t *testing.T, execution *v1alpha1.PipelineExecution, operator *apiserver.Operator) {
	t.Helper()
	g := NewWithT(t)
	sr := builders.StopAndAbandon(execution)
	g.Eventually(func() error { return cluster.Client.Create(t.Context(), sr) }, timeout, interval).Should(Succeed())
	g.Eventually(func() bool {
		g.Expect(cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(sr), sr)).To(Succeed())
		return meta.IsStatusConditionTrue(sr.Status.Conditions, v1alpha1.ConditionStopped)
	}, timeout, interval).Should(BeTrue(), operator.Log.String)
}

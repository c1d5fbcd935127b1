// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// The guide on who may do what: its roles let people do what it tells, and nothing else.
func TestTheCommandsOfTheWhoMayPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	t.Cleanup(func() {
		for _, name := range []string{"pipeline-stopper", "pipeline-starter"} {
			_ = k8s.Delete(context.Background(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}})
		}
	})
	p := openGuide(t, ns, "docs/who-may.md")
	p.run("can-i create")
	p.run("pipeline-stopper")
	p.run("--as grace")
	p.run("pipeline-starter")
	p.run("--as heidi")
	p.run("--as ivan")
	p.run("--clusterrole=haltline-approver")
	p.run("--as judy")
	p.run("startedBy")

	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	heidi, err := cluster.ClientAs("heidi", "release-managers")
	g.Expect(err).NotTo(HaveOccurred())
	execution := builders.Execution(ns, "web")
	g.Expect(heidi.Create(t.Context(), execution)).To(Succeed())
	waitForRunning(t, execution, "compile")
	grace, err := cluster.ClientAs("grace", "on-call")
	g.Expect(err).NotTo(HaveOccurred())
	sr := builders.StopAndWait(execution)
	g.Expect(grace.Create(t.Context(), sr)).To(Succeed())
	expectAccepted(t, sr)
	g.Expect(p.run("custom-columns")).To(MatchRegexp(`%s +heidi +grace`, execution.Name))
	p.finish()
}

// The guide to stopping many: with the plugin and without, those that run and those that wait.
func TestTheCommandsOfTheBulkStopPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	running := []*v1alpha1.PipelineExecution{builders.Execution(ns, "web"), builders.Execution(ns, "web")}
	for _, execution := range running {
		execution.GenerateName = "web-"
		createObject(t, execution)
		waitForRunning(t, execution, "compile")
	}
	p := openGuide(t, ns, "docs/bulk-stop.md")
	preview, stop, _ := strings.Cut(strings.TrimSpace(p.takeBlock()), "\n")
	printed, err := p.try(preview)
	g.Expect(err).NotTo(HaveOccurred(), printed)
	g.Expect(printed).To(ContainSubstring("2 executions would be stopped"))
	p.run("hold web Build")
	g.Expect(p.blocks[0].Text).To(HavePrefix("$ "+stop+"\n"), "the page begins with another command than it explains")
	p.names["20261127-103000-w7lzm"] = regexp.MustCompile(`batch=(\S+)`).FindStringSubmatch(p.run("2 Accepted"))[1]
	for _, execution := range running {
		finishAction(t, execution, "compile", corev1.PodSucceeded)
	}
	g.Expect(p.run("kubectl wait stoprequests")).To(ContainSubstring("the cluster is moved"))

	waiting := createWaiting(t, ns, "Build")
	p.run("while read")
	waitForState(t, waiting, v1alpha1.ExecutionStopped)
	g.Expect(p.run("custom-columns")).To(And(ContainSubstring("moving-the-cluster"), ContainSubstring(p.names["20261127-103000-w7lzm"])))
	waiting = createWaiting(t, ns, "Build")
	p.run("--all --abandon --wait")
	waitForState(t, waiting, v1alpha1.ExecutionStopped)
	p.run("release web Build")
	p.finish()
}

// expectAsksNode runs commands that read logs. No node is behind the pods of these tests, so they have found a pod if that is what is missing.
func (p *guide) expectAsksNode(commands string) {
	p.t.Helper()
	for command := range strings.Lines(commands) {
		if !strings.Contains(command, " logs ") {
			continue
		}
		printed, err := p.try("set -o pipefail\n" + command)
		NewWithT(p.t).Expect(err).To(HaveOccurred(), "%s\n%s", command, printed)
		NewWithT(p.t).Expect(printed+err.Error()).To(ContainSubstring("node"), command)
	}
}

// The guide to logs: its commands find the pods of what failed.
func TestTheCommandsOfTheLogsPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("test")))
	execution := createExecution(t, ns, "web")
	finishAction(t, execution, "test", corev1.PodFailed)
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	job := findAction(execution, "test").Workload.Name

	p := openGuide(t, ns, "docs/logs.md")
	p.names["NAME"], p.names["JOB"], p.names["ID"] = execution.Name, job, string(execution.UID)
	top := p.takeBlock()
	explain, _, _ := strings.Cut(top, "\n")
	printed, err := p.try(explain)
	g.Expect(err).NotTo(HaveOccurred(), printed)
	g.Expect(printed).To(ContainSubstring("ended with exit code 1"))
	p.expectAsksNode(top)
	g.Expect(p.run("jsonpath")).To(MatchRegexp(`(?m)^%s  .*exit code 1`, job))
	p.expectAsksNode(p.takeBlock())
	p.run("keep=incident-42")
	g.Expect(refreshObject(t, execution).Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationKeep, "incident-42"))
	p.takeOperatorsLog()
	p.finish()
}

// takeOperatorsLog takes the command that reads the operator's log: it has to name the Deployment of config/manager.
func (p *guide) takeOperatorsLog() {
	p.t.Helper()
	deployment := readDeployment(p.t)
	NewWithT(p.t).Expect(p.takeBlock()).To(HavePrefix("kubectl -n %s logs deployment/%s", deployment.Namespace, deployment.Name))
}

// readDeployment returns the Deployment of config/manager.
func readDeployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	deployment := &appsv1.Deployment{}
	NewWithT(t).Expect(yaml.Unmarshal([]byte(readFile(t, "config/manager/deployment.yaml")), deployment)).To(Succeed())
	return deployment
}

// The guide to schedules: Kubernetes creates the Job of its CronJob, whose account may start an execution and do nothing else.
func TestTheCommandsOfTheSchedulingPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	p := openGuide(t, ns, "docs/scheduling.md")
	p.names["shop:"] = ns + ":"
	p.run("kubectl create serviceaccount scheduler")
	p.run("--from=cronjob/nightly")
	missSchedule(t, ns, "nightly")
	pod := waitForPodOf(t, ns, "nightly")
	g.Expect(pod.Spec.ServiceAccountName).To(Equal("scheduler"))

	execution := runScheduled(t, p, pod)
	g.Expect(execution.Spec.StartedBy).To(Equal("system:serviceaccount:" + ns + ":scheduler"))
	waitForRunning(t, execution, "compile")
	g.Expect(p.run("suspend")).To(ContainSubstring("1 execution: 1 Accepted"))
	waitForState(t, execution, v1alpha1.ExecutionStopping)
	g.Expect(p.run("--sort-by")).To(ContainSubstring(execution.Name))
	p.finish()

	account, err := cluster.ClientAs(execution.Spec.StartedBy)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(apierrors.IsForbidden(account.Create(t.Context(), builders.StopAndWait(execution)))).To(BeTrue())
	g.Expect(apierrors.IsForbidden(account.Delete(t.Context(), execution))).To(BeTrue())
}

// missSchedule makes a CronJob due: each minute, and the last time two minutes ago.
func missSchedule(t *testing.T, ns, name string) {
	t.Helper()
	for _, patch := range [][]string{
		{`{"spec": {"schedule": "* * * * *"}}`},
		{`{"status": {"lastScheduleTime": "` + metav1.Now().Add(-2*time.Minute).UTC().Format(time.RFC3339) + `"}}`, "--subresource=status"},
	} {
		args := append([]string{"patch", "cronjob", name, "-n", ns, "--type=merge", "-p"}, patch...)
		output, err := runKubectl(t.Context(), cluster.Kubeconfig, args...)
		NewWithT(t).Expect(err).NotTo(HaveOccurred(), output)
	}
}

// waitForPodOf waits for a pod of a Job that a CronJob created by its schedule, and returns it.
func waitForPodOf(t *testing.T, ns, cronJob string) *corev1.Pod {
	t.Helper()
	pods := &corev1.PodList{}
	scheduled := regexp.MustCompile(`^` + cronJob + `-\d+-`)
	isScheduled := func(pod corev1.Pod) bool { return scheduled.MatchString(pod.Name) }
	NewWithT(t).Eventually(func(g Gomega) {
		g.Expect(k8s.List(t.Context(), pods, client.InNamespace(ns))).To(Succeed())
		g.Expect(slices.ContainsFunc(pods.Items, isScheduled)).To(BeTrue(), "the CronJob has created no Job")
	}, timeout, interval).Should(Succeed())
	return &pods.Items[slices.IndexFunc(pods.Items, isScheduled)]
}

// runScheduled runs what the container of a pod runs, as its account and with the files of its ConfigMap, and returns the execution.
func runScheduled(t *testing.T, p *guide, pod *corev1.Pod) *v1alpha1.PipelineExecution {
	t.Helper()
	g := NewWithT(t)
	container := pod.Spec.Containers[0]
	files := &corev1.ConfigMap{}
	g.Expect(k8s.Get(t.Context(), client.ObjectKey{Namespace: pod.Namespace, Name: pod.Spec.Volumes[0].ConfigMap.Name}, files)).To(Succeed())
	folder := t.TempDir()
	for name, content := range files.Data {
		g.Expect(os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600)).To(Succeed())
	}
	command := strings.ReplaceAll(strings.Join(container.Command, " "), container.VolumeMounts[0].MountPath, folder)
	printed, err := p.try(command + " --as system:serviceaccount:" + pod.Namespace + ":" + pod.Spec.ServiceAccountName)
	g.Expect(err).NotTo(HaveOccurred(), printed)
	return latestExecution(t, pod.Namespace)
}

// The guide to troubleshooting: its commands run on an execution that stops, with a request and a Pipeline.
func TestTheCommandsOfTheTroubleshootingPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	execution := createExecution(t, ns, "web")
	waitForRunning(t, execution, "compile")
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)

	p := openGuide(t, ns, "docs/troubleshooting.md")
	p.names["NAME"] = execution.Name
	p.run("kubectl describe pipelineexecution NAME")
	p.run("kubectl get pods -A")
	p.run("kubectl get pipelineexecution NAME -o wide")
	g.Expect(p.run("waitingFor")).To(ContainSubstring("Build/compile"))
	p.names["NAME"] = sr.Name
	p.run("kubectl describe stoprequest NAME")
	g.Expect(p.run("custom-columns")).To(MatchRegexp(`%s +%s +Accepted`, sr.Name, refreshObject(t, sr).Spec.RequestedBy))
	g.Expect(p.run("kubectl auth can-i")).To(ContainSubstring("haltline-stoprequest-verbs"))
	p.run("condition=Established")
	p.names["NAME"] = execution.Name
	p.run("explain")
	p.names["NAME"] = "web"
	p.run("spec.history")
	p.run("component=manager")
	p.finish()
}

// The guide to operating: its commands work on an API server that has what config/ installs.
func TestTheCommandsOfTheOperatingPageWork(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	createStandIn(t)
	p := openGuide(t, ns, "docs/operating.md")
	// The policies of these tests leave some namespaces out, and other tests run in the others.
	p.names["--all -A"] = "--all"
	p.run("rollout status")
	p.run("until kubectl create")
	p.run("poddisruptionbudgets")
	p.run("stop --all")
	p.finish()
}

// standIn is locked while there is a Deployment of the operator, which some tests change.
var standIn sync.Mutex

// createStandIn creates the Deployment of the operator, which reads as ready, until the end of the test. No controller makes pods of it here.
func createStandIn(t *testing.T) *appsv1.Deployment {
	t.Helper()
	standIn.Lock()
	t.Cleanup(standIn.Unlock)
	deployment := readDeployment(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: deployment.Namespace}}
	NewWithT(t).Expect(client.IgnoreAlreadyExists(k8s.Create(t.Context(), namespace))).To(Succeed())
	createObject(t, deployment)
	t.Cleanup(func() { _ = k8s.Delete(context.Background(), deployment) })
	before := deployment.DeepCopy()
	deployment.Status = appsv1.DeploymentStatus{ObservedGeneration: deployment.Generation, Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1}
	NewWithT(t).Expect(k8s.Status().Patch(t.Context(), deployment, client.MergeFrom(before))).To(Succeed())
	return deployment
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"regexp"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/test/builders"
)

func TestStop(t *testing.T) {
	t.Parallel()
	s := newShop(t, buildAndDeploy("web"))
	g := NewWithT(t)
	web := s.start("web")
	s.waitForAction(web.Name, "compile")

	s.expect(cli.CodeDone, []string{"Accepted", "actions in progress finish"}, "stop", web.Name, "--reason", "the release is on hold")
	s.expect(cli.CodeDuplicate, []string{"DuplicatedStopRequestException"}, "stop", "@latest", "--pipeline", "web")
	stop := s.get(web.Name).Status.Stop
	g.Expect(stop.Requests).To(HaveLen(1))
	g.Expect(stop.Requests[0].Reason).To(Equal("the release is on hold"))
	g.Expect(stop.Requests[0].RequestedBy).To(Equal("administrator"))

	s.expect(cli.CodeDone, []string{"Accepted", "Build/compile: Abandoned", web.Name + ": Stopped"}, "stop", string(web.UID), "--abandon", "--wait", "--timeout", "1m")
	g.Expect(s.get(web.Name).Status.State).To(Equal(v1alpha1.ExecutionStopped))
	s.expect(cli.CodeRefused, []string{"PipelineExecutionNotStoppableException"}, "stop", web.Name)
	s.expect(cli.CodeNotFound, []string{"no execution"}, "stop", "nobody")
	s.expect(cli.CodeUsage, []string{"spec.reason"}, "stop", web.Name, "--reason", "two\nlines")
}

func TestStopThatWaitsForThePods(t *testing.T) {
	t.Parallel()
	s := newShop(t, buildAndDeploy("web"))
	web := s.start("web")
	s.waitForAction(web.Name, "compile")
	s.expect(cli.CodeTimeout, []string{"has not stopped", "The stop goes on"}, "stop", web.Name, "--wait", "--timeout", "2s")
	ends.set(s.namespace, corev1.PodSucceeded, "compile")
	s.waitForStopped(web.Name)
}

// An interrupt ends the waiting, and not the stop.
func TestStopInterrupted(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	s := newShop(t, buildAndDeploy("web"))
	web := s.start("web")
	s.waitForAction(web.Name, "compile")
	cmd := s.kubectl("haltline", "-n", s.namespace, "stop", web.Name, "--wait")
	printed := &buffer{}
	cmd.Stdout, cmd.Stderr = printed, printed
	g.Expect(cmd.Start()).To(Succeed())
	g.Eventually(printed.String, timeout, interval).Should(ContainSubstring("Build/compile: "))
	g.Expect(cmd.Process.Signal(os.Interrupt)).To(Succeed())
	_, code := s.end(nil, cmd.Wait())
	g.Expect(code).To(Equal(cli.CodeInterrupted))
	g.Expect(printed.String()).To(ContainSubstring("The stop goes on: kubectl haltline watch " + web.Name))
	g.Expect(s.get(web.Name).Status.State).To(Equal(v1alpha1.ExecutionStopping))
}

func TestStopSeveral(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	s := newShop(t, buildAndDeploy("web"), buildAndDeploy("api"))
	ended := s.start("web")
	s.expect(cli.CodeDone, nil, "stop", ended.Name, "--abandon", "--wait")
	var names []string
	for range 3 {
		names = append(names, s.start("web").Name)
	}
	other := s.start("api")
	s.waitForAction(names[2], "compile")

	s.expect(cli.CodeUsage, []string{"--yes", "3 executions"}, "stop", "--pipeline", "web")
	s.expect(cli.CodeDone, append([]string{"3 executions would be stopped"}, names...), "stop", "--pipeline", "web", "--dry-run=server")
	g.Expect(s.stopRequests(client.HasLabels{v1alpha1.LabelBatch})).To(BeEmpty())

	output := s.expect(cli.CodeDone, append([]string{"3 executions: 3 Accepted"}, names...), "stop", "--pipeline", "web", "--abandon", "--wait", "--yes", "--timeout", "1m")
	for _, name := range names {
		g.Expect(s.get(name).Status.State).To(Equal(v1alpha1.ExecutionStopped))
	}
	g.Expect(s.get(other.Name).Status.Stop).To(BeNil())
	batch := regexp.MustCompile(v1alpha1.LabelBatch + `=(\S+)`).FindStringSubmatch(output)
	g.Expect(batch).NotTo(BeNil())
	g.Expect(s.stopRequests(client.MatchingLabels{v1alpha1.LabelBatch: batch[1]})).To(HaveLen(3))
	s.expect(cli.CodeDone, []string{"no execution to stop"}, "stop", "-l", v1alpha1.LabelPipeline+"=web", "--yes")
}

func TestStartAndWatchAndRetry(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	s := newShop(t, buildAndDeploy("web"))
	ends.set(s.namespace, corev1.PodSucceeded, "compile")
	ends.set(s.namespace, corev1.PodFailed, "roll-out")
	output := s.expect(cli.CodeEndedOtherwise, []string{"Build/compile: Succeeded", "Deploy/roll-out: Failed", ": Failed"}, "start", "web", "--watch", "--timeout", "1m")
	first := regexp.MustCompile(`execution (\S+) started`).FindStringSubmatch(output)
	g.Expect(first).NotTo(BeNil())

	ends.set(s.namespace, corev1.PodSucceeded, "roll-out")
	s.expect(cli.CodeDone, []string{"It retries stage Deploy of " + first[1]}, "retry", first[1])
	g.Eventually(func() v1alpha1.ExecutionState { return s.get(s.get(first[1]).Status.RetriedBy.Name).Status.State }, timeout, interval).Should(Equal(v1alpha1.ExecutionSucceeded))
	s.expect(cli.CodeRefused, []string{"NotLatestPipelineExecutionException", "was retried by"}, "retry", first[1])
	s.expect(cli.CodeDone, nil, "start", "web", "--watch", "-o", "name")
	s.expect(cli.CodeNotFound, []string{"no pipeline"}, "start", "wbe")
}

func TestApproveAndReject(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	s := newShop(t, builders.Pipeline("", "release", builders.Stage("Release", builders.Approval("approve", 1, v1alpha1.Approval{})),
		builders.Stage("Deploy", builders.Action("roll-out"))))
	first := s.start("release")
	s.waitForAction(first.Name, "approve")
	s.expect(cli.CodeDone, []string{"Release/approve: Accepted", "is approved"}, "approve", first.Name, "--summary", "the dashboards look good")
	s.waitForAction(first.Name, "roll-out")
	result := s.get(first.Name).Status.Stages[0].Actions[0].Approval.Result
	g.Expect(result.Summary).To(Equal("the dashboards look good"))
	g.Expect(result.DecidedBy).To(Equal("administrator"))
	s.expect(cli.CodeDuplicate, []string{"ApprovalAlreadyCompletedException"}, "reject", first.Name, "Release/approve")
	s.expect(cli.CodeRefused, []string{"waits for no approval"}, "approve", first.Name)

	second := s.start("release")
	s.waitForAction(second.Name, "approve")
	s.expect(cli.CodeDone, []string{"is rejected"}, "reject", second.Name)
	s.waitUntil(second.Name, "is Failed", func(execution *v1alpha1.PipelineExecution) bool {
		return execution.Status.State == v1alpha1.ExecutionFailed
	})
}

func TestHoldAndRelease(t *testing.T) {
	t.Parallel()
	s := newShop(t, buildAndDeploy("web"))
	ends.set(s.namespace, corev1.PodSucceeded, "compile")
	s.expect(cli.CodeDone, []string{"held: Release freeze until Monday"}, "hold", "web", "Deploy", "--reason", "Release freeze until Monday")
	web := s.start("web")
	s.waitUntil(web.Name, "waits before Deploy", func(execution *v1alpha1.PipelineExecution) bool {
		return execution.Status.WaitingForStage != nil && execution.Status.WaitingForStage.Stage == "Deploy"
	})
	s.expect(cli.CodeDone, []string{"1 execution waits before it: " + web.Name}, "hold", "web/Deploy", "--reason", "Release freeze until Tuesday")
	s.expect(cli.CodeDone, []string{"released", "1 execution waited before it: " + web.Name}, "release", "web/Deploy")
	s.waitForAction(web.Name, "roll-out")
	s.expect(cli.CodeUsage, []string{"transition.reason"}, "hold", "web", "Deploy", "--reason", "no <angle> brackets")
}

func TestWhatAUserMayNotDo(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	s := newShop(t, buildAndDeploy("web"))
	g.Expect(cluster.Client.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "bob"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "haltline-edit"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "bob"}},
	})).To(Succeed())
	g.Expect(cluster.Client.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "view"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "haltline-view"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "bob"}, {Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "eve"}},
	})).To(Succeed())
	web := s.start("web")
	s.waitForAction(web.Name, "compile")
	g.Eventually(func() int {
		_, code := s.run("stop", web.Name, "--abandon", "--as", "bob", "--dry-run=server")
		return code
	}, timeout, interval).Should(Equal(cli.CodeError), "the policy on verbs is not in force")
	s.expect(cli.CodeError, []string{`lacks the verb "abandon"`, "The cluster role admin has this verb", "kubectl auth can-i abandon pipelineexecutions.pipelines.haltline.dev"},
		"stop", web.Name, "--abandon", "--as", "bob")
	s.expect(cli.CodeError, []string{`the verb "create" on stoprequests.pipelines.haltline.dev`}, "stop", web.Name, "--as", "eve")
	s.expect(cli.CodeError, []string{`the verb "get" on pipelineexecutions.pipelines.haltline.dev`}, "stop", web.Name, "--as", "mallory")
	s.expect(cli.CodeDone, []string{"Accepted"}, "stop", web.Name, "--as", "bob")
}

// kubectl asks a program of that name beside the plugin.
func TestCompletionThroughKubectl(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	s := newShop(t, buildAndDeploy("web"))
	web := s.start("web")
	output, _ := s.end(s.kubectl("__complete", "haltline", "st").CombinedOutput())
	g.Expect(output).To(ContainSubstring("stop\tStop an execution, or several"))
	output, _ = s.end(s.kubectl("__complete", "haltline", "-n", s.namespace, "stop", "").CombinedOutput())
	g.Expect(output).To(ContainSubstring(web.Name + "\tweb, "))
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/pages"
)

// runFiltered runs a command of a page. Its first program has to succeed; the grep after it may find nothing.
func runFiltered(t *testing.T, command string) string {
	t.Helper()
	output, err := apiserver.RunShell(t.Context(), cluster.Kubeconfig, strings.TrimSpace(command)+"\nexit ${PIPESTATUS[0]}")
	NewWithT(t).Expect(err).NotTo(HaveOccurred(), "%s\n%s", command, output)
	return output
}

// Each runbook begins with a command that a shell and this API server understand.
func TestTheCommandsOfTheRunbooksWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	deployment := readDeployment(t)
	operatorFlag := regexp.MustCompile(`-n (\S+) \w+(?: pods)? -l (\S+?)=(\S+)`)
	selecting := 0
	for _, command := range readBlocks(t, "docs/runbooks.md", "sh") {
		runFiltered(t, command)
		// No operator runs as a pod here, so a selector that finds none would not be seen.
		for _, flags := range operatorFlag.FindAllStringSubmatch(command, -1) {
			selecting++
			g.Expect(flags[1]).To(Equal(deployment.Namespace), command)
			g.Expect(deployment.Spec.Template.Labels).To(HaveKeyWithValue(flags[2], flags[3]), command)
		}
		g.Expect(operatorFlag.MatchString(command)).To(Equal(strings.Contains(command, " -l ")), command)
	}
	g.Expect(selecting).To(BeNumerically(">", 0))
}

// findRunbook returns the command with which the runbook of an alert begins.
func findRunbook(t *testing.T, alert string) string {
	t.Helper()
	commands := pages.BlocksOf(pages.Section(readFile(t, "docs/runbooks.md"), alert), "sh")
	NewWithT(t).Expect(commands).NotTo(BeEmpty(), "docs/runbooks.md has no command for %s", alert)
	return strings.TrimSpace(commands[0])
}

// The command about stops that wait lists them with what they wait for, and none that has ended.
func TestTheRunbookListsTheStopsThatWait(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ended, waiting := startExecution(t), startExecution(t)
	for _, execution := range []*v1alpha1.PipelineExecution{ended, waiting} {
		expectAccepted(t, createObject(t, builders.StopAndWait(execution)))
	}
	finishAction(t, ended, "compile", corev1.PodSucceeded)
	waitForState(t, ended, v1alpha1.ExecutionStopped)
	command := findRunbook(t, "HaltlineStopDoesNotEnd")
	g.Eventually(func() string { return runFiltered(t, command) }, timeout, interval).Should(And(
		MatchRegexp(`(?m)^%s +%s .*Stopping.*compile`, waiting.Namespace, waiting.Name), Not(ContainSubstring(ended.Name))))
}

// The command about rejections lists who asked for what was rejected, and nothing that was accepted.
func TestTheRunbookListsTheRejections(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	accepted := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, accepted)
	rejected := createObject(t, builders.StopAndWait(execution))
	command := findRunbook(t, "HaltlineRejectionsHigh")
	g.Eventually(func() string { return runFiltered(t, command) }, timeout, interval).Should(And(
		MatchRegexp(`(?m)^%s +%s .*DuplicatedStopRequestException.*%s`, rejected.Namespace, rejected.Name, refreshObject(t, rejected).Spec.RequestedBy),
		Not(MatchRegexp(`(?m)^%s +%s `, accepted.Namespace, accepted.Name))))
}

// expectListedAsUnanswered checks that the command about requests without a verdict lists one of them, and not one that was answered.
func expectListedAsUnanswered(t *testing.T, waiting *v1alpha1.StopRequest) {
	t.Helper()
	answered := createObject(t, builders.StopAndWait(startExecution(t)))
	expectAccepted(t, answered)
	command := findRunbook(t, "HaltlineStopRequestUnanswered")
	NewWithT(t).Eventually(func() string { return runFiltered(t, command) }, timeout, interval).Should(And(
		MatchRegexp(`(?m)^%s +%s +<none>$`, waiting.Namespace, waiting.Name), Not(MatchRegexp(`(?m)^%s +%s `, answered.Namespace, answered.Name))))
}

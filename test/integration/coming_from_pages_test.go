// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/pages"
)

// comparison is the page of a system that a reader comes from, with the one execution that its commands are about.
type comparison struct {
	*guide
	page      string
	execution *v1alpha1.PipelineExecution
}

// ourCommand is the last column of the table of commands, if it holds a command.
var ourCommand = regexp.MustCompile("(?m)^\\| .* \\| `(kubectl [^`]+)` \\|$")

// readOurCommands returns our commands of the table, in their order, which is that of a story.
func readOurCommands(page string) []string {
	var commands []string
	for _, row := range ourCommand.FindAllStringSubmatch(pages.Section(page, "Commands"), -1) {
		commands = append(commands, row[1])
	}
	return commands
}

// expect runs a command, which has to succeed and to print a text.
func (c *comparison) expect(command, text string) {
	c.t.Helper()
	c.runUntil(command, func(g Gomega, printed string, err error) {
		g.Expect(err).NotTo(HaveOccurred(), "%s\n%s", command, printed)
		g.Expect(printed).To(ContainSubstring(text), command)
	})
}

// play runs one of our commands at the moment of the story at which somebody types it.
func (c *comparison) play(command string) {
	c.t.Helper()
	g := NewWithT(c.t)
	switch verb := strings.Fields(command)[2]; verb {
	case "start":
		c.expect(command, "started, pipelineExecutionId")
		c.execution = latestExecution(c.t, c.namespace)
		waitForRunning(c.t, c.execution, "compile")
		waitForRunning(c.t, c.execution, "lint")
	case "get", "tree":
		c.expect(command, c.execution.Name)
	case "logs":
		// No node is behind the pods of these tests. The command has found the pod if that is what is missing.
		printed, err := c.try(command)
		g.Expect(err).To(HaveOccurred(), printed)
		g.Expect(printed).To(ContainSubstring("node"), command)
	case "hold":
		c.expect(command, "stage Deploy of pipeline web held: Release freeze until Monday")
		endAction(c.t, c.execution, "compile", "TAG=v1.2\n")
		finishAction(c.t, c.execution, "lint", corev1.PodSucceeded)
		waitForAction(c.t, c.execution, "approve", actionInProgress)
	case "approve":
		c.expect(command, `Action "approve" of stage "Release" is approved`)
		waitBefore(c.t, c.execution, "Deploy")
	case "release":
		c.expect(command, "1 execution waited before it: "+c.execution.Name)
		g.Expect(waitForRunning(c.t, c.execution, "roll-out").Spec.Containers[0].Env).To(ContainElement(And(HaveField("Name", "BUILD_TAG"), HaveField("Value", "v1.2"))))
	case "stop":
		c.stop(command)
	case "history":
		c.expect(command, "abandon")
	case "retry":
		c.expect(command, "It retries stage Deploy of "+c.execution.Name)
	default:
		c.t.Errorf("%s: nobody knows what has to come of %q", c.page, command)
	}
}

func (c *comparison) stop(command string) {
	c.t.Helper()
	switch {
	case strings.Contains(command, "--pipeline"):
		c.expect(command, "1 execution: 1 Accepted")
	case strings.Contains(command, "--abandon"):
		c.expect(command, "Stopped")
		waitForState(c.t, c.execution, v1alpha1.ExecutionStopped)
	default:
		c.expect(command, "Accepted")
		expectState(c.t, c.execution, v1alpha1.ExecutionStopping)
	}
}

// Our commands on the pages for those who come from elsewhere do what stands beside them, with the pipeline of the page.
func TestOurCommandsOfTheComingFromPagesWork(t *testing.T) {
	t.Parallel()
	for _, page := range []string{
		"docs/coming-from-argo-workflows.md", "docs/coming-from-codepipeline.md", "docs/coming-from-github-actions.md", "docs/coming-from-tekton.md",
	} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			c := &comparison{guide: openGuide(t, createNamespace(t), page), page: page}
			first := c.takeBlock()
			c.run("kubectl apply -f -")
			commands := readOurCommands(readFile(t, page))
			NewWithT(t).Expect(len(commands)).To(BeNumerically(">=", 12), "the table of commands was not found")
			for _, command := range commands {
				c.play(command)
			}
			for line := range strings.Lines(first) {
				NewWithT(t).Expect(commands).To(ContainElement(strings.TrimSpace(line)), "the page begins with a command that its table has not")
			}
			if page == "docs/coming-from-github-actions.md" {
				c.startFromWorkflow()
			}
			c.finish()
		})
	}
}

// startFromWorkflow runs the command of a workflow, with less patience: its exit code tells that the execution goes on.
func (c *comparison) startFromWorkflow() {
	c.t.Helper()
	g := NewWithT(c.t)
	command := c.takeBlock()
	g.Expect(command).To(ContainSubstring("--timeout 30m"))
	printed, err := c.try(strings.Replace(command, "30m", "2s", 1))
	var exit *exec.ExitError
	g.Expect(errors.As(err, &exit)).To(BeTrue(), printed)
	g.Expect(exit.ExitCode()).To(Equal(7), printed)
}

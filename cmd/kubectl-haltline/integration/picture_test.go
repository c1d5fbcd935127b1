// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"context"
	"html"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/test/apiserver"
)

var (
	lineOfPicture = regexp.MustCompile(`<text [^>]*>(.*)</text>`)
	tag           = regexp.MustCompile(`<[^>]+>`)
)

// readPicture returns the commands in the picture of the README, and what it shows that they print.
func readPicture(t *testing.T) []step {
	t.Helper()
	var steps []step
	for _, match := range lineOfPicture.FindAllStringSubmatch(readPage(t, "docs/images/session.svg"), -1) {
		line := html.UnescapeString(tag.ReplaceAllString(match[1], ""))
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			steps = append(steps, step{command: command, shown: true})
		} else if last := len(steps) - 1; last >= 0 && line != "^C" {
			steps[last].output = strings.TrimSpace(steps[last].output + "\n" + line)
		}
	}
	return steps
}

// The picture shows what the commands print today. If not, make picture draws it anew.
func TestThePictureOfTheREADME(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	steps := readPicture(t)
	w := openWalk(t, steps)
	printed, code := w.shell("kubectl apply -k config/samples")
	g.Expect(code).To(BeZero(), printed)
	w.goOn("kubectl haltline start")
	// "execution NAME started"
	started := strings.Fields(w.names.Replace(steps[0].output))[1]
	for _, action := range []string{"compile", "test"} {
		w.shop.waitForAction(started, action)
	}
	w.goOn("kubectl haltline tree")
	watched := w.steps[0]
	w.steps = w.steps[1:]
	g.Expect(watched.command).To(Equal("kubectl get stoprequests --watch"))
	printed = w.watchStop("compile", "test")
	g.Expect(slices.Compact(w.mask(printed))).To(Equal(slices.Compact(w.mask(watched.output))), "make picture")
	w.goOn("kubectl haltline get")
	w.finishWalk()
}

// watchStop watches the StopRequests until one reads Stopped, and returns what was printed. The actions end after the watch has shown that the
// execution is stopping, so that it shows both.
func (w *walk) watchStop(actions ...string) string {
	w.t.Helper()
	g := NewWithT(w.t)
	ctx, cancel := context.WithTimeout(w.t.Context(), timeout)
	defer cancel()
	//nolint:gosec // The program is kubectl, and the path the tests' own.
	cmd := exec.CommandContext(ctx, apiserver.Binary("kubectl"), "get", "stoprequests", "--watch", "--kubeconfig", w.kubeconfig)
	stdout, err := cmd.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(cmd.Start()).To(Succeed())
	printed := ""
	for lines := bufio.NewScanner(stdout); !strings.Contains(printed, "Stopped ") && lines.Scan(); {
		printed += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "Stopping ") {
			ends.set(w.shop.namespace, corev1.PodSucceeded, actions...)
		}
	}
	cancel()
	_ = cmd.Wait() // It was ended.
	return printed
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// The commands that read work on a real API server: what they select by, and what they ask about the user.
func TestReading(t *testing.T) {
	t.Parallel()
	s := newShop(t, buildAndDeploy("web"), builders.Pipeline("", "release",
		builders.Stage("Release", builders.Approval("approve", 1, v1alpha1.Approval{Message: "Is staging good?", ForbidStarter: true}))))
	web, release := s.start("web"), s.start("release")
	s.waitForAction(web.Name, "compile")
	s.waitForAction(release.Name, "approve")
	s.expect(0, []string{web.Name, "Build/compile", release.Name, "Release/approve (approval)"}, "get")
	s.expect(0, []string{web.Name}, "get", "@latest", "--pipeline", "web")
	s.expect(0, []string{web.Name}, "get", "-l", v1alpha1.LabelPipeline+"=web")
	s.expect(0, []string{"● compile", "○ Deploy"}, "tree", string(web.UID))
	s.expect(0, []string{`It asks: "Is staging good?"`, "you may not approve it"}, "explain", release.Name)
	s.expect(0, []string{"Build/compile"}, "explain", web.Name)
	s.expect(5, []string{"has not started"}, "logs", web.Name, "Deploy/roll-out")

	s.expect(0, nil, "stop", web.Name, "--reason", "the release is on hold")
	s.expect(0, []string{"is stopping", "the release is on hold", "stop " + web.Name + " --abandon"}, "explain", web.Name)
	ends.set(s.namespace, corev1.PodSucceeded, "compile")
	s.expect(6, []string{"Build/compile: Succeeded", web.Name + ": Stopped"}, "watch", web.Name)
	s.expect(0, []string{web.Name, "Stopped", "wait: the release is on hold"}, "history", "web", "--since", "1h", "--stopped")
	s.expect(0, []string{"retry " + web.Name}, "explain", web.Name)
}

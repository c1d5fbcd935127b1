// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/sample"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/test/pages"
)

// reading is a section of docs/plugin.md about a command that reads, with the cluster that it shows.
type reading struct {
	heading string
	objects []client.Object
	// now is how long after the start of the executions the commands are run.
	now time.Duration
}

// begunAs returns an execution of the pipeline web of that name that compiles and tests.
func begunAs(name string) *sample.Run {
	return sample.New(name, sample.Web()).At(time.Second).Step(nil).At(2*time.Second).Runs("Build/compile", "Build/test")
}

// pulling is an execution whose action cannot pull its image.
func pulling() *v1alpha1.PipelineExecution {
	return begunAs("web-9xw5d").At(20*time.Second).IsKept("Build/compile", "ImagePullBackOff",
		`Container "main" of pod "web-9xw5d-kz7qd", of image "registry.example.com/compiler:v9", cannot start: ImagePullBackOff.`).Execution
}

// failedOnPage is an execution whose action has failed.
func failedOnPage() *v1alpha1.PipelineExecution {
	r := begunAs("web-mfnzh").At(40 * time.Second).Succeeds("Build/compile").At(time.Minute)
	return r.Observe("Build/test", plan.Observation{
		Phase: plan.PhaseFailed, Reason: "BackoffLimitExceeded", Message: `Pod "web-mfnzh-x7k2p" failed: container "main" ended with exit code 1.`,
	}).Execution
}

// stoppingOnPage is an execution that stops and waits.
func stoppingOnPage() *v1alpha1.PipelineExecution {
	return begunAs("web-7k2lp").At(30*time.Second).Succeeds("Build/compile").At(time.Minute).Stop("hold-the-release", sample.EscalateAfter(600)).Execution
}

// stoppedOnPage is an execution that was stopped.
func stoppedOnPage() *v1alpha1.PipelineExecution {
	return begunAs("web-7k2lp").At(time.Minute).Stop("hold-the-release", nil).At(90*time.Second).Succeeds("Build/compile", "Build/test").Execution
}

// succeededOnPage is an execution that succeeded.
func succeededOnPage() *v1alpha1.PipelineExecution {
	return begunAs("web-tq2hv").At(20*time.Second).Succeeds("Build/compile", "Build/test").Runs("Build/package").At(40 * time.Second).
		Succeeds("Build/package").Runs("Deploy/roll-out").At(70 * time.Second).Succeeds("Deploy/roll-out").Execution
}

// asking is an execution that waits for approval.
func asking() *v1alpha1.PipelineExecution {
	return sample.New("release-6dwbt", sample.Release(true)).At(time.Second).Step(nil).Execution
}

// readings are the sections whose commands print and end.
func readings() []reading {
	failed := failedOnPage()
	test := failed.Status.Stages[0].Actions[1]
	pod := podOf(failed, test.Workload.UID, "web-mfnzh-x7k2p", corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}})
	return []reading{
		{"List", []client.Object{pulling(), asking(), succeededOnPage()}, 2 * time.Minute},
		{"Tree", []client.Object{stoppingOnPage()}, 2 * time.Minute},
		{"Logs", []client.Object{failed, pod}, 2 * time.Minute},
		{"History", []client.Object{stoppedOnPage(), failedOnPage(), succeededOnPage()}, 20 * time.Minute},
		{"Explain", []client.Object{pulling(), asking(), sample.Web(), sample.Release(true)}, 2 * time.Minute},
	}
}

// watched is the section about the picture on a terminal.
func watched() reading {
	return reading{"Watch", []client.Object{begunAs("web-7k2lp").At(30 * time.Second).Succeeds("Build/compile").Execution}, 50 * time.Second}
}

// sectionOf returns the commands of a section of the page with what they print.
func sectionOf(t *testing.T, heading string) []pages.Example {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "plugin.md"))
	if err != nil {
		t.Fatal(err)
	}
	examples := pages.Examples(pages.Section(string(page), heading))
	if len(examples) == 0 {
		t.Fatalf("the page has no section %q with commands", heading)
	}
	return examples
}

// newPageFactory returns a factory for the cluster of a section. Its namespace is the default one.
func newPageFactory(t *testing.T, r reading, out, errOut io.Writer) *cli.Factory {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	for _, o := range r.objects {
		o.SetNamespace("default")
	}
	cluster := interceptor.NewClient(newHarness(t, r.objects...).cluster, interceptor.Funcs{Create: answerGrace})
	f := cli.New(strings.NewReader(""), out, errOut, "test")
	f.Clock = clocktesting.NewFakeClock(sample.Start.Add(r.now))
	f.NewClient = func() (client.WithWatch, error) { return cluster, nil }
	f.OpenLog = func(context.Context, client.ObjectKey, *corev1.PodLogOptions) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(`2026-11-20T12:00:58Z --- FAIL: TestCheckout (0.31s)
2026-11-20T12:00:58Z     checkout_test.go:42: the total is 0
2026-11-20T12:00:59Z FAIL
`)), nil
	}
	return f
}

// answerGrace answers who asks, and what they may: it is Grace, who may do everything.
func answerGrace(_ context.Context, _ client.WithWatch, object client.Object, _ ...client.CreateOption) error {
	switch review := object.(type) {
	case *authorizationv1.SelfSubjectAccessReview:
		review.Status.Allowed = true
	case *authenticationv1.SelfSubjectReview:
		review.Status.UserInfo.Username = "grace@example.com"
	}
	return nil
}

// What the page shows of the commands that read is what they print.
func TestTheReadingSectionsOfThePage(t *testing.T) {
	for _, r := range readings() {
		t.Run(r.heading, func(t *testing.T) {
			for _, example := range sectionOf(t, r.heading) {
				args := strings.Fields(strings.TrimPrefix(example.Command, "kubectl haltline "))
				var printed bytes.Buffer
				Run(newPageFactory(t, r, &printed, &printed), args)
				if diff := cmp.Diff(example.Output, strings.TrimSpace(printed.String())); diff != "" {
					t.Errorf("%s (- is the page):\n%s\n%s", example.Command, diff, printed.String())
				}
			}
		})
	}
}

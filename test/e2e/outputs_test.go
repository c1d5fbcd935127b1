// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

func withOutputs(namespace string, names ...v1alpha1.OutputName) builders.ActionOption {
	return func(a *v1alpha1.Action, _ *batchv1.JobSpec) { a.Namespace, a.OutputVariables = namespace, names }
}

// The kubelet keeps what a container writes, and a later container and its image get it.
func TestOutputsReachLaterContainersAndImages(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns,
		builders.Stage("Build", newAction("compile", `printf 'TAG=1.35\nURL=https://x/?a=b\n' > /dev/termination-log`, withOutputs("BUILD", "TAG", "URL"))),
		builders.Stage("Deploy", newAction("roll-out", `test "$BUILD_TAG" = 1.35 && test "$BUILD_URL" = 'https://x/?a=b'`,
			builders.EditJob(func(spec *batchv1.JobSpec) { spec.Template.Spec.Containers[0].Image = "busybox:$(BUILD_TAG)" }))))
	execution := createExecution(t, ns)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	g.Expect(execution.Status.Stages[0].Actions[0].Outputs).To(Equal([]v1alpha1.Variable{{Name: "TAG", Value: "1.35"}, {Name: "URL", Value: "https://x/?a=b"}}))
}

// The kubelet cuts 5 KiB to 4, and what it makes of bytes that are no UTF-8 is refused as well.
func TestOutputsThatKubernetesCutOrChanged(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"5KiB":  `{ echo TAG=v1; head -c 5120 /dev/zero | tr '\0' a; } > /dev/termination-log`,
		"bytes": `printf 'TAG=a\377b\n' > /dev/termination-log`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			ns := createNamespace(t)
			createPipeline(t, ns, builders.Stage("Build", newAction("compile", script, withOutputs("BUILD", "TAG"))))
			execution := createExecution(t, ns)
			waitForState(t, execution, v1alpha1.ExecutionFailed)
			g.Expect(execution.Status.Stages[0].Actions[0].Reason).To(Equal(v1alpha1.ReasonOutputInvalid))
		})
	}
}

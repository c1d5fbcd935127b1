// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// What does not run says why while nobody stops it, on a real node.
func TestWhatDoesNotRunSaysWhy(t *testing.T) {
	t.Parallel()
	pod := func(edit func(*corev1.PodSpec)) builders.ActionOption {
		return builders.EditJob(func(spec *batchv1.JobSpec) { edit(&spec.Template.Spec) })
	}
	addContainer := func(name, script string) builders.ActionOption {
		return pod(func(p *corev1.PodSpec) {
			c := *p.Containers[0].DeepCopy()
			c.Name, c.Command = name, []string{"sh", "-c", script}
			p.Containers = append(p.Containers, c)
		})
	}
	addInitContainer := func(sidecar bool) builders.ActionOption {
		return pod(func(p *corev1.PodSpec) {
			c := *p.Containers[0].DeepCopy()
			c.Name, c.Command = "first", []string{"sh", "-c", "sleep 3600"}
			if sidecar {
				c.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
				c.StartupProbe = &corev1.Probe{
					ProbeHandler:     corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"false"}}},
					FailureThreshold: 1000,
				}
			}
			p.InitContainers = append(p.InitContainers, c)
		})
	}
	mountSecret := pod(func(p *corev1.PodSpec) {
		p.Volumes = append(p.Volumes, corev1.Volume{Name: "s", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "missing"}}})
		p.Containers[0].VolumeMounts = append(p.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "s", MountPath: "/s"})
	})
	tests := map[string]struct {
		script, reason, message string
		option                  builders.ActionOption
	}{
		"a Secret that is missing":       {scriptSucceeds, "FailedMount", `secret "missing" not found`, mountSecret},
		"a service account":              {scriptSucceeds, "NoPod", `serviceaccount "missing" not found`, pod(func(p *corev1.PodSpec) { p.ServiceAccountName = "missing" })},
		"an image that is mistyped":      {scriptSucceeds, "ImagePullBackOff", `"main"`, pod(func(p *corev1.PodSpec) { p.Containers[0].Image = "127.0.0.1:1/none:none" })},
		"an init container that hangs":   {scriptSucceeds, "InitContainerRunning", `"first"`, addInitContainer(false)},
		"a sidecar that never starts":    {scriptSucceeds, "SidecarNotStarted", `"first"`, addInitContainer(true)},
		"a proxy that runs on":           {scriptSucceeds, "ContainerRunsOn", `"proxy"`, addContainer("proxy", "sleep 3600")},
		"a container that crashes":       {"exit 3", "CrashLoopBackOff", "exit code 3", pod(func(p *corev1.PodSpec) { p.RestartPolicy = corev1.RestartPolicyOnFailure })},
		"a Job between two of its tries": {"exit 4", "Retrying", "exit code 4", builders.EditJob(func(spec *batchv1.JobSpec) { spec.BackoffLimit = ptr.To[int32](6) })},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			ns := createNamespace(t)
			createPipeline(t, ns, builders.Stage("Build", newAction("compile", tt.script, tt.option, builders.GraceSeconds(1), builders.EditJob(func(spec *batchv1.JobSpec) {
				if tt.reason == "CrashLoopBackOff" {
					spec.BackoffLimit = ptr.To[int32](100)
				}
			}))))
			execution := createExecution(t, ns)
			g.Eventually(func() string {
				for _, s := range refreshObject(t, execution).Status.Stages {
					if s.Actions[0].Reason == tt.reason {
						return s.Actions[0].Message
					}
				}
				return ""
			}, timeout, interval).Should(ContainSubstring(tt.message))
			ready := meta.FindStatusCondition(execution.Status.Conditions, v1alpha1.ConditionReady)
			g.Expect(ready.Message).To(And(ContainSubstring(tt.reason), ContainSubstring(tt.message)))
			events := &eventsv1.EventList{}
			g.Eventually(func() []eventsv1.Event {
				g.Expect(k8s.List(t.Context(), events, client.InNamespace(ns))).To(Succeed())
				return events.Items
			}, timeout, interval).Should(ContainElement(And(HaveField("Reason", "ActionWaiting"), HaveField("Note", ContainSubstring(tt.reason)))))
			sr := createObject(t, builders.StopAndAbandon(execution))
			expectAccepted(t, sr)
			waitForDone(t, sr)
		})
	}
}

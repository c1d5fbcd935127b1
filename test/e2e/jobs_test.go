// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/kueue"
)

// Scripts of Jobs with several pods, and of pods that are tried again. Each ends with exit code 143 as soon as it gets SIGTERM.
const (
	// atSIGTERM is what each of them begins with.
	atSIGTERM = `trap 'echo "$HALTLINE_ACTION was told to end"; exit 143' TERM; echo "$HALTLINE_ACTION starts"; `
	// scriptWorks needs long enough for a stop to come first.
	scriptWorks = atSIGTERM + `sleep 10 & wait $!; echo "$HALTLINE_ACTION is done"`
	// scriptExits42 fails with an exit code for a podFailurePolicy, also when it gets SIGTERM.
	scriptExits42 = `trap 'echo "$HALTLINE_ACTION was told to end"; exit 42' TERM; echo "$HALTLINE_ACTION starts"; sleep 10 & wait $!; exit 42`
	// scriptFailsAtIndex0 has the pod of index 0 fail, and the others succeed.
	scriptFailsAtIndex0 = atSIGTERM + `sleep 10 & wait $!; test "$JOB_COMPLETION_INDEX" != 0`
	// scriptEndsAtIndex0 has the pod of index 0 succeed, and the others run on.
	scriptEndsAtIndex0 = atSIGTERM + `test "$JOB_COMPLETION_INDEX" != 0 || { sleep 10 & wait $!; exit 0; }; sleep 3600 & wait $!`
	// scriptCleansUpFor4 needs four seconds after SIGTERM.
	scriptCleansUpFor4 = `trap 'echo "$HALTLINE_ACTION was told to end"; sleep 4; exit 143' TERM
		echo "$HALTLINE_ACTION starts"; sleep 12 & wait $!`
)

// jobFeature is something that a Job brings, and what becomes of it under a stop that waits.
type jobFeature struct {
	script  string
	options []builders.ActionOption
	// disturb happens between the start of the first pod and the stop, if there is something.
	disturb func(*testing.T, *v1alpha1.PipelineExecution)
	// state is that of the action after a stop that waits; condition and reason are how its Job ended.
	state     v1alpha1.ActionState
	condition batchv1.JobConditionType
	reason    string
	// inspectWaited checks the Job and its pods after that stop, inspectAbandoned after one that abandons.
	inspectWaited, inspectAbandoned func(Gomega, *batchv1.Job, []corev1.Pod)
}

func indexed(completions, parallelism int32) builders.ActionOption {
	return builders.EditJob(func(spec *batchv1.JobSpec) {
		spec.CompletionMode, spec.Completions, spec.Parallelism = ptr.To(batchv1.IndexedCompletion), &completions, &parallelism
	})
}

func editPod(edit func(*corev1.PodSpec)) builders.ActionOption {
	return builders.EditJob(func(spec *batchv1.JobSpec) { edit(&spec.Template.Spec) })
}

// addInitContainer adds a copy of the main container that runs another script before it, or beside it if it is a sidecar.
func addInitContainer(name, script string, policy *corev1.ContainerRestartPolicy) builders.ActionOption {
	return editPod(func(p *corev1.PodSpec) {
		c := *p.Containers[0].DeepCopy()
		c.Name, c.Command, c.RestartPolicy = name, []string{"sh", "-c", script}, policy
		p.InitContainers = append(p.InitContainers, c)
	})
}

// mountEverywhere mounts a volume into each container.
func mountEverywhere(name, path string, source corev1.VolumeSource) builders.ActionOption {
	return editPod(func(p *corev1.PodSpec) {
		p.Volumes = append(p.Volumes, corev1.Volume{Name: name, VolumeSource: source})
		for _, containers := range [][]corev1.Container{p.InitContainers, p.Containers} {
			for i := range containers {
				containers[i].VolumeMounts = append(containers[i].VolumeMounts, corev1.VolumeMount{Name: name, MountPath: path})
			}
		}
	})
}

// deleteThePod has somebody else delete the only pod of an action, as a drain of its node does.
func deleteThePod(t *testing.T, execution *v1alpha1.PipelineExecution) {
	t.Helper()
	pods := listPods(t, execution)
	NewWithT(t).Expect(pods).To(HaveLen(1))
	NewWithT(t).Expect(k8s.Delete(t.Context(), &pods[0])).To(Succeed())
}

var jobFeatures = map[string]jobFeature{
	"backoffLimit": {
		script: atSIGTERM + `sleep 10 & wait $!; exit 1`,
		options: []builders.ActionOption{builders.EditJob(func(spec *batchv1.JobSpec) {
			spec.BackoffLimit = ptr.To[int32](1)
		})},
		state: v1alpha1.ActionFailed, condition: batchv1.JobFailed, reason: batchv1.JobReasonBackoffLimitExceeded,
		inspectWaited: func(g Gomega, job *batchv1.Job, _ []corev1.Pod) {
			g.Expect(job.Status.Failed).To(BeEquivalentTo(2), "the retry is waited for")
		},
	},
	"podFailurePolicy": {
		script: scriptExits42,
		options: []builders.ActionOption{builders.EditJob(func(spec *batchv1.JobSpec) {
			spec.BackoffLimit = ptr.To[int32](6)
			spec.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
				Action:      batchv1.PodFailurePolicyActionFailJob,
				OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{Operator: batchv1.PodFailurePolicyOnExitCodesOpIn, Values: []int32{42}},
			}}}
		})},
		state: v1alpha1.ActionFailed, condition: batchv1.JobFailed, reason: batchv1.JobReasonPodFailurePolicy,
		inspectWaited: func(g Gomega, job *batchv1.Job, _ []corev1.Pod) {
			g.Expect(job.Status.Failed).To(BeEquivalentTo(1), "there is no retry")
		},
	},
	"backoffLimitPerIndex": {
		script: scriptFailsAtIndex0,
		options: []builders.ActionOption{indexed(2, 2), builders.EditJob(func(spec *batchv1.JobSpec) {
			spec.BackoffLimit, spec.BackoffLimitPerIndex = nil, ptr.To[int32](0)
		})},
		state: v1alpha1.ActionFailed, condition: batchv1.JobFailed, reason: batchv1.JobReasonFailedIndexes,
		inspectWaited: func(g Gomega, job *batchv1.Job, _ []corev1.Pod) {
			g.Expect(job.Status.FailedIndexes).To(HaveValue(Equal("0")))
			g.Expect(job.Status.CompletedIndexes).To(Equal("1"))
		},
	},
	"successPolicy": {
		script: scriptEndsAtIndex0,
		options: []builders.ActionOption{indexed(2, 2), builders.EditJob(func(spec *batchv1.JobSpec) {
			spec.SuccessPolicy = &batchv1.SuccessPolicy{Rules: []batchv1.SuccessPolicyRule{{SucceededIndexes: ptr.To("0")}}}
		})},
		state: v1alpha1.ActionSucceeded, condition: batchv1.JobComplete, reason: batchv1.JobReasonSuccessPolicy,
		inspectWaited: func(g Gomega, job *batchv1.Job, _ []corev1.Pod) {
			g.Expect(job.Status.CompletedIndexes).To(Equal("0"))
			g.Expect(job.Status.Terminating).To(HaveValue(BeZero()), "index 1 has ended")
		},
	},
	"podReplacementPolicy": {
		script: scriptCleansUpFor4,
		options: []builders.ActionOption{builders.EditJob(func(spec *batchv1.JobSpec) {
			spec.BackoffLimit, spec.PodReplacementPolicy = ptr.To[int32](1), ptr.To(batchv1.Failed)
		})},
		disturb: deleteThePod,
		state:   v1alpha1.ActionSucceeded, condition: batchv1.JobComplete, reason: batchv1.JobReasonCompletionsReached,
		inspectWaited: func(g Gomega, job *batchv1.Job, pods []corev1.Pod) {
			g.Expect(job.Status.Failed).To(BeEquivalentTo(1))
			g.Expect(pods).To(HaveLen(1), "the replacement is waited for")
		},
	},
	"an Indexed Job": {
		script:  scriptWorks,
		options: []builders.ActionOption{indexed(3, 2)},
		state:   v1alpha1.ActionSucceeded, condition: batchv1.JobComplete, reason: batchv1.JobReasonCompletionsReached,
		inspectWaited: func(g Gomega, job *batchv1.Job, _ []corev1.Pod) {
			g.Expect(job.Status.CompletedIndexes).To(Equal("0-2"), "all indexes are waited for")
		},
		inspectAbandoned: func(g Gomega, job *batchv1.Job, _ []corev1.Pod) {
			g.Expect(job.Status.CompletedIndexes).To(BeEmpty(), "no index goes on")
		},
	},
	"a native sidecar": {
		script: scriptWorks,
		options: []builders.ActionOption{addInitContainer("proxy", `trap 'sleep 1; exit 0' TERM; sleep 3600 & wait $!`,
			ptr.To(corev1.ContainerRestartPolicyAlways))},
		state: v1alpha1.ActionSucceeded, condition: batchv1.JobComplete, reason: batchv1.JobReasonCompletionsReached,
		inspectWaited: func(g Gomega, _ *batchv1.Job, pods []corev1.Pod) {
			g.Expect(pods).To(HaveLen(1))
			proxy := pods[0].Status.InitContainerStatuses[0]
			g.Expect(proxy.State.Terminated).NotTo(BeNil(), "the sidecar has ended with the main container")
			g.Expect(proxy.State.Terminated.ExitCode).To(BeZero())
		},
	},
	"a service account": {
		script: `test -s /var/run/secrets/kubernetes.io/serviceaccount/token || exit 1; ` + scriptWorks,
		options: []builders.ActionOption{editPod(func(p *corev1.PodSpec) {
			p.ServiceAccountName, p.AutomountServiceAccountToken = "builder", ptr.To(true)
		})},
		state: v1alpha1.ActionSucceeded, condition: batchv1.JobComplete, reason: batchv1.JobReasonCompletionsReached,
		inspectWaited: func(g Gomega, _ *batchv1.Job, pods []corev1.Pod) {
			g.Expect(pods).To(HaveExactElements(HaveField("Spec.ServiceAccountName", "builder")))
		},
	},
	"volumes": {
		script: `test "$(cat /scratch/word /settings/word)" = "$(printf 'from init\nfrom a ConfigMap')" || exit 1; ` + scriptWorks,
		options: []builders.ActionOption{
			addInitContainer("first", `echo "from init" > /scratch/word`, nil),
			mountEverywhere("scratch", "/scratch", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}),
			mountEverywhere("settings", "/settings", corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: "settings"},
			}}),
		},
		state: v1alpha1.ActionSucceeded, condition: batchv1.JobComplete, reason: batchv1.JobReasonCompletionsReached,
		inspectWaited: func(g Gomega, _ *batchv1.Job, pods []corev1.Pod) {
			g.Expect(pods).To(HaveExactElements(HaveField("Status.Phase", corev1.PodSucceeded)))
		},
	},
}

// What docs/jobs.md describes of each thing that a Job brings, under a stop that waits and under one that abandons.
func TestWhatAJobBringsUnderAStop(t *testing.T) {
	t.Parallel()
	for name, feature := range jobFeatures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := createNamespace(t)
			createObject(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "builder"}})
			createObject(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "settings"}, Data: map[string]string{"word": "from a ConfigMap"}})
			createPipeline(t, ns, builders.Stage("Build", newAction("compile", feature.script, feature.options...)),
				builders.Stage("Deploy", newAction("roll-out", scriptSucceeds)))
			waiting, abandoned := createExecution(t, ns), createExecution(t, ns)
			for _, execution := range []*v1alpha1.PipelineExecution{waiting, abandoned} {
				followLog(t, execution, "compile")
				if feature.disturb != nil {
					feature.disturb(t, execution)
				}
			}
			wait, abandon := createObject(t, builders.StopAndWait(waiting)), createObject(t, builders.StopAndAbandon(abandoned))
			expectAccepted(t, wait)
			expectAccepted(t, abandon)
			waitForStopped(t, abandoned)
			feature.expectAbandoned(t, abandoned)
			waitForStopped(t, waiting)
			feature.expectWaited(t, waiting)
			for _, sr := range []*v1alpha1.StopRequest{wait, abandon} {
				waitForDone(t, sr)
			}
			for _, execution := range []*v1alpha1.PipelineExecution{waiting, abandoned} {
				expectNothingStartedLater(t, execution)
			}
		})
	}
}

// expectWaited checks that the Job ended by itself, as it would have without the stop.
func (f jobFeature) expectWaited(t *testing.T, execution *v1alpha1.PipelineExecution) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(actionStates(execution)).To(Equal(map[string]v1alpha1.ActionState{"compile": f.state, "roll-out": v1alpha1.ActionNotStarted}))
	job := refreshObject(t, jobOf(t, execution))
	g.Expect(job.Status.Conditions).To(ContainElement(And(
		HaveField("Type", f.condition), HaveField("Status", corev1.ConditionTrue), HaveField("Reason", f.reason))), marshalJSON(job.Status))
	g.Expect(job.Spec.Suspend).To(Or(BeNil(), HaveValue(BeFalse())))
	pods := listPods(t, execution)
	f.inspectWaited(g, job, pods)
}

// expectAbandoned checks that the Job was ended by the stop, and that none of its pods runs or comes back.
func (f jobFeature) expectAbandoned(t *testing.T, execution *v1alpha1.PipelineExecution) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(actionStates(execution)).To(Equal(map[string]v1alpha1.ActionState{"compile": v1alpha1.ActionAbandoned, "roll-out": v1alpha1.ActionNotStarted}))
	job := refreshObject(t, jobOf(t, execution))
	g.Expect(job.Spec.Suspend).To(HaveValue(BeTrue()))
	g.Expect(job.Spec.Parallelism).To(HaveValue(BeZero()))
	g.Expect(job.Status.Active).To(BeZero())
	g.Expect(job.Status.Succeeded).To(BeZero())
	pods := listPods(t, execution)
	if f.inspectAbandoned != nil {
		f.inspectAbandoned(g, job, pods)
	}
}

// expectNothingStartedLater checks that no pod of an execution was created after it had stopped, and that no further action ever had a Job.
func expectNothingStartedLater(t *testing.T, execution *v1alpha1.PipelineExecution) {
	t.Helper()
	g := NewWithT(t)
	stopped := refreshObject(t, execution).Status.CompletionTime
	late := slices.DeleteFunc(listPods(t, execution), func(p corev1.Pod) bool { return !p.CreationTimestamp.After(stopped.Time) })
	g.Expect(late).To(BeEmpty())
	g.Expect(listRunningActions(t, execution)).To(BeEmpty())
	g.Expect(listStartedActions(t, execution)).To(Equal([]string{"compile"}))
}

// A Job in a queue that has never run does not start after a stop, whatever the queue does then; one that the queue admitted is an action
// in progress like any other.
func TestAQueuedJobUnderAStop(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	queue := kueue.Queue{Client: clientOf(t, kueue.User)}
	ns := createNamespace(t)
	createPipeline(t, ns, builders.Stage("Build", kueue.Action("compile", builders.Script(scriptWorks))), builders.Stage("Deploy", newAction("roll-out", scriptSucceeds)))
	waiting, abandoned, admitted := createExecution(t, ns), createExecution(t, ns), createExecution(t, ns)
	for _, execution := range []*v1alpha1.PipelineExecution{waiting, abandoned, admitted} {
		g.Eventually(func() []batchv1.JobCondition { return listJobConditions(t, execution) }, timeout, interval).
			Should(ContainElement(HaveField("Type", batchv1.JobSuspended)))
	}
	admit := func(execution *v1alpha1.PipelineExecution) error {
		return queue.Admit(t.Context(), refreshObject(t, jobOf(t, execution)), `{"kubernetes.io/os":"linux"}`)
	}
	g.Expect(admit(admitted)).To(Succeed())
	followLog(t, admitted, "compile")

	for _, sr := range []*v1alpha1.StopRequest{builders.StopAndWait(admitted), builders.StopAndWait(waiting), builders.StopAndAbandon(abandoned)} {
		expectAccepted(t, createObject(t, sr))
	}
	for _, execution := range []*v1alpha1.PipelineExecution{waiting, abandoned, admitted} {
		waitForStopped(t, execution)
	}
	for execution, want := range map[*v1alpha1.PipelineExecution]v1alpha1.ActionState{
		waiting: v1alpha1.ActionNotStarted, abandoned: v1alpha1.ActionAbandoned, admitted: v1alpha1.ActionSucceeded,
	} {
		g.Expect(actionStates(execution)).To(Equal(map[string]v1alpha1.ActionState{"compile": want, "roll-out": v1alpha1.ActionNotStarted}))
		expectNothingStartedLater(t, execution)
	}
	g.Expect(listPods(t, admitted)).To(HaveExactElements(HaveField("Status.Phase", corev1.PodSucceeded)))
	g.Expect(readLogs(t, admitted)).To(Equal([]string{"compile starts", "compile is done"}))

	// Its turn comes, and nothing runs.
	jobs := &batchv1.JobList{}
	g.Expect(k8s.List(t.Context(), jobs, client.InNamespace(ns))).To(Succeed())
	tried := 0
	for i := range jobs.Items {
		if uid := jobs.Items[i].Labels[v1alpha1.LabelExecutionID]; uid != string(admitted.UID) {
			g.Expect(queue.Admit(t.Context(), &jobs.Items[i], `{"kubernetes.io/os":"linux"}`)).NotTo(Succeed())
			tried++
		}
	}
	g.Expect(tried).To(Equal(2))
	g.Expect(listPods(t, waiting)).To(BeEmpty())
	g.Expect(listPods(t, abandoned)).To(BeEmpty())
}

// listJobConditions returns the conditions of the Jobs of an execution.
func listJobConditions(t *testing.T, execution *v1alpha1.PipelineExecution) []batchv1.JobCondition {
	t.Helper()
	list := &batchv1.JobList{}
	NewWithT(t).Expect(k8s.List(t.Context(), list, client.InNamespace(execution.Namespace),
		client.MatchingLabels{v1alpha1.LabelExecutionID: string(execution.UID)})).To(Succeed())
	var conditions []batchv1.JobCondition
	for i := range list.Items {
		conditions = append(conditions, list.Items[i].Status.Conditions...)
	}
	return conditions
}

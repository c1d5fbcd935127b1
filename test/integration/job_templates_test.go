// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// badTemplate is a Job template that can never become a Job.
type badTemplate struct {
	name string
	job  func(*v1alpha1.JobTemplate)
	// mentions are parts of the message: the field, and what is wrong with it.
	mentions []string
	// isLate is true if only the API server can tell, when the Job is created.
	isLate bool
}

// badTemplates are tried one by one.
var badTemplates = []badTemplate{
	{name: "an unknown field", job: editJobJSON(func(s map[string]any) { s["backOffLimit"] = 1 }),
		mentions: []string{"job.spec", `unknown field "backOffLimit"`}},
	{name: "an unknown field of the pod", job: editJobJSON(func(s map[string]any) { setField(s, "template.spec.contaners", []any{}) }),
		mentions: []string{"job.spec", `unknown field "template.spec.contaners"`}},
	{name: "a wrong type", job: editJobJSON(func(s map[string]any) { s["backoffLimit"] = "three" }),
		mentions: []string{"job.spec", "backoffLimit"}},
	{name: "a wrong type of the pod", job: editJobJSON(func(s map[string]any) { setField(s, "template.spec.containers", "main") }),
		mentions: []string{"job.spec", "containers"}},
	{name: "ttlSecondsAfterFinished", job: editJobJSON(func(s map[string]any) { s["ttlSecondsAfterFinished"] = 60 }),
		mentions: []string{"job.spec.ttlSecondsAfterFinished", "Forbidden", "remove the field"}},
	{name: "ttlSecondsAfterFinished of 0", job: editJobJSON(func(s map[string]any) { s["ttlSecondsAfterFinished"] = 0 }),
		mentions: []string{"job.spec.ttlSecondsAfterFinished", "Forbidden", "remove the field"}},
	{name: "no restartPolicy", isLate: true, job: editJobJSON(func(s map[string]any) { setField(s, "template.spec.restartPolicy", nil) }),
		mentions: []string{"job", "spec.template.spec.restartPolicy: Required value: valid values:", "OnFailure", "Never"}},
	{name: "restartPolicy Always", isLate: true, job: editJobJSON(func(s map[string]any) { setField(s, "template.spec.restartPolicy", "Always") }),
		mentions: []string{"job", "spec.template.spec.restartPolicy: Required value: valid values:", "OnFailure", "Never"}},
	{name: "no containers", isLate: true, job: editJobJSON(func(s map[string]any) { setField(s, "template.spec.containers", nil) }),
		mentions: []string{"job", "spec.template.spec.containers: Required value"}},
	{name: "an empty spec", isLate: true, job: func(template *v1alpha1.JobTemplate) { template.Spec.Raw = []byte("{}") },
		mentions: []string{"job", "spec.template.spec.containers: Required value"}},
	{name: "a label that is none", isLate: true,
		job: func(template *v1alpha1.JobTemplate) {
			template.Metadata.Labels = map[string]string{"team": "not a label"}
		},
		mentions: []string{"job", `metadata.labels: Invalid value: "not a label"`}},
	{name: "an annotation that is none", isLate: true,
		job: func(template *v1alpha1.JobTemplate) {
			template.Metadata.Annotations = map[string]string{"not an annotation": ""}
		},
		mentions: []string{"job", `metadata.annotations: Invalid value: "not an annotation"`}},
}

// editJobJSON returns an edit of the spec of a Job template, as JSON.
func editJobJSON(edit func(spec map[string]any)) func(*v1alpha1.JobTemplate) {
	return func(template *v1alpha1.JobTemplate) {
		spec := map[string]any{}
		if err := json.Unmarshal(template.Spec.Raw, &spec); err != nil {
			panic(err)
		}
		edit(spec)
		raw, err := json.Marshal(spec)
		if err != nil {
			panic(err)
		}
		template.Spec = runtime.RawExtension{Raw: raw}
	}
}

// The operator checks Pipelines that the policy on Job templates has not seen, too.
func TestBadJobTemplatesAreRefused(t *testing.T) {
	t.Parallel()
	ns := createUncheckedNamespace(t)
	for _, c := range badTemplates {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			bad := builders.Action("roll-out")
			c.job(bad.Job)
			pipeline := builders.Pipeline(ns, "", builders.Stage("Build", builders.Action("compile")), builders.Stage("Deploy", bad))
			pipeline.GenerateName = "web-"
			createObject(t, pipeline)

			message := expectNotReady(t, pipeline, v1alpha1.ReasonInvalidJobTemplate, append(c.mentions, `spec.stages["Deploy"].actions["roll-out"].job`)...)
			g.Expect(message).NotTo(ContainSubstring(`"compile"`))
			g.Expect(isConditionTrue(pipeline, v1alpha1.ConditionStalled)).To(BeTrue())
			execution := createExecution(t, ns, pipeline.Name)
			if c.isLate {
				expectRefusedLate(t, execution, c)
			} else {
				expectRefusedAtOnce(t, execution, c)
			}
			expectNoWrites(t, pipeline, execution)
			expectRepaired(t, pipeline)
		})
	}
}

// expectRefusedAtOnce checks that an execution fails before anything of it runs.
func expectRefusedAtOnce(t *testing.T, execution *v1alpha1.PipelineExecution, c badTemplate) {
	t.Helper()
	g := NewWithT(t)
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	expectNotReady(t, execution, v1alpha1.ReasonInvalidJobTemplate,
		append(c.mentions, `spec.stages["Deploy"].actions["roll-out"].job`, "change the Pipeline", "start another execution")...)
	g.Expect(isConditionTrue(execution, v1alpha1.ConditionStalled)).To(BeTrue())
	g.Expect(actionStates(execution)).To(Equal(states{"compile": actionNotStarted, "roll-out": actionNotStarted}))
	g.Expect(listJobs(t, execution)).To(BeEmpty())
}

// expectRefusedLate checks that an execution fails when the API server refuses the Job of an action.
func expectRefusedLate(t *testing.T, execution *v1alpha1.PipelineExecution, c badTemplate) {
	t.Helper()
	g := NewWithT(t)
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	expectNotReady(t, execution, v1alpha1.ReasonActionFailed, append(c.mentions, `"roll-out"`, `"Deploy"`)...)
	g.Expect(isConditionTrue(execution, v1alpha1.ConditionStalled)).To(BeTrue())
	g.Expect(actionStates(execution)).To(Equal(states{"compile": actionSucceeded, "roll-out": actionFailed}))
	a := findAction(execution, "roll-out")
	g.Expect(a.Reason).To(Equal(v1alpha1.ReasonJobRefused))
	g.Expect(a.Message).To(ContainSubstring("change the action's job in the Pipeline"))
	g.Expect(listJobs(t, execution)).To(HaveLen(1), "only that of the action before")
}

// expectRepaired gives the Pipeline a good template, and checks that it is ready and runs.
func expectRepaired(t *testing.T, pipeline *v1alpha1.Pipeline) {
	t.Helper()
	g := NewWithT(t)
	changePipeline(t, pipeline, func(spec *v1alpha1.PipelineSpec) {
		spec.Stages[1] = builders.Stage("Deploy", builders.Action("roll-out"))
	})
	waitForCondition(t, pipeline, v1alpha1.ConditionReady, metav1.ConditionTrue)
	g.Expect(findCondition(pipeline, v1alpha1.ConditionReady).Reason).To(Equal(v1alpha1.ReasonValid))
	g.Expect(findCondition(pipeline, v1alpha1.ConditionStalled)).To(BeNil())
	g.Expect(pipeline.Status.ObservedGeneration).To(Equal(pipeline.Generation))

	execution := createExecution(t, pipeline.Namespace, pipeline.Name)
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	finishAction(t, execution, "roll-out", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
}

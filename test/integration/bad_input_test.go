// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// says waits until the conditions of a Pipeline or an execution say that it is not ready, and why, and returns the
// message.
func says(t *testing.T, o client.Object, reason string, what ...string) string {
	t.Helper()
	var ready *metav1.Condition
	NewWithT(t).Eventually(func(g Gomega) {
		ready = meta.FindStatusCondition(conditionsOf(refresh(t, o)), v1alpha1.ConditionReady)
		g.Expect(ready).NotTo(BeNil())
		g.Expect(ready.Reason).To(Equal(reason), ready.Message)
		g.Expect(ready.Status).To(Equal(metav1.ConditionFalse))
		g.Expect(ready.ObservedGeneration).To(Equal(o.GetGeneration()))
		for _, w := range what {
			g.Expect(ready.Message).To(ContainSubstring(w))
		}
	}, patience, tick).Should(Succeed())
	return ready.Message
}

func conditionsOf(o client.Object) []metav1.Condition {
	switch o := o.(type) {
	case *v1alpha1.Pipeline:
		return o.Status.Conditions
	case *v1alpha1.PipelineExecution:
		return o.Status.Conditions
	case *v1alpha1.StopRequest:
		return o.Status.Conditions
	}
	return nil
}

// rests checks that nobody writes the objects any more.
func rests(t *testing.T, objects ...client.Object) {
	t.Helper()
	versions := func() map[string]string {
		m := map[string]string{}
		for _, o := range objects {
			m[o.GetName()] = refresh(t, o).GetResourceVersion()
		}
		return m
	}
	NewWithT(t).Consistently(versions, 2*vigil, tick).Should(Equal(versions()), "what rests is written again and again")
}

// actionOf returns an action of an execution.
func actionOf(e *v1alpha1.PipelineExecution, name string) v1alpha1.ActionStatus {
	for _, s := range e.Status.Stages {
		for _, a := range s.Actions {
			if a.Name == name {
				return a
			}
		}
	}
	return v1alpha1.ActionStatus{}
}

// accepted waits until a request is accepted.
func accepted(t *testing.T, r *v1alpha1.StopRequest) {
	t.Helper()
	NewWithT(t).Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
}

func TestBadAnExecutionOfAnUnknownPipelineWaitsAndCanBeStopped(t *testing.T) {
	t.Parallel()
	for name, abandon := range map[string]bool{"wait": false, "abandon": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			e := execution(t, namespace(t), "no-such-pipeline")
			says(t, e, v1alpha1.ReasonWaitingForPipeline, "spec.pipelineName", `"no-such-pipeline"`, "starts when there is one")
			g.Expect(e.Status.State).To(Equal(v1alpha1.ExecutionInProgress))
			rests(t, e)

			accepted(t, request(t, e, abandon))
			reaches(t, e, v1alpha1.ExecutionStopped)
			g.Expect(meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
			g.Expect(e.Status.Stages).To(BeEmpty())

			// A Pipeline that comes too late starts nothing.
			pipeline(t, e.Namespace, "no-such-pipeline", stage("Build", act("compile", 1)))
			g.Consistently(func() []batchv1.Job { return jobs(t, e) }, vigil, tick).Should(BeEmpty())
			rests(t, e)
		})
	}
}

// badTemplate is a Job template that can never become a Job.
type badTemplate struct {
	name string
	job  func(*v1alpha1.JobTemplate)
	// says is what the message says of the template, its field among it.
	says []string
	// late says that only the API server knows that the template is bad, when the Job is created.
	late bool
}

// jobWith is a Job template whose spec is a good one after an edit of its JSON.
func jobWith(edit func(spec map[string]any)) func(*v1alpha1.JobTemplate) {
	return func(j *v1alpha1.JobTemplate) {
		spec := map[string]any{}
		if err := json.Unmarshal(j.Spec.Raw, &spec); err != nil {
			panic(err)
		}
		edit(spec)
		raw, err := json.Marshal(spec)
		if err != nil {
			panic(err)
		}
		j.Spec = runtime.RawExtension{Raw: raw}
	}
}

var badTemplates = []badTemplate{
	{name: "an unknown field", job: jobWith(func(s map[string]any) { s["backOffLimit"] = 1 }),
		says: []string{"job.spec", `unknown field "backOffLimit"`}},
	{name: "an unknown field of the pod", job: jobWith(func(s map[string]any) { put(s, "template.spec.contaners", []any{}) }),
		says: []string{"job.spec", `unknown field "template.spec.contaners"`}},
	{name: "a wrong type", job: jobWith(func(s map[string]any) { s["backoffLimit"] = "three" }),
		says: []string{"job.spec", "backoffLimit"}},
	{name: "a wrong type of the pod", job: jobWith(func(s map[string]any) { put(s, "template.spec.containers", "main") }),
		says: []string{"job.spec", "containers"}},
	{name: "ttlSecondsAfterFinished", job: jobWith(func(s map[string]any) { s["ttlSecondsAfterFinished"] = 60 }),
		says: []string{"job.spec.ttlSecondsAfterFinished", "Forbidden", "remove the field"}},
	{name: "ttlSecondsAfterFinished of 0", job: jobWith(func(s map[string]any) { s["ttlSecondsAfterFinished"] = 0 }),
		says: []string{"job.spec.ttlSecondsAfterFinished", "Forbidden", "remove the field"}},
	{name: "no restartPolicy", late: true, job: jobWith(func(s map[string]any) { put(s, "template.spec.restartPolicy", nil) }),
		says: []string{"job", "spec.template.spec.restartPolicy: Required value: valid values:", "OnFailure", "Never"}},
	{name: "restartPolicy Always", late: true, job: jobWith(func(s map[string]any) { put(s, "template.spec.restartPolicy", "Always") }),
		says: []string{"job", "spec.template.spec.restartPolicy: Required value: valid values:", "OnFailure", "Never"}},
	{name: "no containers", late: true, job: jobWith(func(s map[string]any) { put(s, "template.spec.containers", nil) }),
		says: []string{"job", "spec.template.spec.containers: Required value"}},
	{name: "an empty spec", late: true, job: func(j *v1alpha1.JobTemplate) { j.Spec.Raw = []byte("{}") },
		says: []string{"job", "spec.template.spec.containers: Required value"}},
	{name: "a label that is none", late: true,
		job:  func(j *v1alpha1.JobTemplate) { j.Metadata.Labels = map[string]string{"team": "not a label"} },
		says: []string{"job", `metadata.labels: Invalid value: "not a label"`}},
	{name: "an annotation that is none", late: true,
		job:  func(j *v1alpha1.JobTemplate) { j.Metadata.Annotations = map[string]string{"not an annotation": ""} },
		says: []string{"job", `metadata.annotations: Invalid value: "not an annotation"`}},
}

func TestBadJobTemplates(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	for _, c := range badTemplates {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			bad := act("roll-out", 1)
			c.job(bad.Job)
			p := &v1alpha1.Pipeline{
				ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "web-"},
				Spec:       v1alpha1.PipelineSpec{Stages: []v1alpha1.Stage{stage("Build", act("compile", 1)), stage("Deploy", bad)}},
			}
			g.Expect(k8s.Create(t.Context(), p)).To(Succeed())

			message := says(t, p, v1alpha1.ReasonInvalidJobTemplate, append(c.says, `spec.stages["Deploy"].actions["roll-out"].job`)...)
			g.Expect(message).NotTo(ContainSubstring(`"compile"`))
			g.Expect(meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionStalled)).To(BeTrue())
			e := execution(t, ns, p.Name)
			if c.late {
				refusedLate(t, e, c)
			} else {
				refusedAtOnce(t, e, c)
			}
			rests(t, p, e)
			repaired(t, p)
		})
	}
}

// refusedAtOnce checks that an execution fails before anything of it runs.
func refusedAtOnce(t *testing.T, e *v1alpha1.PipelineExecution, c badTemplate) {
	t.Helper()
	g := NewWithT(t)
	reaches(t, e, v1alpha1.ExecutionFailed)
	says(t, e, v1alpha1.ReasonInvalidJobTemplate,
		append(c.says, `spec.stages["Deploy"].actions["roll-out"].job`, "change the Pipeline", "start another execution")...)
	g.Expect(meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.ConditionStalled)).To(BeTrue())
	g.Expect(actionStates(e)).To(Equal(states{"compile": notStarted, "roll-out": notStarted}))
	g.Expect(jobs(t, e)).To(BeEmpty())
}

// refusedLate checks that an execution fails when the API server refuses the Job of an action.
func refusedLate(t *testing.T, e *v1alpha1.PipelineExecution, c badTemplate) {
	t.Helper()
	g := NewWithT(t)
	finish(t, e, "compile", corev1.PodSucceeded)
	reaches(t, e, v1alpha1.ExecutionFailed)
	says(t, e, v1alpha1.ReasonActionFailed, append(c.says, `"roll-out"`, `"Deploy"`)...)
	g.Expect(meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.ConditionStalled)).To(BeTrue())
	g.Expect(actionStates(e)).To(Equal(states{"compile": succeeded, "roll-out": failed}))
	a := actionOf(e, "roll-out")
	g.Expect(a.Reason).To(Equal(v1alpha1.ReasonJobRefused))
	g.Expect(a.Message).To(ContainSubstring("change the action's job in the Pipeline"))
	g.Expect(jobs(t, e)).To(HaveLen(1), "only that of the action before")
}

// repaired checks that a Pipeline with a good template again is ready, and runs.
func repaired(t *testing.T, p *v1alpha1.Pipeline) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		refresh(t, p).Spec.Stages[1] = stage("Deploy", act("roll-out", 1))
		return k8s.Update(t.Context(), p)
	})).To(Succeed())
	holds(t, p, func() []metav1.Condition { return p.Status.Conditions }, v1alpha1.ConditionReady, metav1.ConditionTrue)
	g.Expect(meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady).Reason).To(Equal(v1alpha1.ReasonValid))
	g.Expect(meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionStalled)).To(BeNil())
	g.Expect(p.Status.ObservedGeneration).To(Equal(p.Generation))

	e := execution(t, p.Namespace, p.Name)
	finish(t, e, "compile", corev1.PodSucceeded)
	finish(t, e, "roll-out", corev1.PodSucceeded)
	reaches(t, e, v1alpha1.ExecutionSucceeded)
}

// foreignJobs are Jobs of others that have the name of an action's Job, however much they look like it.
var foreignJobs = map[string]func(job *batchv1.Job, e, other *v1alpha1.PipelineExecution){
	"running":   func(*batchv1.Job, *v1alpha1.PipelineExecution, *v1alpha1.PipelineExecution) {},
	"suspended": func(j *batchv1.Job, _, _ *v1alpha1.PipelineExecution) { j.Spec.Suspend = ptr.To(true) },
	// Nothing to complete is complete at once.
	"complete": func(j *batchv1.Job, _, _ *v1alpha1.PipelineExecution) {
		j.Spec.Parallelism, j.Spec.Completions = ptr.To[int32](0), ptr.To[int32](0)
	},
	"with the labels of the execution": func(j *batchv1.Job, e, _ *v1alpha1.PipelineExecution) {
		j.Labels = map[string]string{v1alpha1.LabelExecutionID: string(e.UID)}
	},
	"with the labels of a placeholder": func(j *batchv1.Job, e, _ *v1alpha1.PipelineExecution) {
		j.Labels = map[string]string{v1alpha1.LabelExecutionID: string(e.UID), v1alpha1.LabelPlaceholder: "true"}
	},
	"owned by the execution but not controlled": func(j *batchv1.Job, e, _ *v1alpha1.PipelineExecution) {
		ref := *metav1.NewControllerRef(e, v1alpha1.GroupVersion.WithKind("PipelineExecution"))
		ref.Controller = nil
		j.OwnerReferences = []metav1.OwnerReference{ref}
	},
	"of another execution": func(j *batchv1.Job, _, other *v1alpha1.PipelineExecution) {
		j.Labels = map[string]string{v1alpha1.LabelExecutionID: string(other.UID)}
		j.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(other, v1alpha1.GroupVersion.WithKind("PipelineExecution"))}
	},
}

func TestBadAForeignJobUnderTheNameOfAnActionsJob(t *testing.T) {
	t.Parallel()
	for name, edit := range foreignJobs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			ns := namespace(t)
			// The execution waits for its Pipeline, so that the foreign Job is there first.
			e, other := execution(t, ns, "web"), execution(t, ns, "no-such-pipeline")
			foreign := foreignJob(t, e, plan.ActionKey{Stage: "Build", Action: "compile"},
				func(j *batchv1.Job) { edit(j, e, other) })
			pipeline(t, ns, "web", stage("Build", act("compile", 1), act("lint", 1)), stage("Deploy", act("roll-out", 1)))

			// The sibling is none of its business.
			finish(t, e, "lint", corev1.PodSucceeded)
			reaches(t, e, v1alpha1.ExecutionFailed)
			g.Expect(actionStates(e)).To(Equal(states{"compile": failed, "lint": succeeded, "roll-out": notStarted}))
			a := actionOf(e, "compile")
			g.Expect(a.Reason).To(Equal(v1alpha1.ReasonJobNameTaken))
			g.Expect(a.Message).To(And(ContainSubstring(foreign.Name), ContainSubstring("delete or rename"),
				ContainSubstring("start another execution")))
			g.Expect(a.Workload.UID).To(BeEmpty(), "a foreign Job is not the action's")
			says(t, e, v1alpha1.ReasonActionFailed, v1alpha1.ReasonJobNameTaken, foreign.Name)
			g.Consistently(func(g Gomega) { untouched(t, g, foreign) }, vigil, tick).Should(Succeed())
			rests(t, e)
		})
	}
}

// A foreign Job does not go when the execution that failed of it goes.
func TestBadAForeignJobOutlivesTheExecution(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	e := execution(t, ns, "web")
	foreign := foreignJob(t, e, plan.ActionKey{Stage: "Build", Action: "compile"}, func(j *batchv1.Job) {
		j.Labels = map[string]string{v1alpha1.LabelExecutionID: string(e.UID)}
	})
	pipeline(t, ns, "web", stage("Build", act("compile", 1)))
	reaches(t, e, v1alpha1.ExecutionFailed)
	g.Expect(k8s.Delete(t.Context(), e)).To(Succeed())
	gone(t, e)
	g.Consistently(func(g Gomega) { untouched(t, g, foreign) }, vigil, tick).Should(Succeed())
}

// foreignJob makes a Job that is not the execution's, under the very name of an action's Job.
func foreignJob(t *testing.T, e *v1alpha1.PipelineExecution, key plan.ActionKey, edit func(*batchv1.Job)) *batchv1.Job {
	t.Helper()
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: plan.WorkloadName(e, key, 1)}}
	NewWithT(t).Expect(json.Unmarshal(jobSpec("foreign").Raw, &job.Spec)).To(Succeed())
	edit(job)
	NewWithT(t).Expect(k8s.Create(t.Context(), job)).To(Succeed())
	return job
}

// untouched checks that a Job is as it was but for what the Job controller writes, and that the operator never wrote it.
func untouched(t *testing.T, g Gomega, was *batchv1.Job) {
	now := &batchv1.Job{}
	g.Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(was), now)).To(Succeed())
	g.Expect(now.UID).To(Equal(was.UID))
	g.Expect(now.DeletionTimestamp).To(BeNil())
	g.Expect(now.Generation).To(Equal(was.Generation))
	g.Expect(now.Spec).To(Equal(was.Spec))
	g.Expect(now.Labels).To(Equal(was.Labels))
	g.Expect(now.Annotations).To(Equal(was.Annotations))
	g.Expect(now.OwnerReferences).To(Equal(was.OwnerReferences))
	for _, m := range now.ManagedFields {
		g.Expect(m.Manager).NotTo(Equal(action.FieldOwner))
	}
}

// gone waits until an object does not exist any more.
func gone(t *testing.T, o client.Object) {
	t.Helper()
	NewWithT(t).Eventually(func() bool {
		return apierrors.IsNotFound(k8s.Get(t.Context(), client.ObjectKeyFromObject(o), o))
	}, patience, tick).Should(BeTrue(), "%s is still there", o.GetName())
}

// holdGrace has the pods of an action go on when they are deleted, until endPods.
func holdGrace(s *batchv1.JobSpec) {
	s.Template.Annotations = map[string]string{annotationHoldGrace: "true"}
}

func TestBadAJobDeletedByAnotherWhileItRuns(t *testing.T) {
	t.Parallel()
	for propagation, says := range map[metav1.DeletionPropagation]string{
		metav1.DeletePropagationBackground: "its pods have to end",
		metav1.DeletePropagationOrphan:     "its pods have to end",
		metav1.DeletePropagationForeground: "is being deleted by another",
	} {
		t.Run(string(propagation), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			ns := namespace(t)
			pipeline(t, ns, "web", stage("Build", act("compile", 1, holdGrace)), stage("Deploy", act("roll-out", 1)))
			e := execution(t, ns, "web")
			running(t, e, "compile")
			job := jobs(t, e)[0]
			g.Expect(k8s.Delete(t.Context(), &job, client.PropagationPolicy(propagation))).To(Succeed())

			// While its pod runs, the action is in progress.
			g.Eventually(func() string { return actionOf(refresh(t, e), "compile").Message }, patience, tick).Should(ContainSubstring(says))
			g.Consistently(func() v1alpha1.ActionState { return actionOf(refresh(t, e), "compile").State }, vigil, tick).Should(Equal(inProgress))
			running(t, e, "compile")
			endPods(t, e, "compile")

			reaches(t, e, v1alpha1.ExecutionFailed)
			lost(t, e)
		})
	}
}

// lost checks that an execution failed because of a Job that was deleted, which is not run again.
func lost(t *testing.T, e *v1alpha1.PipelineExecution) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(actionStates(e)).To(Equal(states{"compile": failed, "roll-out": notStarted}))
	a := actionOf(e, "compile")
	g.Expect(a.Reason).To(Equal(v1alpha1.ReasonWorkloadLost))
	g.Expect(a.Message).To(And(ContainSubstring(a.Workload.Name), ContainSubstring("not run again")))
	says(t, e, v1alpha1.ReasonActionFailed, v1alpha1.ReasonWorkloadLost)
	// Only the placeholder that keeps an operator that was paused from running it again.
	g.Consistently(func() []batchv1.Job {
		return slices.DeleteFunc(jobs(t, e), func(j batchv1.Job) bool { return j.Labels[v1alpha1.LabelPlaceholder] == "true" })
	}, vigil, tick).Should(BeEmpty())
	g.Expect(jobs(t, e)).To(HaveLen(1))
	rests(t, e)
}

// The pods of a Job that is deleted end at once here.
func TestBadAJobDeletedByAnotherWithItsPods(t *testing.T) {
	t.Parallel()
	for _, propagation := range []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground} {
		t.Run(string(propagation), func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			pipeline(t, ns, "web", stage("Build", act("compile", 1)), stage("Deploy", act("roll-out", 1)))
			e := execution(t, ns, "web")
			running(t, e, "compile")
			job := jobs(t, e)[0]
			NewWithT(t).Expect(k8s.Delete(t.Context(), &job, client.PropagationPolicy(propagation))).To(Succeed())
			reaches(t, e, v1alpha1.ExecutionFailed)
			lost(t, e)
		})
	}
}

func TestBadVariables(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	p := &v1alpha1.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web"}, Spec: v1alpha1.PipelineSpec{
		Variables: []v1alpha1.VariableDeclaration{{Name: "TARGET"}, {Name: "REGION"}, {Name: "COLOR", DefaultValue: ptr.To("blue")}},
		Stages:    []v1alpha1.Stage{stage("Build", act("compile", 1))},
	}}
	NewWithT(t).Expect(k8s.Create(t.Context(), p)).To(Succeed())
	target, region := v1alpha1.Variable{Name: "TARGET", Value: "production"}, v1alpha1.Variable{Name: "REGION", Value: "north"}
	for _, c := range []struct {
		name      string
		variables []v1alpha1.Variable
		says      []string
		silent    string
	}{
		{"one missing", []v1alpha1.Variable{region}, []string{"TARGET must be set"}, "REGION"},
		{"all missing", nil, []string{"TARGET, REGION must be set"}, "COLOR"},
		{"one undeclared", []v1alpha1.Variable{target, region, {Name: "TARGTE"}}, []string{"does not declare TARGTE"}, "REGION"},
		{"another case", []v1alpha1.Variable{target, region, {Name: "Target"}}, []string{"does not declare Target"}, "REGION"},
		{"a reserved name", []v1alpha1.Variable{target, region, {Name: v1alpha1.EnvStage}}, []string{"does not declare " + v1alpha1.EnvStage}, "REGION"},
		{"missing and undeclared", []v1alpha1.Variable{region, {Name: "TARGTE"}}, []string{"TARGET must be set", "does not declare TARGTE"}, "REGION"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			e := &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "run-"},
				Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "web", Variables: c.variables}}
			g.Expect(k8s.Create(t.Context(), e)).To(Succeed())
			reaches(t, e, v1alpha1.ExecutionFailed)
			message := says(t, e, v1alpha1.ReasonInvalidVariables, append(c.says, "spec.variables", "Start another execution")...)
			g.Expect(message).NotTo(ContainSubstring(c.silent))
			g.Expect(meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.ConditionStalled)).To(BeTrue())
			g.Expect(actionStates(e)).To(Equal(states{"compile": notStarted}))
			g.Expect(jobs(t, e)).To(BeEmpty())
		})
	}
}

// blockedByQuota makes an execution that cannot start, in a namespace that has no room for Jobs.
func blockedByQuota(t *testing.T) (*v1alpha1.PipelineExecution, *corev1.ResourceQuota) {
	t.Helper()
	g := NewWithT(t)
	ns := namespace(t)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "no-jobs"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/jobs.batch": resource.MustParse("0")}}}
	g.Expect(k8s.Create(t.Context(), quota)).To(Succeed())
	// Before its status is known the quota refuses with another message.
	g.Eventually(func() corev1.ResourceList { return refresh(t, quota).Status.Used }, patience, tick).Should(HaveLen(1))

	p := pipeline(t, ns, "web", stage("Build", act("compile", 1)), stage("Deploy", act("roll-out", 1)))
	holds(t, p, func() []metav1.Condition { return p.Status.Conditions }, v1alpha1.ConditionReady, metav1.ConditionTrue)
	e := execution(t, ns, "web")
	says(t, e, v1alpha1.ReasonStartBlocked, `"compile"`, `"Build"`, "exceeded quota: no-jobs", "count/jobs.batch")
	g.Expect(e.Status.State).To(Equal(v1alpha1.ExecutionInProgress))
	return e, quota
}

func raise(t *testing.T, quota *corev1.ResourceQuota) {
	t.Helper()
	NewWithT(t).Expect(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		refresh(t, quota).Spec.Hard = corev1.ResourceList{"count/jobs.batch": resource.MustParse("10")}
		return k8s.Update(t.Context(), quota)
	})).To(Succeed())
}

func TestBadAQuotaThatForbidsJobsHoldsAStartUp(t *testing.T) {
	t.Parallel()
	e, quota := blockedByQuota(t)
	// It is tried again and again, and written once.
	rests(t, e)
	raise(t, quota)
	finish(t, e, "compile", corev1.PodSucceeded)
	finish(t, e, "roll-out", corev1.PodSucceeded)
	reaches(t, e, v1alpha1.ExecutionSucceeded)
}

// What keeps an action from ever starting is a Job as well, so a stop cannot be promised while no Job can be created.
func TestBadAQuotaThatForbidsJobsHoldsAStopUp(t *testing.T) {
	t.Parallel()
	for name, abandon := range map[string]bool{"wait": false, "abandon": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			e, quota := blockedByQuota(t)
			r := request(t, e, abandon)
			says(t, e, v1alpha1.ReasonFencing, `"compile"`, "exceeded quota: no-jobs")
			g.Expect(e.Status.State).To(Equal(v1alpha1.ExecutionInProgress))
			g.Expect(e.Status.Stop.WaitingFor).To(ConsistOf(HaveField("Message", ContainSubstring("exceeded quota: no-jobs"))))
			g.Consistently(func() *metav1.Condition {
				return meta.FindStatusCondition(refresh(t, r).Status.Conditions, v1alpha1.ConditionAccepted)
			}, vigil, tick).Should(BeNil(), "the verdict says more than can be kept")
			rests(t, e)

			raise(t, quota)
			accepted(t, r)
			reaches(t, e, v1alpha1.ExecutionStopped)
			g.Expect(actionStates(e)).To(Equal(states{"compile": notStarted, "roll-out": notStarted}))
			g.Expect(e.Status.Stop.WaitingFor).To(BeEmpty())
			placeholders := jobs(t, e)
			g.Expect(placeholders).To(HaveLen(1))
			g.Expect(placeholders[0].Labels).To(HaveKeyWithValue(v1alpha1.LabelPlaceholder, "true"))
			g.Expect(*placeholders[0].Spec.Suspend).To(BeTrue())
		})
	}
}

// briefly has the namespace controller look again soon: it waits for half of the grace period of the pods.
func briefly(s *batchv1.JobSpec) {
	s.Template.Spec.TerminationGracePeriodSeconds = ptr.To[int64](1)
}

func TestBadATerminatingNamespaceEnds(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	pipeline(t, ns, "web", stage("Build", act("compile", 1, briefly)), stage("Deploy", act("roll-out", 1)))
	pipeline(t, ns, "slow", stage("Build", act("test", 1, briefly, holdGrace)))
	inProgress, waiting, stopping := execution(t, ns, "web"), execution(t, ns, "unknown"), execution(t, ns, "slow")
	running(t, inProgress, "compile")
	running(t, stopping, "test")
	says(t, waiting, v1alpha1.ReasonWaitingForPipeline)
	accepted(t, request(t, stopping, true))
	reaches(t, stopping, v1alpha1.ExecutionStopping)
	rejected := stopRequest(ns, "web", unknownID, false)
	g.Expect(k8s.Create(t.Context(), rejected)).To(Succeed())
	g.Expect(verdict(t, rejected)).To(Equal(v1alpha1.ReasonNotStoppable))

	namespaceObject := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}
	g.Expect(k8s.Delete(t.Context(), namespaceObject)).To(Succeed())
	// Kubernetes ends the pods of a namespace before anything else, so the operator sees the rest as it was.
	g.Eventually(func() ([]corev1.Pod, error) { return podsOf(t.Context(), inProgress, "compile") }, patience, tick).Should(BeEmpty())
	endPods(t, stopping, "test")
	gone(t, namespaceObject)
}

// In a namespace that ends nobody can create a Job any more, so nothing has to keep one from being created.
func TestBadAStopThatAQuotaHeldUpIsAcceptedInATerminatingNamespace(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e, _ := blockedByQuota(t)
	r := request(t, e, true)
	says(t, e, v1alpha1.ReasonFencing)
	// The namespace ends after its pods.
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: "other", Annotations: map[string]string{annotationHoldGrace: "true"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example"}}, TerminationGracePeriodSeconds: ptr.To[int64](1)}}
	g.Expect(k8s.Create(t.Context(), pod)).To(Succeed())
	g.Eventually(func() corev1.PodPhase { return refresh(t, pod).Status.Phase }, patience, tick).Should(Equal(corev1.PodRunning))

	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: e.Namespace}}
	g.Expect(k8s.Delete(t.Context(), ns)).To(Succeed())
	accepted(t, r)
	reaches(t, e, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(e)).To(Equal(states{"compile": notStarted, "roll-out": notStarted}))
	g.Expect(k8s.Delete(t.Context(), pod, client.GracePeriodSeconds(0))).To(Succeed())
	gone(t, ns)
}

func TestBadTwoPipelinesOfOneName(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	// Not the name of the object decides, but its age, which is told in seconds.
	older := named(t, ns, "z-older", "web", stage("Build", act("old", 1)))
	g.Eventually(time.Now, patience, tick).Should(BeTemporally(">", older.CreationTimestamp.Add(time.Second)))
	younger := named(t, ns, "a-younger", "web", stage("Build", act("new", 1)))

	says(t, younger, v1alpha1.ReasonPipelineNameTaken, "spec.pipelineName", `"z-older"`, `"web"`, "delete one of the two")
	g.Expect(meta.IsStatusConditionTrue(younger.Status.Conditions, v1alpha1.ConditionStalled)).To(BeTrue())
	holds(t, older, func() []metav1.Condition { return older.Status.Conditions }, v1alpha1.ConditionReady, metav1.ConditionTrue)
	rests(t, younger)
	e := execution(t, ns, "web")
	finish(t, e, "old", corev1.PodSucceeded)
	reaches(t, e, v1alpha1.ExecutionSucceeded)
	g.Expect(ownersOf(e)).To(Equal([]string{"z-older"}))

	g.Expect(k8s.Delete(t.Context(), older)).To(Succeed())
	holds(t, younger, func() []metav1.Condition { return younger.Status.Conditions }, v1alpha1.ConditionReady, metav1.ConditionTrue)
	g.Expect(meta.FindStatusCondition(younger.Status.Conditions, v1alpha1.ConditionStalled)).To(BeNil())
	gone(t, e)
	e = execution(t, ns, "web")
	finish(t, e, "new", corev1.PodSucceeded)
	reaches(t, e, v1alpha1.ExecutionSucceeded)
	g.Expect(ownersOf(e)).To(Equal([]string{"a-younger"}))
}

// The name that a Pipeline has from its object can be taken too.
func TestBadAPipelineWhoseObjectNameIsTaken(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	older := named(t, ns, "a-older", "web", stage("Build", act("old", 1)))
	holds(t, older, func() []metav1.Condition { return older.Status.Conditions }, v1alpha1.ConditionReady, metav1.ConditionTrue)
	younger := pipeline(t, ns, "web", stage("Build", act("new", 1)))
	says(t, younger, v1alpha1.ReasonPipelineNameTaken, `"a-older"`, `"web"`)
	e := execution(t, ns, "web")
	running(t, e, "old")
}

// named makes a Pipeline whose pipelineName is not the name of the object.
func named(t *testing.T, ns, name, pipelineName string, stages ...v1alpha1.Stage) *v1alpha1.Pipeline {
	t.Helper()
	p := &v1alpha1.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
		Spec: v1alpha1.PipelineSpec{PipelineName: pipelineName, Stages: stages}}
	NewWithT(t).Expect(k8s.Create(t.Context(), p)).To(Succeed())
	return p
}

func ownersOf(o client.Object) []string {
	var names []string
	for _, r := range o.GetOwnerReferences() {
		names = append(names, r.Name)
	}
	return slices.Sorted(slices.Values(names))
}

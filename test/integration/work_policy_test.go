// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// clientWithRules returns a client of a user who has a small role of their own in a namespace.
func clientWithRules(t *testing.T, ns, user string, rules ...rbacv1.PolicyRule) client.Client {
	t.Helper()
	g := NewWithT(t)
	createObject(t, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: user}, Rules: rules})
	createObject(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
	})
	c, err := cluster.ClientAs(user)
	g.Expect(err).NotTo(HaveOccurred())
	return c
}

// expectForbidden checks that a policy refused what was asked, with a text.
func expectForbidden(g Gomega, err error, message string) {
	g.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	g.Expect(err).To(MatchError(ContainSubstring(message)))
}

// Whoever reads an execution knows what its Job would look like.
func TestAnEditorCannotForgeAJobOfAnExecution(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	editor := clientOfMember(t, ns, "editor", "edit")
	execution := createExecution(t, ns, "no-such-pipeline")
	owner := *metav1.NewControllerRef(execution, v1alpha1.GroupVersion.WithKind("PipelineExecution"))
	owner.BlockOwnerDeletion = nil
	for name, c := range map[string]struct {
		edit    func(*batchv1.Job)
		refused string
	}{
		"of nobody": {func(*batchv1.Job) {}, ""},
		"with labels of the user": {func(job *batchv1.Job) {
			job.Labels, job.Annotations = map[string]string{"team": "a"}, map[string]string{"haltline.dev": "a"}
		}, ""},
		"with our label": {func(job *batchv1.Job) {
			job.Labels = map[string]string{v1alpha1.LabelExecutionID: string(execution.UID)}
		}, "metadata.labels." + v1alpha1.LabelExecutionID + ": only the operator"},
		"with the label of a placeholder": {func(job *batchv1.Job) {
			job.Labels = map[string]string{v1alpha1.LabelPlaceholder: "true"}
		}, "metadata.labels." + v1alpha1.LabelPlaceholder},
		"owned by the execution": {func(job *batchv1.Job) {
			job.OwnerReferences = []metav1.OwnerReference{owner}
		}, "metadata.ownerReferences: only the operator"},
	} {
		for _, verb := range []string{"create", "update"} {
			t.Run(name+", "+verb, func(t *testing.T) {
				g := NewWithT(t)
				job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "forged-"}, Spec: *builders.JobSpec("forged")}
				var err error
				if verb == "create" {
					c.edit(job)
					err = editor.Create(t.Context(), job)
				} else {
					createObject(t, job)
					err = editJob(t.Context(), editor, job, c.edit)
				}
				if c.refused == "" {
					g.Expect(err).NotTo(HaveOccurred())
					return
				}
				expectForbidden(g, err, lastPart(c.refused, verb))
			})
		}
	}
}

// lastPart returns the message for an update, which names what to do differently from that for a creation.
func lastPart(message, verb string) string {
	if verb == "update" {
		for i := range message {
			if message[i] == ':' {
				return message[:i]
			}
		}
	}
	return message
}

// editJob reads a Job and patches what an edit changes, as `kubectl edit` does.
func editJob(ctx context.Context, c client.Client, job *batchv1.Job, edit func(*batchv1.Job)) error {
	now := &batchv1.Job{}
	if err := c.Get(ctx, client.ObjectKeyFromObject(job), now); err != nil {
		return err
	}
	before := now.DeepCopy()
	edit(now)
	return c.Patch(ctx, now, client.MergeFrom(before))
}

func TestWhatAnEditorMayChangeOnAJobOfAnExecution(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	editor := clientOfMember(t, execution.Namespace, "editor", "edit")
	job := &listJobs(t, execution)[0]
	for _, c := range []struct {
		name    string
		edit    func(*batchv1.Job)
		refused string
	}{
		{"our label removed", func(job *batchv1.Job) { delete(job.Labels, v1alpha1.LabelExecutionID) }, "metadata.labels." + v1alpha1.LabelExecutionID},
		{"our label changed", func(job *batchv1.Job) { job.Labels[v1alpha1.LabelStage] = "x" }, "metadata.labels." + v1alpha1.LabelStage},
		{"our label added", func(job *batchv1.Job) { job.Labels[v1alpha1.LabelPlaceholder] = "true" }, "metadata.labels." + v1alpha1.LabelPlaceholder},
		{"our annotation changed", func(job *batchv1.Job) { job.Annotations[v1alpha1.AnnotationStage] = "x" }, "metadata.annotations." + v1alpha1.AnnotationStage},
		{"our owner removed", func(job *batchv1.Job) { job.OwnerReferences = nil }, "metadata.ownerReferences"},
		{"a deadline of the user", func(job *batchv1.Job) { job.Spec.ActiveDeadlineSeconds = ptr.To[int64](1) }, "spec.activeDeadlineSeconds"},
		{"deleted when finished", func(job *batchv1.Job) { job.Spec.TTLSecondsAfterFinished = ptr.To[int32](0) }, "spec.ttlSecondsAfterFinished"},
		{"no pods", func(job *batchv1.Job) { job.Spec.Parallelism = ptr.To[int32](0) }, "spec.parallelism"},
		{"more tries", func(job *batchv1.Job) { job.Spec.BackoffLimit = ptr.To[int32](9) }, "spec.backoffLimit"},
		{"a label, an annotation and a finalizer of the user", func(job *batchv1.Job) {
			job.Labels["team"], job.Annotations["team"], job.Finalizers = "a", "a", append(job.Finalizers, "test/mine")
		}, ""},
		{"without them", func(job *batchv1.Job) {
			delete(job.Labels, "team")
			delete(job.Annotations, "team")
			job.Finalizers = nil
		}, ""},
		{"more pods at a time", func(job *batchv1.Job) { job.Spec.Parallelism = ptr.To[int32](2) }, ""},
		{"another owner", func(job *batchv1.Job) {
			job.OwnerReferences = append(job.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "x"})
		}, ""},
		{"suspended", func(job *batchv1.Job) { job.Spec.Suspend = ptr.To(true) }, ""},
		{"resumed", func(job *batchv1.Job) { job.Spec.Suspend = ptr.To(false) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			err := editJob(t.Context(), editor, job, c.edit)
			if c.refused == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			expectForbidden(g, err, c.refused)
		})
	}
	t.Run("deleted, and its pods left", func(t *testing.T) {
		NewWithT(t).Expect(editor.Delete(t.Context(), job, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
		waitUntilGone(t, job)
	})
}

// A role for Job controllers of others has jobs/status.
func TestOnlyKubernetesWritesTheStatusOfAJobOfAnExecution(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	forger := clientWithRules(t, execution.Namespace, "forger",
		rbacv1.PolicyRule{APIGroups: []string{"batch"}, Resources: []string{"jobs", "jobs/status"}, Verbs: []string{"*"}})
	job := &listJobs(t, execution)[0]
	job.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobSuccessCriteriaMet, Status: corev1.ConditionTrue}}
	expectForbidden(g, forger.Status().Update(t.Context(), job), "status: only the controllers of Kubernetes")
}

func TestNobodyResumesAJobThatAStopEnded(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	editor := clientOfMember(t, execution.Namespace, "editor", "edit")
	expectAccepted(t, createObject(t, builders.StopAndAbandon(execution)))
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	job := &listJobs(t, execution)[0]
	resume := func(job *batchv1.Job) { job.Spec.Suspend = ptr.To(false) }
	expectForbidden(g, editJob(t.Context(), editor, job, resume), "spec.suspend: found false: a stop ended this Job")
	expectForbidden(g, editJob(t.Context(), k8s, job, resume), "spec.suspend: found false: a stop ended this Job")
	expectForbidden(g, editJob(t.Context(), editor, job, func(job *batchv1.Job) { job.Spec.Parallelism = ptr.To[int32](1) }), "spec.parallelism")
	expectForbidden(g, editJob(t.Context(), editor, job, func(job *batchv1.Job) { delete(job.Labels, v1alpha1.LabelStopped) }), "metadata.labels."+v1alpha1.LabelStopped)
}

// A queue is given the Job suspended, places its pods, and resumes it.
func TestAQueueResumesAJobThatNobodyStopped(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile", builders.Suspended)))
	execution := createExecution(t, ns, "web")
	g.Eventually(func() int { return len(listJobs(t, execution)) }, timeout, interval).Should(Equal(1))
	queue := clientOfMember(t, ns, "queue", "edit")
	job := &listJobs(t, execution)[0]
	expectForbidden(g, editJob(t.Context(), queue, job, func(job *batchv1.Job) {
		delete(job.Spec.Template.Labels, v1alpha1.LabelExecutionID)
	}), "spec.template.metadata.labels")
	g.Expect(editJob(t.Context(), queue, job, func(job *batchv1.Job) {
		job.Spec.Template.Spec.NodeSelector = map[string]string{"pool": "a"}
		job.Spec.Template.Labels["queue"] = "a"
		job.Spec.Suspend = ptr.To(false)
	})).To(Succeed())
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
}

// A pod that the Job controller adopts counts as an attempt of the Job.
func TestNobodyElseCreatesPodsOfAnExecution(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	editor := clientOfMember(t, execution.Namespace, "editor", "edit")
	job := listJobs(t, execution)[0]
	newPod := func(labels map[string]string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: execution.Namespace, GenerateName: "forged-", Labels: labels},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example"}}},
		}
	}
	uid := map[string]string{batchv1.ControllerUidLabel: string(job.UID)}
	id := map[string]string{v1alpha1.LabelExecutionID: string(execution.UID)}
	expectForbidden(g, editor.Create(t.Context(), newPod(uid)), "only a Job controller creates pods of a Job")
	expectForbidden(g, editor.Create(t.Context(), newPod(id)), "metadata.labels."+v1alpha1.LabelExecutionID)
	expectForbidden(g, k8s.Create(t.Context(), newPod(id)), "metadata.labels."+v1alpha1.LabelExecutionID)
	pod := newPod(map[string]string{"app": "web"})
	g.Expect(editor.Create(t.Context(), pod)).To(Succeed())
	patch := func(pod *corev1.Pod, labels string) error {
		return editor.Patch(t.Context(), pod, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":`+labels+`}}`)))
	}
	expectForbidden(g, patch(pod, `{"batch.kubernetes.io/controller-uid":"`+string(job.UID)+`"}`), "only a Job controller changes")
	expectForbidden(g, patch(pod, `{"pipelines.haltline.dev/action":"x"}`), "metadata.labels."+v1alpha1.LabelAction)
	g.Expect(patch(pod, `{"app":"other"}`)).To(Succeed())

	ours := waitForRunning(t, execution, "compile")
	expectForbidden(g, patch(ours, `{"pipelines.haltline.dev/execution-id":null}`), "metadata.labels."+v1alpha1.LabelExecutionID)
	expectForbidden(g, patch(ours, `{"batch.kubernetes.io/controller-uid":null}`), "only a Job controller changes")
	g.Expect(patch(ours, `{"team":"a"}`)).To(Succeed())
	g.Expect(editor.Delete(t.Context(), ours)).To(Succeed())
}

// A controller that runs Jobs for others creates their pods; those of an execution it does not.
func TestAnotherJobControllerCreatesPodsOfItsJobs(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	controller := clientWithRules(t, ns, "system:serviceaccount:jobs:controller",
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"create"}},
		rbacv1.PolicyRule{APIGroups: []string{"batch"}, Resources: []string{"jobs/status"}, Verbs: []string{"update"}})
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "theirs", Labels: map[string]string{batchv1.ControllerUidLabel: "x"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example"}}},
	}
	g.Expect(controller.Create(t.Context(), pod, client.DryRunAll)).To(Succeed())
}

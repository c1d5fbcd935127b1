// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// thiefOfTheToken returns a client with the rights of the operator's account, once the policies on it are in force.
func thiefOfTheToken(t *testing.T, ns string) client.Client {
	t.Helper()
	thief, err := cluster.ClientAs(operatorUser)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Eventually(func() error {
		for _, object := range []client.Object{
			&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "trial"}, Spec: builders.JobSpec("trial").Template.Spec},
			&appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "trial"}, Data: runtime.RawExtension{Raw: []byte("{}")}},
		} {
			if err := client.IgnoreAlreadyExists(k8s.Create(t.Context(), object)); err != nil {
				return err
			}
			if err := thief.Delete(t.Context(), object); !apierrors.IsForbidden(err) {
				return fmt.Errorf("deleting %T: %w", object, err)
			}
		}
		return nil
	}, timeout, interval).Should(Succeed())
	return thief
}

func expectDenied(t *testing.T, err error, policy string) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	g.Expect(err).To(MatchError(ContainSubstring("ValidatingAdmissionPolicy '" + policy + "'")))
}

// someJob returns a Job that nobody controls, and that does not start.
func someJob(ns, name string) *batchv1.Job {
	spec := builders.JobSpec(name)
	spec.Suspend = ptr.To(true)
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Spec: *spec}
}

// ownJob makes a Job one of an execution.
func ownJob(job *batchv1.Job, execution *v1alpha1.PipelineExecution) *batchv1.Job {
	job.Labels = map[string]string{v1alpha1.LabelExecutionID: string(execution.UID)}
	job.OwnerReferences = []metav1.OwnerReference{
		*metav1.NewControllerRef(execution, v1alpha1.GroupVersion.WithKind("PipelineExecution")),
	}
	return job
}

func TestTheOperatorsTokenCreatesOnlyJobsOfExecutions(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	thief := thiefOfTheToken(t, execution.Namespace)
	for name, edit := range map[string]func(*batchv1.Job){
		"plain":         func(j *batchv1.Job) { j.Labels, j.OwnerReferences = nil, nil },
		"without-owner": func(j *batchv1.Job) { j.OwnerReferences = nil },
		"without-label": func(j *batchv1.Job) { j.Labels = nil },
		"of-another":    func(j *batchv1.Job) { j.Labels[v1alpha1.LabelExecutionID] = builders.UnknownID },
		"not-controlled": func(j *batchv1.Job) {
			j.OwnerReferences[0].Controller = nil
		},
		"of-another-kind": func(j *batchv1.Job) {
			j.OwnerReferences[0].Kind, j.OwnerReferences[0].BlockOwnerDeletion = "StopRequest", nil
		},
	} {
		job := ownJob(someJob(execution.Namespace, name), execution)
		edit(job)
		expectDenied(t, thief.Create(t.Context(), job), "haltline-operator-jobs")
	}
	g.Expect(thief.Create(t.Context(), ownJob(someJob(execution.Namespace, "own"), execution))).To(Succeed())
	g.Expect(thief.Create(t.Context(), someJob(execution.Namespace, "tried"), client.DryRunAll)).To(Succeed(), "a dry run")
	g.Expect(k8s.Create(t.Context(), someJob(execution.Namespace, "somebodys"))).To(Succeed(), "by somebody else")
}

func TestTheOperatorsTokenChangesOnlyJobsOfExecutions(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	ns := execution.Namespace
	thief := thiefOfTheToken(t, ns)
	theirs := createObject(t, someJob(ns, "theirs"))
	ours := ownJob(someJob(ns, "ours"), execution)
	ours.OwnerReferences = append(ours.OwnerReferences, metav1.OwnerReference{
		APIVersion: "v1", Kind: "ConfigMap", Name: "queue", UID: createObject(t, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "queue"},
		}).UID,
	})
	g.Expect(thief.Create(t.Context(), ours)).To(Succeed())
	patch := func(job *batchv1.Job, content string) error {
		return thief.Patch(t.Context(), job.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(content)))
	}
	const suspend = `{"spec":{"suspend":true,"parallelism":0}}`
	const adopt = `{"metadata":{"labels":{"x":"y"},"ownerReferences":[{"apiVersion":"pipelines.haltline.dev/v1alpha1",` +
		`"kind":"PipelineExecution","name":"any","uid":"` + builders.UnknownID + `","controller":true}]}}`
	for _, content := range []string{suspend, `{"spec":{"suspend":false}}`, adopt, `{"metadata":{"labels":{"x":"y"}}}`} {
		expectDenied(t, patch(theirs, content), "haltline-operator-jobs")
	}
	for _, content := range []string{
		adopt,
		`{"metadata":{"ownerReferences":null}}`,
		`{"metadata":{"labels":{"pipelines.haltline.dev/orphaned":"true"},"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"other","uid":"2"}]}}`,
		`{"spec":{"template":{"metadata":{"labels":{"x":"y"}}}}}`,
	} {
		expectDenied(t, patch(ours, content), "haltline-operator-jobs")
	}
	for _, job := range []*batchv1.Job{theirs, ours} {
		expectDenied(t, thief.Delete(t.Context(), job), "haltline-operator-jobs")
	}
	g.Expect(patch(ours, suspend)).To(Succeed(), "a stop suspends")
	orphaned := refreshObject(t, ours).DeepCopy()
	orphaned.Labels[v1alpha1.LabelOrphaned] = "true"
	orphaned.OwnerReferences = orphaned.OwnerReferences[1:]
	g.Expect(thief.Patch(t.Context(), orphaned, client.MergeFrom(ours))).To(Succeed(), "an abandon leaves it to go on")
	expectDenied(t, patch(ours, suspend), "haltline-operator-jobs")
}

func TestTheOperatorsTokenDeletesOnlyPodsOfJobsOfExecutions(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t, ignoreTermination)
	ns := execution.Namespace
	thief := thiefOfTheToken(t, ns)
	pods := &corev1.PodList{}
	g.Expect(k8s.List(t.Context(), pods, client.InNamespace(ns), client.MatchingLabels{
		v1alpha1.LabelExecutionID: string(execution.UID),
	})).To(Succeed())
	g.Expect(pods.Items).To(HaveLen(1))

	labeled := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "labeled", Labels: map[string]string{v1alpha1.LabelExecutionID: string(execution.UID)}},
		Spec:       builders.JobSpec("labeled").Template.Spec,
	}
	controlled := labeled.DeepCopy()
	controlled.Name = "controlled"
	controlled.Labels["batch.kubernetes.io/controller-uid"] = builders.UnknownID
	controlled.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "PipelineExecution", Name: execution.Name, UID: execution.UID, Controller: ptr.To(true),
	}}
	// Nobody else may create pods with these labels.
	kubernetes, err := cluster.ClientAs("system:kube-controller-manager", "system:masters")
	g.Expect(err).NotTo(HaveOccurred())
	for _, pod := range []*corev1.Pod{labeled, controlled} {
		g.Expect(kubernetes.Create(t.Context(), pod)).To(Succeed())
		expectDenied(t, thief.Delete(t.Context(), pod), "haltline-operator-pods")
	}
	expectDenied(t, thief.Delete(t.Context(), &pods.Items[0], client.GracePeriodSeconds(0)), "haltline-operator-pods")
	g.Expect(thief.Delete(t.Context(), &pods.Items[0])).To(Succeed(), "the pod of an action")
	g.Expect(thief.Delete(t.Context(), &pods.Items[0], client.GracePeriodSeconds(1))).To(Succeed(), "a stop shortens its grace period")
	g.Expect(cluster.KillPod(t.Context(), &pods.Items[0])).To(Succeed())
}

func TestTheOperatorsTokenWritesOnlyRevisionsOfPipelines(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	thief := thiefOfTheToken(t, ns)
	revision := func(name string, labels map[string]string, owners ...metav1.OwnerReference) *appsv1.ControllerRevision {
		return &appsv1.ControllerRevision{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Labels: labels, OwnerReferences: owners},
			Revision:   1, Data: runtime.RawExtension{Raw: []byte("{}")},
		}
	}
	ofPipeline := map[string]string{v1alpha1.LabelPipelineUID: builders.UnknownID}
	owner := metav1.OwnerReference{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "theirs", UID: createObject(t, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "theirs"},
	}).UID}
	expectDenied(t, thief.Create(t.Context(), revision("forged", nil)), "haltline-operator-controllerrevisions")
	expectDenied(t, thief.Create(t.Context(), revision("owned", ofPipeline, owner)), "haltline-operator-controllerrevisions")
	theirs := createObject(t, revision("theirs", nil))
	expectDenied(t, thief.Delete(t.Context(), theirs), "haltline-operator-controllerrevisions")
	changed := theirs.DeepCopy()
	changed.Labels = ofPipeline
	expectDenied(t, thief.Patch(t.Context(), changed, client.MergeFrom(theirs)), "haltline-operator-controllerrevisions")
	g.Expect(thief.Create(t.Context(), revision("pinned", ofPipeline))).To(Succeed())
	g.Expect(thief.Delete(t.Context(), revision("pinned", ofPipeline))).To(Succeed())
}

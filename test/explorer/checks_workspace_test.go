// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// workspaceCases are those of I4 and I7 for the claims of executions.
func workspaceCases() []checkCase {
	return []checkCase{
		{name: "a claim of a name that is not recorded", invariant: "I4",
			breach: deviation{before: "create", do: func(b *historyBuilder) { b.createClaim("disk") }},
			lawful: deviation{before: "create", do: func(b *historyBuilder) { b.recordClaim("disk"); b.createClaim("disk") }}},
		{name: "a Job mounts a claim that never was", invariant: "I7",
			breach: deviation{instead: "create", do: func(b *historyBuilder) { b.recordClaim("disk"); b.createMountingJob("disk") }},
			lawful: deviation{instead: "create", do: func(b *historyBuilder) {
				b.recordClaim("disk")
				b.createClaim("disk")
				b.createMountingJob("disk")
			}}},
		{name: "a Job mounts a claim that somebody deletes", invariant: "I7",
			breach: deviation{instead: "create", do: func(b *historyBuilder) { b.recordClaim("disk"); b.createMountingJob("disk"); b.createClaim("disk") }},
			lawful: deviation{instead: "create", do: func(b *historyBuilder) {
				b.recordClaim("disk")
				b.createClaim("disk")
				b.deleteObject(simcluster.Claim, "disk")
				b.createMountingJob("disk")
			}}},
	}
}

// recordClaim records the name of the claim in the execution.
func (b *historyBuilder) recordClaim(name string) {
	b.updateStatus(func(s *v1alpha1.PipelineExecutionStatus) { s.Workspace = &v1alpha1.WorkspaceStatus{ClaimName: name} })
}

// createClaim makes the operator create a claim of the execution.
func (b *historyBuilder) createClaim(name string) {
	execution := b.findExecution()
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, Labels: map[string]string{v1alpha1.LabelExecutionID: string(execution.UID)},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(execution, simcluster.Execution.GVK())},
	}}
	b.reconcile(func(c client.Client) { _ = c.Create(b.t.Context(), claim) })
}

// createMountingJob makes the operator create the Job of the action, which mounts a claim.
func (b *historyBuilder) createMountingJob(claim string) {
	b.job = b.createJob(b.jobName(), func(job *batchv1.Job) {
		setRunnable(job)
		job.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: v1alpha1.WorkspaceVolume, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
		}}}
	})
}

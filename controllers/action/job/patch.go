// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/internal/jsonpatch"
)

// patchOfOurs returns a patch that changes a Job only while its spec is as it was read and the execution controls it, and the path of
// the owner reference that says so.
func patchOfOurs(scope action.Scope, job *batchv1.Job) (patch *jsonpatch.Patch, reference string) {
	i := slices.IndexFunc(job.OwnerReferences, func(o metav1.OwnerReference) bool { return o.UID == scope.Execution.UID })
	reference = fmt.Sprintf("/metadata/ownerReferences/%d", i)
	return jsonpatch.New(job).Test(reference+"/uid", scope.Execution.UID).Test(reference+"/controller", true), reference
}

// setLabel has a patch put a label on a Job.
func setLabel(patch *jsonpatch.Patch, job *batchv1.Job, name string) {
	if len(job.Labels) == 0 {
		patch.Test("/metadata/labels", nil).Set("/metadata/labels", map[string]string{name: "true"})
		return
	}
	patch.Set("/metadata/labels/"+jsonpatch.Escape(name), "true")
}

// patchJob patches a Job. A test of the patch that fails is a conflict.
func (p *Provider) patchJob(ctx context.Context, scope action.Scope, job *batchv1.Job, patch *jsonpatch.Patch) error {
	target := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: job.Namespace, Name: job.Name}}
	err := jsonpatch.AsConflict(job, p.Client.Patch(ctx, target, patch, client.FieldOwner(action.FieldOwner)))
	if err == nil {
		p.written.Note(job.UID, target.Generation, scope.Now.Time)
	}
	return err
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// labelUnstamped on a namespace keeps who creates an object there from being written into it.
const labelUnstamped = "test/unstamped"

// labelWebhook on a namespace has the operator's webhook stamp there, also if the API server has MutatingAdmissionPolicies.
const labelWebhook = "test/webhook"

// labelUnchecked on a namespace leaves it out of the policies on what is stored, as before they were installed.
const labelUnchecked = "test/unchecked"

// uncheckedPolicies are the names of the policies, and of their bindings, that skip namespaces with labelUnchecked.
var uncheckedPolicies = []string{"haltline-pipeline-job-templates", "haltline-jobs", "haltline-pods", "haltline-metadata", "haltline-job-metadata"}

// installPolicies creates the policies and the roles for users of config/, and waits until the policies are in force. If the API
// server has no MutatingAdmissionPolicies, the webhook stamps instead, as with config/webhook.
func installPolicies(ctx context.Context) error {
	for _, pattern := range []string{"rbac/view_role.yaml", "rbac/edit_role.yaml", "rbac/admin_role.yaml", "rbac/approver_role.yaml", "rbac/metrics_reader_role.yaml"} {
		if err := cluster.CreateAll(ctx, pattern); err != nil {
			return err
		}
	}
	doStamp, err := cluster.CreatePolicies(ctx, leaveOutLabeled)
	if err != nil {
		return err
	}
	if err := startWebhook(ctx, doStamp); err != nil {
		return err
	}
	return waitForPolicies(ctx)
}

// leaveOutLabeled makes the binding of a MutatingAdmissionPolicy skip namespaces with labelUnstamped and with labelWebhook, and those
// of uncheckedPolicies namespaces with labelUnchecked.
func leaveOutLabeled(object *unstructured.Unstructured) error {
	switch kind := object.GetKind(); {
	case kind == "MutatingAdmissionPolicyBinding":
		return setSelector(object.Object, []any{without(labelUnstamped), without(labelWebhook)}, "spec", "matchResources", "namespaceSelector")
	case kind == "ValidatingAdmissionPolicyBinding" && slices.Contains(uncheckedPolicies, object.GetName()):
		return setSelector(object.Object, []any{without(labelUnchecked)}, "spec", "matchResources", "namespaceSelector")
	}
	return nil
}

func setSelector(object map[string]any, expressions []any, path ...string) error {
	return unstructured.SetNestedMap(object, map[string]any{"matchExpressions": expressions}, path...)
}

func without(label string) any { return map[string]any{"key": label, "operator": "DoesNotExist"} }

// waitForPolicies waits until the policies are in force: the mutating policies stamp, and the others refuse. The API server learns
// of a new kind, and of a policy on it, a little later.
func waitForPolicies(ctx context.Context) error {
	stranger, err := cluster.ClientAs("stranger", "system:masters")
	if err != nil {
		return err
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		sr := builders.StopRequest("default", "trial", builders.UnknownID)
		execution := builders.Execution("default", "trial")
		last = errors.Join(stranger.Create(ctx, sr, client.DryRunAll), stranger.Create(ctx, execution, client.DryRunAll))
		named := execution.DeepCopy()
		named.UID = builders.UnknownID
		ar := builders.ApprovalResult(named, "Release", "approve", v1alpha1.ApprovalApproved)
		last = errors.Join(last, stranger.Create(ctx, ar, client.DryRunAll))
		pipeline := builders.Pipeline("default", "trial", builders.Stage("Build", builders.Action("compile")))
		pipeline.Spec.Stages[0].Actions[0].Job.Spec.Raw = []byte("{}")
		isChecked := apierrors.IsInvalid(stranger.Create(ctx, pipeline, client.DryRunAll))
		return last == nil && isChecked && sr.Spec.RequestedBy == "stranger" && execution.Spec.StartedBy == "stranger" && ar.Spec.DecidedBy == "stranger" &&
			refusesForgedWork(ctx, stranger), nil
	})
	return errors.Join(err, last)
}

// refusesForgedWork reports whether the policies on Jobs and pods are in force.
func refusesForgedWork(ctx context.Context, stranger client.Client) bool {
	forged := metav1.ObjectMeta{Namespace: "default", Name: "trial", Labels: map[string]string{v1alpha1.LabelExecutionID: "x"}}
	job := &batchv1.Job{ObjectMeta: forged, Spec: *builders.JobSpec("trial")}
	pod := &corev1.Pod{ObjectMeta: forged, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example"}}}}
	return apierrors.IsForbidden(stranger.Create(ctx, job, client.DryRunAll)) && apierrors.IsForbidden(stranger.Create(ctx, pod, client.DryRunAll))
}

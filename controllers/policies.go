// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// PoliciesTimeout is how long the operator waits for its policies when it starts. Its liveness probe would end it later.
	PoliciesTimeout = 30 * time.Second

	// provingPolicy is the policy in config/policy/operator that denies what the operator tries.
	provingPolicy = "haltline-operator-controllerrevisions"
)

// WaitForPolicies returns nil when the API server denies to this operator what the policies in config/policy/operator deny to its account:
// a ControllerRevision that pins no Pipeline. It tries that by dry runs, and returns an error if the last one was accepted when the time is
// up. If something else refused it, such as the webhook of somebody else that does not answer, it cannot tell, and returns nil then: an
// operator that is started again at night has to stop what runs.
func WaitForPolicies(ctx context.Context, k8s client.Client, namespaces Namespaces, timeout time.Duration) error {
	namespace := corev1.NamespaceDefault
	if len(namespaces) > 0 {
		namespace = namespaces[0]
	}
	answer := errors.New("the API server did not answer")
	err := wait.PollUntilContextTimeout(ctx, time.Second, timeout, true, func(attempt context.Context) (bool, error) {
		last := k8s.Create(attempt, newUnpinnedRevision(namespace), client.DryRunAll)
		if isDeniedByPolicy(last) {
			return true, nil
		}
		// The end of the time is no answer.
		if attempt.Err() == nil {
			answer = last
		}
		log.FromContext(ctx).Info("waiting until the admission policies are in force", "policy", provingPolicy, "namespace", namespace, "answer", fmt.Sprint(last))
		return false, nil
	})
	switch {
	case err == nil, ctx.Err() != nil: // Whoever ended the operator meanwhile wants no error.
		return nil
	case answer == nil:
		return fmt.Errorf("the admission policies are not in force: the policy %s has to deny a dry run in the namespace %s, and it was accepted; "+
			"apply the policies, or take the flag --wait-for-policies away", provingPolicy, namespace)
	default:
		log.FromContext(ctx).Error(answer, "starting without knowing whether the admission policies are in force: something else refused the dry run",
			"policy", provingPolicy, "namespace", namespace)
		return nil
	}
}

// newUnpinnedRevision returns a ControllerRevision that the operator may not create.
func newUnpinnedRevision(namespace string) *appsv1.ControllerRevision {
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "haltline-policies-"}, Data: runtime.RawExtension{Raw: []byte("{}")},
	}
}

// isDeniedByPolicy reports whether the policy denied a request. Without the right to create it, a request is forbidden as well.
func isDeniedByPolicy(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "'"+provingPolicy+"'")
}

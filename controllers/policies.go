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
// a ControllerRevision that pins no Pipeline. It tries that by dry runs, and returns an error if none was denied before the time is up.
func WaitForPolicies(ctx context.Context, k8s client.Client, namespaces Namespaces, timeout time.Duration) error {
	namespace := corev1.NamespaceDefault
	if len(namespaces) > 0 {
		namespace = namespaces[0]
	}
	var answer error
	err := wait.PollUntilContextTimeout(ctx, time.Second, timeout, true, func(ctx context.Context) (bool, error) {
		forbidden := &appsv1.ControllerRevision{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "haltline-policies-"}, Data: runtime.RawExtension{Raw: []byte("{}")},
		}
		answer = k8s.Create(ctx, forbidden, client.DryRunAll)
		if isDeniedByPolicy(answer) {
			return true, nil
		}
		log.FromContext(ctx).Info("waiting until the admission policies are in force", "policy", provingPolicy, "namespace", namespace)
		return false, nil
	})
	if err == nil {
		return nil
	}
	if answer == nil {
		answer = errors.New("it was accepted")
	}
	return fmt.Errorf("the admission policies are not in force: the policy %s has to deny a dry run in the namespace %s, and the answer was: %w",
		provingPolicy, namespace, answer)
}

// isDeniedByPolicy reports whether the policy denied a request. Without the right to create it, a request is forbidden as well.
func isDeniedByPolicy(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "'"+provingPolicy+"'")
}

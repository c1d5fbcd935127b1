// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func newConflict(k Kind, key client.ObjectKey, format string, args ...any) error {
	return apierrors.NewConflict(k.resource(), key.Name, fmt.Errorf(format, args...))
}

// newInvalid is the answer to a write with a wrong value in a field of its metadata.
func newInvalid(k Kind, key client.ObjectKey, name string, value any, why string) error {
	return apierrors.NewInvalid(k.GVK().GroupKind(), key.Name, field.ErrorList{field.Invalid(field.NewPath("metadata", name), value, why)})
}

func newNamespaceTerminating(k Kind, key client.ObjectKey) error {
	err := apierrors.NewForbidden(k.resource(), key.Name,
		fmt.Errorf("unable to create new content in namespace %s because it is being terminated", key.Namespace))
	err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
		Type: corev1.NamespaceTerminatingCause, Message: "namespace is being terminated", Field: "metadata.namespace",
	})
	return err
}

// Failure returns an error of the API server, or of the way to it, by its name.
func Failure(name string, c Call) error {
	switch name {
	case "conflict":
		return newConflict(c.Kind, c.Key, "the object has been modified")
	case "throttled":
		return apierrors.NewTooManyRequests("too many requests", 1)
	case "internal":
		return apierrors.NewInternalError(fmt.Errorf("etcdserver: leader changed"))
	case "timeout":
		return apierrors.NewTimeoutError("request timed out", 1)
	case "quota":
		return apierrors.NewForbidden(c.Kind.resource(), c.Key.Name, fmt.Errorf("exceeded quota"))
	case "denied":
		return apierrors.NewBadRequest("admission webhook denied the request")
	case "lost":
		return &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusGatewayTimeout, Reason: metav1.StatusReasonUnknown,
			Message: "http2: client connection lost",
		}}
	}
	panic("no such failure: " + name)
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Explain returns the message of an error, and what to do next if that is known.
func Explain(err error) string {
	message := strings.TrimSpace(err.Error())
	if next := nextStep(err); next != "" {
		return message + "\n" + next
	}
	return message
}

func nextStep(err error) string {
	switch {
	case isKindMissing(err):
		return "The cluster does not have the kinds of Haltline. Install the operator, or choose another cluster with --context: see docs/installing.md."
	case apierrors.IsForbidden(err):
		return explainForbidden(err)
	case apierrors.IsUnauthorized(err):
		return "The cluster does not know who you are. Check the user of your kubeconfig: kubectl auth whoami"
	default:
		return ""
	}
}

// isKindMissing reports whether the API server does not serve the kind: the CustomResourceDefinitions are not installed.
func isKindMissing(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// explainForbidden names the check that shows whether one may do what was forbidden. The message of the API server has the verb.
func explainForbidden(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil || status.Status().Details.Kind == "" {
		return ""
	}
	return fmt.Sprintf("What you may do is listed by: kubectl auth can-i --list. Who gives permissions has to allow you this for %s.", status.Status().Details.Kind)
}

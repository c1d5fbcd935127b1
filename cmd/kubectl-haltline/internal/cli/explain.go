// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"haltline.dev/haltline/api/v1alpha1"
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
		return "The cluster does not have the kinds of Haltline. Install the operator there (docs/installing.md), or choose another cluster with --context."
	case strings.Contains(err.Error(), operatorMustAnswer):
		return "No replica of the operator answers, so nothing can be started, stopped or approved until one does. See how they are: kubectl -n haltline-system get pods"
	case apierrors.IsForbidden(err):
		return explainForbidden(err.Error())
	case apierrors.IsUnauthorized(err):
		return "The cluster does not know who you are. See who your kubeconfig says you are: kubectl auth whoami"
	case utilnet.IsConnectionRefused(err):
		return "No cluster answers there. See which one your kubeconfig names: kubectl config current-context"
	default:
		return ""
	}
}

// operatorMustAnswer is how the API server tells that it cannot reach the webhook of config/webhook, without which it creates nothing.
const operatorMustAnswer = `failed calling webhook "operator-must-answer.pipelines.haltline.dev"`

// isKindMissing reports whether the API server does not serve the kind: the CustomResourceDefinitions are not installed.
func isKindMissing(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

var (
	// lackingVerb is how the admission policies of Haltline tell which of its own verbs somebody lacks, and in which namespace.
	lackingVerb = regexp.MustCompile(`lacks the verb "([a-z]+)"(?: on [a-z.]+ in namespace ([a-z0-9-]+))?`)
	// lackingRule is how RBAC tells what somebody may not do. The namespace is not there if the request was for all of them.
	lackingRule = regexp.MustCompile(`cannot ([a-z]+) resource "([a-z/]+)" in API group "([a-z0-9.-]*)"(?: in the namespace "([a-z0-9-]+)")?`)
)

// rolesWith tells which cluster roles have a verb of Haltline.
var rolesWith = map[string]string{
	"stop":    "The cluster roles edit and admin have",
	"abandon": "The cluster role admin has",
	"approve": "The cluster roles admin and haltline-approver have",
}

// explainForbidden returns who can give the permission that is missing, and how to see whether one has it.
func explainForbidden(message string) string {
	if verb := lackingVerb.FindStringSubmatch(message); verb != nil {
		step := fmt.Sprintf("To see whether you have it: kubectl auth can-i %s pipelineexecutions.%s", verb[1], v1alpha1.GroupVersion.Group)
		if verb[2] != "" {
			step += " -n " + verb[2]
		}
		if roles, known := rolesWith[verb[1]]; known {
			return fmt.Sprintf("%s this verb; ask somebody who may bind one to you. %s", roles, step)
		}
		return step
	}
	if rule := lackingRule.FindStringSubmatch(message); rule != nil {
		resource := strings.TrimSuffix(rule[2]+"."+rule[3], ".")
		where := "-A"
		if rule[4] != "" {
			where = "-n " + rule[4]
		}
		return fmt.Sprintf("Ask somebody who may give permissions for the verb %q on %s. To see whether you have it: kubectl auth can-i %s %s %s",
			rule[1], resource, rule[1], resource, where)
	}
	return ""
}

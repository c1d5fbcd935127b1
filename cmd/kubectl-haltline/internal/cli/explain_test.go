// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

func TestExplain(t *testing.T) {
	forbidden := func(why string) error { return apierrors.NewForbidden(stopRequests, "x", errors.New(why)) }
	lacks := `user bob lacks the verb %q on pipelineexecutions.pipelines.haltline.dev in namespace shop`
	tests := map[string]struct {
		err  error
		want string
	}{
		"nothing to add":  {errors.New("x"), "x"},
		"may not stop":    {forbidden(fmt.Sprintf(lacks, "stop")), "The cluster roles edit and admin have this verb; ask somebody who may bind one to you. To see whether you have it: kubectl auth can-i stop pipelineexecutions.pipelines.haltline.dev -n shop"},
		"may not abandon": {forbidden(fmt.Sprintf(lacks, "abandon")), "The cluster role admin has this verb"},
		"may not approve": {forbidden(fmt.Sprintf(lacks, "approve")), "The cluster roles admin and haltline-approver have this verb"},
		"may not restore": {forbidden(fmt.Sprintf(lacks, "restore")), "\nTo see whether you have it: kubectl auth can-i restore pipelineexecutions.pipelines.haltline.dev -n shop"},
		"may not create": {
			forbidden(`User "bob" cannot create resource "stoprequests" in API group "pipelines.haltline.dev" in the namespace "shop"`),
			`the verb "create" on stoprequests.pipelines.haltline.dev. To see whether you have it: kubectl auth can-i create stoprequests.pipelines.haltline.dev -n shop`,
		},
		"may not list in all namespaces": {
			forbidden(`User "bob" cannot list resource "pipelineexecutions" in API group "pipelines.haltline.dev" at the cluster scope`),
			"kubectl auth can-i list pipelineexecutions.pipelines.haltline.dev -A",
		},
		"may not read pods": {forbidden(`User "bob" cannot get resource "pods/log" in API group "" in the namespace "shop"`), "kubectl auth can-i get pods/log -n shop"},
		"another policy":    {forbidden("quota"), "stoprequests.pipelines.haltline.dev \"x\" is forbidden: quota"},
		"a kind is missing": {missingKind(), "Install the operator there (docs/installing.md), or choose another cluster with --context."},
		"no operator answers": {
			apierrors.NewInternalError(errors.New(`failed calling webhook "operator-must-answer.pipelines.haltline.dev": no endpoints available for service "haltline-requester"`)),
			"No replica of the operator answers, so nothing can be started, stopped or approved until one does. See how they are: kubectl -n haltline-system get pods",
		},
		"an unknown user":      {apierrors.NewUnauthorized("no"), "kubectl auth whoami"},
		"no cluster listening": {fmt.Errorf("dial: %w", syscall.ECONNREFUSED), "kubectl config current-context"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Explain(fmt.Errorf("stopping: %w", test.err)); !strings.HasPrefix(got, "stopping: ") || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q in it", got, test.want)
			}
		})
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"haltline.dev/haltline/controllers/action"
)

// A template is tried by a dry run. Nothing is created, and a refusal is returned only if the template is the cause.
func TestTryStart(t *testing.T) {
	tests := []struct {
		name, spec  string
		fail        error
		refusal     string
		canPass     bool
		err         bool
		wantsNoCall bool
	}{
		{name: "it would be created", spec: minimalSpec},
		{name: "the API server would refuse it", spec: minimalSpec, fail: errInvalid, refusal: "job: "},
		{name: "it is too large", spec: minimalSpec, fail: apierrors.NewRequestEntityTooLargeError("limit is 3145728"), refusal: "job: "},
		{name: "a policy would refuse it as invalid", spec: minimalSpec, fail: errDenied, refusal: "job: ", canPass: true},
		{name: "a webhook would refuse it without a code", spec: minimalSpec, fail: errBadRequest, refusal: "job: ", canPass: true},
		{name: "a webhook is down", spec: minimalSpec, fail: errWebhookDown, err: true},
		{name: "a quota would refuse it now", spec: minimalSpec, fail: errQuota},
		{name: "its name is taken", spec: minimalSpec, fail: apierrors.NewAlreadyExists(jobs, jobName)},
		{name: "no answer", spec: minimalSpec, fail: errTimeout, err: true},
		{name: "no JobSpec", spec: `{"templat":1}`, refusal: "job.spec: ", wantsNoCall: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t)
			cluster.failAlways["create Job"] = tt.fail
			op := makeStart(tt.spec)
			refusal, err := action.NewRegistry(cluster.provider()).TryStart(t.Context(), action.Trial{
				Namespace: "team", PipelineName: "deploy@prod", Key: op.Key, Definition: &op.Definition,
			})
			if !strings.HasPrefix(refusal.Message, tt.refusal) || (refusal.Message == "") != (tt.refusal == "") || refusal.CanPass != tt.canPass || (err != nil) != tt.err {
				t.Errorf("got %+v, %v; want %q", refusal, err, tt.refusal)
			}
			if cluster.job() != nil || (cluster.calls == nil) != tt.wantsNoCall {
				t.Errorf("calls %v left %+v", cluster.calls, cluster.job())
			}
		})
	}
}

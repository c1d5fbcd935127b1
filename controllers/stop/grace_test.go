// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

func requestWithGrace(name string, mode v1alpha1.StopMode, created int, seconds int64) v1alpha1.StopRequest {
	sr := makeRequest(name, mode, created)
	sr.Spec.GracePeriodSeconds = &seconds
	return sr
}

// The grace period in force is that of the request which has the execution abandon, and there is none while it waits.
func TestGracePeriodInForce(t *testing.T) {
	escalating := requestWithGrace("w", wait, 1, 7)
	escalating.Spec.EscalateAfterSeconds = ptr.To[int64](10)
	for _, tt := range []struct {
		name     string
		requests []v1alpha1.StopRequest
		seconds  int // after the requests were accepted
		want     *int64
	}{
		{"no stop", nil, 0, nil},
		{"an abandon without one", []v1alpha1.StopRequest{makeRequest("a", abandon, 1)}, 0, nil},
		{"an abandon", []v1alpha1.StopRequest{requestWithGrace("a", abandon, 1, 0)}, 0, ptr.To[int64](0)},
		{"a wait that has not escalated", []v1alpha1.StopRequest{escalating}, 9, nil},
		{"a wait that has escalated", []v1alpha1.StopRequest{escalating}, 10, ptr.To[int64](7)},
		{"an abandon that escalates it takes its own", []v1alpha1.StopRequest{escalating, requestWithGrace("a", abandon, 2, 30)}, 0, ptr.To[int64](30)},
		{"and none if it has none", []v1alpha1.StopRequest{escalating, makeRequest("a", abandon, 2)}, 0, nil},
		{"a second abandon changes nothing", []v1alpha1.StopRequest{requestWithGrace("a", abandon, 1, 20), requestWithGrace("b", abandon, 2, 0)}, 0, ptr.To[int64](20)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Accept(&v1alpha1.PipelineExecutionStatus{}, tt.requests, at(0))
			s = Accept(&v1alpha1.PipelineExecutionStatus{Stop: s}, nil, at(tt.seconds))
			if diff := cmp.Diff(tt.want, GracePeriodSeconds(s)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A duplicate is a duplicate still, and its message reports that its grace period has no effect.
func TestADuplicateDoesNotShortenTheGracePeriod(t *testing.T) {
	for inForce, sr := range map[v1alpha1.StopMode]v1alpha1.StopRequest{
		abandon: requestWithGrace("again", abandon, 2, 0), wait: requestWithGrace("again", wait, 2, 0),
	} {
		v := Decide(makeExecution(v1alpha1.ExecutionStopping, makeStop(makeAccepted("first", inForce))), &sr)
		if !v.IsRejection() || v.Reason != v1alpha1.ReasonDuplicatedStopRequest || !strings.Contains(v.Message, "spec.gracePeriodSeconds: 0 has no effect") {
			t.Errorf("%s: got %+v", inForce, v)
		}
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Of an execution that was deleted its Jobs and their pods remain. What was left to go on, what somebody else took over, and what
// a person made does not count.
func TestHasRemainingWork(t *testing.T) {
	jobsOnly, both := []string{"live list Job"}, []string{"live list Job", "live list PartialObjectMetadata"}
	owned := func(p *corev1.Pod) {
		p.OwnerReferences = append(p.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "c", UID: "c"})
	}
	tests := []struct {
		name    string
		objects []client.Object
		want    bool
		calls   []string
	}{
		{"nothing", nil, false, both},
		{"its Job", []client.Object{makeJob()}, true, jobsOnly},
		{"its Job, which is being deleted", []client.Object{makeJob(asDeleting)}, true, jobsOnly},
		{"its placeholder", []client.Object{makeJob(asPlaceholder)}, true, jobsOnly},
		{"a pod of its Job, which is gone", []client.Object{makePod(ofExecution(jobUID))}, true, both},
		{"an orphan and its pod", []client.Object{makeJob(asOrphan), makePod(ofExecution(jobUID))}, false, both},
		{"a Job that the deletion left without an owner, and its pod", []client.Object{makeJob(withoutOwner), makePod(ofExecution(jobUID))}, false, both},
		{"a Job that somebody else took over, and its pod", []client.Object{makeJob(asTakenOver), makePod(ofExecution(jobUID))}, false, both},
		{"an orphan, and a pod of a Job that is gone", []client.Object{makeJob(asOrphan), makePod(ofExecution("job-2"))}, true, both},
		{"a pod without a controller", []client.Object{makePod(ofExecution(""))}, false, both},
		{"a pod without a controller, and with an owner", []client.Object{makePod(ofExecution(""), owned)}, false, both},
		{"a pod of another execution", []client.Object{makePod()}, false, both},
		{"in another namespace", []client.Object{makePod(ofExecution(jobUID), func(p *corev1.Pod) { p.Namespace = "other" })}, false, both},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, tt.objects...)
			got, err := cluster.provider().HasRemainingWork(t.Context(), "team", executionUID)
			if err != nil || got != tt.want {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
			if diff := cmp.Diff(tt.calls, cluster.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
	for _, operationCase := range both {
		cluster := newCluster(t)
		cluster.failAlways[operationCase] = errTimeout
		if _, err := cluster.provider().HasRemainingWork(t.Context(), "team", executionUID); err == nil {
			t.Errorf("%s fails, and there is no error", operationCase)
		}
	}
}

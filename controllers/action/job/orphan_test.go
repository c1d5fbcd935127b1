// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// An orphan runs on, marked so that a person finds it. Without our owner reference it is not deleted with the execution.
func TestOrphan(t *testing.T) {
	keeper := metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "keeper", UID: "keeper"}
	owned := func(j *batchv1.Job) { j.OwnerReferences = append(j.OwnerReferences, keeper); j.Labels["team"] = "a" }
	cluster := newCluster(t, makeJob(owned))
	first, err := cluster.execute(makeScope(), makeConfirmed(plan.OperationOrphan))
	cluster.must(err)
	if first.Phase != plan.PhaseEnded || first.UID != jobUID || !strings.Contains(first.Message, v1alpha1.LabelOrphaned) {
		t.Errorf("got %+v", first)
	}

	job := cluster.job()
	if diff := cmp.Diff([]metav1.OwnerReference{keeper}, job.OwnerReferences); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
	labels := ourLabels(v1alpha1.LabelOrphaned, "true", "team", "a")
	if diff := cmp.Diff(labels, job.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if isSuspended(job) || job.UID != jobUID {
		t.Errorf("the work does not go on: %+v", job.Spec)
	}
	// I10: every write that decides is guarded.
	cluster.patchedSpecs()
	if len(cluster.patches) != 1 {
		t.Errorf("patches %v", cluster.patches)
	}

	again, err := cluster.execute(makeScope(), makeConfirmed(plan.OperationOrphan))
	cluster.must(err)
	if diff := cmp.Diff(first, again); diff != "" || len(cluster.patches) != 1 {
		t.Errorf("%d patches, again (-first +second):\n%s", len(cluster.patches), diff)
	}
	if diff := cmp.Diff([]string{"get Job", "patch Job", "get Job"}, cluster.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// An orphan is deleted some time after its end only if its definition asks for that.
func TestOrphanTTL(t *testing.T) {
	for _, tt := range []struct {
		name string
		ttl  *int32
		spec string
	}{
		{name: "none", spec: `{}`},
		{name: "a day", ttl: ptr.To[int32](86400), spec: `{"ttlSecondsAfterFinished":86400}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, makeJob())
			op := makeConfirmed(plan.OperationOrphan)
			op.Definition.OrphanTTLSecondsAfterFinished = tt.ttl
			_, err := cluster.execute(makeScope(), op)
			cluster.must(err)
			if diff := cmp.Diff(tt.ttl, cluster.job().Spec.TTLSecondsAfterFinished); diff != "" {
				t.Errorf("TTL of the Job (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{tt.spec}, cluster.patchedSpecs()); diff != "" {
				t.Errorf("patches (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOrphanOfOthersAndOfNothing(t *testing.T) {
	left := plan.Observation{Phase: plan.PhaseEnded, UID: jobUID}
	parts := []string{"left to go on"}
	cached := []string{"get Job"}
	tests := []operationCase{
		{name: "taken over by another controller", job: makeJob(asTakenOver), want: left, messageParts: parts, calls: cached},
		{name: "nobody's", job: makeJob(withoutOwner), want: left, messageParts: parts, calls: cached},
		{name: "gone", want: left, calls: []string{"get Job", "live get Job", "live list Pod", "create Job"}, created: true},
		{
			name: "gone, and its pods are not", pods: []*corev1.Pod{makePod()},
			want:         plan.Observation{Phase: plan.PhaseRunning, UID: jobUID, Reason: v1alpha1.ReasonWorkloadLost},
			messageParts: []string{"its pods have to end"}, calls: []string{"get Job", "live get Job", "live list Pod"},
		},
		{
			name: "changed by somebody else before the patch", job: makeJob(), failAlways: map[string]error{"patch Job": apierrors.NewConflict(jobs, jobName, errors.New("changed"))},
			errorPart: "releasing Job", calls: []string{"get Job", "patch Job"},
		},
		{name: "no answer", job: makeJob(), failAlways: map[string]error{"get Job": errTimeout}, errorPart: "did not answer", calls: cached},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.check(t, makeConfirmed(plan.OperationOrphan)) })
	}
}

// What somebody else changed meanwhile is not overwritten: here a cache lags.
func TestOrphanWithAStaleCache(t *testing.T) {
	added := metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "new", UID: "new"}
	for name, tt := range map[string]struct {
		change func(*batchv1.Job)
		stays  bool
	}{
		"a label":                       {change: func(j *batchv1.Job) { j.Labels["a"] = "b" }},
		"an owner after ours":           {change: func(j *batchv1.Job) { j.OwnerReferences = append(j.OwnerReferences, added) }},
		"an owner in the place of ours": {change: func(j *batchv1.Job) { j.OwnerReferences = []metav1.OwnerReference{added} }, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makeJob())
			cluster.stale = map[string]*batchv1.Job{jobName: cluster.job()}
			changed := cluster.job()
			tt.change(changed)
			cluster.must(cluster.raw.Update(t.Context(), changed))
			_, err := cluster.execute(makeScope(), makeConfirmed(plan.OperationOrphan))
			if apierrors.IsConflict(err) != tt.stays || err != nil && !tt.stays {
				t.Errorf("got %v", err)
			}
			want := changed.DeepCopy()
			if !tt.stays {
				want.Labels[v1alpha1.LabelOrphaned] = "true"
				want.OwnerReferences = slices.DeleteFunc(want.OwnerReferences, func(o metav1.OwnerReference) bool { return o.UID == executionUID })
			}
			got := cluster.job()
			if diff := cmp.Diff(want.Labels, got.Labels) + cmp.Diff(want.OwnerReferences, got.OwnerReferences, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

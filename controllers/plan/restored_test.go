// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// A copy under another name says which one it was made from, however long somebody else made that name.
func TestARestoredCopyNamesWhatItWasMadeFrom(t *testing.T) {
	message := func(name string) string {
		execution := makeExecution()
		execution.Labels = map[string]string{v1alpha1.LabelExecutionID: "id-of-another"}
		execution.Annotations = map[string]string{v1alpha1.AnnotationExecutionName: name}
		return meta.FindStatusCondition(NextOfRestoredCopy(execution, at(3)).Conditions, v1alpha1.ConditionReady).Message
	}
	for name, want := range map[string]string{
		makeExecution().Name: "from execution id-of-another, so",
		"":                   "from execution id-of-another, so",
		"nightly":            `from execution id-of-another with the name "nightly", so`,
	} {
		if got := message(name); !strings.Contains(got, want) {
			t.Errorf("named %q: %s", name, got)
		}
	}
	if got := message(strings.Repeat("n", 4000)); !strings.HasSuffix(got, "without the label "+v1alpha1.LabelExecutionID+".") {
		t.Errorf("what to do is cut off: %s", got)
	}
}

// A copy fails, whatever came with it, and says whose copy it is and how to run it.
func TestNextOfRestoredCopy(t *testing.T) {
	now, long := at(3), at(1)
	running := makeExecution()
	tests := map[string]struct {
		labels map[string]string
		status v1alpha1.PipelineExecutionStatus
	}{
		"with the mark": {labels: map[string]string{v1alpha1.LabelExecutionID: "id-of-another"}},
		"with a status": {status: v1alpha1.PipelineExecutionStatus{
			PipelineExecutionID: "id-of-another", State: v1alpha1.ExecutionStopping, PipelineRevision: revisionName, StartTime: &long,
			Stop: &v1alpha1.StopStatus{Mode: v1alpha1.StopModeWait},
		}},
		"with a final status": {status: v1alpha1.PipelineExecutionStatus{PipelineExecutionID: "id-of-another", State: v1alpha1.ExecutionSucceeded}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			execution := running.DeepCopy()
			execution.Labels, execution.Status = tt.labels, tt.status
			got := NextOfRestoredCopy(execution, now)
			want := v1alpha1.PipelineExecutionStatus{
				ObservedGeneration: execution.Generation, PipelineExecutionID: string(execution.UID),
				State: v1alpha1.ExecutionFailed, CompletionTime: &now,
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(v1alpha1.PipelineExecutionStatus{}, "Conditions")); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			ready := meta.FindStatusCondition(got.Conditions, v1alpha1.ConditionReady)
			if ready == nil || ready.Status != metav1.ConditionFalse || ready.Reason != v1alpha1.ReasonRestoredCopy ||
				!strings.Contains(ready.Message, "id-of-another") || !strings.Contains(ready.Message, v1alpha1.LabelExecutionID) {
				t.Errorf("Ready is %+v", ready)
			}
			execution.Status = got
			if execution.IsRestoredCopy() {
				t.Error("its own status makes it a copy")
			}
		})
	}
}

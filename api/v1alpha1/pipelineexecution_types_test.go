// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A copy is known by the mark of another, whatever its name is, as long as its own status has no id, and by the status of another.
func TestIsRestoredCopy(t *testing.T) {
	marked := func(id, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{
			Name: "run-1", UID: "own", Labels: map[string]string{LabelExecutionID: id},
			Annotations: map[string]string{AnnotationExecutionName: name},
		}
	}
	withoutName, withoutID := marked("other", "run-1"), marked("other", "run-1")
	withoutName.Annotations, withoutID.Labels = nil, nil
	tests := map[string]struct {
		meta     metav1.ObjectMeta
		statusID string
		want     bool
	}{
		"new":                                  {metav1.ObjectMeta{Name: "run-1", UID: "own"}, "", false},
		"marked":                               {marked("own", "run-1"), "", false},
		"marked, and with a status":            {marked("own", "run-1"), "own", false},
		"copied":                               {marked("other", "run-1"), "", true},
		"copied without its name":              {withoutName, "", true},
		"copied without its id":                {withoutID, "", false},
		"copied under another name":            {marked("other", "run-2"), "", true},
		"copied with its status":               {marked("other", "run-1"), "other", true},
		"with the status of another execution": {marked("own", "run-1"), "other", true},
		"unmarked, with a status":              {metav1.ObjectMeta{Name: "run-1", UID: "own"}, "other", true},
		"its mark was changed later":           {marked("other", "run-1"), "own", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := &PipelineExecution{ObjectMeta: tt.meta, Status: PipelineExecutionStatus{PipelineExecutionID: tt.statusID}}
			if got := e.IsRestoredCopy(); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

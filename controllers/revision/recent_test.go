// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package revision

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

// What is remembered is bounded in bytes, and what was used last stays.
func TestRecentIsBounded(t *testing.T) {
	sized := func(i int) *appsv1.ControllerRevision {
		return &appsv1.ControllerRevision{
			ObjectMeta: metav1.ObjectMeta{UID: types.UID(fmt.Sprint(i)), ResourceVersion: "1"},
			Data:       runtime.RawExtension{Raw: make([]byte, 1<<20)},
		}
	}
	r, first := &recent{}, &v1alpha1.PipelineDefinition{}
	r.add(sized(0), first)
	for i := 1; i < 100; i++ {
		r.add(sized(i), &v1alpha1.PipelineDefinition{})
		if r.get(sized(0)) != first {
			t.Fatalf("what is used all the time is forgotten after %d others", i)
		}
	}
	if r.size > maxRecent || len(r.entries) != maxRecent>>20 {
		t.Errorf("%d entries of %d bytes", len(r.entries), r.size)
	}
	changed := sized(0)
	changed.ResourceVersion = "2"
	if r.get(changed) != nil {
		t.Error("a revision that was changed is taken for what it was")
	}
	if r.get(sized(1)) != nil {
		t.Error("what was not used for long is remembered")
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestSchemaStopRequestEscalateAfterSeconds(t *testing.T) {
	t.Parallel()
	const field = "spec.escalateAfterSeconds"
	testSchema(t, goodStopRequest, []schemaCase{
		{name: "absent", field: field},
		{name: "-1", field: field, value: int64(-1), refused: "should be greater than or equal to 1"},
		{name: "0", field: field, value: int64(0), refused: "should be greater than or equal to 1"},
		{name: "1", field: field, value: int64(1)},
		{name: "604800", field: field, value: int64(604800)},
		{name: "604801", field: field, value: int64(604801), refused: "should be less than or equal to 604800"},
		{name: "a duration", field: field, value: "1h", refused: "must be of type integer"},
	})
	for abandon, refused := range map[bool]string{
		false: "", true: "escalateAfterSeconds goes with a stop that waits; leave out either it or abandon: true",
	} {
		object := goodStopRequest("default")
		setField(object.Object, field, int64(60))
		setField(object.Object, "spec.abandon", abandon)
		expectAnswer(t, k8s.Create(t.Context(), object, client.DryRunAll), schemaCase{field: field, refused: refused})
	}
}

func TestSchemaStopRequestEscalationIsImmutable(t *testing.T) {
	t.Parallel()
	const refused = "escalateAfterSeconds is immutable; to escalate now, create another StopRequest with abandon: true"
	testEdits(t, goodStopRequest, []editCase{
		{"changed", "spec.escalateAfterSeconds", int64(60), int64(1), refused},
		{"removed", "spec.escalateAfterSeconds", int64(60), nil, refused},
		{"added", "spec.escalateAfterSeconds", nil, int64(60), refused},
		{"as it was", "spec.escalateAfterSeconds", int64(60), int64(60), ""},
	})
}

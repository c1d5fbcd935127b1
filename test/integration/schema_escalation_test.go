// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestSchemaStopRequestEscalateAfterSeconds(t *testing.T) {
	t.Parallel()
	const field = "spec.escalateAfterSeconds"
	trySchema(t, goodStopRequest, []schemaCase{
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
		o := goodStopRequest("default")
		put(o.Object, field, int64(60))
		put(o.Object, "spec.abandon", abandon)
		answered(t, k8s.Create(t.Context(), o, client.DryRunAll), schemaCase{field: field, refused: refused})
	}
}

func TestSchemaStopRequestRequestedBy(t *testing.T) {
	t.Parallel()
	const field = "spec.requestedBy"
	trySchema(t, goodStopRequest, []schemaCase{
		{name: "absent", field: field},
		{name: "256 characters", field: field, value: strings.Repeat("é", 256)},
		{name: "257 characters", field: field, value: strings.Repeat("é", 257), refused: "may not be more than 256"},
		{name: "a service account", field: field, value: "system:serviceaccount:ci:deployer"},
		{name: "a number", field: field, value: int64(7), refused: "must be of type string"},
	})
}

func TestSchemaStopRequestEscalationIsImmutable(t *testing.T) {
	t.Parallel()
	const (
		seconds = "escalateAfterSeconds is immutable; to escalate now, create another StopRequest with abandon: true"
		by      = "requestedBy is immutable"
	)
	tryEdits(t, goodStopRequest, []editCase{
		{"escalateAfterSeconds changed", "spec.escalateAfterSeconds", int64(60), int64(1), seconds},
		{"escalateAfterSeconds removed", "spec.escalateAfterSeconds", int64(60), nil, seconds},
		{"escalateAfterSeconds added", "spec.escalateAfterSeconds", nil, int64(60), seconds},
		{"escalateAfterSeconds as it was", "spec.escalateAfterSeconds", int64(60), int64(60), ""},
		{"requestedBy changed", "spec.requestedBy", "ann", "bob", by},
		{"requestedBy removed", "spec.requestedBy", "ann", nil, by},
		{"requestedBy added", "spec.requestedBy", nil, "ann", by},
		{"requestedBy as it was", "spec.requestedBy", "ann", "ann", ""},
	})
}

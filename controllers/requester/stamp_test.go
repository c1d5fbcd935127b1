// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package requester

import (
	"encoding/json"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
)

func TestNameToStamp(t *testing.T) {
	type object = map[string]any
	const long = "é" // two bytes
	tests := []struct {
		name      string
		user      string
		object    object
		oldObject object // an update has one
		want      string
		isStamped bool
	}{
		{name: "a new object", user: "alice", object: object{"spec": object{}}, want: "alice", isStamped: true},
		{name: "a new object with an empty name", user: "alice", object: object{"spec": object{"requestedBy": ""}}, want: "alice", isStamped: true},
		{name: "a user without a name", object: object{"spec": object{}}, want: "", isStamped: true},
		{name: "a name of 256 characters", user: strings.Repeat(long, 256), object: object{"spec": object{}}, want: strings.Repeat(long, 256), isStamped: true},
		{name: "a longer name", user: strings.Repeat(long, 257), object: object{"spec": object{}}, want: strings.Repeat(long, 256), isStamped: true},
		{name: "control characters", user: "a\x1bb\u009bc\u202ed\u2028e\u061cf\x7f", object: object{"spec": object{}}, want: "a b c d e f ", isStamped: true},
		{name: "a control character behind the cut", user: strings.Repeat("a", 255) + "\n\n", object: object{"spec": object{}},
			want: strings.Repeat("a", 255) + " ", isStamped: true},
		{name: "the field of another kind is no name", user: "alice", object: object{"spec": object{"startedBy": "bob"}}, want: "alice", isStamped: true},

		{name: "a name in other letters", user: "alice", object: object{"spec": object{"REQUESTEDBY": "bob"}}, want: "alice", isStamped: true},
		{name: "a spec in other letters", user: "alice", object: object{"Spec": object{}}},

		{name: "the client's own name", user: "alice", object: object{"spec": object{"requestedBy": "alice"}}},
		{name: "somebody else's name", user: "alice", object: object{"spec": object{"requestedBy": "bob"}}},
		{name: "a name of a wrong type", user: "alice", object: object{"spec": object{"requestedBy": 1.0}}},
		{name: "a name that is null", user: "alice", object: object{"spec": object{"requestedBy": nil}}},
		{name: "no spec", user: "alice", object: object{}},
		{name: "a spec that is null", user: "alice", object: object{"spec": nil}},
		{name: "a spec that is text", user: "alice", object: object{"spec": "wait"}},
		{name: "a spec that is a list", user: "alice", object: object{"spec": []any{}}},

		{name: "replaced by a manifest without a name", user: "bob", object: object{"spec": object{}},
			oldObject: object{"spec": object{"requestedBy": "alice"}}, want: "alice", isStamped: true},
		{name: "replaced by a manifest with an empty name", user: "bob", object: object{"spec": object{"requestedBy": ""}},
			oldObject: object{"spec": object{"requestedBy": "alice"}}, want: "alice", isStamped: true},
		{name: "replaced by a manifest with another name", user: "bob", object: object{"spec": object{"requestedBy": "bob"}},
			oldObject: object{"spec": object{"requestedBy": "alice"}}},
		{name: "nobody becomes who created it later", user: "bob", object: object{"spec": object{}}, oldObject: object{"spec": object{}}},
		{name: "an old name of a wrong type", user: "bob", object: object{"spec": object{}}, oldObject: object{"spec": object{"requestedBy": 1.0}}},
		{name: "an old name that is null", user: "bob", object: object{"spec": object{}}, oldObject: object{"spec": object{"requestedBy": nil}}},
		{name: "an old object without a spec", user: "bob", object: object{"spec": object{}}, oldObject: object{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := write{operation: admissionv1.Create, user: tt.user, spec: specOf(t, tt.object)}
			if tt.oldObject != nil {
				w.operation, w.oldSpec = admissionv1.Update, specOf(t, tt.oldObject)
			}
			got, isStamped := nameToStamp("requestedBy", w)
			if got != tt.want || isStamped != tt.isStamped {
				t.Errorf("the name is %q, %t; want %q, %t", got, isStamped, tt.want, tt.isStamped)
			}
		})
	}
}

// specOf returns the spec of an object as the webhook reads it.
func specOf(t *testing.T, object map[string]any) *spec {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	s, err := readSpec(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

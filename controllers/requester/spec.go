// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package requester

import (
	"bytes"
	"encoding/json"

	kjson "sigs.k8s.io/json"
)

// spec has the fields of the three kinds that hold a name, as they are written. Everything else is skipped: it was not checked by the
// schema yet, and made into Go values it takes many times its size.
type spec struct {
	DecidedBy   json.RawMessage `json:"decidedBy"`
	RequestedBy json.RawMessage `json:"requestedBy"`
	StartedBy   json.RawMessage `json:"startedBy"`
}

// readSpec reads the spec of an object. It returns nil if the spec is no object. The case of letters counts, as for the API server.
func readSpec(object []byte) (*spec, error) {
	var whole struct {
		Spec json.RawMessage `json:"spec"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(object, &whole); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(whole.Spec, []byte("{")) {
		return nil, nil
	}
	s := &spec{}
	return s, kjson.UnmarshalCaseSensitivePreserveInts(whole.Spec, s)
}

func (s *spec) value(field string) json.RawMessage {
	return map[string]json.RawMessage{"decidedBy": s.DecidedBy, "requestedBy": s.RequestedBy, "startedBy": s.StartedBy}[field]
}

// isGiven reports whether a field is there with anything but an empty text.
func (s *spec) isGiven(field string) bool {
	value := s.value(field)
	return value != nil && string(value) != `""`
}

// text returns the text of a field, and whether it is one.
func (s *spec) text(field string) (string, bool) {
	var text *string
	if err := json.Unmarshal(s.value(field), &text); err != nil || text == nil {
		return "", false
	}
	return *text, true
}

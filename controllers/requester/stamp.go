// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package requester is the webhook that writes who created an execution, a StopRequest or an ApprovalResult, on clusters without
// MutatingAdmissionPolicy. It writes what the policies in config/policy/stamp write; a test compares both.
package requester

import (
	admissionv1 "k8s.io/api/admission/v1"

	"haltline.dev/haltline/internal/text"
)

// fields are the fields of a spec that have the name, by the resource.
var fields = map[string]string{
	"approvalresults":    "decidedBy",
	"pipelineexecutions": "startedBy",
	"stoprequests":       "requestedBy",
}

// maxName is how many characters each of the fields may have.
const maxName = 256

// write is a creation or an update of an object.
type write struct {
	operation admissionv1.Operation
	// user is who writes.
	user string
	// spec is what is written, and oldSpec what an update replaces. Each is nil if it is no object.
	spec, oldSpec *spec
}

// nameToStamp returns the name that a field of the spec gets, and whether it gets one. A new object without a name gets that of the
// user. An object keeps its name if it is replaced by a manifest that has none. A name that is given is left for the policy that
// refuses the name of somebody else, and a spec that is not an object for the schema.
func nameToStamp(field string, w write) (string, bool) {
	if w.spec == nil || w.spec.isGiven(field) {
		return "", false
	}
	if w.operation == admissionv1.Create {
		return shownName(w.user), true
	}
	if w.oldSpec == nil {
		return "", false
	}
	return w.oldSpec.text(field)
}

// shownName returns the name of a user as the field may have it: cut, and with a space for each control character.
func shownName(user string) string {
	characters := []rune(user)
	return text.Printable(string(characters[:min(len(characters), maxName)]))
}

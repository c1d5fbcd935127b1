// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package requester

import (
	"context"
	"fmt"
	"net/http"

	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// handle answers a question of the API server. It refuses only what it cannot read, or was not asked about.
func handle(_ context.Context, req admission.Request) admission.Response {
	field, isOurs := fields[req.Resource.Resource]
	if !isOurs {
		return admission.Errored(http.StatusBadRequest, fmt.Errorf("%s have no field for who created them", req.Resource.Resource))
	}
	w, err := readWrite(req.AdmissionRequest)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	name, isStamped := nameToStamp(field, w)
	if !isStamped {
		return admission.Allowed("")
	}
	return admission.Patched("", jsonpatch.NewOperation("add", "/spec/"+field, name))
}

// readWrite reads what is created or updated. A creation has no old object.
func readWrite(req admissionv1.AdmissionRequest) (w write, err error) {
	w = write{operation: req.Operation, user: req.UserInfo.Username}
	if w.spec, err = readSpec(req.Object.Raw); err != nil {
		return write{}, fmt.Errorf("the object cannot be read: %w", err)
	}
	if req.Operation == admissionv1.Create {
		return w, nil
	}
	if w.oldSpec, err = readSpec(req.OldObject.Raw); err != nil {
		return write{}, fmt.Errorf("the old object cannot be read: %w", err)
	}
	return w, nil
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package requester

import (
	"net/http"
	"runtime"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"haltline.dev/haltline/internal/text"
)

func createdBy(user, resource, object string) admission.Request {
	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Operation: admissionv1.Create,
		UserInfo:  authenticationv1.UserInfo{Username: user},
		Resource:  metav1.GroupVersionResource{Group: "pipelines.haltline.dev", Version: "v1alpha1", Resource: resource},
		Object:    apiruntime.RawExtension{Raw: []byte(object)},
	}}
}

func TestTheFieldOfEachKindIsWritten(t *testing.T) {
	for resource, field := range map[string]string{
		"stoprequests": "requestedBy", "pipelineexecutions": "startedBy", "approvalresults": "decidedBy",
	} {
		g := NewWithT(t)
		response := handle(t.Context(), createdBy("alice", resource, `{"spec":{}}`))
		g.Expect(response.Allowed).To(BeTrue())
		g.Expect(response.Patches).To(ConsistOf(jsonpatch.NewOperation("add", "/spec/"+field, "alice")))

		response = handle(t.Context(), createdBy("alice", resource, `{"spec":{"`+field+`":"bob"}}`))
		g.Expect(response.Allowed).To(BeTrue(), "a policy refuses the name")
		g.Expect(response.Patches).To(BeEmpty())
	}
}

func TestAnUpdateKeepsTheName(t *testing.T) {
	g := NewWithT(t)
	req := createdBy("bob", "stoprequests", `{"spec":{}}`)
	req.Operation = admissionv1.Update
	req.OldObject.Raw = []byte(`{"spec":{"requestedBy":"alice"}}`)
	g.Expect(handle(t.Context(), req).Patches).To(ConsistOf(jsonpatch.NewOperation("add", "/spec/requestedBy", "alice")))
}

func TestWhatIsNotOursOrCannotBeReadIsRefused(t *testing.T) {
	update := createdBy("alice", "stoprequests", `{"spec":{}}`)
	update.Operation = admissionv1.Update
	for name, req := range map[string]admission.Request{
		"another kind":         createdBy("alice", "pipelines", `{"spec":{}}`),
		"no JSON":              createdBy("alice", "stoprequests", `{`),
		"a list":               createdBy("alice", "stoprequests", `[]`),
		"an old object of air": update,
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			response := handle(t.Context(), req)
			g.Expect(response.Allowed).To(BeFalse())
			g.Expect(response.Result.Code).To(BeEquivalentTo(http.StatusBadRequest))
		})
	}
}

// Whatever a user writes, the webhook answers, and what it writes fits the schema.
func FuzzHandle(f *testing.F) {
	for _, object := range []string{`{"spec":{}}`, `{"spec":null}`, `{"spec":{"requestedBy":1}}`, `null`, `{`, ``} {
		f.Add("alice\x1b", "stoprequests", object, object, true)
	}
	f.Fuzz(func(t *testing.T, user, resource, object, oldObject string, isNew bool) {
		req := createdBy(user, resource, object)
		if !isNew {
			req.Operation = admissionv1.Update
			req.OldObject.Raw = []byte(oldObject)
		}
		response := handle(t.Context(), req)
		if len(response.Patches) == 0 {
			return
		}
		if patch := response.Patches[0]; len(response.Patches) > 1 || patch.Operation != "add" || patch.Path != "/spec/"+fields[resource] {
			t.Errorf("the patches are %v", response.Patches)
		}
		name, isText := response.Patches[0].Value.(string)
		if !isText {
			t.Errorf("the name is %v", response.Patches[0].Value)
		}
		// An update keeps the name that is stored, which the schema has accepted.
		if isNew && (len([]rune(name)) > maxName || text.Printable(name) != name) {
			t.Errorf("the name %q has %d characters, all of which must be printable", name, len([]rune(name)))
		}
	})
}

// A tenant can send as much as the API server takes, before the schema refuses it.
func TestALargeObjectTakesLittleMemory(t *testing.T) {
	const size = 3 << 20
	for name, spec := range map[string]string{
		"entries of a list": `"variables":[{}` + strings.Repeat(",{}", size/3) + `]`,
		"unknown fields":    strings.Repeat(`"":0,`, size/5) + `"variables":[]`,
	} {
		t.Run(name, func(t *testing.T) {
			req := createdBy("alice", "pipelineexecutions", `{"spec":{`+spec+`}}`)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			response := handle(t.Context(), req)
			runtime.ReadMemStats(&after)
			if len(response.Patches) != 1 {
				t.Errorf("the answer is %v", response)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 3*size {
				t.Errorf("an object of %d MiB takes %d MiB", size>>20, allocated>>20)
			}
		})
	}
}

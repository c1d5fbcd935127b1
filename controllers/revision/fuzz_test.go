// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package revision

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"haltline.dev/haltline/api/v1alpha1"
)

// FuzzRevision: whatever a Pipeline is, a revision of it is not made, or it is unpacked as what was packed, under a name
// that an object can have.
func FuzzRevision(f *testing.F) {
	const uid = "0b9c2f4e-52a1-4d0c-9a57-3f1f6f1d2c11"
	f.Add("web", uid, int64(1), `{"stages":[{"name":"s","actions":[{"name":"a","job":{"spec":{}}}]}]}`)
	f.Add(strings.Repeat("n", 253), "", int64(-1), `{"stages":null}`)
	f.Add(strings.Repeat("n", 190)+strings.Repeat("-.", 20)+"n", "a b", int64(1<<62), `{"stages":[{"actions":[{"job":{"spec":{"n":1e400,"m":9007199254740993}}}]}]}`)
	f.Add("", "\xff", int64(0), `{"pipelineName":"\ud800","stages":[{"actions":[{"job":{"spec":"<\u2028>"}}]}]}`)
	f.Add("é.-", "", int64(0), `{"stages":[{"actions":[{"job":{"metadata":null,"spec":null}}]}]}`)
	f.Fuzz(func(t *testing.T, name, uid string, generation int64, spec string) {
		pipeline := &v1alpha1.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, UID: types.UID(uid), Generation: generation}}
		if json.Unmarshal([]byte(spec), &pipeline.Spec) != nil {
			unpackRevision(makeRevision(revisionName(name, uid, []byte(spec)), map[string]string{v1alpha1.LabelPipelineUID: uid}, []byte(spec)))
			return
		}
		revision, err := newRevision(pipeline)
		if err != nil {
			return
		}
		if len(validation.IsDNS1123Subdomain(name)) == 0 && len(validation.IsDNS1123Subdomain(revision.Name)) > 0 {
			t.Errorf("%q: %v", revision.Name, validation.IsDNS1123Subdomain(revision.Name))
		}
		got := unpackRevision(revision)
		if got == nil {
			t.Fatalf("%q is not unpacked: %s", revision.Name, revision.Data.Raw)
		}
		again, err := marshalCanonical(got)
		if err != nil || !bytes.Equal(again, revision.Data.Raw) {
			t.Errorf("packed again it is %s, %v (-before +after):\n%s", again, err, cmp.Diff(string(revision.Data.Raw), string(again)))
		}
		for _, change := range []func(*appsv1.ControllerRevision){
			func(changed *appsv1.ControllerRevision) { changed.Labels = nil },
			func(changed *appsv1.ControllerRevision) {
				changed.Data.Raw = append(slices.Clone(changed.Data.Raw), ' ')
			},
		} {
			changed := revision.DeepCopy()
			change(changed)
			if (uid != "" || changed.Labels != nil) && unpackRevision(changed) != nil {
				t.Errorf("taken for what was packed: %+v", changed)
			}
		}
	})
}

// FuzzUnpack: a revision can be anything that its kind lets through.
func FuzzUnpack(f *testing.F) {
	f.Add("web-0123", "u", []byte(`{}`))
	f.Add("-", "", []byte(nil))
	f.Add("", "", []byte(`null`))
	f.Add("web", "u", []byte(`{"pipelineName":"web","stages":[]}`))
	f.Fuzz(func(t *testing.T, name, uid string, raw []byte) {
		for _, labels := range []map[string]string{nil, {v1alpha1.LabelPipelineUID: uid}} {
			for _, name := range []string{name, revisionName(name, labels[v1alpha1.LabelPipelineUID], raw)} {
				if definition := unpackRevision(makeRevision(name, labels, raw)); definition != nil && !json.Valid(raw) {
					t.Errorf("%q is unpacked as %+v", raw, definition)
				}
			}
		}
	})
}

func makeRevision(name string, labels map[string]string, raw []byte) *appsv1.ControllerRevision {
	return &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Data: runtime.RawExtension{Raw: raw}}
}

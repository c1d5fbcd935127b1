// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

func mustPin(t *testing.T, p *v1alpha1.Pipeline) *appsv1.ControllerRevision {
	t.Helper()
	r, err := newRevision(p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// "Its name is a hash of what it pins": another content, Pipeline or generation has another name, and nothing else does.
func TestRevisionName(t *testing.T) {
	base := mustPin(t, thePipeline()).Name
	tests := []struct {
		name   string
		change func(*v1alpha1.Pipeline)
		same   bool
	}{
		{"the same again", func(*v1alpha1.Pipeline) {}, true},
		{"another label", func(p *v1alpha1.Pipeline) { p.Labels = map[string]string{"a": "b"} }, true},
		{"another status", func(p *v1alpha1.Pipeline) { p.Status.ObservedGeneration = 7 }, true},
		{"another resourceVersion", func(p *v1alpha1.Pipeline) { p.ResourceVersion = "8" }, true},
		{"the keys of a Job in another order", func(p *v1alpha1.Pipeline) { p.Spec.Stages[0].Actions[0].Job.Spec.Raw = []byte(jobSpecReordered) }, true},
		{"another name of an action", func(p *v1alpha1.Pipeline) { p.Spec.Stages[0].Actions[0].Name = "other" }, false},
		{"another image", func(p *v1alpha1.Pipeline) {
			p.Spec.Stages[0].Actions[0].Job.Spec.Raw = []byte(strings.Replace(jobSpec, "busybox", "busybox:2", 1))
		}, false},
		{"another order of stages", func(p *v1alpha1.Pipeline) { slices.Reverse(p.Spec.Stages) }, false},
		{"another default", func(p *v1alpha1.Pipeline) {
			p.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "V", DefaultValue: ptr.To("")}}
		}, false},
		{"another generation", func(p *v1alpha1.Pipeline) { p.Generation++ }, false},
		{"another Pipeline of the name", func(p *v1alpha1.Pipeline) { p.UID = "uid-of-another" }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := thePipeline()
			tt.change(p)
			if got := mustPin(t, p).Name; (got == base) != tt.same {
				t.Errorf("%s and %s, the same: %v", base, got, tt.same)
			}
		})
	}
}

// No two lists of (uid, generation, data) may be hashed alike.
func TestRevisionNameIsUnambiguous(t *testing.T) {
	seen := map[string]string{}
	for _, uid := range []string{"u", "u 1", ""} {
		for _, generation := range []int64{1, 11, 111} {
			for _, data := range []string{"{}", "1 {}", ""} {
				name, what := revisionName("p", uid, generation, []byte(data)), uid+"|"+data
				if other, taken := seen[name]; taken && !strings.Contains(other+what, " 1") { // Neither a uid nor JSON begins or ends like that.
					t.Errorf("%q and %q have the name %s", other, what, name)
				}
				seen[name] = what
			}
		}
	}
}

// A name of an object has at most 253 characters, and is a DNS subdomain.
func TestRevisionNameIsBounded(t *testing.T) {
	label := strings.Repeat("n", 63)
	for _, name := range []string{
		"p", "web.shop", strings.Repeat("x", 253), strings.Join([]string{label, label, label, label[:61]}, "."),
		strings.Repeat("x", 199) + "-y", strings.Repeat("x", 199) + ".y", strings.Repeat("x", 198) + "-.y", strings.Repeat("x", 200) + "-" + strings.Repeat("y", 50),
	} {
		p := thePipeline()
		p.Name = name
		r := mustPin(t, p)
		if len(r.Name) > 253 {
			t.Errorf("Pipeline %q: a name of %d characters", name, len(r.Name))
		}
		if errs := validation.IsDNS1123Subdomain(r.Name); errs != nil {
			t.Errorf("Pipeline %q: the API server refuses %q: %v", name, r.Name, errs)
		}
		if got := unpackRevision(r); got == nil {
			t.Errorf("Pipeline %q: its own revision %q is not recognized", name, r.Name)
		}
	}
}

// "Pipeline owns revisions", and the label has the cache see them.
func TestRevisionMetadata(t *testing.T) {
	p := thePipeline()
	r := mustPin(t, p)
	if !metav1.IsControlledBy(r, p) || r.Labels[v1alpha1.LabelPipelineUID] != string(p.UID) || r.Namespace != p.Namespace || r.Revision != p.Generation {
		t.Errorf("revision %+v", r)
	}
}

// What is unpacked is what was pinned.
func TestUnpackReturnsWhatWasPinned(t *testing.T) {
	p := thePipeline()
	p.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "V", DefaultValue: ptr.To("a && b <c> \u2028 é 🙂 \\ \" /")}, {Name: "W"}}
	p.Spec.Stages[0].Actions[0].TimeoutSeconds = ptr.To[int64](86400)
	got := unpackRevision(mustPin(t, p))
	if got == nil {
		t.Fatal("not recognized")
	}
	want, err := canonicalJSON(p.Spec)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := canonicalJSON(*got); err != nil || string(back) != string(want) {
		t.Errorf("pinned %s\nunpacked %s, %v", want, back, err)
	}
}

// "so that one put in its place by another is not taken for it"
func TestUnpackRefuses(t *testing.T) {
	tests := map[string]func(*appsv1.ControllerRevision){
		"other data": func(r *appsv1.ControllerRevision) {
			r.Data.Raw = []byte(strings.Replace(string(r.Data.Raw), "busybox", "evil", 1))
		},
		"data in another form":         func(r *appsv1.ControllerRevision) { r.Data.Raw = append([]byte(" "), r.Data.Raw...) },
		"no data":                      func(r *appsv1.ControllerRevision) { r.Data = runtime.RawExtension{} },
		"another number":               func(r *appsv1.ControllerRevision) { r.Revision++ },
		"another Pipeline":             func(r *appsv1.ControllerRevision) { r.Labels[v1alpha1.LabelPipelineUID] = "uid-of-another" },
		"no label":                     func(r *appsv1.ControllerRevision) { r.Labels = nil },
		"another hash":                 func(r *appsv1.ControllerRevision) { r.Name = "web-00000000000000000000" },
		"a name without a hash":        func(r *appsv1.ControllerRevision) { r.Name = "web" },
		"a name that ends with a dash": func(r *appsv1.ControllerRevision) { r.Name = "web-" },
		"no name":                      func(r *appsv1.ControllerRevision) { r.Name = "" },
		"no Pipeline, with the hash of it": func(r *appsv1.ControllerRevision) {
			r.Data.Raw = []byte(`["no Pipeline"]`)
			r.Name = revisionName("web", string(thePipeline().UID), r.Revision, r.Data.Raw)
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			r := mustPin(t, thePipeline())
			change(r)
			if got := unpackRevision(r); got != nil {
				t.Errorf("%q is taken for %+v", r.Name, got)
			}
		})
	}
}

// "The data of a revision is immutable to the byte": what the API server decodes and writes again must be the same.
func TestCanonical(t *testing.T) {
	spec := thePipeline().Spec
	spec.Stages[0].Actions[0].Job.Spec.Raw = []byte(`{ "z": 1, "a": {"y":12345678901234567890, "b":1.50, "c":1e3}, "s":"<&>\u2028\u00e9/é", "n":null, "l":[3,1,2] }`)
	first, err := canonicalJSON(spec)
	if err != nil {
		t.Fatal(err)
	}
	const job = `"spec":{"a":{"b":1.50,"c":1e3,"y":12345678901234567890},"l":[3,1,2],"n":null,"s":"\u003c\u0026\u003e\u2028é/é","z":1}`
	if !strings.Contains(string(first), job) {
		t.Errorf("%s\ndoes not have %s", first, job)
	}
	for range 20 {
		if again, err := canonicalJSON(*spec.DeepCopy()); err != nil || string(again) != string(first) {
			t.Fatalf("first %s\nthen %s, %v", first, again, err)
		}
	}
	// As any encoder that compacts and escapes writes it.
	if compact, err := json.Marshal(json.RawMessage(first)); err != nil || string(compact) != string(first) {
		t.Errorf("%s\nis written as %s, %v", first, compact, err)
	}
}

// A Job that is no JSON could not be pinned; the error names the Pipeline.
func TestPinOfNoJSON(t *testing.T) {
	p := thePipeline()
	p.Spec.Stages[0].Actions[0].Job.Spec.Raw = []byte(`{"template":`)
	if _, err := newRevision(p); err == nil || !strings.Contains(err.Error(), p.Name) {
		t.Errorf("error %v", err)
	}
}

// "one for each generation that was run"
func TestPinOnceForEachGeneration(t *testing.T) {
	w := newWorld(t, thePipeline())
	p := thePipeline()
	var pinned []string
	for _, generation := range []int64{1, 1, 2, 2} {
		p.Generation = generation
		name, err := w.operator("op").executions.ensureRevision(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		pinned = append(pinned, name)
	}
	if pinned[0] != pinned[1] || pinned[2] != pinned[3] || pinned[0] == pinned[2] {
		t.Errorf("pinned %v", pinned)
	}
	if diff := cmp.Diff([]string{"create ControllerRevision", "create ControllerRevision"}, w.writes()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

// Another operator, or a cache that lags, is no error; no right is.
func TestPinWhenItCannotBeCreated(t *testing.T) {
	group := appsv1.Resource("controllerrevisions")
	tests := []struct {
		name string
		fail error
		err  bool
	}{
		{"it is there already", apierrors.NewAlreadyExists(group, "r"), false},
		{"forbidden", apierrors.NewForbidden(group, "r", nil), true},
		{"no answer", errTimeout, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.before = func(c apiCall) error {
				if c.name == "create ControllerRevision" {
					return tt.fail
				}
				return nil
			}
			if _, err := w.operator("op").executions.ensureRevision(t.Context(), thePipeline()); (err != nil) != tt.err {
				t.Errorf("error %v, want one: %v", err, tt.err)
			}
		})
	}
}

// A revision that the cache does not have yet is read live; one that is gone or another's is none.
func TestPinned(t *testing.T) {
	revision := mustPin(t, thePipeline())
	tampered := revision.DeepCopy()
	tampered.Data.Raw = []byte(strings.Replace(string(tampered.Data.Raw), "busybox", "evil", 1))
	tests := []struct {
		name    string
		objects []client.Object
		hidden  bool
		found   bool
		calls   []string
	}{
		{"cached", []client.Object{revision}, false, true, []string{"get ControllerRevision"}},
		{"not cached yet", []client.Object{revision}, true, true, []string{"get ControllerRevision", "live get ControllerRevision"}},
		{"gone", nil, false, false, []string{"get ControllerRevision", "live get ControllerRevision"}},
		{"put there by another", []client.Object{tampered}, false, false, []string{"get ControllerRevision"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.objects...)
			op := w.operator("op")
			if tt.hidden {
				op.hide(types.NamespacedName{Namespace: "team", Name: revision.Name})
			}
			spec, err := op.executions.loadRevision(t.Context(), "team", revision.Name)
			if err != nil || (spec != nil) != tt.found {
				t.Errorf("got %+v, %v", spec, err)
			}
			if diff := cmp.Diff(tt.calls, w.names()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package revision

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

const (
	jobSpec          = `{"backoffLimit":0,"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"main","image":"busybox"}]}}}`
	jobSpecReordered = `{"template":{"spec":{"containers":[{"image":"busybox","name":"main"}],"restartPolicy":"Never"}},"backoffLimit":0}`
)

// makePipeline returns a Pipeline of two stages.
func makePipeline() *v1alpha1.Pipeline {
	makeStage := func(name string) v1alpha1.Stage {
		return v1alpha1.Stage{Name: name, Actions: []v1alpha1.Action{{
			Name: "a", RunOrder: 1, Job: &v1alpha1.JobTemplate{Spec: runtime.RawExtension{Raw: []byte(jobSpec)}},
		}}}
	}
	return &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web", UID: "uid-of-web", Generation: 1},
		Spec:       v1alpha1.PipelineSpec{Stages: []v1alpha1.Stage{makeStage("s"), makeStage("u")}},
	}
}

func mustMakeRevision(t *testing.T, pipeline *v1alpha1.Pipeline) *appsv1.ControllerRevision {
	t.Helper()
	revision, err := newRevision(pipeline)
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

// The name is a hash of what is pinned: another definition or Pipeline has another name, and nothing else does.
func TestRevisionName(t *testing.T) {
	base := mustMakeRevision(t, makePipeline()).Name
	tests := []struct {
		name   string
		change func(*v1alpha1.Pipeline)
		same   bool
	}{
		{"the same again", func(*v1alpha1.Pipeline) {}, true},
		{"another label", func(pipeline *v1alpha1.Pipeline) { pipeline.Labels = map[string]string{"a": "b"} }, true},
		{"another status", func(pipeline *v1alpha1.Pipeline) { pipeline.Status.ObservedGeneration = 7 }, true},
		{"another resourceVersion", func(pipeline *v1alpha1.Pipeline) { pipeline.ResourceVersion = "8" }, true},
		{"the keys of a Job in another order", func(pipeline *v1alpha1.Pipeline) {
			pipeline.Spec.Stages[0].Actions[0].Job.Spec.Raw = []byte(jobSpecReordered)
		}, true},
		{"another name of an action", func(pipeline *v1alpha1.Pipeline) { pipeline.Spec.Stages[0].Actions[0].Name = "other" }, false},
		{"another image", func(pipeline *v1alpha1.Pipeline) {
			pipeline.Spec.Stages[0].Actions[0].Job.Spec.Raw = []byte(strings.Replace(jobSpec, "busybox", "busybox:2", 1))
		}, false},
		{"another order of stages", func(pipeline *v1alpha1.Pipeline) { slices.Reverse(pipeline.Spec.Stages) }, false},
		{"another default", func(pipeline *v1alpha1.Pipeline) {
			pipeline.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "V", DefaultValue: ptr.To("")}}
		}, false},
		{"another generation of the same definition", func(pipeline *v1alpha1.Pipeline) { pipeline.Generation++ }, true},
		{"a pipelineName of its own", func(pipeline *v1alpha1.Pipeline) { pipeline.Spec.PipelineName = "shop" }, true},
		{"another Pipeline of the name", func(pipeline *v1alpha1.Pipeline) { pipeline.UID = "uid-of-another" }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pipeline := makePipeline()
			tt.change(pipeline)
			if got := mustMakeRevision(t, pipeline).Name; (got == base) != tt.same {
				t.Errorf("%s and %s, the same: %v", base, got, tt.same)
			}
		})
	}
}

// No two pairs of a uid and data may be hashed alike: neither a uid nor JSON begins or ends with a space.
func TestRevisionNameIsUnambiguous(t *testing.T) {
	known := map[string]string{}
	for _, uid := range []string{"u", "u1", "", "u{}"} {
		for _, data := range []string{"{}", "1{}", "", "{}{}"} {
			name, what := revisionName("p", uid, []byte(data)), uid+"|"+data
			if other, taken := known[name]; taken {
				t.Errorf("%q and %q have the name %s", other, what, name)
			}
			known[name] = what
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
		pipeline := makePipeline()
		pipeline.Name = name
		revision := mustMakeRevision(t, pipeline)
		if len(revision.Name) > 253 {
			t.Errorf("Pipeline %q: a name of %d characters", name, len(revision.Name))
		}
		if errs := validation.IsDNS1123Subdomain(revision.Name); errs != nil {
			t.Errorf("Pipeline %q: the API server refuses %q: %v", name, revision.Name, errs)
		}
		if got := unpackRevision(revision); got == nil {
			t.Errorf("Pipeline %q: its own revision %q is not recognized", name, revision.Name)
		}
	}
}

// A revision has no owner, since what runs outlives its Pipeline. The label has the cache keep it.
func TestRevisionMetadata(t *testing.T) {
	pipeline := makePipeline()
	revision := mustMakeRevision(t, pipeline)
	if len(revision.OwnerReferences) != 0 || revision.Labels[v1alpha1.LabelPipelineUID] != string(pipeline.UID) || revision.Namespace != pipeline.Namespace || revision.Revision != pipeline.Generation {
		t.Errorf("revision %+v", revision)
	}
}

// What is unpacked is what was pinned.
func TestUnpackReturnsWhatWasPinned(t *testing.T) {
	pipeline := makePipeline()
	pipeline.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "V", DefaultValue: ptr.To("a && b <c> \u2028 é 🙂 \\ \" /")}, {Name: "W"}}
	pipeline.Spec.Stages[0].Actions[0].TimeoutSeconds = ptr.To[int64](86400)
	got := unpackRevision(mustMakeRevision(t, pipeline))
	if got == nil {
		t.Fatal("not recognized")
	}
	want, err := marshalCanonical(pipeline.Spec.Definition())
	if err != nil {
		t.Fatal(err)
	}
	if back, err := marshalCanonical(got); err != nil || string(back) != string(want) {
		t.Errorf("pinned %s\nunpacked %s, %v", want, back, err)
	}
	if diff := cmp.Diff(pipeline.Spec.Variables, got.Variables); diff != "" {
		t.Errorf("variables (-pinned +unpacked):\n%s", diff)
	}
}

// A revision holds what is run, and nothing else of the Pipeline.
func TestRevisionHoldsVariablesAndStages(t *testing.T) {
	pipeline := makePipeline()
	pipeline.Spec.PipelineName = "shop"
	pipeline.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "V"}}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(mustMakeRevision(t, pipeline).Data.Raw, &fields); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"stages", "variables"}, names); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// A revision that somebody else put in the place of ours is not taken for it, and neither is one of a former version.
func TestUnpackRefuses(t *testing.T) {
	tests := map[string]func(*appsv1.ControllerRevision){
		"other data": func(revision *appsv1.ControllerRevision) {
			revision.Data.Raw = []byte(strings.Replace(string(revision.Data.Raw), "busybox", "evil", 1))
		},
		"data in another form": func(revision *appsv1.ControllerRevision) {
			revision.Data.Raw = append([]byte(" "), revision.Data.Raw...)
		},
		"no data": func(revision *appsv1.ControllerRevision) { revision.Data = runtime.RawExtension{} },
		"another Pipeline": func(revision *appsv1.ControllerRevision) {
			revision.Labels[v1alpha1.LabelPipelineUID] = "uid-of-another"
		},
		"no label":                     func(revision *appsv1.ControllerRevision) { revision.Labels = nil },
		"another hash":                 func(revision *appsv1.ControllerRevision) { revision.Name = "web-00000000000000000000" },
		"a name without a hash":        func(revision *appsv1.ControllerRevision) { revision.Name = "web" },
		"a name that ends with a dash": func(revision *appsv1.ControllerRevision) { revision.Name = "web-" },
		"no name":                      func(revision *appsv1.ControllerRevision) { revision.Name = "" },
		"no definition, with the hash of it": func(revision *appsv1.ControllerRevision) {
			revision.Data.Raw = []byte(`["no definition"]`)
			revision.Name = revisionName("web", string(makePipeline().UID), revision.Data.Raw)
		},
		"the whole spec, as a former version pinned it, with the hash of it": func(revision *appsv1.ControllerRevision) {
			raw, err := json.Marshal(v1alpha1.PipelineSpec{PipelineName: "web", Stages: makePipeline().Spec.Stages})
			if err != nil {
				t.Fatal(err)
			}
			revision.Data.Raw = raw
			revision.Name = revisionName("web", string(makePipeline().UID), raw)
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			revision := mustMakeRevision(t, makePipeline())
			change(revision)
			if got := unpackRevision(revision); got != nil {
				t.Errorf("%q is taken for %+v", revision.Name, got)
			}
		})
	}
}

// The data of a revision is immutable to the byte: what the API server decodes and writes again must be the same.
func TestCanonical(t *testing.T) {
	spec := makePipeline().Spec
	spec.Stages[0].Actions[0].Job.Spec.Raw = []byte(`{ "z": 1, "a": {"y":12345678901234567890, "b":1.50, "c":1e3}, "s":"<&>\u2028\u00e9/é", "n":null, "l":[3,1,2] }`)
	first, err := marshalCanonical(spec.Definition())
	if err != nil {
		t.Fatal(err)
	}
	const job = `"spec":{"a":{"b":1.50,"c":1e3,"y":12345678901234567890},"l":[3,1,2],"n":null,"s":"\u003c\u0026\u003e\u2028é/é","z":1}`
	if !strings.Contains(string(first), job) {
		t.Errorf("%s\ndoes not have %s", first, job)
	}
	for range 20 {
		if again, err := marshalCanonical(spec.DeepCopy().Definition()); err != nil || string(again) != string(first) {
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
	pipeline := makePipeline()
	pipeline.Spec.Stages[0].Actions[0].Job.Spec.Raw = []byte(`{"template":`)
	if _, err := newRevision(pipeline); err == nil || !strings.Contains(err.Error(), pipeline.Name) {
		t.Errorf("error %v", err)
	}
}

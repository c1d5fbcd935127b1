// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// makeValues returns values by "NAME=value". A name without a value is known later.
func makeValues(pairs ...string) plan.Values {
	return func(name string) (*string, bool) {
		for _, p := range pairs {
			if n, value, has := strings.Cut(p, "="); n == name && has {
				return &value, true
			} else if n == name {
				return nil, true
			}
		}
		return nil, false
	}
}

func TestSubstituteImage(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	zeros := "sha256:" + strings.Repeat("0", 64)
	tests := []struct {
		name, image string
		values      []string
		// want is the image; if it is empty, why is a part of what is wrong.
		want, why string
	}{
		{name: "a tag", image: "registry.example.com/app:$(TAG)", values: []string{"TAG=v1.2"}, want: "registry.example.com/app:v1.2"},
		{name: "a part of a tag", image: "app:v$(TAG)-slim", values: []string{"TAG=1"}, want: "app:v1-slim"},
		{name: "a digest", image: "app@$(DIGEST)", values: []string{"DIGEST=" + digest}, want: "app@" + digest},
		{name: "the hash of a digest", image: "app@sha256:$(HASH)", values: []string{"HASH=" + digest[7:]}, want: "app@" + digest},
		{name: "a tag and a digest", image: "app:$(TAG)@$(DIGEST)", values: []string{"TAG=1", "DIGEST=" + digest}, want: "app:1@" + digest},
		{name: "a whole image", image: "$(IMAGE)", values: []string{"IMAGE=registry.example.com:5000/team/app:v1@" + digest}, want: "registry.example.com:5000/team/app:v1@" + digest},
		{name: "a registry", image: "$(REGISTRY)/app:1", values: []string{"REGISTRY=localhost:5000"}, want: "localhost:5000/app:1"},
		{name: "a port", image: "localhost:$(PORT)/app", values: []string{"PORT=5000"}, want: "localhost:5000/app"},
		{name: "a path", image: "registry.example.com/$(TEAM)/app", values: []string{"TEAM=a/b"}, want: "registry.example.com/a/b/app"},
		{name: "twice", image: "$(X)/$(X):$(X)", values: []string{"X=a"}, want: "a/a:a"},

		{name: "a tag that is known later", image: "app:$(TAG)", values: []string{"TAG"}, want: "app:x"},
		{name: "a digest that is known later", image: "$(REPO)@$(DIGEST)", values: []string{"DIGEST", "REPO"}, want: "x@" + zeros},
		{name: "a hash that is known later", image: "app@sha256:$(HASH)", values: []string{"HASH"}, want: "app@" + zeros},

		{name: "not declared", image: "app:$(TAG)", why: "$(TAG) is no variable"},
		{name: "another case", image: "app:$(tag)", values: []string{"TAG=1"}, why: "$(tag) is no variable"},
		{name: "a lone $", image: "app:$TAG", values: []string{"TAG=1"}, why: "must begin a reference"},
		{name: "not closed", image: "app:$(TAG", values: []string{"TAG=1"}, why: "must begin a reference"},
		{name: "escaped", image: "app:$$(TAG)", values: []string{"TAG=1"}, why: "must begin a reference"},
		{name: "no name", image: "app:$(1)", why: "must begin a reference"},
		{name: "a value that has a reference", image: "app:$(TAG)", values: []string{"TAG=$(TAG)"}, why: "no image reference"},
		{name: "an empty tag", image: "app:$(TAG)", values: []string{"TAG="}, why: "no image reference"},
		{name: "a space", image: "app:$(TAG)", values: []string{"TAG=a b"}, why: `"app:a b"`},
		{name: "a newline", image: "app:$(TAG)", values: []string{"TAG=a\nb"}, why: "no image reference"},
		{name: "a tag that would be a repository", image: "app:$(TAG)", values: []string{"TAG=5000/evil"}, why: "its tag is"},
		{name: "a tag that would be a digest", image: "app:$(TAG)", values: []string{"TAG=1@" + digest}, why: "its tag is"},
		{name: "a tag of 129 characters", image: "app:$(TAG)", values: []string{"TAG=" + strings.Repeat("a", 129)}, why: "no image reference"},
		{name: "capital letters in a path", image: "$(REPO):1", values: []string{"REPO=Team/App"}, why: "no image reference"},
		{name: "a tag in the place of a digest", image: "app@$(DIGEST)", values: []string{"DIGEST=v1"}, why: "no image reference"},
		{name: "up in the path", image: "registry.example.com/$(TEAM)/app", values: []string{"TEAM=.."}, why: "no image reference"},
		{name: "no reference whatever the value is", image: "a b:$(TAG)", values: []string{"TAG"}, why: "no image reference"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, why := substituteImage(tt.image, makeValues(tt.values...))
			if got != tt.want || (why == "") != (tt.want != "") || !strings.Contains(why, tt.why) {
				t.Errorf("got %q, %q; want %q, %q", got, why, tt.want, tt.why)
			}
		})
	}
}

const imageSpec = `{"template":{"spec":{"restartPolicy":"Never","initContainers":[{"name":"init","image":"tools:$(TAG)"}],
	"containers":[{"name":"main","image":"app:$(BUILD_TAG)","command":["run","$(TAG)"],"env":[{"name":"OWN","value":"$(TAG)"}]},{"name":"plain","image":"busybox"}]}}}`

// Only images are replaced, in all containers, and the Job is the same when it is built again.
func TestImagesOfAJob(t *testing.T) {
	op := makeStart(imageSpec)
	op.Outputs = []v1alpha1.Variable{{Name: "BUILD_TAG", Value: "v2"}}
	scope := makeScope(v1alpha1.Variable{Name: "TAG", Value: "v1"})
	pod := mustBuild(t, scope, op).Spec.Template.Spec
	if pod.InitContainers[0].Image != "tools:v1" || pod.Containers[0].Image != "app:v2" || pod.Containers[1].Image != "busybox" {
		t.Errorf("images %q, %q and %q", pod.InitContainers[0].Image, pod.Containers[0].Image, pod.Containers[1].Image)
	}
	if main := pod.Containers[0]; main.Command[1] != "$(TAG)" || main.Env[len(main.Env)-1].Value != "$(TAG)" {
		t.Errorf("the command is %q, and the environment %v", main.Command, main.Env)
	}
	if env := pod.Containers[1].Env; env[len(env)-1] != (corev1.EnvVar{Name: "BUILD_TAG", Value: "v2"}) || env[len(env)-2].Name != "TAG" {
		t.Errorf("environment %v", env)
	}
	if why := whyNotBelieved(mustBuild(t, scope, op), scope, op); why != "" {
		t.Errorf("it is not believed: %s", why)
	}
	forged := mustBuild(t, scope, op)
	forged.Spec.Template.Spec.Containers[0].Image = "other:v2"
	if why := whyNotBelieved(forged, scope, op); why == "" {
		t.Error("another image is believed")
	}
}

func TestStartWithAnImageThatIsNone(t *testing.T) {
	op := makeStart(imageSpec)
	op.Outputs = []v1alpha1.Variable{{Name: "BUILD_TAG", Value: "5000/evil"}}
	cluster := newCluster(t)
	o, err := cluster.execute(makeScope(v1alpha1.Variable{Name: "TAG", Value: "v1"}), op)
	if err != nil || o.Phase != plan.PhaseFailed || o.Reason != v1alpha1.ReasonInvalidImage || cluster.calls != nil {
		t.Errorf("got %+v, %v, calls %v", o, err, cluster.calls)
	}
	for _, part := range []string{"job.spec.template.spec.containers[0].image", "app:$(BUILD_TAG)", "5000/evil"} {
		if !strings.Contains(o.Message, part) {
			t.Errorf("%q does not have %q", o.Message, part)
		}
	}
}

func TestCheckReferences(t *testing.T) {
	op := makeStart(imageSpec)
	p := &Provider{}
	if err := p.CheckReferences(&op.Definition, makeValues("TAG=1", "BUILD_TAG")); err != nil {
		t.Error(err)
	}
	err := p.CheckReferences(&op.Definition, makeValues("TAG=1"))
	if err == nil || !strings.Contains(err.Error(), "job.spec.template.spec.containers[0].image: Invalid value:") || !strings.Contains(err.Error(), "$(BUILD_TAG)") {
		t.Errorf("got %v", err)
	}
	if err := p.CheckReferences(&op.Definition, nil); err == nil {
		t.Error("no names are known, and it refers to some")
	}
}

// A trial has the default of a variable, and something valid for what is known later.
func TestTryStartWithImages(t *testing.T) {
	op := makeStart(imageSpec)
	cluster := newCluster(t)
	refusal, err := action.NewRegistry(cluster.provider()).TryStart(t.Context(), action.Trial{
		Namespace: "team", PipelineName: "web", Key: op.Key, Definition: &op.Definition, Values: makeValues("TAG=1", "BUILD_TAG"),
	})
	if err != nil || refusal.Message != "" {
		t.Errorf("got %+v, %v", refusal, err)
	}
}

func TestOutputsOfSeveralPodsAreRefused(t *testing.T) {
	for _, tt := range []struct {
		completions, parallelism *int32
		outputs                  int
		want                     string
	}{
		{nil, nil, 1, ""}, {ptr.To[int32](1), ptr.To[int32](3), 1, ""}, {nil, ptr.To[int32](1), 1, ""}, {ptr.To[int32](5), nil, 0, ""},
		{ptr.To[int32](2), nil, 1, "job.spec.completions: Invalid value: 2"}, {nil, ptr.To[int32](2), 1, "job.spec.parallelism: Invalid value: 2"},
	} {
		op := makeStart(minimalSpec)
		op.Definition.OutputVariables = make([]v1alpha1.OutputName, tt.outputs)
		spec, err := decodeJobSpec(&op.Definition)
		if err != nil {
			t.Fatal(err)
		}
		spec.Completions, spec.Parallelism = tt.completions, tt.parallelism
		err = checkOutputs(&op.Definition, spec)
		if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%+v: got %v", tt, err)
		}
	}
}

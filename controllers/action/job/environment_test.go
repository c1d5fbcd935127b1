// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

func TestMergeEnv(t *testing.T) {
	secret := corev1.EnvVar{Name: "TAG", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "tag"}}}
	tests := []struct {
		name     string
		ours     []corev1.EnvVar
		own      []corev1.EnvVar
		expected []corev1.EnvVar
	}{
		{"none of its own", parseEnv("A=1", "B=2"), nil, parseEnv("A=1", "B=2")},
		{"none of ours", nil, parseEnv("A=1"), parseEnv("A=1")},
		// So that its own may refer to ours.
		{"ours go first", parseEnv("B=2"), parseEnv("A=$(B)"), parseEnv("B=2", "A=$(B)")},
		{"the container's own wins", parseEnv("A=ours", "B=2"), parseEnv("A=own"), parseEnv("B=2", "A=own")},
		{"an empty one of its own wins", parseEnv("A=ours"), parseEnv("A="), parseEnv("A=")},
		{"a reference of its own wins", parseEnv("TAG=ours"), []corev1.EnvVar{secret}, []corev1.EnvVar{secret}},
		{"names differ in case", parseEnv("A=1"), parseEnv("a=2"), parseEnv("A=1", "a=2")},
		{"ours are escaped, its own are not", parseEnv("A=$(X)"), parseEnv("B=$(A)"), parseEnv("A=$$(X)", "B=$(A)")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.expected, mergeEnv(tt.ours, tt.own)); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
		})
	}
}

// expand does what the kubelet does with the value of a variable: two $ become one, and $(NAME) is replaced
// (https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/).
func expand(value string) string {
	var b strings.Builder
	for value != "" {
		switch {
		case strings.HasPrefix(value, "$$"):
			b.WriteByte('$')
			value = value[2:]
		case strings.HasPrefix(value, "$("):
			return b.String() + "EXPANDED" + value
		default:
			b.WriteByte(value[0])
			value = value[1:]
		}
	}
	return b.String()
}

// What a person sets as the value of a variable is what the container sees.
func TestValuesStayLiteral(t *testing.T) {
	for _, value := range []string{
		"", "plain", "$(X)", "$$(X)", "$$$(X)", "a$(HALTLINE_STAGE)b", "$", "$$", "100$", "$X", "${X}", "$(", "`id`", "$(rm -rf /)", "é$(停)\n",
	} {
		got := mustBuild(t, makeScope(v1alpha1.Variable{Name: "V", Value: value}), makeStart(minimalSpec)).Spec.Template.Spec.Containers[0].Env
		v := got[len(got)-1]
		if v.Name != "V" || expand(v.Value) != value {
			t.Errorf("%q is written as %s=%q, which a container sees as %q", value, v.Name, v.Value, expand(v.Value))
		}
	}
}

// Every container has the variables, init containers too, and each keeps what it defines itself.
func TestBuildEnvironment(t *testing.T) {
	job := mustBuild(t, makeScope(v1alpha1.Variable{Name: "REGION", Value: "eu"}, v1alpha1.Variable{Name: "TAG", Value: "v1"}), makeStart(`{"template":{"spec":{
		"initContainers":[{"name":"init","env":[{"name":"TAG","value":"own"}]},{"name":"sidecar","restartPolicy":"Always"}],
		"containers":[{"name":"main"},{"name":"second","env":[{"name":"HALTLINE_STAGE","value":"own"},{"name":"X","value":"$(REGION)"}]}]}}}`))
	run := parseEnv("HALTLINE_PIPELINE_NAME=deploy@prod", "HALTLINE_PIPELINE_EXECUTION_ID="+executionUID)
	stage, action := parseEnv("HALTLINE_STAGE=build"), parseEnv("HALTLINE_ACTION=compile")
	all := slices.Concat(run, stage, action, parseEnv("REGION=eu", "TAG=v1"))
	want := map[string][]corev1.EnvVar{
		"init":    slices.Concat(run, stage, action, parseEnv("REGION=eu"), parseEnv("TAG=own")),
		"sidecar": all,
		"main":    all,
		"second":  slices.Concat(run, action, parseEnv("REGION=eu", "TAG=v1"), parseEnv("HALTLINE_STAGE=own", "X=$(REGION)")),
	}
	got := map[string][]corev1.EnvVar{}
	pod := job.Spec.Template.Spec
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		got[c.Name] = c.Env
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment by container (-want +got):\n%s", diff)
	}
}

// Containers must not share memory: a change of one would change the others.
func TestAddEnvironmentDoesNotShare(t *testing.T) {
	ours := parseEnv("A=1")
	pod := &corev1.PodSpec{Containers: []corev1.Container{{Name: "one"}, {Name: "two"}}}
	addEnvironment(pod, ours)
	pod.Containers[0].Env[0].Value = "changed"
	if got := pod.Containers[1].Env[0].Value; got != "1" || ours[0].Value != "1" {
		t.Errorf("the other container has %q, the source has %q", got, ours[0].Value)
	}
}

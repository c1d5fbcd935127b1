// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sigsyaml "sigs.k8s.io/yaml"
)

// podOf returns the pod template of the operator, and its container.
func podOf(t *testing.T, rendered objects) (pod, container map[string]any) {
	t.Helper()
	pod, _ = at(rendered["Deployment/haltline-system/haltline-manager"], "spec", "template", "spec").(map[string]any)
	containers, _ := pod["containers"].([]any)
	if len(containers) != 1 {
		t.Fatalf("there are %d containers", len(containers))
	}
	container, _ = containers[0].(map[string]any)
	return pod, container
}

// at returns what is at a path of fields; nil if there is nothing.
func at(object any, path ...string) any {
	for _, field := range path {
		fields, _ := object.(map[string]any)
		object = fields[field]
	}
	return object
}

func TestValuesReachThePods(t *testing.T) {
	pod, container := podOf(t, render(t, "haltline-system", `
maxConcurrentReconciles: 8
logging: {level: debug, format: console}
resources: {limits: {memory: 1Gi}}
goMemLimit: 900MiB
image: {pullPolicy: Always, pullSecrets: [registry]}
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: control-plane, operator: Exists}]
affinity: {nodeAffinity: {}}
priorityClass: {create: false, name: system-cluster-critical}
metrics: {enabled: false}
`))
	for name, test := range map[string]struct{ got, want any }{
		"flags": {container["args"], []any{
			"--leader-elect", "--wait-for-policies", "--max-concurrent-reconciles=8", "--zap-log-level=debug", "--zap-encoder=console",
		}},
		"resources":     {container["resources"], map[string]any{"limits": map[string]any{"memory": "1Gi"}, "requests": map[string]any{"cpu": "50m", "memory": "64Mi"}}},
		"environment":   {container["env"], []any{map[string]any{"name": "GOMEMLIMIT", "value": "900MiB"}}},
		"pull policy":   {container["imagePullPolicy"], "Always"},
		"pull secrets":  {pod["imagePullSecrets"], []any{map[string]any{"name": "registry"}}},
		"node selector": {pod["nodeSelector"], map[string]any{"kubernetes.io/os": "linux"}},
		"tolerations":   {pod["tolerations"], []any{map[string]any{"key": "control-plane", "operator": "Exists"}}},
		"affinity":      {pod["affinity"], map[string]any{"nodeAffinity": map[string]any{}}},
		"priority":      {pod["priorityClassName"], "system-cluster-critical"},
		"no metrics":    {container["ports"], []any{map[string]any{"name": "probes", "containerPort": float64(8081)}}},
		"running as":    {at(pod, "securityContext", "runAsNonRoot"), true},
	} {
		if difference := cmp.Diff(test.want, test.got); difference != "" {
			t.Errorf("%s: %s", name, difference)
		}
	}
}

func TestAValueTurnsItsObjectsOff(t *testing.T) {
	const monitored = "monitoring: {enabled: true}"
	watching := []string{"ServiceMonitor", "PrometheusRule", "ConfigMap"}
	all := kindsOf(render(t, "haltline-system", monitored))
	for values, kinds := range map[string][]string{
		"{}": watching,
		"{crds: {install: false}, " + monitored + "}":                     {"CustomResourceDefinition"},
		"{priorityClass: {create: false, name: \"\"}, " + monitored + "}": {"PriorityClass"},
		"{podDisruptionBudget: {enabled: false}, " + monitored + "}":      {"PodDisruptionBudget"},
		"{replicas: 1, " + monitored + "}":                                {"PodDisruptionBudget"},
		"{networkPolicy: {enabled: false}, " + monitored + "}":            {"NetworkPolicy"},
		"metrics: {enabled: false}":                                       append([]string{"Service"}, watching...),
		"namespaces: [a]":                                                 append([]string{"Service", "ClusterRoleBinding"}, watching...),
		"{namespaces: [a], userRoles: false}":                             append([]string{"Service", "ClusterRole", "ClusterRoleBinding"}, watching...),
	} {
		t.Run(values, func(t *testing.T) {
			want := maps.Clone(all)
			for _, kind := range kinds {
				if !want[kind] {
					t.Errorf("there is no %s in any case", kind)
				}
				delete(want, kind)
			}
			if difference := cmp.Diff(want, kindsOf(render(t, "haltline-system", values))); difference != "" {
				t.Error(difference)
			}
		})
	}
}

func kindsOf(rendered objects) map[string]bool {
	kinds := map[string]bool{}
	for key := range rendered {
		kind, _, _ := strings.Cut(key, "/")
		kinds[kind] = true
	}
	return kinds
}

func TestCRDsAreKeptUnlessAskedOtherwise(t *testing.T) {
	const crd, annotation = "CustomResourceDefinition//pipelines.pipelines.haltline.dev", "helm.sh/resource-policy"
	for values, want := range map[string]any{"": "keep", "crds: {keep: false}": nil} {
		if got := at(render(t, "haltline-system", values)[crd], "metadata", "annotations", annotation); got != want {
			t.Errorf("%q: %v", values, got)
		}
	}
}

func TestThePolicyOrTheWebhookStamps(t *testing.T) {
	const policy, webhook = "MutatingAdmissionPolicy", "MutatingWebhookConfiguration"
	served := []string{"--api-versions", stampKind}
	for name, test := range map[string]struct {
		values    string
		arguments []string
		want, not string
	}{
		"auto, and policies are served":     {"admission: auto", served, policy, webhook},
		"auto, and policies are not served": {"admission: auto", nil, webhook, policy},
		"policy":                            {"admission: policy", nil, policy, webhook},
		"webhook":                           {"admission: webhook", served, webhook, policy},
	} {
		text, err := runHelm(t, test.values, append([]string{"template", "haltline", chartFolder}, test.arguments...)...)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if kinds := kindsOf(parse(t, text)); !kinds[test.want] || kinds[test.not] {
			t.Errorf("%s: %v", name, kinds)
		}
	}
}

func TestEveryObjectHasTheLabelsOfHelm(t *testing.T) {
	for key, object := range render(t, "haltline-system", "{namespaces: [a], metrics: {enabled: false}}") {
		for _, label := range helmKeys[:4] {
			if at(object, "metadata", "labels", label) == nil {
				t.Errorf("%s lacks %s", key, label)
			}
		}
	}
}

func TestLabelsForPrometheusAreOnWhatItSelects(t *testing.T) {
	rendered := render(t, "haltline-system", "monitoring: {enabled: true, labels: {release: prometheus}}")
	for _, key := range []string{"ServiceMonitor/haltline-system/haltline", "PrometheusRule/haltline-system/haltline"} {
		if got := at(rendered[key], "metadata", "labels", "release"); got != "prometheus" {
			t.Errorf("%s: %v", key, got)
		}
	}
}

func TestWrongValuesAreRefused(t *testing.T) {
	for values, want := range map[string]string{
		"replica: 2":                                     "additional properties 'replica' not allowed",
		"replicas: two":                                  "/replicas': got string, want integer",
		"replicas: -1":                                   "/replicas': minimum",
		"image: {name: haltline}":                        "/image': additional properties 'name' not allowed",
		"image: {tag: \"a tag\"}":                        "/image/tag': 'a tag' does not match pattern",
		"image: {digest: v1}":                            "/image/digest': 'v1' does not match pattern",
		"image: {pullPolicy: Sometimes}":                 "/image/pullPolicy': value must be one of",
		"namespaces: pipelines":                          "/namespaces': got string, want array",
		"namespaces: [Team_A]":                           "/namespaces/0': 'Team_A' does not match pattern",
		"namespaces: [a, a]":                             "/namespaces': items at 0 and 1 are equal",
		"admission: maybe":                               "/admission': value must be one of 'auto', 'policy', 'webhook'",
		"crds: {keep: \"yes\"}":                          "/crds/keep': got string, want boolean",
		"logging: {level: loud}":                         "/logging/level': value must be one of",
		"maxConcurrentReconciles: -1":                    "/maxConcurrentReconciles': minimum",
		"goMemLimit: 460":                                "/goMemLimit': got number, want string",
		"goMemLimit: 460Mi":                              "/goMemLimit': '460Mi' does not match pattern",
		"priorityClass: {name: \"\"}":                    "/priorityClass/name': minLength",
		"resources: {memory: 1Gi}":                       "/resources': additional properties 'memory' not allowed",
		"{monitoring: {enabled: true}, namespaces: [a]}": "monitoring.enabled needs metrics",
		"{monitoring: {enabled: true}, metrics: {enabled: false}}": "monitoring.enabled needs metrics",
	} {
		text, err := runHelm(t, values, "template", "haltline", chartFolder)
		if err == nil {
			t.Errorf("%s: is accepted", values)
		}
		if !strings.Contains(text, want) {
			t.Errorf("%s: %q is not in\n%s", values, want, text)
		}
	}
}

// A value without a rule in the schema would be accepted whatever it is, and a rule without a value would be about nothing.
func TestTheSchemaHasEveryValue(t *testing.T) {
	values, schema := map[string]any{}, map[string]any{}
	read(t, filepath.Join(chartFolder, "values.yaml"), &values)
	read(t, filepath.Join(chartFolder, "values.schema.json"), &schema)
	delete(schema["properties"].(map[string]any), "global")
	compareFields(t, "", values, schema)
}

func compareFields(t *testing.T, path string, values, schema map[string]any) {
	t.Helper()
	rules, _ := schema["properties"].(map[string]any)
	if rules == nil {
		return
	}
	if schema["additionalProperties"] != false {
		t.Errorf("%s takes other fields", path)
	}
	for field, value := range values {
		rule, _ := rules[field].(map[string]any)
		if rule == nil {
			t.Errorf("%s/%s has no rule", path, field)
			continue
		}
		if fields, isObject := value.(map[string]any); isObject {
			compareFields(t, path+"/"+field, fields, rule)
		}
	}
	for field := range rules {
		if _, isThere := values[field]; !isThere && path+"/"+field != "/resources/claims" {
			t.Errorf("%s/%s has no value", path, field)
		}
	}
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	unmarshal := func(content []byte, into any) error { return sigsyaml.UnmarshalStrict(content, into) }
	if filepath.Ext(path) == ".json" {
		unmarshal = json.Unmarshal
	}
	if err := unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}

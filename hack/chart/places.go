// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

const (
	// original is a line of a place's text that what kustomize built takes the place of.
	original = "ORIGINAL"
	// inner is the indentation of what is inside of the field that a place is about.
	inner = "INNER"
	// first and last are the elements at both ends of a list.
	first = "0"
	last  = "-"
)

// place is a field or an element of a list in the objects of a kind, and of a name if it is given, and the text of the template that takes its
// place. The text holds the name of the field, or the dash of the element.
type place struct {
	kind, name string
	// path is that of kyaml: [key=value] and [=value] find an element of a list.
	path []string
	text string
	// isNew is set if kustomize builds no such field.
	isNew bool
}

// when returns the text that keeps what is there, if a condition holds.
func when(begin string) string {
	return "{{- " + begin + " }}\n" + original + "\n{{- end }}"
}

// optional returns the text of a field that is there if its value is not empty, and holds it as YAML.
func optional(field, value string) string {
	return "{{- with $.Values." + value + " }}\n" + field + ":\n  {{- toYaml . | nindent " + inner + " }}\n{{- end }}"
}

var pod = []string{"spec", "template", "spec"}

// inPod returns the path of a field of the pods of the operator.
func inPod(path ...string) []string {
	return append(append([]string{}, pod...), path...)
}

// inManager returns the path of a field of the container of the operator.
func inManager(path ...string) []string {
	return append(inPod("containers", "[name=manager]"), path...)
}

const (
	deployment    = "Deployment"
	networkPolicy = "NetworkPolicy"
	manager       = "haltline-manager"
	requester     = "haltline-requester"
	// webhookPolicy bounds what the operator changes of its webhook.
	webhookPolicy = "haltline-operator-webhook"

	// The flag of the metrics is the second one, and that of the namespaces takes its place, as in config/namespaced.
	namespacesFlag = `{{- with $.Values.namespaces }}
- --namespaces={{ join "," . }}
{{- end }}`
	otherFlags = `{{- with int $.Values.maxConcurrentReconciles }}
- --max-concurrent-reconciles={{ . }}
{{- end }}
{{- with $.Values.logging.level }}
- --zap-log-level={{ . }}
{{- end }}
{{- with $.Values.logging.format }}
- --zap-encoder={{ . }}
{{- end }}`
	pullSecrets = `{{- with $.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}`
	priorityClass = `{{- with $.Values.priorityClass.name }}
priorityClassName: {{ . | quote }}
{{- end }}`
	ingress = `{{- if or (include "haltline.servesMetrics" $) (not (include "haltline.stampsByPolicy" $)) }}
` + original + `
{{- else }}
ingress: []
{{- end }}`
	// A webhook goes on answering for a moment after its pod was asked to end.
	gracePeriod = `{{- ` + stampsByWebhook + ` }}
` + original + `
{{- else }}
terminationGracePeriodSeconds: 10
{{- end }}`
	otherLabels = `{{- with $.Values.monitoring.labels }}
{{- toYaml . | nindent ` + inner + ` }}
{{- end }}`
)

// places are applied to each object that they are about. Each path must be there, or must not if it is new.
var places = []place{
	{kind: "CustomResourceDefinition", path: []string{"metadata", "annotations", "helm.sh/resource-policy"}, isNew: true,
		text: "{{- if $.Values.crds.keep }}\nhelm.sh/resource-policy: keep\n{{- end }}"},
	{kind: "PriorityClass", path: []string{"metadata", "name"}, text: `name: {{ $.Values.priorityClass.name | quote }}`},
	{kind: "ClusterRole", name: manager, path: []string{"rules", last}, text: when(`if $.Values.ownerReferencesPermissionEnforcement`)},
	{kind: "Role", name: manager, path: []string{"rules", last}, text: when(`if $.Values.ownerReferencesPermissionEnforcement`)},
	{kind: "Role", name: manager, path: []string{"metadata", "namespace"}, text: `namespace: {{ $namespace | quote }}`},
	{kind: "RoleBinding", name: manager, path: []string{"metadata", "namespace"}, text: `namespace: {{ $namespace | quote }}`},
	// The name of the lease follows from the namespaces, as in config/namespaced.
	{kind: "Role", name: "haltline-leader-election", path: []string{"rules", "1", "resourceNames"}, text: when(`if not $.Values.namespaces`)},
	{kind: networkPolicy, path: []string{"spec", "ingress", first}, text: when(servesMetrics)},
	{kind: networkPolicy, path: []string{"spec", "ingress", last}, text: when(stampsByWebhook)},
	{kind: networkPolicy, path: []string{"spec", "ingress"}, text: ingress},
	{kind: "ServiceMonitor", path: []string{"metadata", "labels", "of your own"}, text: otherLabels, isNew: true},
	{kind: "PrometheusRule", path: []string{"metadata", "labels", "of your own"}, text: otherLabels, isNew: true},

	{kind: deployment, path: []string{"spec", "replicas"}, text: `replicas: {{ $.Values.replicas }}`},
	{kind: deployment, path: inPod("topologySpreadConstraints"), text: when(hasStandby)},
	{kind: deployment, path: inPod("priorityClassName"), text: priorityClass},
	{kind: deployment, path: inPod("imagePullSecrets"), text: pullSecrets, isNew: true},
	{kind: deployment, path: inPod("nodeSelector"), text: optional("nodeSelector", "nodeSelector"), isNew: true},
	{kind: deployment, path: inPod("tolerations"), text: optional("tolerations", "tolerations"), isNew: true},
	{kind: deployment, path: inPod("affinity"), text: optional("affinity", "affinity"), isNew: true},
	{kind: deployment, path: inManager("image"), text: `image: {{ include "haltline.image" $ | quote }}`},
	{kind: deployment, path: inManager("imagePullPolicy"), text: `imagePullPolicy: {{ $.Values.image.pullPolicy }}`},
	{kind: deployment, path: inManager("args", "[=--metrics-bind-address=:8443]"), text: when(servesMetrics) + "\n" + namespacesFlag},
	{kind: deployment, path: inManager("args", "[=--requester-webhook-bind-address=:9443]"), text: when(stampsByWebhook)},
	{kind: deployment, path: inManager("args", last), text: otherFlags, isNew: true},
	{kind: deployment, path: inManager("env", "[name=GOMEMLIMIT]", "value"), text: `value: {{ $.Values.goMemLimit | quote }}`},
	{kind: deployment, path: inManager("ports", "[name=metrics]"), text: when(servesMetrics)},
	{kind: deployment, path: inManager("ports", "[name=requester]"), text: when(stampsByWebhook)},
	{kind: deployment, path: inManager("lifecycle"), text: when(stampsByWebhook)},
	{kind: deployment, path: inPod("terminationGracePeriodSeconds"), text: gracePeriod},
	{kind: deployment, path: inManager("volumeMounts"), text: when(stampsByWebhook)},
	{kind: deployment, path: inPod("volumes"), text: when(stampsByWebhook)},
	{kind: deployment, path: inManager("resources"), text: optional("resources", "resources")},
}

// helmLabels are added to the labels of every object.
var helmLabels = place{path: []string{"metadata", "labels", "of Helm"}, isNew: true,
	text: `{{- include "haltline.labels" $ | nindent ` + inner + ` }}`}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "sigs.k8s.io/kustomize/kyaml/yaml"

const (
	servesMetrics   = `if include "haltline.servesMetrics" $`
	isMonitored     = `if include "haltline.monitored" $`
	stampsByPolicy  = `if include "haltline.stampsByPolicy" $`
	stampsByWebhook = `if not (include "haltline.stampsByPolicy" $)`
	hasStandby      = `if gt (int $.Values.replicas) 1`
)

// condition is what stands around the objects of a kind, and of a name if it is given: the begin of a block of the template.
type condition struct {
	kind, name string
	begin      string
}

// conditions are searched from the first on. What none is about is installed in each case.
var conditions = []condition{
	{kind: "CustomResourceDefinition", begin: `if $.Values.crds.install`},
	{kind: "MutatingAdmissionPolicy", begin: stampsByPolicy},
	{kind: "MutatingAdmissionPolicyBinding", begin: stampsByPolicy},
	{kind: "ClusterRole", name: "haltline-manager", begin: `if not $.Values.namespaces`},
	{kind: "ClusterRoleBinding", name: "haltline-manager", begin: `if not $.Values.namespaces`},
	{kind: "Role", name: "haltline-manager", begin: `range $namespace := $.Values.namespaces`},
	{kind: "RoleBinding", name: "haltline-manager", begin: `range $namespace := $.Values.namespaces`},
	{kind: "ValidatingAdmissionPolicy", name: webhookPolicy, begin: stampsByWebhook},
	{kind: "ValidatingAdmissionPolicyBinding", name: webhookPolicy, begin: stampsByWebhook},
	{kind: "MutatingWebhookConfiguration", begin: stampsByWebhook},
	{kind: "Secret", name: requester, begin: stampsByWebhook},
	{kind: "Service", name: requester, begin: stampsByWebhook},
	{kind: "Role", name: requester, begin: stampsByWebhook},
	{kind: "RoleBinding", name: requester, begin: stampsByWebhook},
	{kind: "ClusterRole", name: requester, begin: stampsByWebhook},
	{kind: "ClusterRoleBinding", name: requester, begin: stampsByWebhook},
	{kind: "ClusterRole", name: "haltline-metrics-reader", begin: servesMetrics},
	{kind: "ClusterRole", begin: `if $.Values.userRoles`},
	{kind: "Service", name: "haltline-metrics", begin: servesMetrics},
	{kind: "PriorityClass", begin: `if $.Values.priorityClass.create`},
	{kind: "PodDisruptionBudget", begin: `if and $.Values.podDisruptionBudget.enabled (gt (int $.Values.replicas) 1)`},
	{kind: "NetworkPolicy", begin: `if $.Values.networkPolicy.enabled`},
	{kind: "ServiceMonitor", begin: isMonitored},
	{kind: "PrometheusRule", begin: isMonitored},
	{kind: "ConfigMap", name: "haltline-dashboard", begin: isMonitored},
}

// conditionOf returns the begin of the block around an object; nothing if the object is installed in each case.
func conditionOf(object *yaml.RNode) string {
	for _, c := range conditions {
		if isAbout(c.kind, c.name, object) {
			return c.begin
		}
	}
	return ""
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/test/builders"
)

// CreatePolicies creates the policies of config/policy. It reports whether they stamp: on an API server without
// MutatingAdmissionPolicies, the webhook of the operator has to.
func (c *Cluster) CreatePolicies(ctx context.Context, edits ...Edit) (doStamp bool, err error) {
	doStamp, err = c.HasMutatingPolicies()
	if err != nil {
		return false, err
	}
	folders, err := os.ReadDir(filepath.Join(RepositoryRoot(), "config", "policy"))
	if err != nil {
		return false, err
	}
	for _, folder := range folders {
		if !folder.IsDir() || (folder.Name() == "stamp" && !doStamp) {
			continue
		}
		if err := c.CreateAll(ctx, filepath.Join("policy", folder.Name(), "*.yaml"), edits...); err != nil {
			return false, err
		}
	}
	return doStamp, nil
}

// HasMutatingPolicies reports whether the API server has MutatingAdmissionPolicies, as Kubernetes has since 1.36.
func (c *Cluster) HasMutatingPolicies() (bool, error) {
	discover, err := discovery.NewDiscoveryClientForConfig(c.Config)
	if err != nil {
		return false, err
	}
	resources, err := discover.ServerResourcesForGroupVersion("admissionregistration.k8s.io/v1")
	if err != nil {
		return false, err
	}
	names := make([]string, 0, len(resources.APIResources))
	for _, resource := range resources.APIResources {
		names = append(names, resource.Name)
	}
	return slices.Contains(names, "mutatingadmissionpolicies"), nil
}

// StampRequester has a user, who may do everything, ask for a stop, without storing that. It returns who asks by what would be stored.
func (c *Cluster) StampRequester(ctx context.Context, namespace, user string) (requestedBy string, err error) {
	asUser, err := c.ClientAs(user, "system:masters")
	if err != nil {
		return "", err
	}
	sr := builders.StopRequest(namespace, "web", builders.UnknownID)
	err = asUser.Create(ctx, sr, client.DryRunAll)
	return sr.Spec.RequestedBy, err
}

// RouteToThisMachine makes the Service of a webhook lead to a port of this machine. The API server still asks for a certificate with
// the name of the Service.
func RouteToThisMachine(port int) Edit {
	return func(object *unstructured.Unstructured) error {
		switch object.GetKind() {
		case "Service":
			object.Object["spec"] = map[string]any{"type": "ExternalName", "externalName": "localhost"}
		case "MutatingWebhookConfiguration":
			webhooks, _, err := unstructured.NestedSlice(object.Object, "webhooks")
			if err != nil {
				return err
			}
			for _, webhook := range webhooks {
				err = unstructured.SetNestedField(webhook.(map[string]any), int64(port), "clientConfig", "service", "port")
				if err != nil {
					return err
				}
			}
			return unstructured.SetNestedSlice(object.Object, webhooks, "webhooks")
		}
		return nil
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// slowCreation is how long the creation of a pod is under way while it is slowed down.
const slowCreation = 3 * time.Second

// slowPodCreation calls do while the creation of pods takes long: a webhook on the loopback, for this namespace alone,
// delays their admission.
func (c *testCluster) slowPodCreation(ctx context.Context, do func() error) error {
	server := httptest.NewTLSServer(http.HandlerFunc(admitLater))
	defer server.Close()
	hooks := c.client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	noSideEffects := admissionregistrationv1.SideEffectClassNone
	hook := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: c.namespace},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:                    "slow.endjob.haltline.dev",
			SideEffects:             &noSideEffects,
			AdmissionReviewVersions: []string{"v1"},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": c.namespace}},
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL:      &server.URL,
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
		}},
	}
	if _, err := hooks.Create(ctx, hook, metav1.CreateOptions{}); err != nil {
		return err
	}
	defer func() { _ = hooks.Delete(context.WithoutCancel(ctx), hook.Name, metav1.DeleteOptions{}) }()
	if err := sleepFor(ctx, 2*time.Second); err != nil { // until the API server uses the webhook
		return err
	}
	return do()
}

func admitLater(writer http.ResponseWriter, req *http.Request) {
	review := &admissionv1.AdmissionReview{}
	var body bytes.Buffer
	if _, err := body.ReadFrom(req.Body); err != nil || json.Unmarshal(body.Bytes(), review) != nil || review.Request == nil {
		http.Error(writer, "the body has to be an AdmissionReview", http.StatusBadRequest)
		return
	}
	time.Sleep(slowCreation)
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	review.Request = nil
	_ = json.NewEncoder(writer).Encode(review)
}

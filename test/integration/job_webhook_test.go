// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"

	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// nobodyListens is an address on which a connection is refused at once.
const nobodyListens = "https://127.0.0.1:1/"

// breakJobWebhook has the API server ask a webhook that is down about every Job of a namespace that is written.
func breakJobWebhook(t *testing.T, ns string) *admissionregistrationv1.ValidatingWebhookConfiguration {
	t.Helper()
	configuration := createObject(t, newJobWebhook(ns, admissionregistrationv1.WebhookClientConfig{URL: ptr.To(nobodyListens)}))
	t.Cleanup(func() { removeJobWebhook(t, configuration) })
	expectJobsRefused(t, ns, "failed calling webhook")
	return configuration
}

// denyJobs has a webhook answer about every Job of a namespace that is written. It denies what isDenied reports, without a code.
func denyJobs(t *testing.T, ns string, isDenied func(*batchv1.Job) bool) *admissionregistrationv1.ValidatingWebhookConfiguration {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		review, job := &admissionv1.AdmissionReview{}, &batchv1.Job{}
		if json.NewDecoder(req.Body).Decode(review) != nil || json.Unmarshal(review.Request.Object.Raw, job) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: job.Name != deniedJob && !isDenied(job)}
		if !review.Response.Allowed {
			review.Response.Result = &metav1.Status{Message: "not with this image"}
		}
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	configuration := createObject(t, newJobWebhook(ns, admissionregistrationv1.WebhookClientConfig{URL: &server.URL, CABundle: ca}))
	t.Cleanup(func() { removeJobWebhook(t, configuration) })
	expectJobsRefused(t, ns, "not with this image")
	return configuration
}

func newJobWebhook(ns string, config admissionregistrationv1.WebhookClientConfig) *admissionregistrationv1.ValidatingWebhookConfiguration {
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: ns},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "jobs.example.com", ClientConfig: config, AdmissionReviewVersions: []string{"v1"},
			SideEffects:       ptr.To(admissionregistrationv1.SideEffectClassNone),
			FailurePolicy:     ptr.To(admissionregistrationv1.Fail),
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: ns}},
			// The status of a Job stays free, so that the Job controller can finish it.
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{"batch"}, APIVersions: []string{"v1"}, Resources: []string{"jobs"}},
			}},
		}},
	}
}

// removeJobWebhook takes the webhook away, as whoever mends it would.
func removeJobWebhook(t *testing.T, configuration *admissionregistrationv1.ValidatingWebhookConfiguration) {
	t.Helper()
	// The context of a test ends before its cleanup.
	NewWithT(t).Expect(client.IgnoreNotFound(k8s.Delete(context.Background(), configuration))).To(Succeed())
}

// deniedJob is a Job that each webhook of the tests denies.
const deniedJob = "denied"

// expectJobsRefused waits until the API server, which learns of a webhook a little later, refuses a Job with these words.
func expectJobsRefused(t *testing.T, ns, words string) {
	t.Helper()
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: deniedJob}, Spec: *builders.JobSpec("denied")}
	NewWithT(t).Eventually(func() error {
		return k8s.Create(t.Context(), job.DeepCopy(), client.DryRunAll)
	}, timeout, interval).Should(MatchError(ContainSubstring(words)))
}

// isNoPlaceholder reports whether a Job is not the placeholder of one.
func isNoPlaceholder(job *batchv1.Job) bool { return job.Labels[v1alpha1.LabelPlaceholder] == "" }

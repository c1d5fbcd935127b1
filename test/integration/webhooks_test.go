// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"

	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// denyJobs registers a webhook that denies operations on the Jobs of a namespace, without a code, unless a Job is allowed.
func denyJobs(t *testing.T, namespace string, operation admissionregistrationv1.OperationType, allows func(*batchv1.Job) bool) *admissionregistrationv1.ValidatingWebhookConfiguration {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		review, job := admissionv1.AdmissionReview{}, &batchv1.Job{}
		if json.NewDecoder(r.Body).Decode(&review) != nil || json.Unmarshal(review.Request.Object.Raw, job) != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: allows(job)}
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return registerWebhook(t, namespace, operation, server.URL, ca)
}

// registerWebhook registers a webhook on the Jobs of a namespace. What it does not answer is refused.
func registerWebhook(
	t *testing.T, namespace string, operation admissionregistrationv1.OperationType, url string, ca []byte,
) *admissionregistrationv1.ValidatingWebhookConfiguration {
	t.Helper()
	return createObject(t, &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:                    "jobs.example.com",
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: ca},
			FailurePolicy:           ptr.To(admissionregistrationv1.Fail),
			SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
			TimeoutSeconds:          ptr.To[int32](2),
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{operation},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{"batch"}, APIVersions: []string{"v1"}, Resources: []string{"jobs"}},
			}},
		}},
	})
}

func denyAll(*batchv1.Job) bool { return false }

// createReadyPipeline creates a Pipeline that can be run, before somebody keeps its Jobs from being created.
func createReadyPipeline(t *testing.T) *v1alpha1.Pipeline {
	t.Helper()
	pipeline := createPipeline(t, createNamespace(t), "web", builders.Stage("Build", builders.Action("compile")))
	waitForCondition(t, pipeline, v1alpha1.ConditionReady, metav1.ConditionTrue)
	return pipeline
}

// createBlockedExecution creates an execution whose Job is refused with these words.
func createBlockedExecution(t *testing.T, namespace, words string) *v1alpha1.PipelineExecution {
	t.Helper()
	var execution *v1alpha1.PipelineExecution
	// An API server takes a moment to learn of a webhook. What started before is no concern here.
	NewWithT(t).Eventually(func() string {
		execution = createExecution(t, namespace, "web")
		NewWithT(t).Eventually(func() string { return refreshObject(t, execution).Status.CurrentStage }, timeout, interval).ShouldNot(BeEmpty())
		NewWithT(t).Eventually(func() bool {
			a := refreshObject(t, execution).Status.Stages[0].Actions[0]
			return a.Workload.UID != "" || a.Message != ""
		}, timeout, interval).Should(BeTrue())
		return execution.Status.Stages[0].Actions[0].Message
	}, timeout, interval).Should(ContainSubstring(words))
	expectNotReady(t, execution, v1alpha1.ReasonStartBlocked, `"compile"`, words)
	return execution
}

func TestAWebhookThatIsDownIsShown(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createReadyPipeline(t).Namespace
	down := httptest.NewTLSServer(http.NotFoundHandler())
	down.Close()
	webhook := registerWebhook(t, ns, admissionregistrationv1.Create, down.URL, nil)
	execution := createBlockedExecution(t, ns, "failed calling webhook")
	sr := createObject(t, builders.StopAndWait(execution))
	expectNotReady(t, execution, v1alpha1.ReasonFencing, "failed calling webhook")
	g.Eventually(func() string {
		if c := findCondition(refreshObject(t, sr), v1alpha1.ConditionReady); c != nil {
			return c.Message
		}
		return ""
	}, timeout, interval).Should(ContainSubstring("failed calling webhook"))
	g.Expect(findCondition(sr, v1alpha1.ConditionAccepted)).To(BeNil())

	g.Expect(k8s.Delete(t.Context(), webhook)).To(Succeed())
	waitForStopped(t, sr)
	g.Expect(actionStates(refreshObject(t, execution))).To(Equal(states{"compile": actionNotStarted}))
}

func TestADenialWithoutACodeIsShownAndLifted(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createReadyPipeline(t).Namespace
	webhook := denyJobs(t, ns, admissionregistrationv1.Create, denyAll)
	execution := createBlockedExecution(t, ns, "denied the request")
	g.Expect(k8s.Delete(t.Context(), webhook)).To(Succeed())
	finishAction(t, execution, "compile", "Succeeded")
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
}

// A policy that knows nothing of placeholders takes one that looks like the action's Job.
func TestAPolicyOnImagesTakesAPlaceholderThatLooksLikeTheJob(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createReadyPipeline(t).Namespace
	image := builders.JobSpec("compile").Template.Spec.Containers[0].Image
	denyJobs(t, ns, admissionregistrationv1.Create, func(job *batchv1.Job) bool {
		return ptr.Deref(job.Spec.Suspend, false) && job.Spec.Template.Spec.Containers[0].Image == image
	})
	execution := createBlockedExecution(t, ns, "denied the request")
	sr := createObject(t, builders.StopAndWait(execution))
	waitForStopped(t, sr)
	g.Expect(listJobs(t, execution)).To(ConsistOf(HaveField("Spec.Template.Spec.Containers", ConsistOf(HaveField("Image", image)))))
}

func TestAWebhookThatDeniesToSuspendIsShown(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	webhook := denyJobs(t, execution.Namespace, admissionregistrationv1.Update, denyAll)
	g.Eventually(func() error {
		job := listJobs(t, execution)[0]
		job.Spec.Suspend = ptr.To(true)
		return k8s.Update(t.Context(), &job)
	}, timeout, interval).Should(MatchError(ContainSubstring("denied the request")))
	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	g.Eventually(func() []v1alpha1.PendingAction { return refreshObject(t, execution).Status.Stop.WaitingFor }, timeout, interval).Should(ConsistOf(And(
		HaveField("Reason", v1alpha1.ReasonSuspendRefused), HaveField("Message", ContainSubstring("denied the request")))))
	g.Expect(k8s.Delete(t.Context(), webhook)).To(Succeed())
	waitForStopped(t, sr)
}

// nobodyListens is an address on which every connection is refused.
const nobodyListens = "https://127.0.0.1:1/"

// What a webhook that is down keeps from ending is shown as well.
func TestAWebhookThatIsDownKeepsAJobFromBeingSuspended(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	webhook := registerWebhook(t, execution.Namespace, admissionregistrationv1.Update, nobodyListens, nil)
	NewWithT(t).Eventually(func() error {
		job := listJobs(t, execution)[0]
		return k8s.Update(t.Context(), &job, client.DryRunAll)
	}, timeout, interval).Should(MatchError(ContainSubstring("failed calling webhook")))
	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	message := waitForPendingReason(t, execution, v1alpha1.ReasonSuspendRefused)
	NewWithT(t).Expect(message).To(ContainSubstring("failed calling webhook"))
	NewWithT(t).Expect(k8s.Delete(t.Context(), webhook)).To(Succeed())
	waitForStopped(t, sr)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
}

func TestAPipelineWhoseJobWasDeniedIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	webhook := denyJobs(t, ns, admissionregistrationv1.Create, denyAll)
	probe := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "probe-"}, Spec: *builders.JobSpec("probe")}
	g.Eventually(func() error { return k8s.Create(t.Context(), probe.DeepCopy()) }, timeout, interval).Should(MatchError(ContainSubstring("denied the request")))
	pipeline := createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	expectNotReady(t, pipeline, v1alpha1.ReasonInvalidJobTemplate, `"compile"`, "denied the request")
	g.Expect(k8s.Delete(t.Context(), webhook)).To(Succeed())
	waitForCondition(t, pipeline, v1alpha1.ConditionReady, metav1.ConditionTrue)
}

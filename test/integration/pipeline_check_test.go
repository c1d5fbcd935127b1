// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// While a webhook is down nobody knows whether a Pipeline can be run. That is no fault of the Pipeline, and keeps nothing from starting
// that can start.
func TestAPipelineWhoseCheckHasNoAnswerIsPending(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	webhook := registerWebhook(t, ns, admissionregistrationv1.Create, nobodyListens, nil)
	waitForWebhookThatIsDown(t, ns)
	pipeline := createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	expectCheckPending(t, pipeline, `spec.stages["Build"].actions["compile"].job`, "failed calling webhook")
	g.Expect(findCondition(pipeline, v1alpha1.ConditionStalled)).To(BeNil())
	g.Expect(computeHealth(t, pipeline)).To(Equal(status.InProgressStatus))
	execution := createExecution(t, ns, "web")
	expectNotReady(t, execution, v1alpha1.ReasonStartBlocked, "failed calling webhook")

	g.Expect(k8s.Delete(t.Context(), webhook)).To(Succeed())
	waitForCondition(t, pipeline, v1alpha1.ConditionReady, metav1.ConditionTrue)
	g.Expect(findCondition(pipeline, v1alpha1.ConditionReconciling)).To(BeNil())
	waitForRunning(t, execution, "compile")
}

// waitForWebhookThatIsDown waits until the API server asks a webhook about Jobs that nobody serves.
func waitForWebhookThatIsDown(t *testing.T, ns string) {
	t.Helper()
	probe := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "probe-"}, Spec: *builders.JobSpec("probe")}
	NewWithT(t).Eventually(func() error { return k8s.Create(t.Context(), probe.DeepCopy()) }, timeout, interval).
		Should(MatchError(ContainSubstring("failed calling webhook")))
}

// expectCheckPending waits until a Pipeline reads that it is not known whether it can be run.
func expectCheckPending(t *testing.T, pipeline *v1alpha1.Pipeline, texts ...string) {
	t.Helper()
	NewWithT(t).Eventually(func(g Gomega) {
		ready := findCondition(refreshObject(t, pipeline), v1alpha1.ConditionReady)
		g.Expect(ready).NotTo(BeNil())
		g.Expect(ready.Reason).To(Equal(v1alpha1.ReasonCheckPending), ready.Message)
		g.Expect(ready.Status).To(Equal(metav1.ConditionUnknown))
		for _, text := range texts {
			g.Expect(ready.Message).To(ContainSubstring(text))
		}
	}, timeout, interval).Should(Succeed())
	NewWithT(t).Expect(isConditionTrue(pipeline, v1alpha1.ConditionReconciling)).To(BeTrue())
}

// A check that takes long shows how far it is, and holds up no stop.
func TestASlowWebhookKeepsNobodyElse(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	ns := createNamespace(t)
	asked := countJobs(t, ns, time.Second)
	waitForWebhook(t, ns, asked)
	var actions []v1alpha1.Action
	for i := range 10 {
		a := actionOfImage(fmt.Sprintf("a%d", i), countedImage)
		a.TimeoutSeconds = ptr.To(int64(i + 1))
		actions = append(actions, a)
	}
	pipeline := createPipeline(t, ns, "web", builders.Stage("Build", actions...))
	expectCheckPending(t, pipeline, "of 10 templates")
	sr := createObject(t, builders.StopAndAbandon(execution))
	waitForStopped(t, sr)
	waitForCondition(t, pipeline, v1alpha1.ConditionReady, metav1.ConditionTrue)
}

// waitForWebhook waits until the API server has learned of a webhook.
func waitForWebhook(t *testing.T, ns string, asked *atomic.Int32) {
	t.Helper()
	probe := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "probe-"}, Spec: *builders.JobSpec("probe")}
	probe.Spec.Template.Spec.Containers[0].Image = countedImage
	NewWithT(t).Eventually(func(g Gomega) {
		g.Expect(k8s.Create(t.Context(), probe.DeepCopy(), client.DryRunAll)).To(Succeed())
		g.Expect(asked.Load()).To(BeNumerically(">", 0))
	}, timeout, interval).Should(Succeed())
}

// actionOfImage returns an action whose container has an image.
func actionOfImage(name, image string) v1alpha1.Action {
	a := builders.Action(name)
	spec := builders.JobSpec("probe")
	spec.Template.Spec.Containers[0].Image = image
	raw, err := json.Marshal(spec)
	if err != nil {
		panic(err)
	}
	a.Job.Spec.Raw = raw
	return a
}

// countedImage is that of the Jobs that countJobs counts.
const countedImage = "counted"

// countJobs registers a webhook that allows the Jobs of a namespace, and counts those of countedImage that it was asked about. It takes a
// time for each of those.
func countJobs(t *testing.T, namespace string, takes time.Duration) *atomic.Int32 {
	t.Helper()
	asked := &atomic.Int32{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		review, job := admissionv1.AdmissionReview{}, &batchv1.Job{}
		if json.NewDecoder(r.Body).Decode(&review) != nil || json.Unmarshal(review.Request.Object.Raw, job) != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		if job.Spec.Template.Spec.Containers[0].Image == countedImage {
			asked.Add(1)
			time.Sleep(takes)
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	registerWebhook(t, namespace, admissionregistrationv1.Create, server.URL, ca)
	return asked
}

// Hundreds of actions of one template, and annotations that somebody changes, cost one question.
func TestTheAPIServerIsAskedOnceAboutATemplate(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	asked := countJobs(t, ns, 0)
	waitForWebhook(t, ns, asked)
	asked.Store(0)
	var actions []v1alpha1.Action
	for i := range 40 {
		actions = append(actions, actionOfImage(fmt.Sprintf("a%d", i), countedImage))
	}
	pipeline := createPipeline(t, ns, "web", builders.Stage("Build", actions...), builders.Stage("Deploy", actions...))
	waitForCondition(t, pipeline, v1alpha1.ConditionReady, metav1.ConditionTrue)
	for i := range 20 {
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"touched":"%d"}}}`, i)
		g.Expect(k8s.Patch(t.Context(), pipeline, client.RawPatch(types.MergePatchType, patch))).To(Succeed())
	}
	expectNoWrites(t, pipeline)
	g.Expect(asked.Load()).To(Equal(int32(1)))
}

// The warnings of pod security are those that whoever creates the Job would read.
func TestWarningsOfPodSecurityAreShownOnThePipeline(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespaceWith(t, map[string]string{"pod-security.kubernetes.io/warn": "restricted"})
	pipeline := createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	waitForCondition(t, pipeline, v1alpha1.ConditionWarnings, metav1.ConditionTrue)
	g.Expect(findCondition(pipeline, v1alpha1.ConditionWarnings)).To(And(
		HaveField("Reason", v1alpha1.ReasonJobWarnings),
		HaveField("Message", HavePrefix(`spec.stages["Build"].actions["compile"].job: would violate PodSecurity "restricted:latest"`))))
	ready := findCondition(pipeline, v1alpha1.ConditionReady)
	g.Expect(ready.Status).To(Equal(metav1.ConditionTrue))
	g.Expect(ready.Message).To(ContainSubstring("condition Warnings"))
	g.Expect(computeHealth(t, pipeline)).To(Equal(status.CurrentStatus))
	waitForRunning(t, createExecution(t, ns, "web"), "compile")
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
)

const (
	// patience bounds how long the test waits for anything.
	patience = 2 * time.Minute
	// huge is about the size in bytes of the largest objects that etcd takes, and large that of the largest template of an action.
	huge, large = 1_200_000, 230_000
	tenant      = "tenant"
)

// A tenant who may create pipelines and executions makes everything as large as it can be. The operator stays within its memory,
// also when it starts again, and somebody else's stop is accepted meanwhile.
func TestATenantCannotTakeTheOperatorsMemory(t *testing.T) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS must name the folder of the API server: `hack/cluster/cluster assets` prints it")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cluster, err := apiserver.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Stop)
	a := &attack{t: t, k8s: cluster.Client}
	doesStamp := func() bool {
		requestedBy, err := cluster.StampRequester(ctx, tenant, "alice")
		return err == nil && requestedBy == "alice"
	}
	a.createNamespace(tenant)
	binary, webhook := buildOperator(t), installWebhook(t, cluster)
	o := startOperator(t, binary, cluster.Kubeconfig, webhook.flags)
	a.waitFor("the webhook to stamp", doesStamp)
	a.stopElsewhere("idle")
	o.checkMemory(t, "a stop of an idle operator")
	for _, step := range []struct {
		name string
		run  func()
	}{
		{"24 huge Pipelines of one pipelineName", a.createPipelines},
		{"requests for unknown ids and pipelines", a.askForUnknown},
		{"executions with huge metadata", a.fillExecutions},
		{"executions of huge Pipelines", a.runHugePipelines},
		{"an abandon whose huge pods stay", a.keepPods},
		{"128 large bodies for the webhook at the same time", func() { a.sendBodies(webhook) }},
	} {
		step.run()
		a.stopElsewhere(step.name)
		a.waitForVerdicts()
		o.checkMemory(t, step.name)
	}
	o.stop()
	o = startOperator(t, binary, cluster.Kubeconfig, webhook.flags)
	a.waitFor("the webhook to stamp", doesStamp)
	a.askForUnknown()
	a.stopElsewhere("after a new start")
	a.waitForVerdicts()
	o.checkMemory(t, "a new start")
}

// attack does what a tenant can do.
type attack struct {
	t   *testing.T
	k8s client.Client
	// requests counts the requests for what is not there.
	requests, namespaces int
}

func (a *attack) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *attack) create(o client.Object) {
	a.t.Helper()
	a.must(a.k8s.Create(a.t.Context(), o))
}

func (a *attack) createNamespace(name string) {
	a.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

// waitFor waits until a condition holds.
func (a *attack) waitFor(what string, holds func() bool) {
	a.t.Helper()
	for start := time.Now(); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Since(start) > patience {
			a.t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// stopElsewhere runs a pipeline in a namespace of somebody else, and stops it. It records how long the stop took to be accepted.
func (a *attack) stopElsewhere(during string) {
	a.t.Helper()
	a.namespaces++
	namespace := fmt.Sprintf("elsewhere-%d", a.namespaces)
	a.createNamespace(namespace)
	a.create(builders.Pipeline(namespace, "web", builders.Stage("s", builders.Action("a"))))
	execution := builders.Execution(namespace, "web")
	a.create(execution)
	a.waitFor("an execution of somebody else to start", func() bool { return a.hasRunningAction(execution) })
	sr := builders.StopAndAbandon(execution)
	asked := time.Now()
	a.create(sr)
	a.waitFor("a stop of somebody else to be accepted", func() bool {
		a.must(a.k8s.Get(a.t.Context(), client.ObjectKeyFromObject(sr), sr))
		return meta.IsStatusConditionTrue(sr.Status.Conditions, v1alpha1.ConditionAccepted)
	})
	a.t.Logf("%s: a stop of somebody else is accepted after %s", during, time.Since(asked).Round(time.Millisecond))
}

func (a *attack) hasRunningAction(execution *v1alpha1.PipelineExecution) bool {
	a.must(a.k8s.Get(a.t.Context(), client.ObjectKeyFromObject(execution), execution))
	jobs := &batchv1.JobList{}
	a.must(a.k8s.List(a.t.Context(), jobs, client.InNamespace(execution.Namespace),
		client.MatchingLabels{v1alpha1.LabelExecutionID: string(execution.UID)}))
	return len(jobs.Items) > 0 && execution.Status.State == v1alpha1.ExecutionInProgress
}

// hugeArgument has an action get an argument of so many bytes.
func hugeArgument(bytes int) builders.ActionOption {
	return builders.EditJob(func(spec *batchv1.JobSpec) {
		spec.Template.Spec.Containers[0].Args = append(spec.Template.Spec.Containers[0].Args, strings.Repeat("x", bytes))
	})
}

// createPipelines creates Pipelines that are as large as they can be and have one pipelineName, and has each reconciled again.
func (a *attack) createPipelines() {
	var names []string
	for i := range 24 {
		p := builders.Pipeline(tenant, fmt.Sprintf("huge-%d", i), builders.Stage("s", builders.Action("a", hugeArgument(huge))))
		p.Spec.PipelineName = "huge"
		a.create(p)
		names = append(names, p.Name)
	}
	for _, name := range names {
		touch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"touched":"true"}}}`))
		a.must(a.k8s.Patch(a.t.Context(), &v1alpha1.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: name}}, touch))
	}
}

// askForUnknown asks to stop executions that are not there, some of pipelines that are not there.
func (a *attack) askForUnknown() {
	for i := range 32 {
		pipelineName := "huge"
		if i%2 == 0 {
			pipelineName = fmt.Sprintf("unknown-%d", i)
		}
		a.requests++
		sr := builders.StopRequest(tenant, pipelineName, fmt.Sprintf("00000000-0000-4000-8000-%012d", a.requests))
		sr.Name, sr.GenerateName = fmt.Sprintf("unknown-%d", a.requests), ""
		a.create(sr)
	}
}

// waitForVerdicts waits until every request of the tenant for what is not there is rejected.
func (a *attack) waitForVerdicts() {
	a.waitFor("all requests for what is not there to be rejected", func() bool {
		list := &v1alpha1.StopRequestList{}
		a.must(a.k8s.List(a.t.Context(), list, client.InNamespace(tenant)))
		for _, sr := range list.Items {
			if strings.HasPrefix(sr.Name, "unknown-") && !meta.IsStatusConditionFalse(sr.Status.Conditions, v1alpha1.ConditionAccepted) {
				return false
			}
		}
		return true
	})
}

// fillExecutions creates executions with as much metadata as etcd takes, and asks for others.
func (a *attack) fillExecutions() {
	labels := map[string]string{}
	for i := range 5000 {
		labels[fmt.Sprintf("theirs-%050d", i)] = strings.Repeat("x", 60)
	}
	for range 16 {
		e := builders.Execution(tenant, "huge")
		e.Labels, e.Annotations = labels, map[string]string{"theirs": strings.Repeat("x", 200_000)}
		a.create(e)
	}
	a.askForUnknown()
}

// runHugePipelines runs Pipelines whose every action is as large as it may be, many times at once. Of each execution one action runs.
func (a *attack) runHugePipelines() {
	for i := range 8 {
		name := fmt.Sprintf("run-%d", i)
		var actions []v1alpha1.Action
		for j := range 3 { // A definition has at most 768 KiB.
			actions = append(actions, builders.Action(fmt.Sprintf("a-%d", j), hugeArgument(large), builders.RunOrder(int32(j+1))))
		}
		a.create(builders.Pipeline(tenant, name, builders.Stage("s", actions...)))
		for range 4 {
			a.create(builders.Execution(tenant, name))
		}
	}
	a.waitFor("all executions of huge Pipelines to run", func() bool {
		jobs := &metav1.PartialObjectMetadataList{}
		jobs.SetGroupVersionKind(batchv1.SchemeGroupVersion.WithKind("JobList"))
		a.must(a.k8s.List(a.t.Context(), jobs, client.InNamespace(tenant), client.Limit(500)))
		return len(jobs.Items) == 8*4
	})
}

// keepPods abandons an execution of whose Job there are huge pods that do not go.
func (a *attack) keepPods() {
	a.create(builders.Pipeline(tenant, "pods", builders.Stage("s", builders.Action("a"))))
	execution := builders.Execution(tenant, "pods")
	a.create(execution)
	a.waitFor("the execution to start", func() bool { return a.hasRunningAction(execution) })
	jobs := &batchv1.JobList{}
	a.must(a.k8s.List(a.t.Context(), jobs, client.InNamespace(tenant), client.MatchingLabels{v1alpha1.LabelExecutionID: string(execution.UID)}))
	for i := range 90 {
		a.create(makeHugePod(&jobs.Items[0], i))
	}
	a.create(builders.StopAndAbandon(execution))
	a.waitFor("the execution to show which work it waits for", func() bool {
		a.must(a.k8s.Get(a.t.Context(), client.ObjectKeyFromObject(execution), execution))
		return execution.Status.Stop != nil && len(execution.Status.Stop.WaitingFor) > 0 && execution.Status.Stop.WaitingFor[0].Message != ""
	})
	a.t.Logf("the stop waits: %s", execution.Status.Stop.WaitingFor[0].Message)
}

// makeHugePod returns a pod of a Job that a finalizer keeps.
func makeHugePod(job *batchv1.Job, i int) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: job.Namespace, Name: fmt.Sprintf("huge-%d", i), Labels: job.Spec.Template.Labels, Finalizers: []string{"example.com/hold"},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "batch/v1", Kind: "Job", Name: job.Name, UID: job.UID, Controller: ptr.To(true),
			}},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "i", Args: []string{strings.Repeat("x", huge)}}}},
	}
}

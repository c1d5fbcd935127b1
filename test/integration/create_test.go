// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
)

// createNamespace creates a namespace for a test, and deletes it at the end of the test.
func createNamespace(t *testing.T) string {
	t.Helper()
	return createNamespaceWith(t, nil)
}

// createNamespaceWith creates a namespace with labels.
func createNamespaceWith(t *testing.T, labels map[string]string) string {
	t.Helper()
	ns := createObject(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: labels}})
	t.Cleanup(func() { _ = k8s.Delete(context.Background(), ns) })
	return ns.Name
}

// createObject creates an object and returns it.
func createObject[T client.Object](t *testing.T, object T) T {
	t.Helper()
	NewWithT(t).Expect(k8s.Create(t.Context(), object)).To(Succeed())
	return object
}

func createPipeline(t *testing.T, ns, name string, stages ...v1alpha1.Stage) *v1alpha1.Pipeline {
	t.Helper()
	return createObject(t, builders.Pipeline(ns, name, stages...))
}

func createExecution(t *testing.T, ns, pipelineName string) *v1alpha1.PipelineExecution {
	t.Helper()
	return createObject(t, builders.Execution(ns, pipelineName))
}

// startExecution returns an execution of two stages. In the first, the action compile runs, and package comes after it.
func startExecution(t *testing.T, compile ...builders.ActionOption) *v1alpha1.PipelineExecution {
	t.Helper()
	ns := createNamespace(t)
	pipeline := createPipeline(t, ns, "web",
		builders.Stage("Build", builders.Action("compile", compile...), builders.Action("package", builders.RunOrder(2))),
		builders.Stage("Deploy", builders.Action("roll-out")))
	// An execution that is seen before its Pipeline waits for it, and has an event that says so.
	waitForCondition(t, pipeline, v1alpha1.ConditionReady, metav1.ConditionTrue)
	execution := createExecution(t, ns, "web")
	waitForRunning(t, execution, "compile")
	return execution
}

// ignoreTermination is an option for an action whose pods go on when they are deleted, until killPods.
var ignoreTermination = builders.PodAnnotation(apiserver.AnnotationHoldGrace, "true")

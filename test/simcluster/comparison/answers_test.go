// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package comparison

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// apiCall is a call to an API server on an object of its own.
type apiCall struct {
	name   string
	object client.Object
	do     callFunc
}

// callFunc calls the API server of a cluster. It returns the error of the call, and what else is compared.
type callFunc func(context.Context, *cluster, client.Object) (string, error)

// TestModelAnswersAsTheAPIServer makes the same calls to the API server in memory and to a real one, and compares the answers.
func TestModelAnswersAsTheAPIServer(t *testing.T) {
	t.Parallel()
	calls := slices.Concat(creationCalls(), patchCalls(), deletionCalls(), statusCalls())
	compareAnswers(t, simulatedCluster(simcluster.NewStore()), realCluster(createNamespace(t)), calls)

	simulated, actual := simulatedCluster(simcluster.NewStore()), realCluster(createNamespace(t))
	for _, c := range []*cluster{simulated, actual} {
		if err := startTerminating(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	compareAnswers(t, simulated, actual, terminatingCalls())
	t.Logf("%d answers compared", len(calls)+len(terminatingCalls()))
}

func compareAnswers(t *testing.T, simulated, actual *cluster, calls []apiCall) {
	t.Helper()
	for _, call := range calls {
		t.Run(call.name, func(t *testing.T) {
			got, want := call.describeAnswer(t.Context(), simulated), call.describeAnswer(t.Context(), actual)
			if got != want {
				t.Errorf("the model answers %q, and the API server %q", got, want)
			}
		})
	}
}

// describeAnswer makes the call, and returns its details and the reason and causes of its error.
func (a apiCall) describeAnswer(ctx context.Context, c *cluster) string {
	object := a.object.DeepCopyObject().(client.Object)
	object.SetNamespace(c.namespace)
	detail, err := a.do(ctx, c, object)
	status := apierrors.APIStatus(nil)
	switch {
	case err == nil:
		return "ok " + detail
	case !errors.As(err, &status):
		return "not an answer of an API server: " + err.Error()
	}
	var causes []string
	if details := status.Status().Details; details != nil {
		for _, cause := range details.Causes {
			causes = append(causes, fmt.Sprintf("%s of %s", cause.Type, cause.Field))
		}
	}
	// An invalid custom resource has each cause twice.
	return fmt.Sprintln(status.Status().Reason, slices.Compact(causes), detail)
}

// forEachKind returns a call for an object of each kind.
func forEachKind(name string, do callFunc) []apiCall {
	object := "an-object-to-" + strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(name, "-"), "-")
	return []apiCall{
		{name + ": Job", newKeptJob(object), do},
		{name + ": PipelineExecution", newKeptExecution(object), do},
		{name + ": ControllerRevision", newKeptRevision(object), do},
	}
}

// newKeptJob returns a suspended Job that a finalizer keeps when it is deleted.
func newKeptJob(name string) *batchv1.Job {
	spec := newJobSpec()
	spec.Suspend = ptr.To(true)
	return &batchv1.Job{ObjectMeta: keptMeta(name), Spec: spec}
}

func newKeptExecution(name string) *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{ObjectMeta: keptMeta(name), Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "absent"}}
}

func newKeptRevision(name string) *appsv1.ControllerRevision {
	return newRevision(keptMeta(name))
}

func keptMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Finalizers: []string{foreignFinalizer}}
}

// createWithHistory creates an object, waits until no controller has anything to write to it any more, and writes to it, so
// that it has an older version.
func (c *cluster) createWithHistory(ctx context.Context, object client.Object) error {
	if err := errors.Join(c.Create(ctx, object), c.waitForStatus(ctx, object)); err != nil {
		return err
	}
	c.olderVersion = object.GetResourceVersion()
	return c.Patch(ctx, object, c.fillPatch(`{"metadata":{"annotations":{"test/written":"yes"}}}`, object))
}

// createAndDelete leaves nothing of an object in the cluster.
func (c *cluster) createAndDelete(ctx context.Context, object client.Object) error {
	object.SetFinalizers(nil)
	return errors.Join(c.createWithHistory(ctx, object), c.Delete(ctx, object))
}

// fillPatch returns a patch in which "$uid" and "$version" are those of the object, and "$older" is a version that it had before.
func (c *cluster) fillPatch(content string, object client.Object) client.Patch {
	values := strings.NewReplacer("$uid", string(object.GetUID()), "$version", object.GetResourceVersion(), "$older", c.olderVersion)
	return client.RawPatch(types.MergePatchType, []byte(values.Replace(content)))
}

// startTerminating deletes the namespace, which a Job keeps, and waits until the API server creates nothing in it any more.
func startTerminating(ctx context.Context, c *cluster) error {
	kept := newKeptJob("kept")
	kept.Namespace = c.namespace
	if err := errors.Join(c.Create(ctx, kept), c.deleteNamespace(ctx)); err != nil {
		return err
	}
	return pollUntil(ctx, slowTick, func() (bool, error) {
		trial := newKeptJob("trial")
		trial.Namespace = c.namespace
		return apierrors.IsForbidden(c.Create(ctx, trial, client.DryRunAll)), nil
	})
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

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

// modelAnswer is a call to the API server on an object of its own, which an act has created or not, and what is told of it.
type modelAnswer struct {
	name string
	o    client.Object
	do   modelCall
}

// modelCall returns what else there is to tell of a call beside its error.
type modelCall func(context.Context, *modelSide, client.Object) (string, error)

// TestModelAnswers has the API server of the explorer and the real one answer the same calls.
func TestModelAnswers(t *testing.T) {
	t.Parallel()
	answers := slices.Concat(creationAnswers(), patchAnswers(), deletionAnswers(), statusAnswers())
	compareAnswers(t, worldSide(simcluster.NewStore()), realSide(namespace(t)), answers)

	explorer, cluster := worldSide(simcluster.NewStore()), realSide(namespace(t))
	for _, s := range []*modelSide{explorer, cluster} {
		if err := beginsToTerminate(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	compareAnswers(t, explorer, cluster, terminatingAnswers())
	t.Logf("%d answers compared", len(answers)+len(terminatingAnswers()))
}

func compareAnswers(t *testing.T, explorer, cluster *modelSide, answers []modelAnswer) {
	t.Helper()
	for _, a := range answers {
		t.Run(a.name, func(t *testing.T) {
			want, got := a.told(t.Context(), explorer), a.told(t.Context(), cluster)
			if want != got {
				t.Errorf("the model answers %q, and the API server %q", want, got)
			}
		})
	}
}

// told plays a call, and tells of the error its reason and causes.
func (a modelAnswer) told(ctx context.Context, s *modelSide) string {
	o := a.o.DeepCopyObject().(client.Object)
	o.SetNamespace(s.namespace)
	detail, err := a.do(ctx, s, o)
	status := apierrors.APIStatus(nil)
	switch {
	case err == nil:
		return "ok " + detail
	case !errors.As(err, &status):
		return "not an answer of an API server: " + err.Error()
	}
	var causes []string
	if d := status.Status().Details; d != nil {
		for _, c := range d.Causes {
			causes = append(causes, fmt.Sprintf("%s of %s", c.Type, c.Field))
		}
	}
	// What is wrong with a custom resource is told twice.
	return fmt.Sprintln(status.Status().Reason, slices.Compact(causes), detail)
}

func aJob(name string) *batchv1.Job {
	spec := scriptSpec()
	spec.Suspend = ptr.To(true)
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: []string{manual}}, Spec: spec}
}

func anExecution(name string) *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: []string{manual}},
		Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "absent"}}
}

func aRevision(name string) *appsv1.ControllerRevision {
	return revision(metav1.ObjectMeta{Name: name, Finalizers: []string{manual}})
}

// ofEach gives a call an object of each kind.
func ofEach(name string, do modelCall) []modelAnswer {
	object := "an-object-to-" + strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(name, "-"), "-")
	return []modelAnswer{
		{name + ": Job", aJob(object), do},
		{name + ": PipelineExecution", anExecution(object), do},
		{name + ": ControllerRevision", aRevision(object), do},
	}
}

// prepare creates an object and waits until nobody has anything to write to it any more. It writes to it then, so that there is
// an older version of it.
func (s *modelSide) prepare(ctx context.Context, o client.Object) error {
	if err := errors.Join(s.Create(ctx, o), s.awaited(ctx, o)); err != nil {
		return err
	}
	s.older = o.GetResourceVersion()
	return s.Patch(ctx, o, s.filled(`{"metadata":{"annotations":{"test/written":"yes"}}}`, o))
}

// createAndDelete leaves nothing but what was read before.
func (s *modelSide) createAndDelete(ctx context.Context, o client.Object) error {
	o.SetFinalizers(nil)
	return errors.Join(s.prepare(ctx, o), s.Delete(ctx, o))
}

// filled is a patch in which "$uid" and "$version" are those of the object, and "$older" is a version that it had before.
func (s *modelSide) filled(content string, o client.Object) client.Patch {
	values := strings.NewReplacer("$uid", string(o.GetUID()), "$version", o.GetResourceVersion(), "$older", s.older)
	return client.RawPatch(types.MergePatchType, []byte(values.Replace(content)))
}

// beginsToTerminate deletes the namespace, which an object keeps, and waits until that is known everywhere.
func beginsToTerminate(ctx context.Context, s *modelSide) error {
	kept := aJob("kept")
	kept.Namespace = s.namespace
	if err := errors.Join(s.Create(ctx, kept), s.terminate(ctx)); err != nil {
		return err
	}
	return poll(ctx, 10*tick, func() (bool, error) {
		trial := aJob("trial")
		trial.Namespace = s.namespace
		return apierrors.IsForbidden(s.Create(ctx, trial, client.DryRunAll)), nil
	})
}

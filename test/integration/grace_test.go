// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// An abandon with a grace period shortens that of the pods, never lengthens it, and removes none before its node has confirmed its end.
func TestAnAbandonShortensTheGracePeriodOfPods(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		own, asked int64
		want       int64
	}{
		{"shorter", 600, 120, 120},
		{"as soon as the node can", 600, 0, 1},
		{"longer", 60, 120, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			execution := startExecution(t, ignoreTermination, builders.GraceSeconds(c.own))
			sr := builders.StopAndAbandon(execution)
			sr.Spec.GracePeriodSeconds = &c.asked
			createObject(t, sr)
			expectAccepted(t, sr)
			g.Eventually(graceOf(t, execution), timeout, interval).Should(HaveValue(Equal(c.want)))
			g.Consistently(graceOf(t, execution), quietTime, interval).Should(HaveValue(Equal(c.want)))
			g.Expect(refreshObject(t, execution).Status.State).To(Equal(v1alpha1.ExecutionStopping), "the node has not confirmed the end of the pod")
			g.Expect(execution.Status.Stop.Requests[0].GracePeriodSeconds).To(HaveValue(Equal(c.asked)))

			killPods(t, execution, "compile")
			waitForState(t, execution, v1alpha1.ExecutionStopped)
			expectJobs(t, execution, 1)
		})
	}
}

// graceOf returns a function that returns the grace period of the pod of an execution that ends; nil if none does.
func graceOf(t *testing.T, execution *v1alpha1.PipelineExecution) func() (*int64, error) {
	return func() (*int64, error) {
		list := &corev1.PodList{}
		err := k8s.List(t.Context(), list, client.InNamespace(execution.Namespace), client.MatchingLabels{v1alpha1.LabelExecutionID: string(execution.UID)})
		for i := range list.Items {
			if list.Items[i].DeletionTimestamp != nil {
				return list.Items[i].DeletionGracePeriodSeconds, err
			}
		}
		return nil, err
	}
}

// A wait that escalates shortens it when it does.
func TestAWaitThatEscalatesShortensTheGracePeriodOfPods(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t, ignoreTermination, builders.GraceSeconds(600))
	sr := builders.StopAndEscalate(execution, 1)
	sr.Spec.GracePeriodSeconds = ptr.To[int64](90)
	createObject(t, sr)
	expectAccepted(t, sr)
	g.Eventually(graceOf(t, execution), timeout, interval).Should(HaveValue(BeEquivalentTo(90)))
	killPods(t, execution, "compile")
	waitForState(t, execution, v1alpha1.ExecutionStopped)
}

func TestSchemaStopRequestGracePeriodSeconds(t *testing.T) {
	t.Parallel()
	const field = "spec.gracePeriodSeconds"
	good := func(ns string) manifest {
		sr := goodStopRequest(ns)
		setField(sr.Object, "spec.abandon", true)
		return sr
	}
	testSchema(t, good, []schemaCase{
		{name: "absent", field: field},
		{name: "-1", field: field, value: int64(-1), refused: "should be greater than or equal to 0"},
		{name: "0", field: field, value: int64(0)},
		{name: "86400", field: field, value: int64(86400)},
		{name: "86401", field: field, value: int64(86401), refused: "should be less than or equal to 86400"},
		{name: "a duration", field: field, value: "1m", refused: "must be of type integer"},
	})
	const alone = "gracePeriodSeconds goes with a stop that ends pods; set abandon: true or escalateAfterSeconds as well, or leave it out"
	for name, c := range map[string]struct{ other, refused string }{
		"a plain wait": {"", alone}, "one that escalates": {"spec.escalateAfterSeconds", ""},
	} {
		object := goodStopRequest("default")
		setField(object.Object, field, int64(5))
		if c.other != "" {
			setField(object.Object, c.other, int64(60))
		}
		expectAnswer(t, k8s.Create(t.Context(), object, client.DryRunAll), schemaCase{name: name, field: field, refused: c.refused})
	}
	const refused = "gracePeriodSeconds is immutable; create another StopRequest instead"
	testEdits(t, good, []editCase{
		{"changed", field, int64(60), int64(1), refused},
		{"removed", field, int64(60), nil, refused},
		{"added", field, nil, int64(60), refused},
		{"as it was", field, int64(60), int64(60), ""},
	})
}

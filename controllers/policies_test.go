// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

var (
	errDenied = apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "controllerrevisions"}, "a", errors.New(
		"ValidatingAdmissionPolicy 'haltline-operator-controllerrevisions' with binding 'haltline-operator-controllerrevisions' denied request: no"))
	errNoRight    = apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "controllerrevisions"}, "a", errors.New("no right"))
	errUnanswered = apierrors.NewInternalError(errors.New(`failed calling webhook "validate.example.com": connection refused`))
)

// dryRuns answers the creation of ControllerRevisions, and remembers what was asked for. The last answer stays.
type dryRuns struct {
	answers []error
	asked   []*client.CreateOptions
	objects []client.Object
}

func (d *dryRuns) client() client.Client {
	return interceptor.NewClient(fake.NewFakeClient(), interceptor.Funcs{
		Create: func(_ context.Context, _ client.WithWatch, object client.Object, opts ...client.CreateOption) error {
			options := &client.CreateOptions{}
			options.ApplyOptions(opts)
			d.asked, d.objects = append(d.asked, options), append(d.objects, object)
			return d.answers[min(len(d.asked), len(d.answers))-1]
		},
	})
}

func TestTheOperatorStartsWhenItsPoliciesDenyADryRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		api := &dryRuns{answers: []error{errNoRight, nil, errUnanswered, errDenied}}
		g.Expect(WaitForPolicies(t.Context(), api.client(), nil, time.Minute)).To(Succeed())
		g.Expect(api.asked).To(HaveLen(4))
		for i, options := range api.asked {
			g.Expect(options.DryRun).To(Equal([]string{"All"}), "nothing may be created")
			g.Expect(api.objects[i]).To(BeAssignableToTypeOf(&appsv1.ControllerRevision{}))
			g.Expect(api.objects[i].GetNamespace()).To(Equal("default"))
		}
	})
}

func TestAnOperatorOfSomeNamespacesAsksInOneOfThem(t *testing.T) {
	g := NewWithT(t)
	api := &dryRuns{answers: []error{errDenied}}
	g.Expect(WaitForPolicies(t.Context(), api.client(), Namespaces{"team-a", "team-b"}, time.Minute)).To(Succeed())
	g.Expect(api.objects[0].GetNamespace()).To(Equal("team-a"))
}

func TestWithoutItsPoliciesTheOperatorDoesNotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := WaitForPolicies(t.Context(), (&dryRuns{answers: []error{errUnanswered, nil}}).client(), nil, time.Minute)
		NewWithT(t).Expect(err).To(MatchError(And(ContainSubstring("haltline-operator-controllerrevisions has to deny"), ContainSubstring("--wait-for-policies"))))
	})
}

// A webhook that is down must not keep a stop from happening.
func TestTheOperatorStartsIfSomethingElseRefusesTheDryRun(t *testing.T) {
	for _, answer := range []error{errNoRight, errUnanswered} {
		synctest.Test(t, func(t *testing.T) {
			api := &dryRuns{answers: []error{nil, answer}}
			NewWithT(t).Expect(WaitForPolicies(t.Context(), api.client(), nil, time.Minute)).To(Succeed())
			NewWithT(t).Expect(len(api.asked)).To(BeNumerically(">", 2))
		})
	}
}

func TestAnOperatorThatIsToldToEndDoesNotWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	NewWithT(t).Expect(WaitForPolicies(ctx, (&dryRuns{answers: []error{nil}}).client(), nil, time.Minute)).To(Succeed())
}

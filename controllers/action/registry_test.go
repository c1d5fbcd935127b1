// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// fakeProvider handles the actions whose name begins with a prefix, and records what it is asked for.
type fakeProvider struct {
	Provider
	prefix, kind string
	calls        *[]string
	remains      RemainingWork
	err          error
}

func (p *fakeProvider) record(call string) { *p.calls = append(*p.calls, p.kind+" "+call) }

func (p *fakeProvider) WorkloadKind() plan.WorkloadKind {
	return plan.WorkloadKind{APIVersion: "v1", Kind: p.kind}
}

func (p *fakeProvider) Handles(definition *v1alpha1.Action) bool {
	return strings.HasPrefix(definition.Name, p.prefix)
}

func (p *fakeProvider) Validate(*v1alpha1.Action) error {
	p.record("validate")
	return p.err
}

func (p *fakeProvider) TryStart(context.Context, Trial) (Refusal, error) {
	p.record("try start")
	return Refusal{Message: "refused", CanPass: true}, p.err
}

func (p *fakeProvider) observe(call string) (plan.Observation, error) {
	p.record(call)
	return plan.Observation{Phase: plan.PhaseRunning, UID: p.kind}, p.err
}

func (p *fakeProvider) Start(context.Context, Scope, plan.Operation) (plan.Observation, error) {
	return p.observe("start")
}

func (p *fakeProvider) Fence(context.Context, Scope, plan.Operation) (plan.Observation, error) {
	return p.observe("fence")
}

func (p *fakeProvider) Observe(context.Context, Scope, plan.Operation) (plan.Observation, error) {
	return p.observe("observe")
}

func (p *fakeProvider) Terminate(context.Context, Scope, plan.Operation) (plan.Observation, error) {
	return p.observe("terminate")
}

func (p *fakeProvider) Orphan(context.Context, Scope, plan.Operation) (plan.Observation, error) {
	return p.observe("orphan")
}

func (p *fakeProvider) FindRemainingWork(context.Context, string, string, metav1.Time) (RemainingWork, error) {
	p.record("find remaining work")
	return p.remains, p.err
}

func (p *fakeProvider) Watches() []Watch { return []Watch{{Object: &corev1.ConfigMap{}}} }

// newFakes returns a registry of two providers, the providers, and the calls that they get.
func newFakes() (registry *Registry, one, two *fakeProvider, calls *[]string) {
	calls = &[]string{}
	one, two = &fakeProvider{prefix: "one-", kind: "One", calls: calls}, &fakeProvider{prefix: "two-", kind: "Two", calls: calls}
	return NewRegistry(one, two), one, two, calls
}

// Each operation reaches the provider whose kind of workload its status names, not the one that handles its definition:
// what runs is ended by whoever started it, though the definition was lost.
func TestExecute(t *testing.T) {
	for operation, want := range map[plan.OperationType]string{
		plan.OperationStart: "start", plan.OperationFence: "fence", plan.OperationObserve: "observe",
		plan.OperationTerminate: "terminate", plan.OperationOrphan: "orphan",
	} {
		for _, kind := range []string{"One", "Two"} {
			registry, _, _, calls := newFakes()
			o, err := registry.Execute(t.Context(), Scope{}, plan.Operation{Type: operation, Workload: v1alpha1.WorkloadReference{APIVersion: "v1", Kind: kind}})
			if err != nil || o.UID != kind {
				t.Errorf("%s of %s: %+v, %v", want, kind, o, err)
			}
			if diff := cmp.Diff([]string{kind + " " + want}, *calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		}
	}
}

// What nobody can do must not look like success.
func TestExecuteWithoutAProvider(t *testing.T) {
	known := v1alpha1.WorkloadReference{APIVersion: "v1", Kind: "One"}
	tests := map[string]plan.Operation{
		"no such kind":      {Type: plan.OperationStart, Workload: v1alpha1.WorkloadReference{APIVersion: "v1", Kind: "Three"}},
		"another version":   {Type: plan.OperationStart, Workload: v1alpha1.WorkloadReference{APIVersion: "v2", Kind: "One"}},
		"no kind":           {Type: plan.OperationObserve},
		"no such operation": {Type: 99, Workload: known},
		"no operation":      {Workload: known},
	}
	for name, op := range tests {
		t.Run(name, func(t *testing.T) {
			registry, _, _, calls := newFakes()
			if o, err := registry.Execute(t.Context(), Scope{}, op); err == nil || o != (plan.Observation{}) || len(*calls) > 0 {
				t.Errorf("got %+v, %v, calls %v", o, err, *calls)
			}
		})
	}
}

func TestRegistryByDefinition(t *testing.T) {
	registry, one, _, calls := newFakes()
	handled, unhandled := &v1alpha1.Action{Name: "two-a"}, &v1alpha1.Action{Name: "three-a"}
	if err := registry.Validate(handled); err != nil {
		t.Errorf("error %v", err)
	}
	if refusal, err := registry.TryStart(t.Context(), Trial{Definition: handled}); err != nil || refusal != (Refusal{Message: "refused", CanPass: true}) {
		t.Errorf("refusal %+v, %v", refusal, err)
	}
	if diff := cmp.Diff([]string{"Two validate", "Two try start"}, *calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	one.err = errors.New("wrong")
	if err := registry.Validate(&v1alpha1.Action{Name: "one-a"}); !errors.Is(err, one.err) {
		t.Errorf("error %v", err)
	}
	// The path of the field is within the action, as the API server has it.
	if err := registry.Validate(unhandled); err == nil || !strings.HasPrefix(err.Error(), "job: Required value") {
		t.Errorf("an action that nobody handles: %v", err)
	}
	if refusal, err := registry.TryStart(t.Context(), Trial{Definition: unhandled}); err != nil || refusal.CanPass || !strings.HasPrefix(refusal.Message, "job: Required value") {
		t.Errorf("an action that nobody handles: %+v, %v", refusal, err)
	}
}

func TestWorkloadKinds(t *testing.T) {
	registry, _, _, _ := newFakes()
	got := registry.WorkloadKinds(&v1alpha1.PipelineDefinition{Stages: []v1alpha1.Stage{
		{Name: "s", Actions: []v1alpha1.Action{{Name: "one-a"}, {Name: "two-a"}, {Name: "three-a"}}},
		{Name: "u", Actions: []v1alpha1.Action{{Name: "one-a"}}},
	}})
	one, two := plan.WorkloadKind{APIVersion: "v1", Kind: "One"}, plan.WorkloadKind{APIVersion: "v1", Kind: "Two"}
	want := map[plan.ActionKey]plan.WorkloadKind{{Stage: "s", Action: "one-a"}: one, {Stage: "s", Action: "two-a"}: two, {Stage: "u", Action: "one-a"}: one}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

// What remains is what any provider finds, and an error does not mean that nothing does.
func TestFindRemainingWorkOfAll(t *testing.T) {
	registry, one, two, calls := newFakes()
	one.remains = RemainingWork{Ending: []string{"One \"a\""}, LeftRunning: []string{"One \"b\""}}
	two.remains = RemainingWork{Ending: []string{"Two \"c\""}}
	got, err := registry.FindRemainingWork(t.Context(), "team", "id", metav1.Time{})
	want := RemainingWork{Ending: []string{"One \"a\"", "Two \"c\""}, LeftRunning: []string{"One \"b\""}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, work (-want +got):\n%s", err, diff)
	}
	two.err = errors.New("no answer")
	if got, err := registry.FindRemainingWork(t.Context(), "team", "id", metav1.Time{}); !errors.Is(err, two.err) || got.Ending != nil {
		t.Errorf("got %v, %v; one provider does not know", got, err)
	}
	find := []string{"One find remaining work", "Two find remaining work"}
	if diff := cmp.Diff(append(find, find...), *calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if n := len(registry.Watches()); n != 2 {
		t.Errorf("%d watches, want those of both", n)
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
)

// fluxStatus is what Flux makes of the health that Argo CD has: it knows no Suspended, and waits.
var fluxStatus = map[string]status.Status{
	"Healthy": status.CurrentStatus, "Progressing": status.InProgressStatus, "Suspended": status.InProgressStatus, "Degraded": status.FailedStatus,
}

// Flux, by our expressions, kstatus and Argo CD read every object of every kind in the same way.
func TestFluxAndKstatusAgreeWithArgoCD(t *testing.T) {
	evaluators := healthEvaluators(t)
	for _, kind := range kinds() {
		for path, health := range readHealthTests(t, kind) {
			t.Run(kind+"/"+path, func(t *testing.T) {
				expectStatus(t, evaluators[kind], fluxStatus[health.Status], kindFolder(kind), path)
			})
		}
	}
}

// readHealthChecks returns our expressions for each kind.
func readHealthChecks(t *testing.T) map[string]kustomize.HealthCheckExpressions {
	t.Helper()
	var patch kustomizev1.Kustomization
	readYAML(t, &patch, "../../config/gitops/flux/health_checks.yaml")
	expressions := map[string]kustomize.HealthCheckExpressions{}
	for _, check := range patch.Spec.HealthCheckExprs {
		if check.APIVersion != group+"/v1alpha1" {
			t.Errorf("the check of %s is for %s", check.Kind, check.APIVersion)
		}
		expressions[check.Kind] = check.HealthCheckExpressions
	}
	if got := slices.Sorted(maps.Keys(expressions)); !slices.Equal(got, slices.Sorted(slices.Values(kinds()))) {
		t.Fatalf("there are expressions for %v", got)
	}
	return expressions
}

// healthEvaluators returns what Flux makes of our expressions for each kind.
func healthEvaluators(t *testing.T) map[string]*cel.StatusEvaluator {
	t.Helper()
	evaluators := map[string]*cel.StatusEvaluator{}
	for kind, expressions := range readHealthChecks(t) {
		evaluator, err := cel.NewStatusEvaluator(&expressions)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		evaluators[kind] = evaluator
	}
	return evaluators
}

// Of the expressions of a kind the one holds that is meant, and no other: none depends on the order in which Flux evaluates them. None holds for an
// object without conditions, and none fails because of that.
func TestOneExpressionHolds(t *testing.T) {
	for kind, expressions := range readHealthChecks(t) {
		for path, health := range readHealthTests(t, kind) {
			object := readObject(t, kindFolder(kind), path)
			for meant, expression := range map[status.Status]string{
				status.InProgressStatus: expressions.InProgress, status.FailedStatus: expressions.Failed, status.CurrentStatus: expressions.Current,
			} {
				if holds := evaluate(t, expression, object.Object); holds != (meant == fluxStatus[health.Status]) {
					t.Errorf("%s %s: the expression of %s gives %v", kind, path, meant, holds)
				}
				if evaluate(t, expression, map[string]any{"status": map[string]any{"observedGeneration": int64(-1)}}) {
					t.Errorf("%s: the expression of %s holds before the first look", kind, meant)
				}
			}
		}
	}
}

func evaluate(t *testing.T, expression string, object map[string]any) bool {
	t.Helper()
	parsed, err := cel.NewExpression(expression)
	if err != nil {
		t.Fatal(err)
	}
	holds, err := parsed.EvaluateBoolean(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	return holds
}

func expectStatus(t *testing.T, evaluator *cel.StatusEvaluator, want status.Status, path ...string) {
	object := readObject(t, path...)
	got, err := evaluator.Evaluate(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != want {
		t.Errorf("the expressions give %s, want %s", got.Status, want)
	}
	computed, err := status.Compute(object)
	if err != nil {
		t.Fatal(err)
	}
	if computed.Status != want {
		t.Errorf("kstatus is %s, want %s", computed.Status, want)
	}
}

// Before the operator looks at an object, it has the status that the schema gives it.
func TestFluxWaitsForTheFirstLook(t *testing.T) {
	for kind, evaluator := range healthEvaluators(t) {
		object := readObject(t, kindFolder(kind), "testdata", listStates(t, kind)[0])
		object.Object["status"] = map[string]any{"observedGeneration": int64(-1)}
		got, err := evaluator.Evaluate(t.Context(), object)
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != status.InProgressStatus {
			t.Errorf("%s: the expressions give %s", kind, got.Status)
		}
	}
}

// The example of docs/flux.md lets a stopped execution be as good as one that succeeded.
func TestTheExampleOfTheFluxPage(t *testing.T) {
	block := regexp.MustCompile("(?s)```yaml\n(- apiVersion.*?)```").FindStringSubmatch(readText(t, "../../docs/flux.md"))
	checks := decodeYAML[[]kustomize.CustomHealthCheck](t, block[1])
	evaluator, err := cel.NewStatusEvaluator(&checks[0].HealthCheckExpressions)
	if err != nil {
		t.Fatal(err)
	}
	for state, want := range map[string]status.Status{
		"stopped": status.CurrentStatus, "succeeded": status.CurrentStatus, "failed": status.FailedStatus, "superseded": status.FailedStatus,
		"in-progress": status.InProgressStatus, "stopping": status.InProgressStatus,
	} {
		got, err := evaluator.Evaluate(t.Context(), readObject(t, kindFolder("PipelineExecution"), "testdata", state+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != want {
			t.Errorf("%s: %s, want %s", state, got.Status, want)
		}
	}
}

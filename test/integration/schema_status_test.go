// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/test/builders"
)

// Fields of goodStatus.
const (
	actionStatusField  = "status.stages[0].actions[0]"
	pendingActionField = "status.stop.waitingFor[0]"
)

// goodStatus returns the status of an execution that stops while one action is in progress.
func goodStatus() map[string]any {
	workload := func() map[string]any {
		return map[string]any{"apiVersion": "batch/v1", "kind": "Job", "name": "run-0123456789abcdef0123", "uid": builders.UnknownID}
	}
	return map[string]any{"status": map[string]any{
		"state": "Stopping",
		"stages": []any{map[string]any{"name": "Build", "state": "Stopping", "actions": []any{
			map[string]any{"name": "compile", "state": "InProgress", "runOrder": int64(1), "attempt": int64(1), "workload": workload()},
			map[string]any{"name": "package", "state": "NotStarted", "runOrder": int64(2)},
		}}},
		"stop": map[string]any{
			"mode": "Wait",
			"requests": []any{map[string]any{
				"uid": builders.UnknownID, "name": "stop", "mode": "Wait", "acceptedTime": "2026-01-01T00:00:00Z",
			}},
			"waitingFor": []any{map[string]any{
				"stage": "Build", "action": "compile", "attempt": int64(1), "workload": workload(),
			}},
		},
	}}
}

func TestSchemaWorkloadAndAttempt(t *testing.T) {
	t.Parallel()
	var cases []schemaCase
	for name, parent := range map[string]string{"action": actionStatusField, "pending action": pendingActionField} {
		cases = append(cases, attemptCases(name, parent+".attempt")...)
		cases = append(cases, workloadCases(name, parent+".workload")...)
	}
	testStatus(t, append(cases,
		schemaCase{name: "action without a workload", field: actionStatusField + ".workload",
			refused: "workload or approval must be set once the action has been started"},
		schemaCase{name: "pending action without a workload, as of an approval", field: pendingActionField + ".workload"},
		schemaCase{name: "action not started without a workload", field: "status.stages[0].actions[1].message", value: "not yet"},
	))
}

func attemptCases(of, field string) []schemaCase {
	return []schemaCase{
		{name: of + ": no attempt", field: field},
		{name: of + ": attempt 0", field: field, value: int64(0)},
		{name: of + ": attempt 2", field: field, value: int64(2)},
		{name: of + ": attempt -1", field: field, value: int64(-1), refused: "should be greater than or equal to 0"},
		{name: of + ": attempt 1.5", field: field, value: 1.5, refused: "must be of type int"},
		{name: of + ": attempt as a string", field: field, value: "1", refused: "must be of type integer"},
	}
}

func workloadCases(of, field string) []schemaCase {
	cases := []schemaCase{
		{name: of + ": a string as workload", field: field, value: "Job/run", refused: "must be of type object"},
		{name: of + ": uid absent", field: field + ".uid"},
		{name: of + ": uid of 36 characters", field: field + ".uid", value: strings.Repeat("u", 36)},
		{name: of + ": uid of 37 characters", field: field + ".uid", value: strings.Repeat("u", 37), refused: "may not be more than 36"},
	}
	for _, required := range []struct {
		name string
		most int
	}{{"apiVersion", 317}, {"kind", 63}, {"name", 253}} {
		part, name := field+"."+required.name, of+": "+required.name
		cases = append(cases,
			schemaCase{name: name + " absent", field: part, refused: "Required value"},
			schemaCase{name: name + " empty", field: part, value: "", refused: "should be at least 1 chars long"},
			schemaCase{name: name + " as long as it may be", field: part, value: strings.Repeat("n", required.most)},
			schemaCase{name: name + " too long", field: part, value: strings.Repeat("n", required.most+1), refused: "may not be more than"},
			schemaCase{name: name + " a number", field: part, value: int64(7), refused: "must be of type string"},
		)
	}
	return cases
}

// Before its first release the API had jobName and jobUID instead of a workload. An object of that shape is refused whole,
// so that nothing of it is half understood.
func TestSchemaStatusOfTheFormerShape(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	former := goodStatus()
	for _, parent := range []string{actionStatusField, pendingActionField} {
		setField(former, parent+".workload", nil)
		setField(former, parent+".attempt", nil)
		setField(former, parent+".jobName", "run-0123456789abcdef0123")
		setField(former, parent+".jobUID", builders.UnknownID)
	}
	ns := createNamespace(t)
	err := tryStatus(t, ns, former)
	expectAnswer(t, err, schemaCase{field: actionStatusField + ".workload", refused: "workload or approval must be set once the action has been started"})

	err = tryStatus(t, ns, former, client.FieldValidation("Strict"))
	g.Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
	g.Expect(err).To(MatchError(ContainSubstring(`unknown field "` + actionStatusField + `.jobName"`)))
}

// testStatus sets one field of a good status for each case, and stores nothing.
func testStatus(t *testing.T, cases []schemaCase) {
	t.Helper()
	ns := createNamespace(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			status := goodStatus()
			setField(status, c.field, c.value)
			expectAnswer(t, tryStatus(t, ns, status), c)
		})
	}
}

// tryStatus writes the status of a new execution, and stores nothing of it.
func tryStatus(t *testing.T, ns string, status map[string]any, options ...client.SubResourcePatchOption) error {
	t.Helper()
	g := NewWithT(t)
	execution := builders.Execution(ns, "web")
	createObject(t, execution)
	raw, err := json.Marshal(status)
	g.Expect(err).NotTo(HaveOccurred())
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(goodExecution(ns).GroupVersionKind())
	object.SetNamespace(ns)
	object.SetName(execution.Name)
	return k8s.Status().Patch(t.Context(), object, client.RawPatch(types.MergePatchType, raw), append(options, client.DryRunAll)...)
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/sample"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// reasonsOf returns the reasons of the API in the group whose comment begins like this.
func reasonsOf(t *testing.T, beginning string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../../api/v1alpha1/reasons.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || !strings.HasPrefix(group.Doc.Text(), beginning) {
			continue
		}
		for _, s := range group.Specs {
			value, err := strconv.Unquote(s.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			reasons = append(reasons, value)
		}
	}
	if len(reasons) == 0 {
		t.Fatalf("the API has no group of reasons that begins with %q", beginning)
	}
	return reasons
}

// Every reason why an action does not go on has advice of its own.
func TestEveryReasonHasAdvice(t *testing.T) {
	for _, reason := range reasonsOf(t, "Reasons why an action does not run or does not end.") {
		if reason == v1alpha1.ReasonKeptFromStarting {
			continue // It is the reason of an action that never starts.
		}
		if _, known := adviceByReason[reason]; !known {
			t.Errorf("%s has no advice", reason)
		}
	}
	for reason, a := range adviceByReason {
		if a.text == "" || !strings.HasSuffix(a.text, ".") {
			t.Errorf("the advice for %s is no sentence: %q", reason, a.text)
		}
	}
}

// The cases that are explained have every reason that an execution can have.
func TestEveryReasonOfAnExecutionHasACase(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range sample.Cases() {
		seen[view.Reason(c.Execution)] = true
		for _, a := range view.Actions(c.Execution) {
			seen[a.Reason] = true
		}
	}
	var want []string
	for _, group := range []string{
		"Reasons of the conditions of a PipelineExecution.", "Reasons of a retry that was refused", "Reasons of an action that is an approval.",
	} {
		want = append(want, reasonsOf(t, group)...)
	}
	for _, state := range v1alpha1.ExecutionStates() {
		if state != v1alpha1.ExecutionFailed { // It has the reason of its failure.
			want = append(want, string(state))
		}
	}
	for _, reason := range want {
		if !seen[reason] {
			t.Errorf("no case has %s; they have %v", reason, slices.Sorted(maps.Keys(seen)))
		}
	}
}

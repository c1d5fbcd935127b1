// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// controller is a module with a function that is tested, and one that is not.
var controller = map[string]string{
	"go.mod": "module example.com/shop\n\ngo 1.26\n",
	"controllers/shop/sum.go": `package shop

func sum(a, b int) int { return a + b }

func zero() int { return 0 }

var _ = zero
`,
	"controllers/shop/sum_test.go": `package shop

import "testing"

func TestSum(t *testing.T) {
	if sum(1, 2) != 3 {
		t.Fail()
	}
}
`,
}

// writeFiles writes files, given by their paths, to a folder of the test, and returns that.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func editShop(function, find, replace string) []Edit {
	return []Edit{{Package: "controllers/shop", Func: function, Find: find, Replace: replace}}
}

func TestMakeMutantsNamesEveryFaultThatIsWrong(t *testing.T) {
	mutants, err := makeMutants(t.Context(), writeFiles(t, controller), []Fault{
		{Name: "right", Edits: editShop("sum", "a + b", "a - b")},
		{Name: "gone", Edits: editShop("sum", "a * b", "a - b")},
		{Name: "untyped", Edits: editShop("sum", "a + b", `"ab"`)},
	})
	if len(mutants) != 1 || mutants[0].fault.Name != "right" {
		t.Errorf("the mutants are %v, want the right one", mutants)
	}
	for _, message := range []string{"gone does not apply: ", "untyped does not compile: "} {
		if err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("the error is %v, want %s", err, message)
		}
	}
}

func TestKillMutants(t *testing.T) {
	root := writeFiles(t, controller)
	stages, err := selectStages("fast")
	if err != nil {
		t.Fatal(err)
	}
	mutants, err := makeMutants(t.Context(), root, []Fault{
		{Name: "found", Edits: editShop("sum", "a + b", "a - b")},
		{Name: "not-found", Edits: editShop("zero", "0", "1")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := killMutants(t.Context(), root, stages, mutants[:1]); err != nil {
		t.Error(err)
	}
	const message = "1 of the seeded faults survived"
	if err := killMutants(t.Context(), root, stages, mutants); err == nil || err.Error() != message {
		t.Errorf("the error is %v, want %s", err, message)
	}
}

func TestListTestedPackages(t *testing.T) {
	packages, err := listTestedPackages(t.Context(), writeFiles(t, map[string]string{
		"go.mod":                        "module example.com/shop\n\ngo 1.26\n",
		"controllers/shop/shop.go":      "package shop\n\nimport _ \"example.com/shop/internal/text\"\n",
		"controllers/shop/shop_test.go": "package shop\n",
		"controllers/untested/none.go":  "package untested\n",
		"internal/text/text.go":         "package text\n",
		"internal/text/text_test.go":    "package text\n",
		"internal/other/other.go":       "package other\n",
		"internal/other/other_test.go":  "package other\n",
	}))
	want := []string{"./internal/text", "./controllers/shop"}
	if err != nil || !slices.Equal(packages, want) {
		t.Errorf("the packages are %v, want %v; the error is %v", packages, want, err)
	}
}

func TestMutatedPackageGoesFirst(t *testing.T) {
	packages := []string{"./controllers/stop", "./controllers/plan", "./controllers"}
	m := mutant{fault: Fault{Edits: []Edit{{Package: "controllers/plan"}}}}
	want := []string{"./controllers/plan", "./controllers/stop", "./controllers"}
	if ordered := putFirst(packages, m); !slices.Equal(ordered, want) {
		t.Errorf("the order is %v, want %v", ordered, want)
	}
}

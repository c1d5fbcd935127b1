// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// kindPages are the pages of the kinds, by the plural in the name of their CRD.
var kindPages = map[string]string{
	"pipelines":          "docs/pipeline.md",
	"pipelineexecutions": "docs/pipelineexecution.md",
	"stoprequests":       "docs/stoprequest.md",
	"approvalresults":    "docs/approvalresult.md",
}

// reasonPages has the page of each group of constants in api/v1alpha1/reasons.go, by how the comment of the group begins.
var reasonPages = map[string]string{
	"Reasons of the verdict on a StopRequest":            "docs/stoprequest.md",
	"Reasons of the verdict on an ApprovalResult":        "docs/approvalresult.md",
	"Reasons of a retry that was refused":                "docs/pipelineexecution.md",
	"Reasons of an action that is an approval":           "docs/pipelineexecution.md",
	"Reasons of the conditions of a Pipeline.":           "docs/pipeline.md",
	"Reasons of the conditions of a PipelineExecution.":  "docs/pipelineexecution.md",
	"Reasons of an action that is Failed":                "docs/pipelineexecution.md",
	"Reasons why an action does not run or does not end": "docs/pipelineexecution.md",
}

// reasonsOfKubernetes are those that the operator passes on.
var reasonsOfKubernetes = []string{
	"ImagePullBackOff", "CreateContainerConfigError", "CrashLoopBackOff", "Unschedulable", "ContainerCreating", "PodInitializing", "Pending",
	"FailedMount", "FailedAttachVolume",
}

// Every reason of the API is in a table of the page of its kind, and every reason in these tables is one of the API or of Kubernetes.
func TestThePagesOfTheKindsHaveEveryReason(t *testing.T) {
	known := slices.Clone(reasonsOfKubernetes)
	for comment, reasons := range constants(t, "reasons.go") {
		page := pageOfReasons(t, comment)
		shown := columns(readFile(t, page), "reason")
		for _, reason := range reasons {
			known = append(known, reason)
			if !slices.Contains(shown, reason) {
				t.Errorf("%s has no row for the reason %s", page, reason)
			}
		}
	}
	for _, page := range kindPages {
		for _, reason := range columns(readFile(t, page), "reason") {
			if !slices.Contains(known, reason) {
				t.Errorf("%s has the reason %s, which the API does not have", page, reason)
			}
		}
	}
}

// pageOfReasons returns the page that explains a group of reasons.
func pageOfReasons(t *testing.T, comment string) string {
	t.Helper()
	for beginning, page := range reasonPages {
		if strings.HasPrefix(comment, beginning) {
			return page
		}
	}
	t.Fatalf("which page explains the reasons under this comment in api/v1alpha1/reasons.go? %s", comment)
	return ""
}

// The states and conditions of the API are those that the pages explain.
func TestThePagesHaveEveryStateAndCondition(t *testing.T) {
	for _, test := range []struct {
		page, column, file, prefix string
	}{
		{"docs/pipelineexecution.md", "state", "pipelineexecution_types.go", "Execution"},
		{"docs/pipelineexecution.md", "state", "pipelineexecution_types.go", "Action"},
		{"docs/concepts.md", "condition", "conditions.go", "Condition"},
	} {
		shown := columns(readFile(t, test.page), test.column)
		for name, value := range namedConstants(t, test.file) {
			if strings.HasPrefix(name, test.prefix) && !slices.Contains(shown, value) {
				t.Errorf("%s has no row for %s", test.page, value)
			}
		}
	}
}

// Every field of a spec is on the page of its kind, and every field in the tables of a page is one.
func TestThePagesOfTheKindsHaveEveryField(t *testing.T) {
	for plural, page := range kindPages {
		content := readFile(t, page)
		properties := readVersion(t, plural).Schema.OpenAPIV3Schema.Properties
		spec, status := fieldsOf(properties["spec"]), fieldsOf(properties["status"])
		for _, field := range spec {
			if !regexp.MustCompile(`\b` + field + `\b`).MatchString(content) {
				t.Errorf("%s does not mention the field %s", page, field)
			}
		}
		for _, shown := range columns(content, "field of") {
			last := strings.TrimSuffix(shown[strings.LastIndex(shown, ".")+1:], "[]")
			if !slices.Contains(spec, last) && !slices.Contains(status, last) {
				t.Errorf("%s has the field %s, which the kind does not have", page, shown)
			}
		}
	}
}

// The columns of kubectl get that a page lists are those of the CRD.
func TestThePagesOfTheKindsHaveEveryColumn(t *testing.T) {
	for plural, page := range kindPages {
		var narrow, wide []string
		for _, column := range readVersion(t, plural).AdditionalPrinterColumns {
			if column.Priority == 0 {
				narrow = append(narrow, strings.ToUpper(column.Name))
			} else {
				wide = append(wide, strings.ToUpper(column.Name))
			}
		}
		content := readFile(t, page)
		for row, want := range map[string][]string{"columns of `kubectl get`": narrow, "more with `-o wide`": wide} {
			_, cell, _ := strings.Cut(content, "\n| "+row+" | ")
			cell, _, _ = strings.Cut(cell, "\n")
			if diff := cmp.Diff(want, upperCase(cell)); diff != "" {
				t.Errorf("%s, %s (- is the CRD):\n%s", page, row, diff)
			}
		}
	}
}

var inBackticks = regexp.MustCompile("`([^`]+)`")

// upperCase returns what a cell has in backticks and in capitals.
func upperCase(cell string) []string {
	var words []string
	for _, match := range inBackticks.FindAllStringSubmatch(cell, -1) {
		if match[1] == strings.ToUpper(match[1]) {
			words = append(words, match[1])
		}
	}
	return words
}

// columns returns what the tables of a page have in backticks in the columns whose heading begins with a word. `True` and `False` are left out,
// and so is what stands in brackets after an entry.
func columns(page, heading string) []string {
	var found []string
	column := -1
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if !strings.HasPrefix(line, "|") {
			column = -1
			continue
		}
		if column < 0 {
			column = slices.IndexFunc(cells, func(cell string) bool { return strings.HasPrefix(strings.TrimPrefix(cell, "| "), heading) })
			if column < 0 {
				column = len(cells) // No such column in this table.
			}
			continue
		}
		if column < len(cells) {
			entry, _, _ := strings.Cut(cells[column], " (")
			for _, match := range inBackticks.FindAllStringSubmatch(entry, -1) {
				found = append(found, match[1])
			}
		}
	}
	return found
}

// constants returns the values of the string constants in a file of the API, by the comment of their group.
func constants(t *testing.T, file string) map[string][]string {
	t.Helper()
	groups := map[string][]string{}
	for _, group := range constantGroups(t, file) {
		for _, spec := range group.Specs {
			groups[group.Doc.Text()] = append(groups[group.Doc.Text()], valueOf(t, spec))
		}
	}
	if len(groups) == 0 {
		t.Fatalf("%s has no constants", file)
	}
	return groups
}

// namedConstants returns the values of the string constants in a file of the API by their names.
func namedConstants(t *testing.T, file string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for _, group := range constantGroups(t, file) {
		for _, spec := range group.Specs {
			values[spec.(*ast.ValueSpec).Names[0].Name] = valueOf(t, spec)
		}
	}
	return values
}

func constantGroups(t *testing.T, file string) []*ast.GenDecl {
	t.Helper()
	source := readFile(t, "api/v1alpha1/"+file)
	parsed, err := parser.ParseFile(token.NewFileSet(), file, source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var groups []*ast.GenDecl
	for _, declaration := range parsed.Decls {
		if group, ok := declaration.(*ast.GenDecl); ok && group.Tok == token.CONST {
			groups = append(groups, group)
		}
	}
	return groups
}

func valueOf(t *testing.T, spec ast.Spec) string {
	t.Helper()
	value, err := strconv.Unquote(spec.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// crdVersion is what the tests need of a version of a CRD.
type crdVersion struct {
	AdditionalPrinterColumns []struct {
		Name     string
		Priority int
	}
	Schema struct{ OpenAPIV3Schema fieldSchema }
}

// fieldSchema is a schema by its fields, or by those of its items.
type fieldSchema struct {
	Properties map[string]fieldSchema
	Items      *fieldSchema
}

// readVersion returns the version of a CRD.
func readVersion(t *testing.T, plural string) crdVersion {
	t.Helper()
	crd := struct {
		Spec struct{ Versions []crdVersion }
	}{}
	if err := yaml.Unmarshal([]byte(readFile(t, "config/crd/bases/pipelines.haltline.dev_"+plural+".yaml")), &crd); err != nil {
		t.Fatal(err)
	}
	return crd.Spec.Versions[0]
}

// fieldsOf returns the names of all fields of a schema, those of its parts included.
func fieldsOf(schema fieldSchema) []string {
	var fields []string
	for name, part := range schema.Properties {
		fields = append(fields, name)
		fields = append(fields, fieldsOf(part)...)
	}
	if schema.Items != nil {
		fields = append(fields, fieldsOf(*schema.Items)...)
	}
	return fields
}

// readFile returns what a file of the repository contains.
func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// quote is the first cell of a row of a table about what a reader reads.
var quote = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// policyName is the name of a policy that the page refers to.
var policyName = regexp.MustCompile("`(haltline-[a-z-]+)`")

// Whatever docs/troubleshooting.md quotes is in a message of the operator, a policy or the schema, or in what the plugin prints.
func TestTheQuotesOfTheTroubleshootingPageAreReal(t *testing.T) {
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := normalize(strings.Join([]string{
		readLiterals(t, filepath.Join(root, "api")), readLiterals(t, filepath.Join(root, "controllers")), readPolicies(t, filepath.Join(root, "config", "policy")),
		readFiles(t, filepath.Join(root, "config", "components", "webhook"), ".yaml"),
		readFiles(t, filepath.Join(root, "config", "crd", "bases"), ".yaml"), readFiles(t, filepath.Join(root, "cmd", "kubectl-haltline"), ".golden"),
	}, "\n"))
	found := 0
	for _, table := range strings.Split(string(page), "| what you read |")[1:] {
		table, _, _ = strings.Cut(table, "\n\n")
		for _, match := range quote.FindAllStringSubmatch(table, -1) {
			found++
			if !strings.Contains(known, normalize(match[1])) {
				t.Errorf("no message has %q", match[1])
			}
		}
	}
	for _, match := range policyName.FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(known, "name: "+match[1]+" ") {
			t.Errorf("there is no policy %q", match[1])
		}
	}
	if found < 40 {
		t.Errorf("only %d quotes were found", found)
	}
}

// normalize returns a text with a space for whatever space it has.
func normalize(text string) string { return strings.Join(strings.Fields(text), " ") }

// readLiterals returns the strings of the Go files of a folder, except tests. What is joined by + is one.
func readLiterals(t *testing.T, folder string) string {
	t.Helper()
	var texts []string
	walk(t, folder, ".go", func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if expression, ok := node.(ast.Expr); ok {
				text := joinLiterals(expression)
				texts = append(texts, text)
				return text == ""
			}
			return true
		})
	})
	return strings.Join(texts, "\n")
}

// joinLiterals returns the text of a string, or of several that are joined by +; nothing if it is something else.
func joinLiterals(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return text
	case *ast.BinaryExpr:
		left, right := joinLiterals(e.X), joinLiterals(e.Y)
		if e.Op == token.ADD && left != "" && right != "" {
			return left + right
		}
	}
	return ""
}

// celJoin is what joins two texts in an expression of a policy.
var celJoin = regexp.MustCompile(`" \+\s+"`)

// readPolicies returns the policies of a folder, with the texts in their expressions joined.
func readPolicies(t *testing.T, folder string) string {
	t.Helper()
	return strings.ReplaceAll(celJoin.ReplaceAllString(readFiles(t, folder, ".yaml"), ""), `\"`, `"`)
}

// readFiles returns the files of a folder that have an extension.
func readFiles(t *testing.T, folder, extension string) string {
	t.Helper()
	var all strings.Builder
	walk(t, folder, extension, func(path string) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	})
	return all.String()
}

// walk calls a function with each file of a folder that has an extension, and expects some.
func walk(t *testing.T, folder, extension string, visit func(path string)) {
	t.Helper()
	count := 0
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(path) == extension {
			count++
			visit(path)
		}
		return err
	})
	if err != nil || count == 0 {
		t.Fatalf("%s has %d files of %s: %v", folder, count, extension, err)
	}
}

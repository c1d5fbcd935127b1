// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
)

// adjustImports returns the new text of a file with the imports that it needs: those that only the former text used become
// blank, and those that only the new text uses are added, if another file of the package has them.
func adjustImports(former *sourceFile, text []byte) ([]byte, error) {
	file, err := parseFile(former.path, text)
	if err != nil {
		return nil, err
	}
	used, usedBefore := findQualifiers(file), findQualifiers(former)
	missing := maps.Clone(used)
	for _, spec := range slices.Backward(file.tree.Imports) {
		name := importName(spec)
		delete(missing, name)
		if usedBefore[name] && !used[name] {
			text = slices.Replace(text, file.offset(spec.Pos()), file.offset(spec.End()), []byte("_ "+spec.Path.Value)...)
		}
	}
	for name := range missing {
		if spec := findImport(former.siblings, name); spec != nil && !usedBefore[name] {
			line := fmt.Sprintf("\nimport %s %s\n", name, spec.Path.Value)
			text = slices.Insert(text, file.offset(file.tree.Name.End()), []byte(line)...)
		}
	}
	return text, nil
}

// findQualifiers returns the names before a dot in a file, those of packages among them.
func findQualifiers(file *sourceFile) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(file.tree, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok {
			if name, ok := selector.X.(*ast.Ident); ok {
				names[name.Name] = true
			}
		}
		return true
	})
	return names
}

// findImport returns the first import of the name in the files, or nil.
func findImport(files []*sourceFile, name string) *ast.ImportSpec {
	for _, file := range files {
		for _, spec := range file.tree.Imports {
			if importName(spec) == name {
				return spec
			}
		}
	}
	return nil
}

var majorVersion = regexp.MustCompile(`^v\d+$`)

// importName returns the name that an import has in its file: its own, or else what the path lets expect.
func importName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	value, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return ""
	}
	if majorVersion.MatchString(path.Base(value)) && path.Dir(value) != "." {
		value = path.Dir(value)
	}
	return path.Base(value)
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// typeChecker checks the types of mutated packages, which is much faster than to compile them.
type typeChecker struct {
	set *token.FileSet
	// compiled reads the packages that a mutated package imports.
	compiled types.Importer
}

// newTypeChecker returns a type checker for the controllers of the module in the folder root, and for what they import of the
// module. It compiles them as they are.
func newTypeChecker(ctx context.Context, root string) (*typeChecker, error) {
	output, err := runGo(ctx, root, "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", "./controllers/...")
	if err != nil {
		return nil, err
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(output)) {
		importPath, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		exports[importPath] = file
	}
	set := token.NewFileSet()
	open := func(importPath string) (io.ReadCloser, error) { return os.Open(exports[importPath]) }
	return &typeChecker{set: set, compiled: importer.ForCompiler(set, "gc", open)}, nil
}

// checkTypes returns the first error in the packages of the mutated files, which are given by path.
func (c *typeChecker) checkTypes(mutated map[string][]byte) error {
	checked := map[string]bool{}
	for path := range mutated {
		folder := filepath.Dir(path)
		if checked[folder] {
			continue
		}
		checked[folder] = true
		files, err := c.parsePackage(folder, mutated)
		if err != nil {
			return err
		}
		config := types.Config{Importer: c.compiled}
		if _, err := config.Check(folder, c.set, files, nil); err != nil {
			return err
		}
	}
	return nil
}

// parsePackage parses the files of a folder, except tests, with the mutated files in the place of those on the disk.
func (c *typeChecker) parsePackage(folder string, mutated map[string][]byte) ([]*ast.File, error) {
	sources, err := readPackage(folder)
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, source := range sources {
		text := source.text
		if replaced, ok := mutated[source.path]; ok {
			text = replaced
		}
		file, err := parser.ParseFile(c.set, source.path, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parsing a mutated file: %w", err)
		}
		files = append(files, file)
	}
	return files, nil
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// sourceFile is a file of Go with its syntax tree.
type sourceFile struct {
	path string
	text []byte
	set  *token.FileSet
	tree *ast.File
	// siblings are all files of the package, this one among them.
	siblings []*sourceFile
}

// readPackage parses the files of a folder, except tests.
func readPackage(folder string) ([]*sourceFile, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	var files []*sourceFile
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		file, err := parseFile(path, text)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no Go files", folder)
	}
	for _, file := range files {
		file.siblings = files
	}
	return files, nil
}

func parseFile(path string, text []byte) (*sourceFile, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, path, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &sourceFile{path: path, text: text, set: set, tree: tree}, nil
}

// offset returns where in the text a position is, in bytes.
func (f *sourceFile) offset(p token.Pos) int {
	return f.set.PositionFor(p, false).Offset
}

// findDeclaration returns the only declaration of a name in a package, and its file. A method has the name "Type.method".
func findDeclaration(files []*sourceFile, name string) (*sourceFile, ast.Node, error) {
	var in *sourceFile
	var found []ast.Node
	for _, file := range files {
		for _, declaration := range file.tree.Decls {
			if node := matchDeclaration(declaration, name); node != nil {
				in, found = file, append(found, node)
			}
		}
	}
	if len(found) != 1 {
		return nil, nil, fmt.Errorf("%s is declared %d times, and has to be declared once", name, len(found))
	}
	return in, found[0], nil
}

// matchDeclaration returns the part of a declaration that declares the name, or nil.
func matchDeclaration(declaration ast.Decl, name string) ast.Node {
	switch declared := declaration.(type) {
	case *ast.FuncDecl:
		if functionName(declared) == name {
			return declared
		}
	case *ast.GenDecl:
		for _, spec := range declared.Specs {
			if declaresName(spec, name) {
				return spec
			}
		}
	}
	return nil
}

// functionName returns "name", or "Type.name" for a method.
func functionName(function *ast.FuncDecl) string {
	if function.Recv == nil || len(function.Recv.List) == 0 {
		return function.Name.Name
	}
	receiver := function.Recv.List[0].Type
	for {
		switch typed := receiver.(type) {
		case *ast.StarExpr:
			receiver = typed.X
		case *ast.IndexExpr:
			receiver = typed.X
		case *ast.IndexListExpr:
			receiver = typed.X
		case *ast.Ident:
			return typed.Name + "." + function.Name.Name
		default:
			return function.Name.Name
		}
	}
}

// declaresName reports whether a spec of a var, const or type declaration has the name.
func declaresName(spec ast.Spec, name string) bool {
	switch declared := spec.(type) {
	case *ast.ValueSpec:
		for _, identifier := range declared.Names {
			if identifier.Name == name {
				return true
			}
		}
	case *ast.TypeSpec:
		return declared.Name.Name == name
	}
	return false
}

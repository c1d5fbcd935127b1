// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/format"
	"path/filepath"
	"slices"
)

// replacement is an edit with its place.
type replacement struct {
	span
	text string
}

// mutateSources returns the files that a fault changes, by path. The root is the folder of the module. The sources on the disk
// are not changed.
func mutateSources(root string, fault Fault) (map[string][]byte, error) {
	packages := map[string][]*sourceFile{}
	replacements := map[*sourceFile][]replacement{}
	for _, edit := range fault.Edits {
		if packages[edit.Package] == nil {
			files, err := readPackage(filepath.Join(root, edit.Package))
			if err != nil {
				return nil, err
			}
			packages[edit.Package] = files
		}
		file, place, err := findEdit(packages[edit.Package], edit)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", edit.Package, edit.Func, err)
		}
		replacements[file] = append(replacements[file], replacement{place, edit.Replace})
	}
	mutated := map[string][]byte{}
	for file, list := range replacements {
		text, err := mutateFile(file, list)
		if err != nil {
			return nil, err
		}
		mutated[file.path] = text
	}
	return mutated, nil
}

// findEdit returns the file of an edit and the place in it. What is deleted from a list goes with its comma.
func findEdit(files []*sourceFile, edit Edit) (*sourceFile, span, error) {
	file, declaration, err := findDeclaration(files, edit.Func)
	if err != nil {
		return nil, span{}, err
	}
	place, err := findAnchor(file, declaration, edit.Find)
	if err != nil {
		return nil, span{}, err
	}
	if edit.Replace == "" {
		place = includeComma(file.text, place)
	}
	return file, place, nil
}

// includeComma adds to the span the comma after it, or else the one before it, if there is one.
func includeComma(text []byte, place span) span {
	const space = " \t\n"
	after := bytes.TrimLeft(text[place.end:], space)
	before := bytes.TrimRight(text[:place.start], space)
	switch {
	case bytes.HasPrefix(after, []byte(",")):
		place.end = len(text) - len(after) + 1
	case bytes.HasSuffix(before, []byte(",")):
		place.start = len(before) - 1
	}
	return place
}

// mutateFile makes the replacements in a file and returns its new text.
func mutateFile(file *sourceFile, replacements []replacement) ([]byte, error) {
	slices.SortFunc(replacements, func(a, b replacement) int { return cmp.Compare(a.start, b.start) })
	var text []byte
	done := 0
	for _, r := range replacements {
		if r.start < done {
			return nil, fmt.Errorf("two edits overlap in %s", file.path)
		}
		text = append(append(text, file.text[done:r.start]...), r.text...)
		done = r.end
	}
	text = append(text, file.text[done:]...)
	text, err := adjustImports(file, text)
	if err != nil {
		return nil, err
	}
	text, err = format.Source(text)
	if err != nil {
		return nil, err
	}
	if isSameSource(file.text, text) {
		return nil, fmt.Errorf("the edits change nothing in %s", file.path)
	}
	return text, nil
}

// isSameSource reports whether two texts have the same tokens.
func isSameSource(a, b []byte) bool {
	tokensOfA, errA := scanTokens(a)
	tokensOfB, errB := scanTokens(b)
	return errA == nil && errB == nil && slices.EqualFunc(tokensOfA, tokensOfB, isSameToken)
}

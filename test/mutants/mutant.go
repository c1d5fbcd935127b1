// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// mutant is a fault with what it makes of the sources.
type mutant struct {
	fault Fault
	// files are the mutated files, by path.
	files map[string][]byte
}

// makeMutants seeds each fault and checks that it compiles. It returns one error for all faults that do not.
func makeMutants(ctx context.Context, root string, faults []Fault) ([]mutant, error) {
	checker, err := newTypeChecker(ctx, root)
	if err != nil {
		return nil, err
	}
	var mutants []mutant
	var problems []error
	for _, fault := range faults {
		files, err := mutateSources(root, fault)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s does not apply: %w", fault.Name, err))
			continue
		}
		if err := checker.checkTypes(files); err != nil {
			problems = append(problems, fmt.Errorf("%s does not compile: %w", fault.Name, err))
			continue
		}
		mutants = append(mutants, mutant{fault, files})
	}
	return mutants, errors.Join(problems...)
}

// writeOverlay writes the mutated files to a folder, with the file that the flag -overlay of the go command wants, and
// returns the path of that one.
func (m mutant) writeOverlay(folder string) (string, error) {
	replace := map[string]string{}
	for i, path := range slices.Sorted(maps.Keys(m.files)) {
		mutated := filepath.Join(folder, strconv.Itoa(i)+".go")
		if err := os.WriteFile(mutated, m.files[path], 0o600); err != nil {
			return "", err
		}
		replace[path] = mutated
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(folder, "overlay.json")
	return overlay, os.WriteFile(overlay, content, 0o600)
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// killMutants runs the stages for each mutant, until a test fails, and prints which one did. It returns an error when a mutant
// survives all of them.
func killMutants(ctx context.Context, root string, stages []stage, mutants []mutant) error {
	started := time.Now()
	packages, err := listTestedPackages(ctx, root)
	if err != nil {
		return err
	}
	if err := passUnmutated(ctx, root, packages); err != nil {
		return err
	}
	killed := 0
	for _, target := range mutants {
		mutantStarted := time.Now()
		killer, err := killMutant(ctx, root, stages, packages, target)
		if err != nil {
			return fmt.Errorf("%s: %w", target.fault.Name, err)
		}
		seconds := time.Since(mutantStarted).Seconds()
		if killer == "" {
			fmt.Printf("SURVIVED  %-36s (%.0f s): %s\n", target.fault.Name, seconds, target.fault.Breaks)
			continue
		}
		killed++
		fmt.Printf("killed    %-36s by %s (%.0f s)\n", target.fault.Name, killer, seconds)
	}
	fmt.Printf("%d of %d seeded faults killed, in %.0f seconds\n", killed, len(mutants), time.Since(started).Seconds())
	if killed < len(mutants) {
		return fmt.Errorf("%d of the seeded faults survived", len(mutants)-killed)
	}
	return nil
}

// listTestedPackages returns the packages with tests among the controllers and what they import of the module, each after those
// that it imports. The first ones import little, so they are the quickest.
func listTestedPackages(ctx context.Context, root string) ([]string, error) {
	const tested = "{{if or .TestGoFiles .XTestGoFiles}}{{.Module.Path}} {{.ImportPath}}{{end}}"
	const format = "{{if .Module}}{{if .Module.Main}}" + tested + "{{end}}{{end}}"
	output, err := runGo(ctx, root, "list", "-deps", "-f", format, "./controllers/...")
	if err != nil {
		return nil, err
	}
	var packages []string
	for line := range strings.Lines(string(output)) {
		module, importPath, _ := strings.Cut(strings.TrimSpace(line), " ")
		packages = append(packages, "."+strings.TrimPrefix(importPath, module))
	}
	return packages, nil
}

// passUnmutated returns an error when a fast test fails without any fault: it would seem to find every fault.
func passUnmutated(ctx context.Context, root string, packages []string) error {
	for _, arguments := range listFastTests(packages) {
		killer, err := runTests(ctx, root, "", arguments)
		if err != nil {
			return err
		}
		if killer != "" {
			return fmt.Errorf("%s fails before any fault is seeded", killer)
		}
	}
	return nil
}

// killMutant returns the test that finds the fault, or an empty string when none does.
func killMutant(ctx context.Context, root string, stages []stage, packages []string, target mutant) (string, error) {
	folder, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	overlay, err := target.writeOverlay(folder)
	if err != nil {
		return "", err
	}
	ordered := putFirst(packages, target)
	for _, s := range stages {
		for _, arguments := range s.list(ordered) {
			if killer, err := runTests(ctx, root, overlay, arguments); killer != "" || err != nil {
				return killer, err
			}
		}
	}
	return "", nil
}

// putFirst returns the packages with those that the mutant changes at the front. The go command knows the results of the
// packages that do not depend on those.
func putFirst(packages []string, target mutant) []string {
	isMutated := func(p string) bool {
		return slices.ContainsFunc(target.fault.Edits, func(e Edit) bool { return filepath.Clean(p) == e.Package })
	}
	var first, others []string
	for _, p := range packages {
		if isMutated(p) {
			first = append(first, p)
		} else {
			others = append(others, p)
		}
	}
	return append(first, others...)
}

// runTests runs go test with an overlay, or without one when it is empty. It returns the name of the test that fails first, or an
// empty string when none does. An error describes what fails without a test, such as a package that does not compile.
func runTests(ctx context.Context, root, overlay string, arguments []string) (string, error) {
	// vet, and what a debugger needs, only cost time here.
	command := []string{"test", "-json", "-failfast", "-vet=off", "-ldflags=-s -w", "-overlay=" + overlay}
	output, err := runGo(ctx, root, append(command, arguments...)...)
	if err == nil {
		return "", nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	events, parseErr := parseEvents(output)
	if parseErr != nil {
		return "", parseErr
	}
	if killer := findFailedTest(events); killer != "" {
		return killer, nil
	}
	return "", fmt.Errorf("the tests fail, but no test of them does: %w\n%s", err, joinOutput(events))
}

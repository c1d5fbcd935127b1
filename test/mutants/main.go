// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command mutants seeds faults into the operator, one at a time, and shows which test finds each.
//
//	go run ./test/mutants [-only=STAGE] [-check] [NAME...]
//
// Without names it seeds all faults. For each fault it runs these stages, and the first test that fails kills the fault:
//
//	fast       the tests beside the code, the packages with the fewest dependencies first
//	sample     the explorer with one injection in 20
//	histories  random histories, judged by a model of the contract
//	explorer   the whole explorer, which takes minutes for a fault that it does not find
//
// The command fails when a fault survives, does not apply or does not compile. With -check it only looks whether every fault
// applies and compiles, which takes seconds.
//
// The faults are the rows of faults_*.go. To add one, add a row:
//
//	Name     what is wrong, in a few words
//	Breaks   the invariant that is broken (docs/invariants.md has I1 to I11) or a sentence of the contract or of a page, and how
//	Edits    what is replaced: Find is found in the declaration Func of the folder Package, and becomes Replace
//
// A row has neither file names nor line numbers. Func is a function ("Accept"), a method ("Runner.start"), or a variable,
// constant or type of the package. Find is the source of an expression, a statement, a case, an element of a literal, or of
// several of these that follow one another; white space and comments do not count. It has to be found exactly once in the
// declaration. An empty Replace deletes; a guard is taken away best by replacing its condition with false, and code is added by
// repeating what is beside it. Imports are added and removed as needed. The shorter Find is, the fewer changes of the code
// concern the row.
//
// The tree is not changed: mutated files are passed to the go command with -overlay.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	only := flag.String("only", "", "the only `stage` to run: "+strings.Join(stageNames(), ", "))
	checkOnly := flag.Bool("check", false, "only check that every fault applies and compiles")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run ./test/mutants [-only=STAGE] [-check] [NAME...]")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *only, *checkOnly, flag.Args())
	cancel()
	if err != nil {
		fmt.Fprintf(os.Stderr, "mutants: %v\n", err)
		os.Exit(1)
	}
}

// run seeds the named faults, or all, and returns an error when one of them does not apply, does not compile or survives.
func run(ctx context.Context, only string, checkOnly bool, names []string) error {
	stages, err := selectStages(only)
	if err != nil {
		return err
	}
	faults, err := selectFaults(names)
	if err != nil {
		return err
	}
	root, err := findModule(ctx)
	if err != nil {
		return err
	}
	mutants, err := makeMutants(ctx, root, faults)
	if err != nil {
		return err
	}
	if checkOnly {
		fmt.Printf("%d of %d seeded faults apply and compile\n", len(mutants), len(faults))
		return nil
	}
	return killMutants(ctx, root, stages, mutants)
}

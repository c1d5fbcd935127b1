// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command bench measures the operator on a local cluster of its own with a simulated node: docs/performance.md describes what
// it measures. It fails if something was lost or the operator logged an error, and never because of a time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// parts are what can be measured, in the order in which it is.
var parts = []string{"floor", "one", "storm"}

// The upper bounds of the flags, so that a typing error does not fill a disk.
const (
	maxObjects = 100_000
	maxWriters = 256
)

type options struct {
	repository, folder, cluster string
	parts                       []string
	creates, single, atOnce     int
	storms                      []int
	writers                     int
	profile                     bool
	patience                    time.Duration
}

func main() {
	log.SetFlags(log.Ltime)
	log.SetPrefix("bench: ")
	opts, err := parseOptions()
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, opts)
	cancel()
	if err != nil {
		log.Fatal(err)
	}
}

func parseOptions() (options, error) {
	var opts options
	var chosen, storms string
	flag.StringVar(&opts.repository, "repository", filepath.Join("..", ".."), "the checkout whose operator is measured")
	flag.StringVar(&opts.folder, "output", filepath.Join("..", "..", "bin", "bench"), "where results.json, plots, profiles and logs go")
	flag.StringVar(&opts.cluster, "cluster", "haltline-bench", "name of the local cluster; one of that name is removed first")
	flag.StringVar(&chosen, "run", strings.Join(parts, ","), "the parts to measure, separated by commas")
	flag.IntVar(&opts.creates, "creates", 4000, "raw creates and status updates with many writers; a quarter of them with one")
	flag.IntVar(&opts.single, "single", 100, "stops, and plain Jobs, that are ended one at a time")
	flag.IntVar(&opts.atOnce, "at-once", 500, "plain Jobs that are started and ended at once")
	flag.StringVar(&storms, "storms", "500,2000,10000", "sizes of the storms, separated by commas")
	flag.IntVar(&opts.writers, "writers", 32, "requests that the clients have under way at a time")
	flag.BoolVar(&opts.profile, "profile", false, "save CPU profiles of the operator and the API server during the first storm of stops")
	flag.DurationVar(&opts.patience, "patience", 15*time.Minute, "how long a group of objects may take before the run fails")
	flag.Parse()
	opts.parts = strings.Split(chosen, ",")
	for _, size := range strings.Split(storms, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			return opts, fmt.Errorf("-storms: %w", err)
		}
		opts.storms = append(opts.storms, n)
	}
	return opts, opts.validate()
}

func (o options) validate() error {
	if flag.NArg() > 0 {
		return errors.New("there are only flags, and no arguments")
	}
	for _, part := range o.parts {
		if !slices.Contains(parts, part) {
			return fmt.Errorf("-run: there is no part %q, only %s", part, strings.Join(parts, ", "))
		}
	}
	for _, n := range append([]int{o.creates, o.single, o.atOnce}, o.storms...) {
		if n < 4 || n > maxObjects {
			return fmt.Errorf("numbers of objects are from 4 to %d", maxObjects)
		}
	}
	if o.writers < 1 || o.writers > maxWriters {
		return fmt.Errorf("-writers: from 1 to %d", maxWriters)
	}
	return nil
}

// run measures on a cluster of its own and takes it down again.
func run(ctx context.Context, opts options) (err error) {
	if err := os.MkdirAll(opts.folder, 0o755); err != nil {
		return err
	}
	c, err := startCluster(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.remove()) }()
	b := &bench{options: opts, cluster: c}
	for _, part := range parts {
		if !slices.Contains(opts.parts, part) {
			continue
		}
		log.Print("measuring: ", part)
		if err := b.measure(ctx, part); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	return b.results.write(opts.folder, os.Stdout)
}

// bench is one run.
type bench struct {
	options
	*cluster
	results results
}

// measure measures one part. The floor is measured without the operator, everything else with one of its own, which must not log
// an error.
func (b *bench) measure(ctx context.Context, part string) error {
	if part == "floor" {
		return b.measureFloor(ctx)
	}
	op, err := b.startOperator(ctx, part)
	if err != nil {
		return err
	}
	if part == "one" {
		err = b.measureOneByOne(ctx)
	} else {
		err = b.measureStorms(ctx, op)
	}
	return errors.Join(err, op.stop())
}

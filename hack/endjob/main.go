// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command endjob measures the ways to end a Job, and tries what each of them leaves and what others can undo. It prints
// the tables of docs/ending-jobs-measured.md. It asserts no times. It works in a namespace of its own, on a cluster whose
// API server listens on this machine's loopback.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"time"
)

// The upper bounds of the flags, so that a typing error does not fill a cluster.
const (
	maxSingle = 200
	maxAtOnce = 1000
	maxRounds = 5
	maxTries  = 100
	maxTime   = time.Hour
)

type options struct {
	kubeconfig, image       string
	single, counted         int
	atOnce, rounds, senders int
	tries                   int
	grace                   int64
	pause, limit            time.Duration
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("endjob: ")
	var opts options
	flag.StringVar(&opts.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "kubeconfig of a cluster on this machine")
	flag.StringVar(&opts.image, "image", "busybox:1.35", "image of the pods; it has to have sh")
	flag.IntVar(&opts.single, "single", 30, "Jobs that are ended one at a time, for each way")
	flag.IntVar(&opts.counted, "counted", 5, "how many of these have the writes of the whole system counted")
	flag.IntVar(&opts.atOnce, "at-once", 200, "Jobs that are ended at once, for each way and round")
	flag.IntVar(&opts.senders, "senders", 32, "requests that the ender has under way at a time")
	flag.IntVar(&opts.rounds, "rounds", 3, "rounds of ending Jobs at once")
	flag.IntVar(&opts.tries, "tries", 10, "how often to try a race; 0 to try nothing")
	flag.Int64Var(&opts.grace, "grace-seconds", 30, "grace period of the pods")
	flag.DurationVar(&opts.pause, "pause", 2*time.Second, "how long to let the cluster come to rest before and after a count")
	flag.DurationVar(&opts.limit, "limit", 30*time.Minute, "time limit of the whole run")
	flag.Parse()
	if err := opts.validate(); err != nil {
		log.Fatal(err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, stop := context.WithTimeout(ctx, opts.limit)
	err := measure(ctx, opts, os.Stdout)
	stop()
	cancel()
	if err != nil {
		log.Fatal(err)
	}
}

func (o options) validate() error {
	switch {
	case flag.NArg() > 0:
		return errors.New("there are only flags, and no arguments")
	case o.single < 0 || o.single > maxSingle, o.counted < 0 || o.counted > o.single:
		return fmt.Errorf("-single: from 0 to %d; -counted: at most as many as -single", maxSingle)
	case o.atOnce < 0 || o.atOnce > maxAtOnce, o.senders < 1 || o.senders > maxAtOnce:
		return fmt.Errorf("-at-once and -senders: at most %d", maxAtOnce)
	case o.rounds < 0 || o.rounds > maxRounds, o.tries < 0 || o.tries > maxTries:
		return fmt.Errorf("-rounds: at most %d; -tries: at most %d", maxRounds, maxTries)
	case o.limit > maxTime:
		return fmt.Errorf("-limit: at most %s", maxTime)
	}
	return nil
}

func measure(ctx context.Context, opts options, out io.Writer) (err error) {
	cluster, err := newTestCluster(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.deleteNamespace()) }()
	if opts.single > 0 {
		rounds, err := cluster.measureOneByOne(ctx, opts)
		if err != nil {
			return err
		}
		printOneByOneTable(out, opts, rounds)
	}
	if opts.atOnce > 0 && opts.rounds > 0 {
		rounds, err := cluster.measureAllAtOnce(ctx, opts)
		if err != nil {
			return err
		}
		printAtOnceTable(out, opts, rounds)
	}
	if opts.tries == 0 {
		return nil
	}
	rows, err := cluster.runExperiments(ctx, opts)
	if err != nil {
		return err
	}
	printExperimentsTable(out, rows)
	rows, err = cluster.tryUndoings(ctx)
	if err != nil {
		return err
	}
	printUndoingsTable(out, rows)
	return nil
}

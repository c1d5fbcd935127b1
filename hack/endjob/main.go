// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command endjob measures the ways to end a Job, and tries what each of them leaves and what others can undo. It prints
// markdown tables; docs/ending-jobs.md says what they mean. It asserts no times. It works in a namespace of its own, on a
// cluster whose API server listens on this machine's loopback.
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

// What a run may ask for at most, so that a slip of the finger does not fill a cluster.
const (
	maxSingle = 200
	maxAtOnce = 1000
	maxRounds = 5
	maxTries  = 100
	maxTime   = time.Hour
)

type options struct {
	kubeconfig, image              string
	single, counted, atOnce, sends int
	rounds, tries                  int
	grace                          int64
	pause, limit                   time.Duration
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("endjob: ")
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "of a cluster on this machine")
	flag.StringVar(&o.image, "image", "busybox:1.35", "what the pods run; it has to have sh")
	flag.IntVar(&o.single, "single", 30, "Jobs that are ended one at a time, for each way")
	flag.IntVar(&o.counted, "counted", 5, "of these, how many have the writes of the whole system counted")
	flag.IntVar(&o.atOnce, "at-once", 200, "Jobs that are ended at once, for each way and round")
	flag.IntVar(&o.sends, "senders", 32, "requests that the ender has under way at once")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of all at once")
	flag.IntVar(&o.tries, "tries", 20, "how often to try a race; 0 to try nothing")
	flag.Int64Var(&o.grace, "grace-seconds", 30, "grace period of the pods")
	flag.DurationVar(&o.pause, "pause", 2*time.Second, "how long to let the cluster come to rest before and after a count")
	flag.DurationVar(&o.limit, "limit", 30*time.Minute, "for the whole run")
	flag.Parse()
	if err := o.check(); err != nil {
		log.Fatal(err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, stop := context.WithTimeout(ctx, o.limit)
	err := run(ctx, o, os.Stdout)
	stop()
	cancel()
	if err != nil {
		log.Fatal(err)
	}
}

func (o options) check() error {
	switch {
	case flag.NArg() > 0:
		return errors.New("arguments are not wanted")
	case o.single < 0 || o.single > maxSingle, o.counted < 0 || o.counted > o.single:
		return fmt.Errorf("-single: from 0 to %d; -counted: not more than that", maxSingle)
	case o.atOnce < 0 || o.atOnce > maxAtOnce, o.sends < 1 || o.sends > maxAtOnce:
		return fmt.Errorf("-at-once and -senders: at most %d", maxAtOnce)
	case o.rounds < 0 || o.rounds > maxRounds, o.tries < 0 || o.tries > maxTries:
		return fmt.Errorf("-rounds: at most %d; -tries: at most %d", maxRounds, maxTries)
	case o.limit > maxTime:
		return fmt.Errorf("-limit: at most %s", maxTime)
	}
	return nil
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	c, err := newCluster(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.remove()) }()
	board, err := watchAll(ctx, c)
	if err != nil {
		return err
	}
	if o.single > 0 {
		ended, err := oneAtATime(ctx, c, board, o)
		if err != nil {
			return err
		}
		singleTable(out, o, ended)
	}
	if o.atOnce > 0 && o.rounds > 0 {
		ended, err := allAtOnce(ctx, c, board, o)
		if err != nil {
			return err
		}
		atOnceTable(out, o, ended)
	}
	if o.tries == 0 {
		return nil
	}
	answers, err := tryAll(ctx, c, board, o)
	if err != nil {
		return err
	}
	triesTable(out, answers)
	undone, err := undoAll(ctx, c, board)
	if err != nil {
		return err
	}
	undoTable(out, undone)
	return nil
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command bench measures the operator on a cluster of this machine: how fast it accepts and carries out stops, how fast it starts
// executions, and what that costs. It prints a table, and writes JSON and plots. It fails on an error, such as a stop that is lost, and
// never on a time. See docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The upper bounds of the flags, so that a typing error does not fill a disk.
const (
	maxSingle  = 1000
	maxStorm   = 20_000
	maxRunning = 20_000
	// maxFinished is the longest history that a Pipeline can have.
	maxFinished = 100_000
)

// options are the sizes of what is measured.
type options struct {
	kubeconfig                          string
	operator, operatorKubeconfig, audit string
	out, run                            string
	single, floor                       int
	storms                              sizes
	byHand                              int
	running, finished, amidst           int
	profile                             bool
	rest, limit                         time.Duration
}

// sizes are numbers that are separated by commas.
type sizes []int

// String implements flag.Value.
func (s *sizes) String() string { return strings.Trim(fmt.Sprint([]int(*s)), "[]") }

// Set implements flag.Value.
func (s *sizes) Set(text string) error {
	*s = nil
	for _, part := range strings.Split(text, ",") {
		var n int
		if _, err := fmt.Sscan(part, &n); err != nil || n < 1 || n > maxStorm {
			return fmt.Errorf("found %q; want numbers from 1 to %d, separated by commas", part, maxStorm)
		}
		*s = append(*s, n)
	}
	return nil
}

func parseFlags() options {
	o := options{storms: sizes{500, 2000, 10_000}}
	flag.StringVar(&o.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "kubeconfig of a cluster on this machine")
	flag.StringVar(&o.operator, "operator", "", "the operator's binary")
	flag.StringVar(&o.operatorKubeconfig, "operator-kubeconfig", "", "kubeconfig with the operator's rights")
	flag.StringVar(&o.audit, "audit-log", "", "the audit log of the API server")
	flag.StringVar(&o.out, "out", "bin/bench", "folder for the results")
	flag.StringVar(&o.run, "run", "", "the parts to run, separated by commas; all if it is empty: "+strings.Join(partNames(), ", "))
	flag.IntVar(&o.floor, "floor", 2000, "objects that are created and updated for the floor")
	flag.IntVar(&o.single, "single", 100, "stops one at a time, of each kind")
	flag.Var(&o.storms, "storms", "how many executions start and stop at once, such as 500,2000; the operator is restarted beside those of the last")
	flag.IntVar(&o.byHand, "by-hand", 2000, "the largest storm whose writes are measured without the operator as well; 0 leaves that out")
	flag.IntVar(&o.amidst, "amidst", 2000, "executions that start while others are stopped; 0 leaves that out")
	flag.IntVar(&o.running, "running", 5000, "executions that run beside those that are stopped one at a time; 0 leaves that out")
	flag.IntVar(&o.finished, "finished", 100_000, "finished executions beside those that are stopped one at a time; 0 leaves that out")
	flag.BoolVar(&o.profile, "profile", false, "write CPU profiles of the API server and the operator under the first storm of stops")
	flag.DurationVar(&o.rest, "rest", 5*time.Second, "how long the cluster rests before what follows is measured")
	flag.DurationVar(&o.limit, "limit", 3*time.Hour, "time limit of the whole run")
	flag.Parse()
	return o
}

func (o *options) validate() error {
	for _, f := range []struct {
		name          string
		value, lo, hi int
	}{
		{"floor", o.floor, 10, maxStorm}, {"single", o.single, 1, maxSingle}, {"amidst", o.amidst, 0, maxStorm},
		{"running", o.running, 0, maxRunning}, {"finished", o.finished, 0, maxFinished}, {"by-hand", o.byHand, 0, maxStorm},
	} {
		if f.value < f.lo || f.value > f.hi {
			return fmt.Errorf("-%s: found %d; want %d to %d", f.name, f.value, f.lo, f.hi)
		}
	}
	for _, name := range o.parts() {
		if !slices.Contains(partNames(), name) {
			return fmt.Errorf("-run: there is no part %q; the parts are %s", name, strings.Join(partNames(), ", "))
		}
	}
	if flag.NArg() > 0 {
		return errors.New("there are only flags, and no arguments")
	}
	return nil
}

// parts are those that -run names.
func (o *options) parts() []string {
	if o.run == "" {
		return nil
	}
	return strings.Split(o.run, ",")
}

func main() {
	log.SetFlags(log.Ltime)
	log.SetPrefix("bench: ")
	o := parseFlags()
	if err := o.validate(); err != nil {
		log.Fatal(err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, stop := context.WithTimeout(ctx, o.limit)
	err := run(ctx, &o)
	stop()
	cancel()
	if err != nil {
		log.Fatal(err)
	}
}

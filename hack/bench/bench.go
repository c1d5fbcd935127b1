// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"log"
	"os"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// restBetween is how long the cluster rests between two things that are done one at a time.
const restBetween = 100 * time.Millisecond

// bench is one run.
type bench struct {
	options
	*cluster
	report   *report
	operator *operator
	audit    auditLog

	// plainEnds are when the pods of plain Jobs were gone, by their number.
	plainEnds map[int]samples
	// noted are errors of what was done beside.
	noted []error
	// unwatch ends the watch of the namespace before.
	unwatch context.CancelFunc
}

// part is one part of a run.
type part struct {
	name string
	do   func(*bench, context.Context) error
	// isWanted is false if a size leaves the part out.
	isWanted func(*options) bool
}

func always(*options) bool { return true }

// allParts are in the order in which they run: the later ones leave much behind.
func allParts() []part {
	return []part{
		{"floor", (*bench).measureFloor, always},
		{"single", (*bench).measureSingle, always},
		{"amidst", (*bench).measureAmidst, func(o *options) bool { return o.amidst > 0 }},
		{"next", (*bench).measureNextAction, always},
		{"storms", (*bench).measureStorms, always},
	}
}

func partNames() []string {
	var names []string
	for _, p := range allParts() {
		names = append(names, p.name)
	}
	return names
}

// say tells on standard error what is going on.
func say(format string, args ...any) { log.Printf(format, args...) }

// run runs the parts, and prints and writes what they measured.
func run(ctx context.Context, o *options) (err error) {
	ctrllog.SetLogger(ctrllog.Log.WithSink(ctrllog.NullLogSink{}))
	c, err := newCluster(o.kubeconfig)
	if err != nil {
		return err
	}
	operator, err := newOperator(o)
	if err != nil {
		return err
	}
	b := &bench{
		options: *o, cluster: c, report: newReport(), operator: operator, audit: auditLog{path: o.audit}, plainEnds: map[int]samples{},
	}
	defer func() { err = errors.Join(err, operator.stop()) }()
	for _, p := range allParts() {
		if wanted := o.parts(); len(wanted) > 0 && !slices.Contains(wanted, p.name) || !p.isWanted(o) {
			continue
		}
		say("%s", p.name)
		if p.name != partFloor && operator.starts == 0 {
			if err := operator.start(ctx); err != nil {
				return err
			}
		}
		if err := p.do(b, ctx); err != nil {
			return errors.Join(err, b.report.write(o.out))
		}
	}
	if err := b.report.printTable(os.Stdout); err != nil {
		return err
	}
	return errors.Join(append(b.noted, b.report.write(o.out))...)
}

// prepare returns a namespace of its own for a part, and its timeline. It ends that of the namespace before.
func (b *bench) prepare(ctx context.Context, name string) (string, *timeline, error) {
	if b.unwatch != nil {
		b.unwatch()
	}
	ns, err := b.createNamespace(ctx, name)
	if err != nil {
		return "", nil, err
	}
	ctx, b.unwatch = context.WithCancel(ctx)
	t, err := b.watch(ctx, ns)
	return ns, t, err
}

// many objects of a namespace cost others something while they are deleted.
const many = 500

// cleanUp deletes what a part has left, a number of each object, so that it costs the following ones nothing. It waits for the end of that
// if they are many. Nothing may run in the namespace: the operator would write into it while it ends, and log that it cannot. Its last
// events have to be there as well.
func (b *bench) cleanUp(namespace string, n int) {
	time.Sleep(b.rest)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	err := b.Delete(ctx, ns)
	for err == nil && n >= many {
		if err = b.Get(ctx, client.ObjectKeyFromObject(ns), ns); err == nil {
			err = pause(ctx, time.Second)
		}
	}
	b.note(client.IgnoreNotFound(err))
}

// note remembers an error of what was done beside.
func (b *bench) note(err error) {
	if err != nil {
		b.noted = append(b.noted, err)
	}
}

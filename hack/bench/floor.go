// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The figures of the floor that others are compared with.
const (
	partFloor   = "floor"
	whatCreates = "creates of a ConfigMap, 32 writers"
)

// What is measured in the floor, and again in turn with stops.
const (
	whatUpdates  = "status updates of a Job, 1 writer"
	whatPlainEnd = "a plain Job suspended, until its pod is gone"
)

// measureFloor measures what the cluster can do without the operator, which does not run yet.
func (b *bench) measureFloor(ctx context.Context) error {
	ns, t, err := b.prepare(ctx, partFloor)
	if err != nil {
		return err
	}
	for _, n := range []int{1, writers} {
		if err := b.measureWrites(ctx, ns, n); err != nil {
			return err
		}
	}
	if err := b.measurePlainOneByOne(ctx, ns, t); err != nil {
		return err
	}
	if err := b.measureOneByHand(ctx, ns, t); err != nil {
		return err
	}
	for _, n := range b.storms {
		if err := b.measurePlainStorm(ctx, n); err != nil {
			return err
		}
		if n > b.byHand {
			continue
		}
		if err := b.measureByHand(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// measureWrites measures creates of a small object and updates of a status with so many writers.
func (b *bench) measureWrites(ctx context.Context, ns string, atOnce int) error {
	count := b.floor
	if atOnce == 1 {
		count = max(b.floor/10, 10)
	}
	took, rate, err := b.timeEach(ctx, count, atOnce, func(ctx context.Context, i int) error {
		return b.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: fmt.Sprintf("small-%d-%d", atOnce, i)}})
	})
	if err != nil {
		return err
	}
	b.report.add(partFloor, fmt.Sprintf("creates of a ConfigMap, %d writers", atOnce), rate, "/s", nil)
	b.report.add(partFloor, fmt.Sprintf("creates of a ConfigMap, %d writers, p50", atOnce), milliseconds(took.percentile(50)), "ms", nil)

	update, err := b.prepareUpdates(ctx, ns, makeNames(fmt.Sprintf("status-%d", atOnce), atOnce))
	if err != nil {
		return err
	}
	took, rate, err = b.timeEach(ctx, count, atOnce, update)
	if err != nil {
		return err
	}
	what := whatUpdates
	if atOnce > 1 {
		what = fmt.Sprintf("status updates of a Job, %d writers", atOnce)
	}
	b.report.add(partFloor, what, rate, "/s", nil)
	b.report.add(partFloor, what+", p50", milliseconds(took.percentile(50)), "ms", nil)
	return nil
}

// prepareUpdates creates Jobs with these names, and returns what updates the status of one of them.
func (b *bench) prepareUpdates(ctx context.Context, ns string, names []string) (func(ctx context.Context, i int) error, error) {
	for _, name := range names {
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Spec: buildJobSpec(forLong)}
		other := "haltline.dev/nobody"
		job.Spec.ManagedBy = &other // The Job controller leaves it alone.
		if err := b.Create(ctx, job); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, i int) error {
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: names[i%len(names)]}}
		return b.Status().Patch(ctx, job, client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"status":{"active":%d}}`, i+1)))
	}, nil
}

// timeEach returns how long each call took, and how many there were in a second.
func (b *bench) timeEach(ctx context.Context, n, atOnce int, do func(context.Context, int) error) (samples, float64, error) {
	var mu sync.Mutex
	var took samples
	began := time.Now()
	err := forEach(ctx, n, atOnce, func(ctx context.Context, i int) error {
		at := time.Now()
		if err := do(ctx, i); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		took = append(took, time.Since(at))
		return nil
	})
	return took, perSecond(n, time.Since(began)), err
}

// measurePlainOneByOne ends plain Jobs one at a time.
func (b *bench) measurePlainOneByOne(ctx context.Context, ns string, t *timeline) error {
	ends, err := b.timeOneByOne("plain", func(name string) (time.Duration, error) { return b.timePlainEnd(ctx, ns, t, name) })
	if err != nil {
		return err
	}
	b.report.addTimes(partFloor, whatPlainEnd, ends, nil, nil)
	return nil
}

// timeOneByOne returns how long each of what has a name with this prefix took.
func (b *bench) timeOneByOne(prefix string, timeOne func(name string) (time.Duration, error)) (samples, error) {
	var times samples
	for _, name := range makeNames(prefix, b.single) {
		took, err := timeOne(name)
		if err != nil {
			return nil, err
		}
		times = append(times, took)
	}
	return times, nil
}

// timePlainEnd starts a plain Job, and returns how long it takes from its end until its pod is gone.
func (b *bench) timePlainEnd(ctx context.Context, ns string, t *timeline, name string) (time.Duration, error) {
	if err := b.createJob(ctx, ns, name); err != nil {
		return 0, err
	}
	return b.timeEnd(ctx, t, name, gone, func() error { return b.suspendJob(ctx, ns, name) })
}

// timeEnd waits until what was started runs, ends it, and returns how long that takes until a moment.
func (b *bench) timeEnd(ctx context.Context, t *timeline, name string, until moment, end func() error) (time.Duration, error) {
	one := []string{name}
	if err := t.wait(ctx, running, one); err != nil {
		return 0, err
	}
	if err := pause(ctx, restBetween); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := end(); err != nil {
		return 0, err
	}
	err := t.wait(ctx, until, one)
	return t.since(began, until, one).percentile(100), err
}

func whatPlainStarts(n int) string {
	return fmt.Sprintf("%d plain Jobs created at once, until all run", n)
}
func whatPlainEnds(n int) string {
	return fmt.Sprintf("%d plain Jobs suspended at once, until all pods are gone", n)
}

// measurePlainStorm starts and ends plain Jobs at once.
func (b *bench) measurePlainStorm(ctx context.Context, n int) error {
	ns, t, err := b.prepare(ctx, "plain")
	if err != nil {
		return err
	}
	defer b.cleanUp(ns, n)
	names := makeNames("plain", n)
	began := time.Now()
	if err := forEach(ctx, n, writers, func(ctx context.Context, i int) error { return b.createJob(ctx, ns, names[i]) }); err != nil {
		return err
	}
	if err := b.measureUpdatesAmidst(ctx, ns, t, names); err != nil {
		return err
	}
	if err := t.wait(ctx, running, names); err != nil {
		return err
	}
	b.report.add(partFloor, whatPlainStarts(n), t.since(began, running, names).percentile(100).Seconds(), "s", nil)
	if err := pause(ctx, b.rest); err != nil {
		return err
	}
	began = time.Now()
	if err := forEach(ctx, n, writers, func(ctx context.Context, i int) error { return b.suspendJob(ctx, ns, names[i]) }); err != nil {
		return err
	}
	if err := t.wait(ctx, gone, names); err != nil {
		return err
	}
	ends := t.since(began, gone, names)
	b.report.add(partFloor, whatPlainEnds(n), ends.percentile(100).Seconds(), "s", nil)
	b.plainEnds[n] = ends
	return pause(ctx, b.rest)
}

// measureUpdatesAmidst measures updates of a status, one after the other, until all Jobs of these names run, or for stallLimit.
func (b *bench) measureUpdatesAmidst(ctx context.Context, ns string, t *timeline, names []string) error {
	update, err := b.prepareUpdates(ctx, ns, []string{"amidst"})
	if err != nil {
		return err
	}
	var took samples
	for i, began := 0, time.Now(); time.Since(began) < stallLimit; i++ {
		if _, over := t.at(running, names[len(names)-1]); over {
			break
		}
		at := time.Now()
		if err := update(ctx, i); err != nil {
			return err
		}
		took = append(took, time.Since(at))
		if err := pause(ctx, restBetween); err != nil {
			return err
		}
	}
	if len(took) > 0 {
		p50 := milliseconds(took.percentile(50))
		b.report.add(partFloor, fmt.Sprintf("a status update of a Job amidst %d starts of plain Jobs, p50", len(names)), p50, "ms", nil)
	}
	return nil
}

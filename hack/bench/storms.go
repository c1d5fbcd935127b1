// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const partStorm = "storm"

// measureStorms starts many executions at once, and then stops them at once.
func (b *bench) measureStorms(ctx context.Context) error {
	for i, n := range b.storms {
		if err := b.measureStorm(ctx, n, i == 0, i == len(b.storms)-1); err != nil {
			return fmt.Errorf("a storm of %d: %w", n, err)
		}
	}
	return nil
}

func (b *bench) measureStorm(ctx context.Context, n int, first, last bool) error {
	ns, t, err := b.prepare(ctx, "storm")
	if err != nil {
		return err
	}
	defer b.cleanUp(ns, n)
	if err := b.createPipeline(ctx, ns, forLong); err != nil {
		return err
	}
	ids, err := b.startStorm(ctx, ns, t, n)
	if err != nil {
		return err
	}
	if err := pause(ctx, b.rest); err != nil {
		return err
	}
	if last {
		if err := b.measureRestart(ctx, ns, t, n); err != nil {
			return err
		}
	}
	if first && b.profile {
		end := b.startProfiles(ctx)
		defer func() { b.note(end()) }()
	}
	return b.stopStorm(ctx, ns, t, ids)
}

// startStorm starts n executions at once.
func (b *bench) startStorm(ctx context.Context, ns string, t *timeline, n int) ([]types.UID, error) {
	names := makeNames("run", n)
	began := time.Now()
	ids, err := b.createExecutions(ctx, ns, names)
	if err != nil {
		return nil, err
	}
	if err := t.wait(ctx, started, names); err != nil {
		return nil, err
	}
	all := t.since(began, started, names).percentile(100)
	var atHalf *target
	if plain := b.report.value(partFloor, whatPlainStarts(n)); plain > 0 {
		atHalf = atLeastHalf("of the rate of plain Jobs", plain/all.Seconds())
	}
	if hand := b.report.value(partFloor, whatStartedByHand(n)); hand > 0 {
		b.report.add(partStorm, fmt.Sprintf("%d starts, until all have started, to the same writes by hand", n), all.Seconds()/hand, "", nil)
	}
	b.report.add(partStorm, fmt.Sprintf("%d starts, until all have started", n), all.Seconds(), "s", atHalf)
	b.report.add(partStorm, fmt.Sprintf("%d starts", n), perSecond(n, all), "/s", nil)
	return ids, nil
}

// stopStorm stops executions at once.
func (b *bench) stopStorm(ctx context.Context, ns string, t *timeline, ids []types.UID) error {
	n := len(ids)
	names, requests := makeNames("run", n), makeNames("stop", n)
	if err := b.audit.skip(); err != nil {
		return err
	}
	before, err := b.operator.usage()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := forEach(ctx, n, writers, func(ctx context.Context, i int) error { return b.stop(ctx, ns, requests[i], ids[i], true) }); err != nil {
		return err
	}
	for _, wait := range []struct {
		m     moment
		names []string
	}{{accepted, requests}, {final, names}, {done, requests}} {
		if err := t.wait(ctx, wait.m, wait.names); err != nil {
			return err
		}
	}
	acceptances, ends := t.since(began, accepted, requests), t.since(began, final, names)
	if err := pause(ctx, b.rest); err != nil {
		return err
	}
	after, err := b.operator.usage()
	if err != nil {
		return err
	}
	c, err := b.audit.count(fmt.Sprintf("a stop in a storm of %d", n), n)
	if err != nil {
		return err
	}
	b.report.Requests = append(b.report.Requests, c)
	b.addStorm(n, acceptances, ends)
	b.report.add(partStorm, fmt.Sprintf("%d stops, processor time of the operator", n), (after.cpu - before.cpu).Seconds(), "s", nil)
	b.report.add(partStorm, fmt.Sprintf("%d stops, peak memory of the operator", n), float64(after.peak)/(1<<20), "MiB", nil)
	b.report.add(partStorm, fmt.Sprintf("%d stops, requests of the operator for each", n), c.total(), "", nil)
	return nil
}

// addStorm adds the figures of a storm of stops, and compares them.
func (b *bench) addStorm(n int, acceptances, ends samples) {
	r := b.report
	rate, all := perSecond(n, acceptances.percentile(100)), ends.percentile(100).Seconds()
	var rateTarget, endTarget *target
	if creates := r.value(partFloor, whatCreates); creates > 0 {
		rateTarget = atLeastHalf("of raw creates ÷ 3", rate/(creates/3))
	}
	if plain := r.value(partFloor, whatPlainEnds(n)); plain > 0 {
		endTarget = atMost("of plain Jobs", all/plain, 1.35)
	}
	if hand := r.value(partFloor, whatAcceptedByHand(n)); hand > 0 {
		r.add(partStorm, fmt.Sprintf("%d stops, accepted, to the same writes by hand", n), rate/hand, "", nil)
	}
	if hand := r.value(partFloor, whatStoppedByHand(n)); hand > 0 {
		r.add(partStorm, fmt.Sprintf("%d stops, until all have stopped, to the same writes by hand", n), all/hand, "", nil)
	}
	r.add(partStorm, fmt.Sprintf("%d stops, until all are accepted", n), acceptances.percentile(100).Seconds(), "s", nil)
	r.add(partStorm, fmt.Sprintf("%d stops, accepted", n), rate, "/s", rateTarget)
	r.add(partStorm, fmt.Sprintf("%d stops, until all have stopped", n), all, "s", endTarget)
	r.curves = append(r.curves, curve{
		file: fmt.Sprintf("storm-%d", n), title: fmt.Sprintf("%d stops at once: how many after a time", n),
		series: []series{{"Accepted", acceptances}, {"Stopped", ends}, {"pods of plain Jobs gone", b.plainEnds[n]}},
	})
}

// measureAmidst stops executions one at a time while many others start.
func (b *bench) measureAmidst(ctx context.Context) error {
	ns, t, err := b.prepare(ctx, "amidst")
	if err != nil {
		return err
	}
	if err := b.createPipeline(ctx, ns, forLong); err != nil {
		return err
	}
	early := makeNames("early", min(b.single, 30))
	ids, err := b.createExecutions(ctx, ns, early)
	if err != nil {
		return err
	}
	if err := t.wait(ctx, started, early); err != nil {
		return err
	}
	names := makeNames("run", b.amidst)
	if _, err := b.createExecutions(ctx, ns, names); err != nil {
		return err
	}
	var times samples
	for i, name := range early {
		if _, over := t.at(started, names[len(names)-1]); over {
			break
		}
		one, err := b.stopEach(ctx, ns, t, []string{name}, ids[i:], nil)
		if err != nil {
			return err
		}
		times = append(times, one.accepted...)
	}
	if err := t.wait(ctx, started, names); err != nil {
		return err
	}
	if len(times) == 0 {
		say("the storm of %d starts was over before a stop was asked for", b.amidst)
		return nil
	}
	var ratio *target
	if alone := b.report.value(partSingle, alone+": Accepted, p50"); alone > 0 {
		ratio = atMost("of a stop alone", milliseconds(times.percentile(50))/alone, 3)
	}
	b.report.addTimes(partStorm, fmt.Sprintf("a stop amidst %d starts: Accepted", b.amidst), times, ratio, nil)
	return nil
}

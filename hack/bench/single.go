// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const partSingle = "one stop"

// stopTimes are how long after the write of a request each thing happened.
type stopTimes struct {
	stopping, accepted, stopped samples
}

func (s *stopTimes) append(others stopTimes) {
	s.stopping = append(s.stopping, others.stopping...)
	s.accepted = append(s.accepted, others.accepted...)
	s.stopped = append(s.stopped, others.stopped...)
}

// Surroundings of stops one at a time.
const (
	alone          = "alone"
	amongRunning   = "among running"
	amidstFinished = "among finished"
)

// letters are those of the surroundings in names of executions.
var letters = map[string]string{alone: "a", amongRunning: "r", amidstFinished: "f"}

// maxWaits is how many stops wait in each of the surroundings.
const maxWaits = 30

// measureSingle stops executions one at a time: alone, and in a namespace with many others.
func (b *bench) measureSingle(ctx context.Context) error {
	ns, t, err := b.prepare(ctx, "single")
	if err != nil {
		return err
	}
	if err := b.createPipeline(ctx, ns, forLong); err != nil {
		return err
	}
	if err := b.measureStops(ctx, ns, t, alone); err != nil {
		return err
	}
	if err := b.measureInTurn(ctx, ns, t); err != nil {
		return err
	}
	if err := b.measureRejections(ctx, ns, t); err != nil {
		return err
	}
	if b.running > 0 {
		names := makeNames("running", b.running)
		if _, err := b.startAndRest(ctx, ns, t, names); err != nil {
			return err
		}
		if err := b.measureStops(ctx, ns, t, amongRunning); err != nil {
			return err
		}
	}
	if b.finished > 0 {
		return b.measureAmongFinished(ctx)
	}
	return nil
}

// measureStops abandons executions one at a time.
func (b *bench) measureStops(ctx context.Context, ns string, t *timeline, where string) error {
	names := makeNames("abandoned-"+letters[where], b.single)
	if err := b.audit.skip(); err != nil {
		return err
	}
	ids, err := b.startAndRest(ctx, ns, t, names)
	if err != nil {
		return err
	}
	starts, err := b.audit.count("the start of an execution with one action, "+where, len(names))
	if err != nil {
		return err
	}
	b.report.Requests = append(b.report.Requests, starts)
	times, stops, err := b.stopAndCount(ctx, ns, t, "a stop and abandon, "+where, names, ids, nil)
	if err != nil {
		return err
	}
	b.addStopTimes(where, times)
	if where == alone {
		b.addRequestTargets(starts, stops)
	}
	return b.measureWaits(ctx, ns, t, where)
}

// startAndRest starts executions, waits until all have started, and lets the cluster rest.
func (b *bench) startAndRest(ctx context.Context, ns string, t *timeline, names []string) ([]types.UID, error) {
	ids, err := b.createExecutions(ctx, ns, names)
	if err != nil {
		return nil, err
	}
	if err := t.wait(ctx, started, names); err != nil {
		return nil, err
	}
	return ids, pause(ctx, b.rest)
}

// stopAndCount does what stopEach does, and counts the requests.
func (b *bench) stopAndCount(
	ctx context.Context, ns string, t *timeline, what string, names []string, ids []types.UID, pods []string,
) (stopTimes, census, error) {
	times, err := b.stopEach(ctx, ns, t, names, ids, pods)
	if err != nil {
		return times, census{}, err
	}
	if err := pause(ctx, b.rest); err != nil {
		return times, census{}, err
	}
	c, err := b.audit.count(what, len(names))
	if err == nil {
		b.report.Requests = append(b.report.Requests, c)
	}
	return times, c, err
}

// stopEach stops executions one after the other. It abandons them, or waits for their actions if it has the names of their pods: it ends
// each of these when the stop is published. Before that, the next action could start.
func (b *bench) stopEach(ctx context.Context, ns string, t *timeline, names []string, ids []types.UID, pods []string) (stopTimes, error) {
	var times stopTimes
	for i, name := range names {
		request := []string{"stop-" + name}
		began := time.Now()
		if err := b.stop(ctx, ns, request[0], ids[i], pods == nil); err != nil {
			return times, err
		}
		one := []string{name}
		if pods != nil {
			if err := t.wait(ctx, stopping, one); err != nil {
				return times, err
			}
			if err := b.endPod(ctx, ns, pods[i]); err != nil {
				return times, err
			}
		}
		if err := t.wait(ctx, done, request); err != nil {
			return times, err
		}
		times.stopping = append(times.stopping, t.since(began, stopping, one)...)
		times.accepted = append(times.accepted, t.since(began, accepted, request)...)
		times.stopped = append(times.stopped, t.since(began, final, one)...)
		if err := pause(ctx, restBetween); err != nil {
			return times, err
		}
	}
	return times, nil
}

// addStopTimes adds the figures of stops one at a time, and compares them.
func (b *bench) addStopTimes(where string, times stopTimes) {
	r := b.report
	var stoppedP50 *target
	p50 := milliseconds(times.stopped.percentile(50))
	switch where {
	case amongRunning:
		stoppedP50 = atMost("of a stop alone", p50/r.value(partSingle, whatStopped(alone)+", p50"), 1.2)
	case amidstFinished:
		stoppedP50 = atMost("of a stop alone", p50/r.value(partSingle, whatStopped(alone)+", p50"), 1.1)
	}
	if hand := r.value(partFloor, whatOneByHand+", p50"); hand > 0 && where == alone {
		r.add(partSingle, whatStopped(where)+", p50, to the same writes by hand", p50/hand, "", nil)
	}
	r.addTimes(partSingle, where+": Stopping", times.stopping, nil, nil)
	r.addTimes(partSingle, where+": Accepted", times.accepted, nil, nil)
	r.addTimes(partSingle, whatStopped(where), times.stopped, stoppedP50, nil)
	r.curves = append(r.curves, curve{
		file:  "one-stop-" + map[string]string{alone: "alone", amongRunning: "among-running", amidstFinished: "among-finished"}[where],
		title: fmt.Sprintf("Stops and abandons one at a time, %s: how many took at most so long", where),
		series: []series{
			{"Stopping", times.stopping}, {"Accepted", times.accepted}, {"Stopped", times.stopped},
		},
	})
}

func whatStopped(where string) string { return where + ": Stopped" }

// addRequestTargets compares what starts and stops ask the API server for.
func (b *bench) addRequestTargets(starts, stops census) {
	b.report.add(partSingle, "requests for a stop and abandon", stops.total(), "", atMost("requests", stops.total(), 6))
	action := starts.total("patch pipelineexecutions/status", "create jobs")
	b.report.add(partSingle, "requests for the start of an action", action, "", atMost("requests", action, 4))
	b.report.add(partSingle, "requests for the start of an execution beside those", starts.total()-action, "", nil)
}

// measureWaits stops executions one at a time, and waits for their actions, which end as soon as the stop is published.
func (b *bench) measureWaits(ctx context.Context, ns string, t *timeline, where string) error {
	names := makeNames("waited-"+letters[where], min(b.single, maxWaits))
	ids, err := b.startAndRest(ctx, ns, t, names)
	if err != nil {
		return err
	}
	pods, err := b.findPods(ctx, ns, ids)
	if err != nil {
		return err
	}
	if err := b.audit.skip(); err != nil {
		return err
	}
	times, _, err := b.stopAndCount(ctx, ns, t, "a stop and wait, "+where, names, ids, pods)
	if err != nil {
		return err
	}
	prefix := where + ", a wait: "
	b.report.addTimes(partSingle, prefix+"Stopping", times.stopping, nil, nil)
	b.report.addTimes(partSingle, prefix+"Accepted", times.accepted, nil, nil)
	b.report.addTimes(partSingle, prefix+"Stopped", times.stopped, nil, nil)
	return nil
}

// measureRejections asks again for what was stopped.
func (b *bench) measureRejections(ctx context.Context, ns string, t *timeline) error {
	id, err := b.createExecution(ctx, ns, "duplicated")
	if err != nil {
		return err
	}
	if err := t.wait(ctx, started, []string{"duplicated"}); err != nil {
		return err
	}
	if err := b.stop(ctx, ns, "first", id, true); err != nil {
		return err
	}
	if err := t.wait(ctx, done, []string{"first"}); err != nil {
		return err
	}
	if err := pause(ctx, b.rest); err != nil {
		return err
	}
	if err := b.audit.skip(); err != nil {
		return err
	}
	again := makeNames("again", min(b.single, 20))
	for _, name := range again {
		if err := b.stop(ctx, ns, name, id, true); err != nil {
			return err
		}
		if err := t.wait(ctx, rejected, []string{name}); err != nil {
			return err
		}
	}
	if err := pause(ctx, b.rest); err != nil {
		return err
	}
	c, err := b.audit.count("a rejection", len(again))
	if err != nil {
		return err
	}
	b.report.Requests = append(b.report.Requests, c)
	b.report.add(partSingle, "requests for a rejection", c.total(), "", atMost("requests", c.total(), 3))
	return nil
}

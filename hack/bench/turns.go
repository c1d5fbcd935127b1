// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"
)

// How fast a machine is changes within minutes. So a stop is compared with updates of a status and with the end of a plain Job that take turns
// with it.

// inTurn are the surroundings of stops that take turns with what they are compared with.
const inTurn = "in turn"

// updatesInTurn is how many updates of a status there are before each stop.
const updatesInTurn = 5

// turns are what took turns.
type turns struct {
	updates, plainEnds samples
	stops              stopTimes
}

// measureInTurn updates a status, ends a plain Job and abandons an execution, again and again.
func (b *bench) measureInTurn(ctx context.Context, ns string, t *timeline) error {
	names := makeNames("in-turn", b.single)
	ids, err := b.startAndRest(ctx, ns, t, names)
	if err != nil {
		return err
	}
	update, err := b.prepareUpdates(ctx, ns, []string{"in-turn-updated"})
	if err != nil {
		return err
	}
	var all turns
	for i, name := range names {
		updates, _, err := b.timeEach(ctx, updatesInTurn, 1, update)
		if err != nil {
			return err
		}
		end, err := b.timePlainEnd(ctx, ns, t, "plain-"+name)
		if err != nil {
			return err
		}
		if err := pause(ctx, restBetween); err != nil {
			return err
		}
		stop, err := b.stopEach(ctx, ns, t, names[i:i+1], ids[i:i+1], nil)
		if err != nil {
			return err
		}
		all.updates, all.plainEnds = append(all.updates, updates...), append(all.plainEnds, end)
		all.stops.append(stop)
	}
	all.addTo(b.report)
	return nil
}

// addTo adds the figures, and compares them.
func (a *turns) addTo(r *report) {
	update, end := a.updates.percentile(50), a.plainEnds.percentile(50)
	r.addTimes(partSingle, inTurn+": "+whatUpdates, a.updates, nil, nil)
	r.addTimes(partSingle, inTurn+": "+whatPlainEnd, a.plainEnds, nil, nil)
	ratio := func(s samples, percent int, to time.Duration) float64 {
		return float64(s.percentile(percent)) / float64(to)
	}
	r.addTimes(partSingle, inTurn+": Stopping", a.stops.stopping, nil, nil)
	r.addTimes(partSingle, inTurn+": Accepted", a.stops.accepted,
		atMost("of a status update", ratio(a.stops.accepted, 50, update), 8),
		atMost("of a status update", ratio(a.stops.accepted, 99, update), 30))
	r.addTimes(partSingle, whatStopped(inTurn), a.stops.stopped, atMost("of a plain Job's end", ratio(a.stops.stopped, 50, end), 1.5), nil)
}

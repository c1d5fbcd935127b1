// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// fate is what becomes of a request.
type fate struct {
	name string
	// before and after it is forwarded, it waits.
	before, after time.Duration
	// refuse answers with this code, without forwarding.
	refuse int
	// lose cuts the connection, without forwarding.
	lose bool
	// drop forwards, and cuts the connection without an answer.
	drop bool
	// lie forwards, and answers with this code whatever the answer was.
	lie int
}

// chance is a fate and how many of a hundred requests have it.
type chance struct {
	percent int
	fate    fate
}

// wire is what may become of reads, of creations of Jobs and of other writes, and of the streams of watches.
type wire struct {
	reads, starts, writes []chance
	// held and cut are how many of a hundred events of a watch hold it back, or are among its last.
	held, cut int
	// about are the fates without which a phase on this wire shows nothing.
	about []string
}

// Names of what becomes of watches.
const (
	watchHeld = "watch held back"
	watchCut  = "watch cut"
)

// fates are the names of all that may happen on a wire.
func (w *wire) fates() []string {
	if w == nil {
		return nil
	}
	var names []string
	for _, c := range slices.Concat(w.reads, w.starts, w.writes) {
		names = append(names, c.fate.name)
	}
	if w.held > 0 {
		names = append(names, watchHeld)
	}
	if w.cut > 0 {
		names = append(names, watchCut)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// slowWire takes its time, so that whoever is killed or paused is often in the middle of something. What was sent
// arrives later all the same.
var slowWire = &wire{
	reads: []chance{{10, fate{name: "read slow", before: 200 * time.Millisecond}}},
	starts: []chance{
		{20, fate{name: "creation of a Job slow", before: 1200 * time.Millisecond}},
		{25, fate{name: "creation of a Job very slow", before: 4 * time.Second}},
		{25, fate{name: "creation of a Job refused", before: 300 * time.Millisecond, refuse: http.StatusServiceUnavailable}},
		{15, fate{name: "answer to the creation of a Job dropped", drop: true}},
		{10, fate{name: "creation of a Job lost", before: 300 * time.Millisecond, lose: true}},
	},
	writes: []chance{{20, fate{name: "write slow", before: 300 * time.Millisecond}}, {3, fate{name: "write very slow", before: 3 * time.Second}}},
	about: []string{
		"creation of a Job lost", "creation of a Job refused", "creation of a Job very slow",
		"answer to the creation of a Job dropped", "write slow",
	},
}

// badWire loses, delays and refuses.
var badWire = &wire{
	reads: []chance{
		{3, fate{name: "read lost", lose: true}},
		{3, fate{name: "read refused", refuse: http.StatusTooManyRequests}},
		{3, fate{name: "read refused", refuse: http.StatusInternalServerError}},
		{15, fate{name: "read slow", before: 400 * time.Millisecond}},
		{5, fate{name: "answer to a read late", after: 1500 * time.Millisecond}},
	},
	starts: append([]chance{
		{10, fate{name: "creation of a Job very slow", before: 3 * time.Second}},
		{20, fate{name: "creation of a Job refused", before: 300 * time.Millisecond, refuse: http.StatusServiceUnavailable}},
	}, badWrites...),
	writes: badWrites,
	held:   6, cut: 6,
	about: []string{
		"read refused", "read slow", "creation of a Job refused", "creation of a Job very slow",
		"answer dropped after the commit", "write lost", "write refused", "write slow", watchHeld, watchCut,
	},
}

var badWrites = []chance{
	{10, fate{name: "answer dropped after the commit", drop: true}},
	{4, fate{name: "answer 504 after the commit", lie: http.StatusGatewayTimeout}},
	{4, fate{name: "answer 500 after the commit", lie: http.StatusInternalServerError}},
	{4, fate{name: "write lost", lose: true}},
	{3, fate{name: "write refused", refuse: http.StatusTooManyRequests}},
	{3, fate{name: "write refused", refuse: http.StatusServiceUnavailable}},
	{10, fate{name: "write slow", before: 700 * time.Millisecond}},
	{5, fate{name: "write very slow", before: 3 * time.Second}},
	{5, fate{name: "answer to a write late", after: 1500 * time.Millisecond}},
}

// draw draws the fate of a request. A watch may be lost like any read; what becomes of its stream, drawWatch says.
func (p *proxy) draw(r *http.Request, watch bool) fate {
	if !p.bad.Load() {
		return fate{}
	}
	chances, cards := p.wire.writes, p.writes
	switch {
	case r.Method == http.MethodGet:
		chances, cards = p.wire.reads, p.reads
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/jobs"):
		chances, cards = p.wire.starts, p.starts
	}
	p.mu.Lock()
	n := cards.draw()
	p.mu.Unlock()
	for _, c := range chances {
		if n -= c.percent; n < 0 {
			if watch {
				c.fate.after = 0
			}
			if !c.fate.hides() {
				p.counts.add(c.fate.name)
			}
			return c.fate
		}
	}
	return fate{}
}

// hides reports whether a fate keeps from the operator what became of its request. It counts where that was done.
func (f fate) hides() bool { return f.drop || f.lie != 0 }

// drawWatch draws for how long the next events of a watch are held back, and after which time it is cut; 0 is never.
func (p *proxy) drawWatch() (hold, life time.Duration) {
	if !p.bad.Load() {
		return 0, 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch n := p.events.draw(); {
	case n < p.wire.held:
		hold = between(p.random, 200*time.Millisecond, 4*time.Second)
	case n < p.wire.held+p.wire.cut:
		life = between(p.random, 0, 2*time.Second)
	}
	return hold, life
}

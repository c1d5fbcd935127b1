// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"net/http"
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
}

// slowWire takes its time, so that whoever is killed or paused is often in the middle of something. What was sent
// arrives later all the same.
var slowWire = &wire{
	reads: []chance{{10, fate{name: "read slow", before: 200 * time.Millisecond}}},
	starts: []chance{
		{20, fate{name: "creation of a Job slow", before: 1200 * time.Millisecond}},
		{25, fate{name: "creation of a Job very slow", before: 4 * time.Second}},
		{30, fate{name: "creation of a Job refused", before: 300 * time.Millisecond, refuse: http.StatusServiceUnavailable}},
		{10, fate{name: "creation of a Job lost", before: 300 * time.Millisecond, lose: true}},
	},
	writes: []chance{{20, fate{name: "write slow", before: 300 * time.Millisecond}}, {3, fate{name: "write very slow", before: 3 * time.Second}}},
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
	chances := p.wire.writes
	switch {
	case r.Method == http.MethodGet:
		chances = p.wire.reads
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/jobs"):
		chances = p.wire.starts
	}
	p.mu.Lock()
	n := p.random.IntN(100)
	p.mu.Unlock()
	for _, c := range chances {
		if n -= c.percent; n < 0 {
			if watch {
				c.fate.after = 0
			}
			p.counts.add(c.fate.name)
			return c.fate
		}
	}
	return fate{}
}

// drawWatch draws for how long the next events of a watch are held back, and after which time it is cut; 0 is never.
func (p *proxy) drawWatch() (hold, life time.Duration) {
	if !p.bad.Load() {
		return 0, 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch n := p.random.IntN(100); {
	case n < p.wire.held:
		hold = between(p.random, 200*time.Millisecond, 4*time.Second)
	case n < p.wire.held+p.wire.cut:
		life = between(p.random, 0, 2*time.Second)
	}
	return hold, life
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// disturbance is what goes wrong with a request.
type disturbance struct {
	name string
	// before and after are how long the request waits before it is forwarded, and its answer after that.
	before, after time.Duration
	// refuse is the code of an answer that is given without forwarding the request.
	refuse int
	// lose cuts the connection without forwarding the request.
	lose bool
	// drop forwards the request and cuts the connection without an answer.
	drop bool
	// answerWith is the code that replaces the answer after the request was forwarded.
	answerWith int
}

// chance is a disturbance, and how many of a hundred requests have it.
type chance struct {
	percent     int
	disturbance disturbance
}

// network is what may go wrong with reads, with creations of Jobs, with other writes, and with watches.
type network struct {
	reads, starts, writes []chance
	// held and cut are how many of a hundred events of a watch hold the watch back, or are among its last.
	held, cut int
	// demands are the disturbances without which a phase on this network shows nothing.
	demands []string
}

// Names of what goes wrong with watches.
const (
	watchHeld = "watch held back"
	watchCut  = "watch cut"
)

// disturbanceNames returns the names of everything that may go wrong on a network.
func (n *network) disturbanceNames() []string {
	if n == nil {
		return nil
	}
	var names []string
	for _, c := range slices.Concat(n.reads, n.starts, n.writes) {
		names = append(names, c.disturbance.name)
	}
	if n.held > 0 {
		names = append(names, watchHeld)
	}
	if n.cut > 0 {
		names = append(names, watchCut)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// slowNetwork is slow, so that an operator that is killed or paused is often in the middle of something. What it has sent arrives
// all the same.
var slowNetwork = &network{
	reads: []chance{{10, disturbance{name: "read slow", before: 200 * time.Millisecond}}},
	// Stops go before starts, so that many of the creations find a placeholder, and only those that are stored have an answer to drop.
	starts: []chance{
		{10, disturbance{name: "creation of a Job slow", before: 1200 * time.Millisecond}},
		{20, disturbance{name: "creation of a Job very slow", before: 4 * time.Second}},
		{25, disturbance{name: "creation of a Job refused", before: 300 * time.Millisecond, refuse: http.StatusServiceUnavailable}},
		{30, disturbance{name: "answer to the creation of a Job dropped", drop: true}},
		{10, disturbance{name: "creation of a Job lost", before: 300 * time.Millisecond, lose: true}},
	},
	writes: []chance{{20, disturbance{name: "write slow", before: 300 * time.Millisecond}}, {3, disturbance{name: "write very slow", before: 3 * time.Second}}},
	// That an answer was dropped is demanded of the whole run.
	demands: []string{"creation of a Job lost", "creation of a Job refused", "creation of a Job very slow", "write slow"},
}

// badNetwork loses, delays and refuses requests.
var badNetwork = &network{
	reads: []chance{
		{3, disturbance{name: "read lost", lose: true}},
		{3, disturbance{name: "read refused", refuse: http.StatusTooManyRequests}},
		{3, disturbance{name: "read refused", refuse: http.StatusInternalServerError}},
		{15, disturbance{name: "read slow", before: 400 * time.Millisecond}},
		{5, disturbance{name: "answer to a read late", after: 1500 * time.Millisecond}},
	},
	starts: append([]chance{
		{20, disturbance{name: "creation of a Job very slow", before: 3 * time.Second}},
		{20, disturbance{name: "creation of a Job refused", before: 300 * time.Millisecond, refuse: http.StatusServiceUnavailable}},
	}, badWrites...),
	writes: badWrites,
	held:   6, cut: 6,
	// Few Jobs are created here, because stops go first. What happens to creations is demanded on the slow network.
	demands: []string{
		"read refused", "read slow", "answer dropped after the commit", "write lost", "write refused", "write slow", watchHeld, watchCut,
	},
}

// badWrites is what goes wrong with writes on a bad network.
var badWrites = []chance{
	{10, disturbance{name: "answer dropped after the commit", drop: true}},
	{4, disturbance{name: "answer 504 after the commit", answerWith: http.StatusGatewayTimeout}},
	{4, disturbance{name: "answer 500 after the commit", answerWith: http.StatusInternalServerError}},
	{4, disturbance{name: "write lost", lose: true}},
	{3, disturbance{name: "write refused", refuse: http.StatusTooManyRequests}},
	{3, disturbance{name: "write refused", refuse: http.StatusServiceUnavailable}},
	{10, disturbance{name: "write slow", before: 700 * time.Millisecond}},
	{5, disturbance{name: "write very slow", before: 3 * time.Second}},
	{5, disturbance{name: "answer to a write late", after: 1500 * time.Millisecond}},
}

// drawDisturbance draws what goes wrong with a request. A watch may be lost like any read; drawWatch is for its stream.
func (p *proxy) drawDisturbance(r *http.Request, watch bool) disturbance {
	if !p.bad.Load() {
		return disturbance{}
	}
	chances, numbers := p.network.writes, p.writes
	switch {
	case r.Method == http.MethodGet:
		chances, numbers = p.network.reads, p.reads
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/jobs") && !isDryRun(r):
		chances, numbers = p.network.starts, p.starts
	}
	p.mu.Lock()
	n := numbers.next()
	p.mu.Unlock()
	for _, c := range chances {
		if n -= c.percent; n < 0 {
			if watch {
				c.disturbance.after = 0
			}
			if !c.disturbance.hidesAnswer() {
				p.counts.add(c.disturbance.name)
			}
			return c.disturbance
		}
	}
	return disturbance{}
}

// hidesAnswer reports whether the operator does not see what became of its request. Such a disturbance counts only if something was
// stored.
func (d disturbance) hidesAnswer() bool { return d.drop || d.answerWith != 0 }

// drawWatch draws for how long the next events of a watch are held back, and after which time it is cut; 0 is never.
func (p *proxy) drawWatch() (hold, life time.Duration) {
	if !p.bad.Load() {
		return 0, 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch n := p.events.next(); {
	case n < p.network.held:
		hold = randomDuration(p.random, 200*time.Millisecond, 4*time.Second)
	case n < p.network.held+p.network.cut:
		life = randomDuration(p.random, 0, 2*time.Second)
	}
	return hold, life
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
)

// target is a ratio of two figures of the same run, or a number of requests, and what is wanted of it.
type target struct {
	Name    string  `json:"name"`
	Reached float64 `json:"reached"`
	Wanted  float64 `json:"wanted"`
	// AtLeast means that more is better.
	AtLeast bool `json:"atLeast"`
}

func (t target) isMet() bool {
	if t.AtLeast {
		return t.Reached >= t.Wanted
	}
	return t.Reached <= t.Wanted
}

func (t target) comparison() string {
	if t.AtLeast {
		return "≥"
	}
	return "≤"
}

// outcome says that a target is met, or by which factor it is missed.
func (t target) outcome() string {
	switch {
	case t.isMet():
		return "met"
	case t.AtLeast:
		return fmt.Sprintf("missed by a factor of %.2f", t.Wanted/t.Reached)
	default:
		return fmt.Sprintf("missed by a factor of %.2f", t.Reached/t.Wanted)
	}
}

// ratio is a target before it is measured: the names of two figures, the second multiplied by a scale. Without a second figure the
// first is the ratio.
type ratio struct {
	name, figure, per string
	scale, wanted     float64
	atLeast           bool
}

// The figures of the floor that others are compared with.
const (
	rawStatusP50  = "raw update status, 1 writer, p50"
	plainGoneP50  = "plain Job, one at a time: pod gone, p50"
	plainRunRate  = "plain Jobs at once: all run"
	plainGoneRate = "plain Jobs at once: pods of all gone"
)

var ratios = []ratio{
	{name: "one stop: Accepted p50 ÷ p50 of a raw status update", figure: "one stop at a time: Accepted, p50", per: rawStatusP50, scale: 1, wanted: 8},
	{name: "one stop: Accepted p99 ÷ p50 of a raw status update", figure: "one stop at a time: Accepted, p99", per: rawStatusP50, scale: 1, wanted: 30},
	{name: "one stop: Stopped p50 ÷ p50 of a plain Job's pod", figure: "one stop at a time: Stopped, p50", per: plainGoneP50, scale: 1, wanted: 1.5},
	{name: "requests of the operator for a rejection", figure: "requests of the operator for each rejection", wanted: 3},
}

// storm matches the figure that every storm has.
var storm = regexp.MustCompile(`^(storm of (\d+)) stops: all Accepted$`)

// compareWithTargets returns the targets whose figures were measured.
func (r *results) compareWithTargets() []target {
	all := ratios
	for _, f := range r.Figures {
		if match := storm.FindStringSubmatch(f.Name); match != nil {
			all = append(all, r.ratiosOfStorm(match[1], match[2])...)
		}
	}
	var targets []target
	for _, ratio := range all {
		value, isMeasured := r.find(ratio.figure)
		if ratio.per != "" {
			per, hasPer := r.find(ratio.per)
			value /= per * ratio.scale
			isMeasured = isMeasured && hasPer
		}
		if isMeasured {
			targets = append(targets, target{Name: ratio.name, Reached: value, Wanted: ratio.wanted, AtLeast: ratio.atLeast})
		}
	}
	return targets
}

// ratiosOfStorm returns the targets of a storm. A stop takes three writes at least: request, acceptance and verdict.
func (r *results) ratiosOfStorm(name, size string) []ratio {
	return []ratio{
		{name: name + ": Accepted ÷ (raw creates ÷ 3)", figure: name + " stops: all Accepted", per: r.rawCreates(), scale: 1.0 / 3, wanted: 0.5, atLeast: true},
		{name: name + ": rate of Stopped ÷ rate of plain Jobs' pods", figure: name + " stops: all Stopped", per: plainGoneRate, scale: 1, wanted: 1 / 1.35, atLeast: true},
		{name: name + ": rate of starts ÷ rate of plain Jobs'", figure: name + " starts: all run", per: plainRunRate, scale: 1, wanted: 0.5, atLeast: true},
		{name: name + ": requests of the operator for a stop", figure: "requests of the operator for each stop, of " + size + " at once", wanted: 6},
		{name: name + ": requests of the operator for a start", figure: "requests of the operator for each start, of " + size + " at once", wanted: 4},
	}
}

// many matches the rate of raw creations from several writers.
var many = regexp.MustCompile(`^raw create, \d+ writers$`)

func (r *results) rawCreates() string {
	for _, f := range r.Figures {
		if many.MatchString(f.Name) {
			return f.Name
		}
	}
	return "raw creates were not measured"
}

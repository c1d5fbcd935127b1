// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// reference is the way that the ratios compare with.
const reference = "`suspend`"

func singleTable(out io.Writer, o options, rounds []round) {
	fmt.Fprintf(out, "\n%d Jobs for each way, ended one at a time, the ways in turn; in parentheses the ratio to %s.\n\n", o.single, reference)
	header(out, "way", "pod gone, p50 / p99", "the Job says so, p50 / p99", "proved, p50 / p99", "requests by the ender",
		"writes to Jobs + pods + events")
	base := rounds[indexOf(reference)]
	for w, r := range rounds {
		row(out, ways()[w].name,
			median(r, base, sincePodGone), median(r, base, sinceSaidSo), median(r, base, sinceProved),
			requestsOf(r), writesOf(r))
	}
}

func atOnceTable(out io.Writer, o options, rounds [][]round) {
	fmt.Fprintf(out, "\n%d Jobs for each way, ended all at once, in %d rounds; in parentheses the ratio to %s in the same round.\n\n",
		o.atOnce, o.rounds, reference)
	header(out, "way", "round", "last pod gone", "the last Job says so", "last proved", "proved, p50", "requests by the ender",
		"writes to Jobs + pods + events")
	base := rounds[indexOf(reference)]
	for w, name := range ways() {
		for n, r := range rounds[w] {
			row(out, name.name, fmt.Sprint(n+1),
				slowest(r, base[n], sincePodGone), slowest(r, base[n], sinceSaidSo), slowest(r, base[n], sinceProved),
				seconds(quantile(r, 50, sinceProved)), requestsOf(r), writesOf(r))
		}
	}
}

func triesTable(out io.Writer, answers [][]string) {
	fmt.Fprint(out, "\nWhat each way does when\n\n")
	columns := []string{""}
	for _, w := range ways() {
		columns = append(columns, w.name)
	}
	header(out, columns...)
	for _, answer := range answers {
		row(out, answer...)
	}
}

func undoTable(out io.Writer, rows [][]string) {
	fmt.Fprint(out, "\nWhat follows when another undoes it\n\n")
	header(out, append([]string{"way", "undone by"}, moments...)...)
	for _, cells := range rows {
		row(out, cells...)
	}
}

func indexOf(name string) int {
	return slices.IndexFunc(ways(), func(w way) bool { return w.name == name })
}

func sincePodGone(s *subject) time.Duration { return s.podGone.Sub(s.begun) }
func sinceSaidSo(s *subject) time.Duration  { return s.saidSo.Sub(s.begun) }
func sinceProved(s *subject) time.Duration  { return s.proved.Sub(s.begun) }

func median(r, base round, of func(*subject) time.Duration) string {
	p50, p99 := quantile(r, 50, of), quantile(r, 99, of)
	return fmt.Sprintf("%d / %d ms (%.2f)", p50.Milliseconds(), p99.Milliseconds(), ratio(p50, quantile(base, 50, of)))
}

func slowest(r, base round, of func(*subject) time.Duration) string {
	return fmt.Sprintf("%s (%.2f)", seconds(quantile(r, 100, of)), ratio(quantile(r, 100, of), quantile(base, 100, of)))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func ratio(a, b time.Duration) float64 { return a.Seconds() / b.Seconds() }

func quantile(r round, percent int, of func(*subject) time.Duration) time.Duration {
	var all []time.Duration
	for _, s := range r.subjects {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return all[min(len(all)*percent/100, len(all)-1)]
}

func requestsOf(r round) string {
	total := 0
	for _, s := range r.subjects {
		total += s.requests
	}
	return fmt.Sprintf("%.1f", float64(total)/float64(len(r.subjects)))
}

func writesOf(r round) string {
	if r.counted == 0 {
		return "–"
	}
	var each []string
	sum := 0.0
	for _, resource := range resources {
		perJob := float64(r.writes[resource]) / float64(r.counted)
		sum += perJob
		each = append(each, fmt.Sprintf("%.1f", perJob))
	}
	return fmt.Sprintf("%s = %.1f", strings.Join(each, " + "), sum)
}

func header(out io.Writer, columns ...string) {
	row(out, columns...)
	row(out, strings.Split(strings.Repeat("--- ", len(columns)-1)+"---", " ")...)
}

func row(out io.Writer, cells ...string) {
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The tables have the columns of docs/ending-jobs-measured.md.

// referenceWay is the way that all ratios compare with.
const referenceWay = waySuspend

// elapsedTime reads one of the times that were measured for a Job.
type elapsedTime func(*trackedJob) time.Duration

func timeToPodGone(tracked *trackedJob) time.Duration { return tracked.podGoneAt.Sub(tracked.beganAt) }
func timeToReport(tracked *trackedJob) time.Duration  { return tracked.reportedAt.Sub(tracked.beganAt) }
func timeToConfirm(tracked *trackedJob) time.Duration {
	return tracked.confirmedAt.Sub(tracked.beganAt)
}

// printOneByOneTable takes a round for each way.
func printOneByOneTable(out io.Writer, opts options, rounds []round) {
	fmt.Fprintf(out, "\nOne at a time, %d Jobs for each way; in parentheses the ratio of the medians to %s:\n\n", opts.single, referenceWay)
	printHeader(out, "way", "pod gone, p50 / p99", "the Job reports it, p50 / p99", "confirmed, p50 / p99", "requests of the ender",
		"writes to Jobs + pods + events")
	reference := rounds[indexOfWay(referenceWay)]
	for i, way := range allWays() {
		printRow(out, way.name,
			formatMedian(rounds[i], reference, timeToPodGone),
			formatMedian(rounds[i], reference, timeToReport),
			formatMedian(rounds[i], reference, timeToConfirm),
			formatRequests(rounds[i]), formatWrites(rounds[i]))
	}
}

// printAtOnceTable takes the rounds of each way.
func printAtOnceTable(out io.Writer, opts options, rounds [][]round) {
	fmt.Fprintf(out, "\nAll at once, %d Jobs for each way, %d rounds, %d requests of the ender under way at a time:\n\n",
		opts.atOnce, opts.rounds, opts.senders)
	printHeader(out, "way", "last pod gone", "the last Job reports it", "last confirmed", "the same, to "+referenceWay,
		"requests of the ender for each", "writes for each")
	reference := rounds[indexOfWay(referenceWay)]
	for i, way := range allWays() {
		var sum round
		for _, one := range rounds[i] {
			sum = addRounds(sum, one)
		}
		printRow(out, way.name,
			formatSlowest(rounds[i], timeToPodGone), formatSlowest(rounds[i], timeToReport), formatSlowest(rounds[i], timeToConfirm),
			formatRatios(rounds[i], reference, timeToConfirm),
			formatRequests(sum), formatWrites(sum))
	}
}

func printExperimentsTable(out io.Writer, rows [][]string) {
	fmt.Fprint(out, "\nWhat is left afterwards:\n\n")
	columns := []string{""}
	for _, way := range allWays() {
		columns = append(columns, way.shortName)
	}
	printHeader(out, columns...)
	for _, cells := range rows {
		printRow(out, cells...)
	}
}

func printUndoingsTable(out io.Writer, rows [][]string) {
	fmt.Fprint(out, "\nWhat others can undo:\n\n")
	printHeader(out, append([]string{"way", "undone by"}, moments...)...)
	for _, cells := range rows {
		printRow(out, cells...)
	}
}

func indexOfWay(name string) int {
	return slices.IndexFunc(allWays(), func(way endingWay) bool { return way.name == name })
}

func formatMedian(measured, reference round, elapsed elapsedTime) string {
	p50, p99 := quantileOf(measured, 50, elapsed), quantileOf(measured, 99, elapsed)
	ratio := p50.Seconds() / quantileOf(reference, 50, elapsed).Seconds()
	return fmt.Sprintf("%d / %d ms (%.2f)", p50.Milliseconds(), p99.Milliseconds(), ratio)
}

// formatSlowest returns the time of the slowest Job of each round.
func formatSlowest(rounds []round, elapsed elapsedTime) string {
	var each []string
	for _, one := range rounds {
		each = append(each, fmt.Sprintf("%.1f s", quantileOf(one, 100, elapsed).Seconds()))
	}
	return strings.Join(each, ", ")
}

// formatRatios compares the slowest Job of each round with that of the reference in the same round.
func formatRatios(rounds, reference []round, elapsed elapsedTime) string {
	var each []string
	for i, one := range rounds {
		each = append(each, fmt.Sprintf("%.2f", quantileOf(one, 100, elapsed).Seconds()/quantileOf(reference[i], 100, elapsed).Seconds()))
	}
	return strings.Join(each, ", ")
}

func quantileOf(measured round, percent int, elapsed elapsedTime) time.Duration {
	times := make([]time.Duration, 0, len(measured.jobs))
	for _, job := range measured.jobs {
		times = append(times, elapsed(job))
	}
	slices.Sort(times)
	return times[min(len(times)*percent/100, len(times)-1)]
}

// formatRequests returns the average for each Job, as 2 or 2.1.
func formatRequests(measured round) string {
	total := 0
	for _, job := range measured.jobs {
		total += job.requests
	}
	average := fmt.Sprintf("%.1f", float64(total)/float64(len(measured.jobs)))
	return strings.TrimSuffix(average, ".0")
}

// formatWrites returns the average for each Job whose writes were counted, by resource and in total.
func formatWrites(measured round) string {
	if measured.counted == 0 {
		return "–"
	}
	var each []string
	sum := 0.0
	for _, resource := range countedResources {
		average := float64(measured.writes[resource]) / float64(measured.counted)
		sum += average
		each = append(each, formatAverage(average))
	}
	return fmt.Sprintf("%s = %s", strings.Join(each, " + "), formatAverage(sum))
}

func formatAverage(average float64) string {
	if average == 0 {
		return "0"
	}
	return strconv.FormatFloat(average, 'f', 1, 64)
}

func printHeader(out io.Writer, columns ...string) {
	printRow(out, columns...)
	printRow(out, slices.Repeat([]string{"---"}, len(columns))...)
}

// printRow prints an empty first cell as the page has it.
func printRow(out io.Writer, cells ...string) {
	fmt.Fprintf(out, "| %s |\n", strings.TrimPrefix(strings.Join(cells, " | "), " "))
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"
)

// figure is something measured.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// requests are the API requests for each object of a group, by "VERB RESOURCE".
type requests struct {
	Name     string             `json:"name"`
	Operator map[string]float64 `json:"operator"`
	Others   map[string]float64 `json:"others"`
}

// results are those of a run, in the order in which they were measured.
type results struct {
	Figures  []figure   `json:"figures"`
	Requests []requests `json:"requests"`
	Targets  []target   `json:"targets"`
}

func (r *results) add(name string, value float64, unit string) {
	r.Figures = append(r.Figures, figure{Name: name, Value: value, Unit: unit})
}

// addTimes adds the percentiles of durations, in milliseconds.
func (r *results) addTimes(name string, times []time.Duration) {
	for _, p := range []float64{50, 95, 99} {
		r.add(fmt.Sprintf("%s, p%g", name, p), float64(percentile(times, p))/float64(time.Millisecond), "ms")
	}
}

func (r *results) addWrites(verb string, writers int, each []time.Duration, all time.Duration) {
	name := fmt.Sprintf("raw %s, %d writers", verb, writers)
	if writers == 1 {
		name = fmt.Sprintf("raw %s, 1 writer", verb)
	}
	r.add(name, perSecond(len(each), all), "/s")
	r.add(name+", p50", float64(percentile(each, 50))/float64(time.Millisecond), "ms")
}

// addRequests adds counts, divided by the number of objects that they are for. It adds their sums as figures.
func (r *results) addRequests(name string, n int, counts requestCounts) {
	operator, others := divide(counts.Operator, n), divide(counts.Others, n)
	r.Requests = append(r.Requests, requests{Name: name, Operator: operator, Others: others})
	r.add("requests of the operator for each "+name, sum(operator), "")
	r.add("requests of all others for each "+name, sum(others), "")
}

func divide(counts map[string]int, n int) map[string]float64 {
	each := make(map[string]float64, len(counts))
	for key, count := range counts {
		each[key] = float64(count) / float64(n)
	}
	return each
}

func sum(each map[string]float64) float64 {
	total := 0.0
	for _, key := range slices.Sorted(maps.Keys(each)) {
		total += each[key]
	}
	return total
}

// find returns the value of a figure, and whether it was measured.
func (r *results) find(name string) (float64, bool) {
	i := slices.IndexFunc(r.Figures, func(f figure) bool { return f.Name == name })
	if i < 0 {
		return 0, false
	}
	return r.Figures[i].Value, true
}

// write prints the tables, and puts results.json and the plots into a folder.
func (r *results) write(folder string, out io.Writer) error {
	r.Targets = r.compareWithTargets()
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		r.print(out),
		os.WriteFile(filepath.Join(folder, "results.json"), append(text, '\n'), 0o644),
		os.WriteFile(filepath.Join(folder, "times.svg"), []byte(barChart("Milliseconds", r.inUnit("ms"))), 0o644),
		os.WriteFile(filepath.Join(folder, "rates.svg"), []byte(barChart("Per second", r.inUnit("/s"))), 0o644),
	)
}

func (r *results) inUnit(unit string) []figure {
	return slices.DeleteFunc(slices.Clone(r.Figures), func(f figure) bool { return f.Unit != unit })
}

// print prints what was measured, the requests by verb and resource, and the targets.
func (r *results) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range r.Figures {
		fmt.Fprintf(table, "%s\t%.1f\t%s\n", f.Name, f.Value, f.Unit)
	}
	for _, group := range r.Requests {
		fmt.Fprintf(table, "\nrequests for each %s\toperator\tall others\n", group.Name)
		for _, key := range sortedKeys(group.Operator, group.Others) {
			fmt.Fprintf(table, "  %s\t%.2f\t%.2f\n", key, group.Operator[key], group.Others[key])
		}
	}
	fmt.Fprintf(table, "\ntarget\treached\twanted\t\n")
	for _, t := range r.Targets {
		fmt.Fprintf(table, "%s\t%.2f\t%s %.2f\t%s\n", t.Name, t.Reached, t.comparison(), t.Wanted, t.outcome())
	}
	return table.Flush()
}

func sortedKeys(a, b map[string]float64) []string {
	return slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, each := range []map[string]float64{a, b} {
			for key := range each {
				if !yield(key) {
					return
				}
			}
		}
	}))
}

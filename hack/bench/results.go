// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"text/tabwriter"
	"time"
)

// result is one figure that was measured.
type result struct {
	Part  string  `json:"part"`
	What  string  `json:"what"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Target is what the figure should be, as a ratio to others of the same run; nil if it has none.
	Target *target `json:"target,omitempty"`
}

// target compares a figure with what it should be.
type target struct {
	// Rule says in words what is compared.
	Rule string `json:"rule"`
	// Ratio is what the rule compares, and Limit its bound: an upper one, unless AtLeast is true.
	Ratio   float64 `json:"ratio"`
	Limit   float64 `json:"limit"`
	AtLeast bool    `json:"atLeast,omitempty"`
	Met     bool    `json:"met"`
}

func atMost(rule string, ratio, limit float64) *target {
	return &target{Rule: rule, Ratio: ratio, Limit: limit, Met: ratio <= limit}
}

func atLeastHalf(rule string, ratio float64) *target {
	const half = 0.5
	return &target{Rule: rule, Ratio: ratio, Limit: half, AtLeast: true, Met: ratio >= half}
}

// String returns how a target is shown in the table.
func (t *target) String() string {
	if t == nil {
		return ""
	}
	sign, verdict := "≤", "met"
	if t.AtLeast {
		sign = "≥"
	}
	if !t.Met {
		verdict = "MISSED"
	}
	return fmt.Sprintf("%.2f %s %.2f %s: %s", t.Ratio, sign, t.Limit, t.Rule, verdict)
}

// report is the outcome of a run.
type report struct {
	Began    time.Time `json:"began"`
	CPUs     int       `json:"cpus"`
	Go       string    `json:"go"`
	Results  []result  `json:"results"`
	Requests []census  `json:"requests"`

	curves []curve
}

func newReport() *report {
	return &report{Began: time.Now().UTC(), CPUs: runtime.NumCPU(), Go: runtime.Version()}
}

// add adds a figure.
func (r *report) add(part, what string, value float64, unit string, t *target) {
	r.Results = append(r.Results, result{part, what, value, unit, t})
}

// addTimes adds the percentiles of durations.
func (r *report) addTimes(part, what string, s samples, p50, p99 *target) {
	r.add(part, what+", p50", milliseconds(s.percentile(50)), "ms", p50)
	r.add(part, what+", p95", milliseconds(s.percentile(95)), "ms", nil)
	r.add(part, what+", p99", milliseconds(s.percentile(99)), "ms", p99)
}

// value returns a figure that was measured before, or 0.
func (r *report) value(part, what string) float64 {
	for _, found := range r.Results {
		if found.Part == part && found.What == what {
			return found.Value
		}
	}
	return 0
}

// printTable prints all figures, and who asked the API server for what.
func (r *report) printTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PART\tWHAT\tVALUE\tTARGET")
	for _, f := range r.Results {
		fmt.Fprintf(w, "%s\t%s\t%.4g %s\t%s\n", f.Part, f.What, f.Value, f.Unit, f.Target)
	}
	fmt.Fprintln(w, "\nREQUESTS\tWHO\tWHAT\tFOR EACH")
	for _, c := range r.Requests {
		for _, l := range c.Lines {
			fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\n", c.Of, l.Who, l.What, l.Each)
		}
	}
	return w.Flush()
}

// write writes the table, the JSON and the plots into a folder.
func (r *report) write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "results.json"), append(raw, '\n'), 0o644); err != nil {
		return err
	}
	for _, c := range r.curves {
		if err := os.WriteFile(filepath.Join(folder, c.file+".svg"), []byte(c.svg()), 0o644); err != nil {
			return err
		}
	}
	table, err := os.Create(filepath.Join(folder, "results.txt"))
	if err != nil {
		return err
	}
	if err := r.printTable(table); err != nil {
		return err
	}
	return table.Close()
}

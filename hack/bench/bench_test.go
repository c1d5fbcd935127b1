// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	values := samples{5, 1, 4, 2, 3}
	for p, want := range map[int]time.Duration{0: 1, 20: 1, 21: 2, 50: 3, 95: 5, 100: 5} {
		if got := values.percentile(p); got != want {
			t.Errorf("p%d is %d, not %d", p, got, want)
		}
	}
	if got := (samples{}).percentile(50); got != 0 {
		t.Errorf("of no samples: %d", got)
	}
}

func TestForEach(t *testing.T) {
	var sum atomic.Int64
	if err := forEach(t.Context(), 100, 8, func(_ context.Context, i int) error { sum.Add(int64(i)); return nil }); err != nil || sum.Load() != 4950 {
		t.Errorf("the sum is %d, %v", sum.Load(), err)
	}
	failure, calls := errors.New("no"), 0
	err := forEach(t.Context(), 100, 1, func(_ context.Context, i int) error {
		calls++
		if i == 2 {
			return failure
		}
		return nil
	})
	if !errors.Is(err, failure) || calls != 3 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestCountRequests(t *testing.T) {
	log := `{"verb":"patch","user":{"username":"admin"},"impersonatedUser":{"username":"system:serviceaccount:haltline-system:haltline-manager"},"objectRef":{"resource":"jobs"}}
{"verb":"patch","user":{"username":"admin"},"impersonatedUser":{"username":"system:serviceaccount:haltline-system:haltline-manager"},"objectRef":{"resource":"jobs"}}
{"verb":"patch","user":{"username":"admin"},"impersonatedUser":{"username":"system:serviceaccount:haltline-system:haltline-manager"},"objectRef":{"resource":"stoprequests","subresource":"status"}}
{"verb":"create","user":{"username":"admin"},"userAgent":"haltline-bench","objectRef":{"resource":"stoprequests"}}
{"verb":"delete","user":{"username":"admin"},"userAgent":"kwok/v1","objectRef":{"resource":"pods"}}
{"verb":"update","user":{"username":"system:serviceaccount:kube-system:job-controller"},"objectRef":{"resource":"jobs","subresource":"status"}}
{"verb":"get","user":{"username":"a line that is not comp`
	lines, read, err := countRequests(strings.NewReader(log))
	want := []line{
		{"job-controller", "update jobs/status", 1}, {"node", "delete pods", 1},
		{"operator", "patch jobs", 2}, {"operator", "patch stoprequests/status", 1}, {"people", "create stoprequests", 1},
	}
	if err != nil || !reflect.DeepEqual(lines, want) || read != int64(strings.LastIndex(log, "\n")+1) {
		t.Errorf("%v, %d bytes, %v", lines, read, err)
	}
	c := census{Lines: lines}
	if c.total() != 3 || c.total("patch jobs") != 2 {
		t.Errorf("the operator made %v and %v requests", c.total(), c.total("patch jobs"))
	}
	if _, _, err := countRequests(strings.NewReader("no event\n")); err == nil {
		t.Error("a line that is no event is no error")
	}
}

func TestParseUsage(t *testing.T) {
	stat := "7 (a (name) x) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0"
	got, err := parseUsage(stat, "Name:\ta\nVmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\n")
	if want := (usage{cpu: 2 * time.Second, rss: 1 << 20, peak: 2 << 20}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, wrong := range [][2]string{{stat, "Name:\ta\n"}, {"7 (a) S", "VmHWM: 1 kB\nVmRSS: 1 kB\n"}} {
		if _, err := parseUsage(wrong[0], wrong[1]); err == nil {
			t.Errorf("%q is no error", wrong)
		}
	}
}

func TestParseHeap(t *testing.T) {
	profile := "heap profile: 1: 8 [1: 8] @ heap/1048576\n\n# runtime.MemStats\n# Alloc = 5\n# HeapAlloc = 1234\n# HeapSys = 9\n"
	if got, err := parseHeap(profile); err != nil || got != 1234 {
		t.Errorf("%d, %v", got, err)
	}
	for _, wrong := range []string{"", "\n# HeapAlloc = many\n"} {
		if _, err := parseHeap(wrong); err == nil {
			t.Errorf("%q is no error", wrong)
		}
	}
}

func TestFindErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for content, found := range map[string]bool{
		`{"level":"info","msg":"error"}` + "\n":                      false,
		`{"level":"info"}` + "\n" + `{"level":"error","msg":"lost"}`: true,
		"panic: nil\n": true,
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := findErrors(path); (err != nil) != found {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestTargets(t *testing.T) {
	for want, got := range map[string]*target{
		"1.00 ≤ 1.35 of it: met":    atMost("of it", 1, 1.35),
		"1.36 ≤ 1.35 of it: MISSED": atMost("of it", 1.36, 1.35),
		"0.50 ≥ 0.50 of it: met":    atLeastHalf("of it", 0.5),
		"0.49 ≥ 0.50 of it: MISSED": atLeastHalf("of it", 0.49),
		"":                          nil,
	} {
		if got.String() != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestReport(t *testing.T) {
	r := newReport()
	r.addTimes("part", "a thing", samples{time.Millisecond, 3 * time.Millisecond}, atMost("of another", 2, 1), nil)
	r.Requests = []census{{Of: "a stop", Lines: []line{{"operator", "patch jobs", 1}}}}
	r.curves = []curve{{file: "plot", title: "a <plot>", series: []series{{"one & two", samples{1, 2}}, {"none", nil}}}}
	folder := filepath.Join(t.TempDir(), "out")
	if err := r.write(folder); err != nil {
		t.Fatal(err)
	}
	if r.value("part", "a thing, p99") != 3 || r.value("part", "another") != 0 {
		t.Errorf("found %v", r.Results)
	}
	raw, err := os.ReadFile(filepath.Join(folder, "results.json"))
	read := &report{}
	if err != nil || json.Unmarshal(raw, read) != nil || len(read.Results) != 3 || read.Results[0].Target.Met {
		t.Errorf("results.json: %s, %v", raw, err)
	}
	table, err := os.ReadFile(filepath.Join(folder, "results.txt"))
	if err != nil || !strings.Contains(string(table), "2.00 ≤ 1.00 of another: MISSED") || !strings.Contains(string(table), "patch jobs") {
		t.Errorf("results.txt: %s, %v", table, err)
	}
	plot, err := os.ReadFile(filepath.Join(folder, "plot.svg"))
	if err != nil || xml.Unmarshal(plot, new(struct {
		XMLName xml.Name `xml:"svg"`
	})) != nil {
		t.Errorf("plot.svg: %s, %v", plot, err)
	}
}

func TestSizes(t *testing.T) {
	var s sizes
	if err := s.Set("500,2000"); err != nil || s.String() != "500 2000" {
		t.Errorf("%v, %v", s, err)
	}
	for _, wrong := range []string{"", "0", "-1", "a", "1,,2", "1000000"} {
		if err := s.Set(wrong); err == nil {
			t.Errorf("%q is no error", wrong)
		}
	}
}

func TestOnlyThisMachine(t *testing.T) {
	for host, ok := range map[string]bool{"https://127.0.0.1:6443": true, "https://[::1]:6443": true, "https://10.0.0.1:6443": false, "https://cluster.example": false} {
		if err := requireLoopback(host); (err == nil) != ok {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestTurnsCompareWithWhatTookTurns(t *testing.T) {
	r := newReport()
	a := turns{updates: samples{2, 3, 4}, plainEnds: samples{10}, stops: stopTimes{stopping: samples{9}, accepted: samples{24, 91}, stopped: samples{15}}}
	a.addTo(r)
	got := map[string]string{}
	for _, f := range r.Results {
		if f.Target != nil {
			got[f.What] = f.Target.String()
		}
	}
	want := map[string]string{
		"in turn: Accepted, p50": "8.00 ≤ 8.00 of a status update: met",
		"in turn: Accepted, p99": "30.33 ≤ 30.00 of a status update: MISSED",
		"in turn: Stopped, p50":  "1.50 ≤ 1.50 of a plain Job's end: met",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}

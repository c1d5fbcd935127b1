// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

func TestPercentile(t *testing.T) {
	values := []time.Duration{5, 1, 4, 2, 3}
	for p, want := range map[float64]time.Duration{0: 1, 20: 1, 21: 2, 50: 3, 95: 5, 100: 5} {
		if got := percentile(values, p); got != want {
			t.Errorf("p%g is %d, not %d", p, got, want)
		}
	}
	if got := percentile(nil, 50); got != 0 {
		t.Errorf("of no values: %d", got)
	}
}

func TestInParallelStopsAfterAnError(t *testing.T) {
	failure := errors.New("no")
	calls := 0
	_, _, err := inParallel(10, 1, func(i int) error {
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
	log := `{"verb":"patch","user":{"username":"` + operatorUser + `"},"objectRef":{"resource":"jobs"}}
{"verb":"update","user":{"username":"` + operatorUser + `"},"objectRef":{"resource":"stoprequests","subresource":"status"}}
{"verb":"patch","user":{"username":"` + operatorUser + `"},"objectRef":{"resource":"jobs"}}
{"verb":"watch","user":{"username":"` + operatorUser + `"},"objectRef":{"resource":"jobs"}}
{"verb":"update","user":{"username":"node"},"objectRef":{"resource":"leases"}}
{"verb":"get","user":{"username":"node"}}
{"verb":"create","user":{"username":"bench"},"objectRef":{"resource":"stoprequests"}}
`
	got, err := countRequests(strings.NewReader(log))
	want := requestCounts{
		Operator: map[string]int{"patch jobs": 2, "update stoprequests/status": 1},
		Others:   map[string]int{"create stoprequests": 1},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestErrorLines(t *testing.T) {
	log := `{"level":"info","msg":"starting"}
{"level":"error","msg":"lost"}
panic: nil
`
	if got := errorLines([]byte(log)); len(got) != 2 || !strings.Contains(got[0], "lost") {
		t.Errorf("%q", got)
	}
}

func TestParseUsage(t *testing.T) {
	stat := "7 (a (name) x) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0"
	got, err := parseUsage(stat, "Name:\ta\nVmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\n")
	if err != nil || got != (usage{CPUSeconds: 2, PeakKiB: 2048}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := parseUsage(stat, "Name:\ta\n"); err == nil {
		t.Error("a status without VmHWM is accepted")
	}
}

func TestTargets(t *testing.T) {
	var r results
	r.add("raw create, 32 writers", 1500, "/s")
	r.add(rawStatusP50, 2, "ms")
	r.add("one stop at a time: Accepted, p50", 20, "ms")
	r.add("storm of 500 stops: all Accepted", 300, "/s")
	got := r.compareWithTargets()
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	if got[0].Reached != 10 || got[0].outcome() != "missed by a factor of 1.25" {
		t.Errorf("%+v: %s", got[0], got[0].outcome())
	}
	if got[1].outcome() != "met" || got[1].Reached < 0.599 || got[1].Reached > 0.601 {
		t.Errorf("%+v: %s", got[1], got[1].outcome())
	}
}

func TestPrint(t *testing.T) {
	var r results
	r.addTimes("one", []time.Duration{time.Millisecond})
	r.addRequests("stop", 2, requestCounts{Operator: map[string]int{"patch jobs": 2}, Others: map[string]int{"create pods": 1}})
	var out strings.Builder
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one, p50", "patch jobs", "create pods", "requests of the operator for each stop"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestBarChartIsXML(t *testing.T) {
	chart := barChart("A & B", []figure{{Name: "<one>", Value: 2}, {Name: "none"}})
	decoder := xml.NewDecoder(strings.NewReader(chart))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v:\n%s", err, chart)
		}
	}
	if !strings.Contains(chart, "&lt;one&gt;") {
		t.Errorf("the label is missing:\n%s", chart)
	}
}

func TestRecorder(t *testing.T) {
	r := &recorder{marks: map[types.UID]map[mark]time.Time{}, changed: make(chan struct{})}
	began := time.Unix(100, 0)
	for i, uid := range []types.UID{"a", "b"} {
		r.note(uid, asked, began.Add(time.Duration(i)*time.Second))
		r.note(uid, stopped, began.Add(time.Duration(3+i)*time.Second))
		r.note(uid, stopped, began.Add(time.Hour))
	}
	uids := []types.UID{"a", "b"}
	if got := r.span(uids, asked, stopped); got != 4*time.Second {
		t.Errorf("the span is %s", got)
	}
	if got := r.since(uids, asked, stopped); !reflect.DeepEqual(got, []time.Duration{3 * time.Second, 3 * time.Second}) {
		t.Errorf("it took %s", got)
	}
	if err := r.wait(t.Context(), time.Minute, uids, stopped); err != nil {
		t.Error(err)
	}
	if err := r.wait(t.Context(), 0, uids, accepted); err == nil {
		t.Error("what never came was not missed")
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/sample"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// kubelet has the logs of containers, and notes how it was asked.
type kubelet struct {
	mu sync.Mutex
	// streams are what each reading brings, in turn; the last one again and again. One that is "broken" cannot be opened.
	streams []string
	asked   []corev1.PodLogOptions
	err     error
}

func (k *kubelet) open(_ context.Context, _ client.ObjectKey, options *corev1.PodLogOptions) (io.ReadCloser, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, *options)
	if k.err != nil {
		return nil, k.err
	}
	stream := k.streams[0]
	if len(k.streams) > 1 {
		k.streams = k.streams[1:]
	}
	if stream == "broken" {
		return nil, errors.New("connection refused")
	}
	return io.NopCloser(strings.NewReader(stream)), nil
}

func newTestPrinter(k *kubelet, o Options) (*Printer, *bytes.Buffer) {
	var out bytes.Buffer
	return NewPrinter(&out, k.open, "team", o, func() time.Time { return sample.Start }), &out
}

var (
	source  = Source{Action: view.ActionKey{Stage: "Build", Action: "compile"}, Pod: "web-1-pod1", Container: "main"}
	stopped = func() bool { return false }
)

const twoLines = "2026-11-20T12:00:01.5Z one\n2026-11-20T12:00:02Z two words\n"

func TestLinesArePrintedBehindTheirPrefix(t *testing.T) {
	tests := []struct {
		name, stream string
		options      Options
		want         string
	}{
		{"plainly", twoLines, Options{Tail: -1}, "[a] one\n[a] two words\n"},
		{"with their times", twoLines, Options{Tail: -1, Timestamps: true}, "[a] 2026-11-20T12:00:01.5Z one\n[a] 2026-11-20T12:00:02Z two words\n"},
		{"empty lines", "2026-11-20T12:00:01Z \n2026-11-20T12:00:02Z\n", Options{Tail: -1}, "[a] \n[a] \n"},
		{"without an end", "2026-11-20T12:00:01Z one", Options{Tail: -1}, "[a] one\n"},
		{"with colors", "2026-11-20T12:00:01Z \x1b[31mred\x1b[0m\n", Options{Tail: -1}, "[a] \x1b[31mred\x1b[0m\n"},
		{"without a time", "unable to retrieve container logs for containerd://x\n", Options{Tail: -1}, "[a] unable to retrieve container logs for containerd://x\n"},
		{"too long", "2026-11-20T12:00:01Z " + strings.Repeat("x", maxLine), Options{Tail: -1},
			"[a] " + strings.Repeat("x", maxLine-21) + "\n[a] " + strings.Repeat("x", 21) + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, out := newTestPrinter(&kubelet{streams: []string{tt.stream}}, tt.options)
			if err := p.Print(t.Context(), source, "[a] ", stopped); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestWhatTheKubeletIsAskedFor(t *testing.T) {
	tail, since := int64(5), metav1.NewTime(sample.Start.Add(-time.Hour))
	tests := []struct {
		name    string
		options Options
		want    corev1.PodLogOptions
	}{
		{"all", Options{Tail: -1}, corev1.PodLogOptions{Container: "main", Timestamps: true}},
		{"the end", Options{Tail: 5}, corev1.PodLogOptions{Container: "main", Timestamps: true, TailLines: &tail}},
		{"what is new", Options{Tail: -1, Since: time.Hour}, corev1.PodLogOptions{Container: "main", Timestamps: true, SinceTime: &since}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := &kubelet{streams: []string{""}}
			p, _ := newTestPrinter(k, tt.options)
			if err := p.Print(t.Context(), source, "", stopped); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]corev1.PodLogOptions{tt.want}, k.asked); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A log that is followed and breaks is read from where it broke, and no line is printed twice.
func TestALogThatBreaksIsReadOn(t *testing.T) {
	k := &kubelet{streams: []string{twoLines, "2026-11-20T12:00:02Z two words\n2026-11-20T12:00:03Z three\n"}}
	p, out := newTestPrinter(k, Options{Tail: 1, Follow: true})
	looks := 0
	err := p.Print(t.Context(), source, "", func() bool { looks++; return looks == 1 })
	if err != nil || out.String() != "one\ntwo words\nthree\n" {
		t.Errorf("error %v, printed %q", err, out)
	}
	last := k.asked[len(k.asked)-1]
	if len(k.asked) != 2 || last.TailLines != nil || last.SinceTime == nil || !last.SinceTime.Equal(&metav1.Time{Time: sample.Start.Add(2 * time.Second)}) {
		t.Errorf("the kubelet was asked for %+v", k.asked)
	}
}

// If a log breaks while its container ends, what was written last is read all the same.
func TestTheEndOfALogThatBrokeIsRead(t *testing.T) {
	k := &kubelet{streams: []string{"broken", twoLines}}
	p, out := newTestPrinter(k, Options{Tail: -1, Follow: true})
	if err := p.Print(t.Context(), source, "", stopped); err != nil || out.String() != "one\ntwo words\n" {
		t.Errorf("error %v, printed %q", err, out)
	}
}

func TestAnErrorNamesTheLog(t *testing.T) {
	p, _ := newTestPrinter(&kubelet{err: errors.New("the node is gone")}, Options{Tail: -1})
	err := p.Print(t.Context(), source, "", stopped)
	want := "reading the log of Build/compile, pod web-1-pod1, container main: the node is gone"
	if err == nil || err.Error() != want {
		t.Errorf("the error is %q, want %q", err, want)
	}
}

// A follower reads each log once, also of pods that come later, and tells what is not there when the execution has ended.
func TestAFollowerReadsEachLogOnce(t *testing.T) {
	k := &kubelet{streams: []string{"2026-11-20T12:00:01Z a line\n"}}
	p, out := newTestPrinter(k, Options{Tail: -1, Follow: true})
	var notices []string
	f := &Follower{
		Printer: p, Prefix: func(prefix string) string { return prefix }, Notice: func(n string) { notices = append(notices, n) },
		Failed: func(err error) { t.Error(err) },
	}
	execution := executionOf(action("compile", v1alpha1.ActionInProgress, nil), action("gone", v1alpha1.ActionSucceeded, nil))
	execution.Status.State = v1alpha1.ExecutionInProgress
	f.See(t.Context(), execution, nil)
	f.See(t.Context(), nil, []corev1.Pod{pod("compile", 1, waiting)})
	f.reading.Wait()
	if out.Len() > 0 || len(notices) > 0 {
		t.Fatalf("before anything runs: printed %q, notices %q", out, notices)
	}
	first := pod("compile", 1, ran)
	f.See(t.Context(), nil, []corev1.Pod{first})
	f.See(t.Context(), nil, []corev1.Pod{first})
	f.reading.Wait()
	f.See(t.Context(), nil, []corev1.Pod{first, pod("compile", 2, ran)})
	f.reading.Wait()
	if want := "[Build/compile] a line\n[Build/compile pod2] a line\n"; out.String() != want {
		t.Errorf("printed %q, want %q", out, want)
	}
	ended := execution.DeepCopy()
	ended.Status.State = v1alpha1.ExecutionSucceeded
	f.See(t.Context(), ended, nil)
	f.Finish(t.Context(), []corev1.Pod{first, pod("compile", 2, ran)})
	if len(notices) != 1 || !strings.HasPrefix(notices[0], "Build/gone has no pod any more") {
		t.Errorf("notices %q", notices)
	}
}

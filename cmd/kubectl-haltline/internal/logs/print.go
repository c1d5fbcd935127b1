// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
)

// Options are how logs are read and printed.
type Options struct {
	// Follow is whether a log is read for as long as its container runs.
	Follow bool
	// Tail is how many lines of the end of each log are read; negative for all.
	Tail int64
	// Since is how old lines may be; 0 for any age.
	Since time.Duration
	// Timestamps is whether each line is printed with its time.
	Timestamps bool
}

// Printer prints logs, line by line. It is safe for concurrent use.
type Printer struct {
	// Open opens a log.
	Open cli.LogOpener
	// Namespace of the pods.
	Namespace string
	Options   Options
	// Now tells the time that Since is counted from.
	Now func() time.Time

	mu  sync.Mutex
	out io.Writer
}

// NewPrinter returns a Printer that prints to a writer.
func NewPrinter(out io.Writer, open cli.LogOpener, namespace string, options Options, now func() time.Time) *Printer {
	return &Printer{Open: open, Namespace: namespace, Options: options, Now: now, out: out}
}

// maxLine is how long a line is at most, in bytes. A longer one is broken.
const maxLine = 64 * 1024

// Print prints the log of a source, each line behind a prefix. With Follow it goes on until the container has ended, or the context ends; if the
// stream breaks before, it is read from where it broke, as long as isRunning reports that the container runs.
func (p *Printer) Print(ctx context.Context, source Source, prefix string, isRunning func() bool) error {
	reader := logReader{printer: p, source: source, prefix: prefix}
	for failures := 0; ; {
		err := reader.read(ctx)
		if err != nil {
			failures++
		} else {
			failures = 0
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !p.Options.Follow, apierrors.IsNotFound(err), !isRunning() && (failures == 0 || failures == maxFailures):
			return err
		}
		// The stream broke, or the kubelet knows sooner than the API server that the container has ended.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(reopenAfter):
		}
	}
}

// maxFailures is how often in turn the log of a container that has ended is tried, whose end was not read.
const maxFailures = 5

// reopenAfter is how long to wait before a log that broke is opened again.
const reopenAfter = time.Second

// logReader reads one log, and remembers how far it was read.
type logReader struct {
	printer *Printer
	source  Source
	prefix  string
	// last is the time of the last line that was printed; zero before the first.
	last time.Time
}

func (r *logReader) read(ctx context.Context) error {
	key := client.ObjectKey{Namespace: r.printer.Namespace, Name: r.source.Pod}
	stream, err := r.printer.Open(ctx, key, r.options())
	if err != nil {
		return fmt.Errorf("reading the log of %s, pod %s, container %s: %w", r.source.Action, r.source.Pod, r.source.Container, err)
	}
	defer stream.Close()
	skipUntil := r.last
	lines := bufio.NewReaderSize(stream, maxLine)
	for {
		line, _, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the log of %s, pod %s, container %s: %w", r.source.Action, r.source.Pod, r.source.Container, err)
		}
		if err := r.printLine(line, skipUntil); err != nil {
			return err
		}
	}
}

// options ask for the times of lines also if they are not printed: they tell how far a log was read.
func (r *logReader) options() *corev1.PodLogOptions {
	o := r.printer.Options
	options := &corev1.PodLogOptions{Container: r.source.Container, Follow: o.Follow, Timestamps: true}
	switch {
	case !r.last.IsZero():
		since := metav1.NewTime(r.last)
		options.SinceTime = &since
		return options
	case o.Since > 0:
		since := metav1.NewTime(r.printer.Now().Add(-o.Since))
		options.SinceTime = &since
	}
	if o.Tail >= 0 {
		options.TailLines = &o.Tail
	}
	return options
}

// printLine prints a line, unless it was printed before the stream broke.
func (r *logReader) printLine(line []byte, skipUntil time.Time) error {
	stamp, text, found := bytes.Cut(line, []byte(" "))
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	switch {
	case !found && err != nil, err != nil:
		text = line // Such as the rest of a line that was too long.
	case !skipUntil.IsZero() && !at.After(skipUntil):
		return nil
	default:
		r.last = at
		if r.printer.Options.Timestamps {
			text = line
		}
	}
	r.printer.mu.Lock()
	defer r.printer.mu.Unlock()
	_, err = fmt.Fprintf(r.printer.out, "%s%s\n", r.prefix, text)
	return err
}

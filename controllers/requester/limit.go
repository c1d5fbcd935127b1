// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package requester

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"haltline.dev/haltline/internal/slots"
)

const (
	// maxSmall is the size, in bytes, up to which a request is answered at once, as that for a stop is.
	maxSmall = 64 << 10
	// maxAtWork is how many larger requests are read and answered at the same time. Each may have some MiB, and any pod may send them.
	maxAtWork = 2
	// maxWait is how long the API server waits for an answer: the timeoutSeconds in config/components/webhook.
	maxWait = 5 * time.Second
)

// limited has a handler work on few large requests at the same time. They do not keep a small one from its answer. A request of which not
// all has come in time is given up.
type limited struct {
	next http.Handler
	// large is for the large requests at work.
	large slots.Slots
}

func newLimited(next http.Handler, count int) *limited {
	return &limited{next: next, large: slots.New(count)}
}

func (l *limited) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isSmall(r) {
		l.serveInTime(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), maxWait)
	defer cancel()
	if err := l.large.Do(ctx, func() error { l.serveInTime(w, r); return nil }); err != nil {
		http.Error(w, "too many large requests at the same time", http.StatusServiceUnavailable)
	}
}

// serveInTime gives a request up if it is not read in time.
func (l *limited) serveInTime(w http.ResponseWriter, r *http.Request) {
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(maxWait)); err != nil { //nolint:forbidigo // The network has the clock of the machine.
		ctrl.Log.Error(err, "the time for reading a request to the webhook cannot be bounded")
		http.Error(w, "the time for reading cannot be bounded", http.StatusInternalServerError)
		return
	}
	serveObject(l.next, w, r)
}

// isSmall reports whether a request is small by the length that it gives, of which no more is read.
func isSmall(r *http.Request) bool { return r.ContentLength >= 0 && r.ContentLength <= maxSmall }

// serveObject refuses what is no JSON object. The library would read it as YAML, which takes many times its size.
func serveObject(next http.Handler, w http.ResponseWriter, r *http.Request) {
	reader := bufio.NewReader(r.Body)
	if begin, err := reader.Peek(1); err != nil || begin[0] != '{' {
		http.Error(w, "the body must be a JSON object", http.StatusBadRequest)
		return
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{reader, r.Body}
	next.ServeHTTP(w, r)
}

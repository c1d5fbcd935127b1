// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// proxy stands between operators and the API server. It alone has the operator's token. While it is bad, it disturbs what passes as
// its network does.
type proxy struct {
	url       string
	target    *url.URL
	transport http.RoundTripper
	network   *network
	bad       atomic.Bool
	// underWay counts the requests that are neither answered nor lost, except watches.
	underWay atomic.Int64
	counts   *counts

	mu     sync.Mutex
	random *rand.Rand
	// reads, starts, writes and events are where the next request or event of a watch gets its disturbance from.
	reads, starts, writes, events *percents
}

func startProxy(t *testing.T, c *cluster, w *network, n *counts) *proxy {
	t.Helper()
	config := c.operatorConfig(t)
	config.DisableCompression = true
	transport, err := rest.TransportFor(config)
	must(t, err)
	target, err := url.Parse(config.Host)
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	random := newRandom("proxy")
	p := &proxy{
		url: "http://" + listener.Addr().String(), target: target, transport: transport, network: w, counts: n, random: random,
		reads: newPercents(random), starts: newPercents(random), writes: newPercents(random), events: newPercents(random),
	}
	server := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return p
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	watch := r.URL.Query().Get("watch") != ""
	if !watch {
		p.underWay.Add(1)
		defer p.underWay.Add(-1)
	}
	// What was sent is under way, even if the operator is killed meanwhile.
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	d := p.drawDisturbance(r, watch)
	time.Sleep(d.before)
	if d.refuse != 0 {
		writeAnswer(w, d.refuse)
		return
	}
	if d.lose {
		panic(http.ErrAbortHandler)
	}
	response, err := p.forward(r, body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = response.Body.Close() }()
	if d.hidesAnswer() && isCommitted(r, response) {
		p.counts.add(d.name)
	}
	time.Sleep(d.after)
	switch {
	case d.drop:
		// The API server has done it, and the operator does not learn of that.
		_, _ = io.Copy(io.Discard, response.Body)
		panic(http.ErrAbortHandler)
	case d.answerWith != 0:
		_, _ = io.Copy(io.Discard, response.Body)
		writeAnswer(w, d.answerWith)
	case watch:
		p.stream(w, response)
	default:
		copyHeader(w, response)
		_, _ = io.Copy(w, response.Body)
	}
}

func (p *proxy) forward(r *http.Request, body []byte) (*http.Response, error) {
	ctx := r.Context()
	if r.Method != http.MethodGet {
		ctx = context.WithoutCancel(ctx)
	}
	out := r.Clone(ctx)
	out.URL.Scheme, out.URL.Host = p.target.Scheme, p.target.Host
	out.Host, out.RequestURI = "", ""
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return p.transport.RoundTrip(out)
}

// isCommitted reports whether the API server has stored what it was sent.
func isCommitted(r *http.Request, response *http.Response) bool {
	return response.StatusCode/100 == 2 && !isDryRun(r)
}

func isDryRun(r *http.Request) bool { return r.URL.Query().Has("dryRun") }

// copyHeader begins an answer with the header and the code of another one.
func copyHeader(w http.ResponseWriter, response *http.Response) {
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
}

// writeAnswer answers in the place of the API server.
func writeAnswer(w http.ResponseWriter, code int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"an injected fault","code":%d}`, code)
}

// stream forwards the events of a watch. A bad watch is held back for a while, so that the operator's cache is old, or cut in the
// middle.
func (p *proxy) stream(w http.ResponseWriter, response *http.Response) {
	copyHeader(w, response)
	flusher, _ := w.(http.Flusher)
	flusher.Flush()
	var cut <-chan time.Time
	chunks := readChunks(response)
	for {
		select {
		case <-cut:
			p.counts.add(watchCut)
			panic(http.ErrAbortHandler)
		case chunk, open := <-chunks:
			if !open {
				return
			}
			hold, life := p.drawWatch()
			if hold > 0 {
				p.counts.add(watchHeld)
				time.Sleep(hold)
			}
			if life > 0 && cut == nil {
				cut = time.After(life)
			}
			if _, err := w.Write(chunk); err != nil {
				return
			}
			flusher.Flush()
		}
	}
}

// readChunks reads a body until it ends or is closed.
func readChunks(response *http.Response) <-chan []byte {
	chunks := make(chan []byte, 1024)
	go func() {
		defer close(chunks)
		for {
			buffer := make([]byte, 16<<10)
			n, err := response.Body.Read(buffer)
			if n > 0 {
				select {
				case chunks <- buffer[:n]:
				case <-response.Request.Context().Done():
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	return chunks
}

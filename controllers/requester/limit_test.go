// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package requester

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// recorder is an answer whose request has a deadline.
type recorder struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (r *recorder) SetReadDeadline(deadline time.Time) error {
	r.deadline = deadline
	return nil
}

// serve has a handler answer a request with a body.
func serve(ctx context.Context, handler http.Handler, body string) *recorder {
	w := &recorder{ResponseRecorder: httptest.NewRecorder()}
	handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(body)))
	return w
}

// large is the body of a large request.
var large = `{"a":"` + strings.Repeat("a", maxSmall) + `"}`

func TestARequestMoreWaitsUntilOneIsDone(t *testing.T) {
	g := NewWithT(t)
	entered, leave := make(chan struct{}, maxAtWork+2), make(chan struct{})
	handler := newLimited(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-leave
	}), maxAtWork)
	done := make(chan int, maxAtWork+2)
	for range maxAtWork + 1 {
		go func() { done <- serve(t.Context(), handler, large).Code }()
	}
	g.Eventually(entered).Should(HaveLen(maxAtWork))
	g.Consistently(entered, 100*time.Millisecond).Should(HaveLen(maxAtWork))

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	g.Expect(serve(ended, handler, large).Code).To(Equal(http.StatusServiceUnavailable), "whoever does not wait any more is not worked for")

	go func() { done <- serve(t.Context(), handler, "{}").Code }()
	g.Eventually(entered).Should(HaveLen(maxAtWork+1), "a small one does not wait")
	leave <- struct{}{}
	g.Eventually(entered).Should(HaveLen(maxAtWork + 2))
	close(leave)
	for range maxAtWork + 2 {
		g.Eventually(done).Should(Receive(Equal(http.StatusOK)))
	}
}

func TestTheTimeForReadingIsBounded(t *testing.T) {
	g := NewWithT(t)
	w := serve(t.Context(), newLimited(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), 1), "{}")
	g.Expect(w.Code).To(Equal(http.StatusOK))
	g.Expect(w.deadline).NotTo(BeZero())

	plain := httptest.NewRecorder()
	newLimited(http.NotFoundHandler(), 1).ServeHTTP(plain, httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader("{}")))
	g.Expect(plain.Code).To(Equal(http.StatusInternalServerError))
}

func TestOnlyAnObjectIsReadOn(t *testing.T) {
	g := NewWithT(t)
	var read string
	handler := newLimited(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		g.Expect(err).NotTo(HaveOccurred())
		read = string(body)
	}), 1)
	g.Expect(serve(t.Context(), handler, `{"a":1}`).Code).To(Equal(http.StatusOK))
	g.Expect(read).To(Equal(`{"a":1}`))
	read = ""
	for _, body := range []string{"- {}\n- {}\n", "[{},{}]", "a: 1", ""} {
		g.Expect(serve(t.Context(), handler, body).Code).To(Equal(http.StatusBadRequest), body)
	}
	g.Expect(read).To(BeEmpty())
}

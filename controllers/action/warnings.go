// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"sync"

	"k8s.io/client-go/rest"
)

// Warnings are what the API server warned about in the answers to requests of one context, such as pod security.
type Warnings struct {
	lock  sync.Mutex
	texts []string
}

// Texts returns the warnings in the order in which they came.
func (w *Warnings) Texts() []string {
	w.lock.Lock()
	defer w.lock.Unlock()
	return append([]string(nil), w.texts...)
}

// warningCode is the code of warnings that are meant for people (RFC 7234, section 5.5.7).
const warningCode = 299

func (w *Warnings) add(code int, message string) {
	if code != warningCode || message == "" {
		return
	}
	w.lock.Lock()
	defer w.lock.Unlock()
	w.texts = append(w.texts, message)
}

type warningsKey struct{}

// CollectWarnings returns a context, and the warnings in the answers to requests that are made with it. The client has to have a
// WarningHandler.
func CollectWarnings(ctx context.Context) (context.Context, *Warnings) {
	w := &Warnings{}
	return context.WithValue(ctx, warningsKey{}, w), w
}

// WarningHandler collects warnings for CollectWarnings, and passes on those that nobody collects.
type WarningHandler struct {
	// Else handles what nobody collects; nil drops it.
	Else rest.WarningHandlerWithContext
}

var _ rest.WarningHandlerWithContext = WarningHandler{}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (h WarningHandler) HandleWarningHeaderWithContext(ctx context.Context, code int, agent, message string) {
	if w, collects := ctx.Value(warningsKey{}).(*Warnings); collects {
		w.add(code, message)
		return
	}
	if h.Else != nil {
		h.Else.HandleWarningHeaderWithContext(ctx, code, agent, message)
	}
}

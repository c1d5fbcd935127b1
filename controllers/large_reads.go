// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/internal/slots"
)

// Users decide how large objects are. So whole ones are read by a few workers at the same time, whatever
// max-concurrent-reconciles is.
const (
	// largeReads is how many Pipelines or executions are read live at the same time, and how many definitions are packed or unpacked.
	largeReads = 4
	// largePages is how many pages of pods or Jobs are read at the same time. A page of the largest pods has 15 MiB.
	largePages = 2
)

// largeReader reads whole objects from the API server, a few at the same time.
type largeReader struct {
	client.Reader
	slots slots.Slots
}

func newLargeReader(apiReader client.Reader) client.Reader {
	return &largeReader{Reader: apiReader, slots: slots.New(largeReads)}
}

// Get reads an object once a slot is free.
func (r *largeReader) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return r.slots.Do(ctx, func() error { return r.Reader.Get(ctx, key, o, opts...) })
}

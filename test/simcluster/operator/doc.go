// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package operator runs the real reconcilers, handlers, predicates and indexes on an API server in memory, in one goroutine.
// A test decides what happens next: a reconciliation, an event that the cache sees, or time that goes by.
package operator

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package memory runs the operator's program against a real API server while a tenant makes everything as large as it can be, and
// measures the memory of its process as Linux counts it.
package memory

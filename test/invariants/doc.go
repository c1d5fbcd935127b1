// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package invariants checks a history against the invariants I1 to I11 of docs/invariants.md. Each check is named after its
// invariant and quotes the sentence that it checks.
//
// A history comes from anywhere: the explorer makes it from the store of test/simcluster, chaos from the audit log of a real
// API server and from a watch. Some parts of a History are optional; a check that needs one says so. If the API server was
// killed while it wrote, what it wrote may be known to nobody. A check then reports an execution as unproven and not as a
// violation.
package invariants

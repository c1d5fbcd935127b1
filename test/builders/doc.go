// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package builders builds the objects that several suites need: pipelines, executions, stop requests and Jobs. It creates
// nothing in a cluster.
//
//	builders.Pipeline("team", "web",
//		builders.Stage("Build", builders.Action("compile"), builders.Action("package", builders.RunOrder(2))),
//		builders.Stage("Deploy", builders.Action("roll-out", builders.Orphaned)))
package builders

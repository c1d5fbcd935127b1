// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package histories draws random histories: pipelines, executions, stop requests, caches that lag, crashes, calls that fail,
// several operators, and people who delete things, in any order. It runs the real reconcilers in a simulated cluster, and judges
// every committed write by a model of the contract that knows nothing about the operator.
//
//	go test ./test/histories                                        # the same histories every time
//	make histories HISTORIES=20000                                  # others every time
//	go test ./test/histories -run TestHistories -rapid.seed=SEED    # the one that failed
package histories

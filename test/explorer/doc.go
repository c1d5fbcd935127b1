// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package explorer tries everything that can go wrong at every call that the operator makes, one thing at a time, on the real
// reconcilers in a simulated cluster. It checks the whole history of each run against the invariants I1 to I11.
//
//	go test ./test/explorer                                  every scenario, every single injection, a few of the pairs
//	go test ./test/explorer -run TestPairs -one-pair-in=1    every pair of the gravest, small scenarios
//	go test ./test/explorer -run TestReplay -v -replay='scenario,17/crash-after'
package explorer

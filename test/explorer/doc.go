// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package explorer tries what can go wrong at every call that the operator makes, one thing at a time, on the real
// reconcilers in a world of their own, and checks the whole history of what came of it against the invariants I1 to I10.
//
//	go test ./test/explorer                                  every scenario, every single injection, a few of the pairs
//	go test ./test/explorer -run TestPairs -one-pair-in=1    every pair of the gravest, small scenarios
//	go test ./test/explorer -run TestReplay -v -replay='scenario,17/crash-after'
package explorer

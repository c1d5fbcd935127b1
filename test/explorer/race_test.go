// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package explorer

// stride is 25 under the race detector, which is ten times as slow and finds little in one goroutine: one injection in 25 is tried.
const stride = 25

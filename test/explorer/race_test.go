// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package explorer

// stride takes one injection of so many under the race detector, which is ten times as slow and finds little where all
// is done by one goroutine.
const stride = 25

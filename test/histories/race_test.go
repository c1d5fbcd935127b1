// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package histories

// checks is how many histories of each size are drawn where the command line does not say: fewer under the race detector, which is ten
// times as slow and finds little where all is done by one goroutine.
const checks = 150

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package histories

// checks is how many histories of each size are drawn unless the command line asks for more. They are fewer with the race
// detector, which is ten times as slow and finds little in code that runs in one goroutine.
const checks = 150

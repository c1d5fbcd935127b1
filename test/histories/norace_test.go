// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package histories

// checks is how many histories of each size are drawn where the command line does not say.
const checks = 1000

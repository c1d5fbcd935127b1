// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package histories

// checks is how many histories of each size are drawn unless the command line asks for more.
const checks = 500

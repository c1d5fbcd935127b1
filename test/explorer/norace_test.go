// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package explorer

// stride is 1: every injection is tried.
const stride = 1

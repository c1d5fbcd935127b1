// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package explorer

// stride takes every injection.
const stride = 1

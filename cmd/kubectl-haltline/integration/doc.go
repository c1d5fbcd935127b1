// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package integration runs the plugin as kubectl does, on a real API server with the operator and the Job controller. Pods end as each test asks.
package integration

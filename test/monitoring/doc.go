// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package monitoring tests what config/components/monitoring installs, with the parser, the engine and promtool of Prometheus: when each
// alert fires, and that the operator serves whatever the alerts and the dashboard use. It has a module of its own, which keeps
// Prometheus out of that of the operator.
package monitoring

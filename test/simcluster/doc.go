// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package simcluster is an API server with a history, its caches, its clock, and models of those who act beside the operator:
// the Job controller, the kubelet, the garbage collector and the namespace controller. It runs the real reconcilers,
// handlers, predicates and indexes in one goroutine, so that every run of the same script is the same.
package simcluster

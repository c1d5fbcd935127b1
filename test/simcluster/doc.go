// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package simcluster is an API server in memory, with its whole history, and models of the Job controller, the kubelet, the
// garbage collector and the namespace controller. Nothing in it runs by itself and it has no clock but the one that a test
// sets, so that two runs of one script are the same. An integration test compares the models with the real programs.
//
// The package knows the API of Haltline and none of its controllers, so that their own tests can use it:
//
//	store := simcluster.NewStore()
//	store.Load(pipeline, execution)
//	caller := &simcluster.Caller{Name: "operator"}
//	live := simcluster.NewClient(store, simcluster.CalledBy(caller))
//	cached := simcluster.NewClient(store, simcluster.CalledBy(caller), simcluster.ReadingFrom(cache, indexes...))
//
// Package operator beside it runs the real controllers on it.
package simcluster

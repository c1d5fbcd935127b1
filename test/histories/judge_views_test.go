// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"haltline.dev/haltline/test/simcluster"
	"haltline.dev/haltline/test/simcluster/operator"
)

// viewPositions count the changes of each kind that an operator had seen when it last read that kind from its cache.
type viewPositions map[simcluster.Kind]int

// observeCall records from which state of the cluster an operator decides. It is called when a call begins.
func (j *judge) observeCall(p *operator.Process, c *simcluster.Call) {
	if j.reconciliation[p.Name] != c.Reconciliation.Number {
		j.reconciliation[p.Name] = c.Reconciliation.Number
		j.began[p.Name] = c.Before
		delete(j.lastCheck, p.Name)
		delete(j.lastLookAtClaim, p.Name)
		delete(j.lastReadOfOwn, p.Name)
	}
	if c.Verb == "get" && !c.Cached && c.Kind == simcluster.Execution && c.Key == c.Reconciliation.Object {
		j.lastReadOfOwn[p.Name] = c.Before
	}
	if c.Kind == simcluster.Claim && c.Verb == "get" {
		j.lastLookAtClaim[p.Name] = c.Before
	}
	if c.Kind == simcluster.Execution && (c.Verb == "get" && !c.Cached || c.Verb == "patch-status") {
		j.lastCheck[p.Name] = c.Before
	}
	if !c.Cached {
		return
	}
	if j.viewed[p.Name] == nil {
		j.viewed[p.Name] = viewPositions{}
	}
	j.viewed[p.Name][c.Kind] = p.Cache.Position(c.Kind)
}

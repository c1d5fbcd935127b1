// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"haltline.dev/haltline/test/simcluster"
)

// views are how many changes of each kind an operator had seen when it last read that kind from its cache.
type views map[simcluster.Kind]int

// calls is told of every call of an operator when it begins.
func (j *judge) calls(p *simcluster.Process, c *simcluster.Call) {
	j.began[p.Name] = c.Before
	if !c.Cached {
		return
	}
	if j.viewed[p.Name] == nil {
		j.viewed[p.Name] = views{}
	}
	j.viewed[p.Name][c.Kind] = p.Position(c.Kind)
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// leaseName is the name of the lease of an operator that works in all namespaces.
const leaseName = "haltline.pipelines.haltline.dev"

// LeaseName returns the name of the lease that one replica holds of an operator of a shard, or of some namespaces. It follows from where
// the operator works, so that operators that divide the namespaces never wait for each other, and replicas of one operator always do.
func LeaseName(shard Shard, namespaces Namespaces) string {
	switch {
	case shard.IsSet():
		return fmt.Sprintf("haltline-%d-of-%d.pipelines.haltline.dev", shard.index, shard.count)
	case len(namespaces) > 0:
		// A name of a namespace has no comma, and all of them may be longer than the name of a lease.
		sum := sha256.Sum256([]byte(strings.Join(slices.Sorted(slices.Values(namespaces)), ",")))
		return fmt.Sprintf("haltline-%x.pipelines.haltline.dev", sum[:8])
	}
	return leaseName
}

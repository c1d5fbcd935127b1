// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import "flag"

// sample and -failfast together tell in seconds that something is broken.
var sample = flag.Int("sample", stride, "TestSingles tries one injection in so many")

// enough reports whether nothing more need be tried: with -failfast one violation says it all.
func (x *exploration) enough() bool {
	return x.all.Failed() && flag.Lookup("test.failfast").Value.String() == "true"
}

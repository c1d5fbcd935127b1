// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import "flag"

// sample and -failfast together show in seconds that something is broken.
var sample = flag.Int("sample", stride, "TestSingles tries one injection in so many")

// isDone reports whether nothing more need be tried: with -failfast one violation is enough.
func (x *exploration) isDone() bool {
	return x.all.Failed() && flag.Lookup("test.failfast").Value.String() == "true"
}

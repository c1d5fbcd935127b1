// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"

	"github.com/onsi/gomega/gcustom"
	"github.com/onsi/gomega/types"
)

// matchLines matches lines that are those wanted, in their order. Lines that begin with a time can have others of their kind between them: what is seen of
// something that goes on depends on when one looks.
func matchLines(want []string) types.GomegaMatcher {
	return gcustom.MakeMatcher(func(got []string) (bool, error) {
		for _, line := range got {
			switch {
			case len(want) > 0 && line == want[0]:
				want = want[1:]
			case !strings.HasPrefix(line, "TIME  "):
				return false, nil
			}
		}
		return len(want) == 0, nil
	}).WithTemplate("Expected\n{{.FormattedActual}}\n{{.To}} have the lines of the page; this and what follows is missing, or something else is there:\n{{format .Data 1}}", &want)
}

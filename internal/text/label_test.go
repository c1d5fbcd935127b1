// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

func TestFitLabel(t *testing.T) {
	for _, same := range []string{"web", "a", "Roll-out_1.2", strings.Repeat("x", 63)} {
		if got := FitLabel(same); got != same {
			t.Errorf("%q becomes %q", same, got)
		}
	}
	seen := map[string]string{}
	for _, name := range []string{
		"team@web", "team-web", "team.web", "@", "-", "...", "a@", "@a", "web-", "a b", strings.Repeat("x", 64), strings.Repeat("x", 100),
		strings.Repeat("@", 100), "停", "",
	} {
		got := FitLabel(name)
		if problems := validation.IsValidLabelValue(got); len(problems) > 0 || got == "" {
			t.Errorf("%q becomes %q, which is no value of a label: %v", name, got, problems)
		}
		if other, taken := seen[got]; taken {
			t.Errorf("%q and %q become %q", name, other, got)
		}
		seen[got] = name
	}
}

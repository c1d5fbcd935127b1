// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const page = "# Page\n\n## One\n\n```sh\nfirst\n```\n\n```\nno language\n```\n\n## Two\n\n```console\n$ a b\nprinted\n\nmore\n\n$ c\n$ d\n```\n\n```sh\nsecond\nline\n```\n"

func TestBlocks(t *testing.T) {
	if diff := cmp.Diff([]string{"first\n", "second\nline\n"}, BlocksOf(page, "sh")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"first\n"}, BlocksOf(Section(page, "One"), "sh")); diff != "" {
		t.Error(diff)
	}
	if got := Section(page, "Three"); got != "" {
		t.Errorf("a heading that is not there has %q", got)
	}
}

func TestExamples(t *testing.T) {
	want := []Example{{"a b", "printed\n\nmore"}, {"c", ""}, {"d", ""}}
	if diff := cmp.Diff(want, Examples(page)); diff != "" {
		t.Error(diff)
	}
}

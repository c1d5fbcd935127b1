// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
)

// newSite returns a site of three files, of which the page docs/ has a body.
func newSite(t *testing.T, body string) *site {
	t.Helper()
	address, err := url.Parse("https://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	built, err := readSite(fstest.MapFS{
		"docs/index.html":          {Data: []byte(`<title>Docs</title><p id="here">` + body)},
		"docs/runbooks/index.html": {Data: []byte(`<title>Runbooks</title><h2 id="down">Down</h2>`)},
		"docs/session.svg":         {Data: []byte(`<svg/>`)},
	}, address)
	if err != nil {
		t.Fatal(err)
	}
	built.repository = "https://example.com/source/"
	built.checkout = fstest.MapFS{"config/samples/pipeline.yaml": {}}
	return built
}

func TestCheckPages(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"an anchor of the page itself":      {`<a href="#here">`, nil},
		"an anchor that is not there":       {`<a href="#there">`, []string{"docs/index.html links to #there, and that page has no such anchor"}},
		"a page, with and without a slash":  {`<a href="/docs/runbooks/#down"><a href="runbooks#down">`, nil},
		"an anchor of a page":               {`<a href="/docs/runbooks/#up">`, []string{"docs/index.html links to /docs/runbooks/#up, and that page has no such anchor"}},
		"a page that is not there":          {`<a href="/docs/runbook/">`, []string{"docs/index.html links to /docs/runbook/, which is not there"}},
		"the whole address":                 {`<a href="https://example.com/none">`, []string{"docs/index.html links to https://example.com/none, which is not there"}},
		"a picture":                         {`<img src="/docs/session.svg"><img src="session.png">`, []string{"docs/index.html links to session.png, which is not there"}},
		"a file of the repository":          {`<a href="https://example.com/source/config/samples/pipeline.yaml#L3">`, nil},
		"a folder of the repository":        {`<a href="https://example.com/source/config/samples">`, nil},
		"no file of the repository":         {`<a href="https://example.com/source/config/none">`, []string{"docs/index.html links to https://example.com/source/config/none, which the repository does not have"}},
		"somebody else's page":              {`<a href="https://kubernetes.io/docs/none">`, nil},
		"somebody else's script":            {`<script src="https://cdn.example.net/a.js"></script>`, []string{"docs/index.html loads https://cdn.example.net/a.js from elsewhere"}},
		"somebody else's style sheet":       {`<link rel="stylesheet" href="//cdn.example.net/a.css">`, []string{"docs/index.html loads //cdn.example.net/a.css from elsewhere"}},
		"the address of the page elsewhere": {`<link rel="canonical" href="https://other.example.net/docs/">`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newSite(t, test.body).checkPages(); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestCheckIndex(t *testing.T) {
	const docs, runbooks = "docs/index.html is reached from no other page; docs/README.md lists all", "docs/runbooks/index.html is reached from no other page; docs/README.md lists all"
	for body, want := range map[string][]string{
		`<a href="runbooks/">`:                    {docs},
		`<a href="#here"><a href="/docs/#other">`: {docs, runbooks},
		``: {docs, runbooks},
	} {
		if got := newSite(t, body).checkIndex(); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

func TestCheckFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rule.yaml")
	const content = "runbook_url: https://example.com/docs/runbooks#down\n# See `https://example.com/docs/runbooks#late` and https://example.com/gone\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := newSite(t, "").checkFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		file + " links to https://example.com/docs/runbooks#late, and that page has no such anchor",
		file + " links to https://example.com/gone, which is not there",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnEmptySiteIsNoSite(t *testing.T) {
	if _, err := readSite(fstest.MapFS{"style.css": {}}, &url.URL{}); err == nil {
		t.Error("a site without a page was read")
	}
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

// site is the built site, and the checkout that it was built from.
type site struct {
	folder  fs.FS
	address *url.URL
	// pages are all pages by the path of their file.
	pages map[string]*page

	checkout   fs.FS
	repository string
}

// readSite reads all pages of a site that is published at an address.
func readSite(folder fs.FS, address *url.URL) (*site, error) {
	built := &site{folder: folder, address: address, pages: map[string]*page{}}
	err := fs.WalkDir(folder, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".html" {
			return err
		}
		content, err := folder.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = content.Close() }()
		built.pages[name], err = parsePage(content)
		return err
	})
	if err == nil && len(built.pages) == 0 {
		err = fmt.Errorf("no page was built")
	}
	return built, err
}

func (s *site) countLinks() int {
	count := 0
	for _, page := range s.pages {
		count += len(page.links)
	}
	return count
}

// checkPages returns what is wrong with the links of all pages, in the order of the pages.
func (s *site) checkPages() []string {
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(s.pages)) {
		for _, link := range s.pages[name].links {
			if problem := s.checkLink(s.address.JoinPath(name), link); problem != "" {
				problems = append(problems, name+" "+problem)
			}
		}
	}
	return problems
}

// checkIndex returns the pages that no other page leads to: they are missing in the index.
func (s *site) checkIndex() []string {
	reached := map[string]bool{"index.html": true}
	for from, page := range s.pages {
		for _, link := range page.links {
			target, err := s.address.JoinPath(from).Parse(link.target)
			if err != nil || link.loads || target.Host != s.address.Host {
				continue
			}
			if to, ok := s.findFile(target.Path); ok && to != from {
				reached[to] = true
			}
		}
	}
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(s.pages)) {
		if !reached[name] {
			problems = append(problems, name+" is reached from no other page; docs/README.md lists all")
		}
	}
	return problems
}

// checkFile returns what is wrong with the addresses of the site that a file of the repository names.
func (s *site) checkFile(name string) ([]string, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var problems []string
	for _, address := range regexp.MustCompile(regexp.QuoteMeta(s.address.String())+`[^\s"'<>()\x60]*`).FindAllString(string(content), -1) {
		if problem := s.checkLink(s.address, link{target: address}); problem != "" {
			problems = append(problems, name+" "+problem)
		}
	}
	return problems, nil
}

// checkLink returns what is wrong with a link in what is published at an address, and nothing if it is right.
func (s *site) checkLink(from *url.URL, l link) string {
	target, err := from.Parse(l.target)
	if err != nil {
		return fmt.Sprintf("has a link that is no address: %v", err)
	}
	if file, ok := strings.CutPrefix(withoutFragment(target), s.repository); ok {
		if _, err := fs.Stat(s.checkout, path.Clean(file)); err != nil {
			return fmt.Sprintf("links to %s, which the repository does not have", l.target)
		}
		return ""
	}
	if target.Host != s.address.Host || target.Scheme != s.address.Scheme {
		if l.loads {
			return fmt.Sprintf("loads %s from elsewhere", l.target)
		}
		return ""
	}
	name, ok := s.findFile(target.Path)
	if !ok {
		return fmt.Sprintf("links to %s, which is not there", l.target)
	}
	if page := s.pages[name]; page != nil && target.Fragment != "" && !page.anchors[target.Fragment] {
		return fmt.Sprintf("links to %s, and that page has no such anchor", l.target)
	}
	return ""
}

// withoutFragment returns an address without its anchor.
func withoutFragment(address *url.URL) string {
	bare := *address
	bare.Fragment = ""
	return bare.String()
}

// findFile returns the file that a server gives out for a path of the site: the file itself, or the index of a folder.
func (s *site) findFile(target string) (string, bool) {
	name := path.Clean(strings.TrimPrefix(target, s.address.Path))
	for _, candidate := range []string{name, path.Join(name, "index.html")} {
		if info, err := fs.Stat(s.folder, candidate); err == nil && !info.IsDir() {
			return candidate, true
		}
	}
	return "", false
}

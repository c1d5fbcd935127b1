// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"slices"

	"golang.org/x/net/html"
)

// page is what other pages can refer to in a page, and what it refers to.
type page struct {
	anchors map[string]bool
	links   []link
}

// link is a reference in a page. If loads is set, a browser gets it without being asked.
type link struct {
	target string
	loads  bool
}

// parsePage returns the anchors and links of a page.
func parsePage(content io.Reader) (*page, error) {
	root, err := html.Parse(content)
	if err != nil {
		return nil, err
	}
	parsed := &page{anchors: map[string]bool{}}
	for node := range root.Descendants() {
		if node.Type != html.ElementNode {
			continue
		}
		for _, attribute := range node.Attr {
			switch attribute.Key {
			case "id":
				parsed.anchors[attribute.Val] = true
			case "href":
				parsed.links = append(parsed.links, link{attribute.Val, node.Data == "link" && !isCanonical(node)})
			case "src", "srcset", "data", "poster":
				parsed.links = append(parsed.links, link{attribute.Val, true})
			}
		}
	}
	return parsed, nil
}

// isCanonical reports whether an element names the address of its own page, which no browser loads.
func isCanonical(node *html.Node) bool {
	return slices.Contains(node.Attr, html.Attribute{Key: "rel", Val: "canonical"})
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"html"
	"strings"
)

// The sizes of a chart, in pixels.
const (
	rowHeight  = 22
	labelWidth = 420
	barWidth   = 360
	valueWidth = 90
)

// barChart returns an SVG with a bar for each figure. The longest bar is the largest figure.
func barChart(title string, figures []figure) string {
	largest := 0.0
	for _, f := range figures {
		largest = max(largest, f.Value)
	}
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n",
		labelWidth+barWidth+valueWidth, rowHeight*(len(figures)+2))
	fmt.Fprintf(&svg, `<rect width="100%%" height="100%%" fill="white"/><text x="8" y="%d" font-weight="bold">%s</text>`+"\n", rowHeight, html.EscapeString(title))
	for i, f := range figures {
		y, length := rowHeight*(i+2), 0.0
		if largest > 0 {
			length = f.Value / largest * barWidth
		}
		fmt.Fprintf(&svg, `<text x="%d" y="%d" text-anchor="end">%s</text>`, labelWidth-8, y, html.EscapeString(f.Name))
		fmt.Fprintf(&svg, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="#4477aa"/>`, labelWidth, y-12, length, rowHeight-8)
		fmt.Fprintf(&svg, `<text x="%.1f" y="%d">%.1f</text>`+"\n", labelWidth+length+6, y, f.Value)
	}
	svg.WriteString("</svg>\n")
	return svg.String()
}

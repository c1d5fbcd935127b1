// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
)

// curve is a plot of how many of something were done after a time.
type curve struct {
	file, title string
	series      []series
}

// series are the times at which each of several things was done.
type series struct {
	name  string
	times samples
}

// The size of a plot, and the space around it, in pixels.
const (
	plotWidth, plotHeight = 720, 360
	plotMargin            = 48
)

// plotColors are told from each other also by those who do not see every color.
var plotColors = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9"}

// svg draws the curve.
func (c curve) svg() string {
	var longest time.Duration
	most := 1
	for _, s := range c.series {
		if len(s.times) > 0 {
			longest = max(longest, slices.Max(s.times))
		}
		most = max(most, len(s.times))
	}
	longest = max(longest, time.Millisecond)
	x := func(d time.Duration) float64 {
		return plotMargin + float64(d)/float64(longest)*(plotWidth-2*plotMargin)
	}
	y := func(n int) float64 {
		return plotHeight - plotMargin - float64(n)/float64(most)*(plotHeight-2*plotMargin)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/><text x="%d" y="20" font-size="14">%s</text>`+"\n",
		plotWidth, plotHeight, plotMargin, html.EscapeString(c.title))
	fmt.Fprintf(&b, `<path d="M%d %d V%d H%d" fill="none" stroke="#444"/>`+"\n", plotMargin, plotMargin, plotHeight-plotMargin, plotWidth-plotMargin)
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text><text x="%d" y="%d" text-anchor="end">%d</text>`+"\n",
		plotWidth-plotMargin, plotHeight-plotMargin+16, longest.Round(time.Millisecond), plotMargin-6, plotMargin+4, most)
	for i, s := range c.series {
		color := plotColors[i%len(plotColors)]
		fmt.Fprintf(&b, `<path d="M%.1f %.1f`, x(0), y(0))
		for n, t := range slices.Sorted(slices.Values(s.times)) {
			fmt.Fprintf(&b, ` L%.1f %.1f`, x(t), y(n+1))
		}
		fmt.Fprintf(&b, `" fill="none" stroke="%s" stroke-width="2"/><text x="%d" y="%d" fill="%s">%s</text>`+"\n",
			color, plotMargin+8, plotMargin+16*(i+1), color, html.EscapeString(s.name))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

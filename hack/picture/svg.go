// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"fmt"
	"html"
	"image/color"
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
)

// Sizes in units of the picture. A cell is as wide as a character of common monospaced fonts of that size.
const (
	fontSize   = 14.0
	cellWidth  = 8.4
	lineHeight = 20.0
	margin     = 16.0
)

// The picture brings its own dark background, so that it can be read on light and dark pages.
const (
	background = "#14181f"
	foreground = "#d8dee6"
	quiet      = "#8b96a5"
)

// palette has the 16 colors that programs choose by number.
var palette = [16]string{
	"#3b4450", "#f07f6f", "#8fd08a", "#e6c369", "#79b4f2", "#cf9be8", "#77cfd2", "#d8dee6",
	"#8b96a5", "#ff9f90", "#a9e6a3", "#f5d98c", "#9dcbff", "#e2b8f5", "#97e4e6", "#ffffff",
}

// cells is a screen.
type cells interface {
	Width() int
	Height() int
	CellAt(x, y int) *uv.Cell
}

// part is a part of a line in one style.
type part struct {
	column, width int
	text          string
	style         uv.Style
}

// draw returns a picture of a screen down to its last line that shows something. Each line is one text element, so that it can be selected,
// searched and tested.
func draw(screen cells, title string) string {
	var lines [][]part
	for y := range screen.Height() {
		lines = append(lines, splitLine(screen, y))
	}
	for len(lines) > 0 && len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	width, height := 2*margin+cellWidth*float64(screen.Width()), 2*margin+lineHeight*float64(len(lines))
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img" aria-labelledby="title">`+"\n", width, height)
	fmt.Fprintf(&svg, `<title id="title">%s</title>`+"\n", html.EscapeString(title))
	fmt.Fprintf(&svg, `<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", background)
	fmt.Fprintf(&svg, `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="%.0f" fill="%s">`+"\n", fontSize, foreground)
	for y, line := range lines {
		fmt.Fprintf(&svg, `<text y="%.0f" xml:space="preserve">`, margin+lineHeight*(float64(y)+0.75))
		for _, p := range line {
			svg.WriteString(drawPart(p))
		}
		svg.WriteString("</text>\n")
	}
	svg.WriteString("</g>\n</svg>\n")
	return svg.String()
}

// drawPart returns a part of a line. Its length is set, so that columns stay straight in whatever font a reader has.
func drawPart(p part) string {
	var style string
	if fill := colorOf(p.style); fill != foreground {
		style += ` fill="` + fill + `"`
	}
	if p.style.Attrs&uv.AttrBold != 0 {
		style += ` font-weight="bold"`
	}
	return fmt.Sprintf(`<tspan x="%.1f" textLength="%.1f" lengthAdjust="spacingAndGlyphs"%s>%s</tspan>`,
		margin+cellWidth*float64(p.column), cellWidth*float64(p.width), style, html.EscapeString(p.text))
}

// splitLine returns a line of a screen as parts of one style each, without the spaces at its end.
func splitLine(screen cells, y int) []part {
	end := screen.Width()
	for end > 0 && isBlank(screen.CellAt(end-1, y)) {
		end--
	}
	var parts []part
	for x := 0; x < end; {
		cell := screen.CellAt(x, y)
		content, width, style := " ", 1, uv.Style{}
		if cell != nil && cell.Content != "" {
			content, width, style = cell.Content, max(cell.Width, 1), cell.Style
		}
		if last := len(parts) - 1; last >= 0 && parts[last].style.Equal(&style) {
			parts[last].text += content
			parts[last].width += width
		} else {
			parts = append(parts, part{x, width, content, style})
		}
		x += width
	}
	return parts
}

func isBlank(cell *uv.Cell) bool {
	return cell == nil || strings.TrimSpace(cell.Content) == ""
}

// colorOf returns the color of a style's text.
func colorOf(style uv.Style) string {
	switch c := style.Fg.(type) {
	case nil:
		if style.Attrs&uv.AttrFaint != 0 {
			return quiet
		}
		return foreground
	case ansi.BasicColor:
		return palette[c]
	case ansi.IndexedColor:
		if int(c) < len(palette) {
			return palette[c]
		}
		return hex(c)
	default:
		return hex(c)
	}
}

func hex(c color.Color) string {
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}

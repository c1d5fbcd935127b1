// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"regexp"
	"strings"
	"testing"
)

// What a terminal shows is in the picture: one element for each line, with its colors, and what XML needs to be escaped.
func TestDraw(t *testing.T) {
	term := newTerminal(20)
	if _, err := term.screen.Write([]byte("\x1b[1mName\x1b[0m  <a & b>\r\n\r\n\x1b[31m\u2717\x1b[0m end\r\n")); err != nil {
		t.Fatal(err)
	}
	picture := draw(term.screen, "A <test>")
	for _, want := range []string{
		`viewBox="0 0 200 92"`,
		`<title id="title">A &lt;test&gt;</title>`,
		`<text y="31" xml:space="preserve"><tspan x="16.0" textLength="33.6" lengthAdjust="spacingAndGlyphs" font-weight="bold">Name</tspan>` +
			`<tspan x="49.6" textLength="75.6" lengthAdjust="spacingAndGlyphs">  &lt;a &amp; b&gt;</tspan></text>`,
		`<text y="51" xml:space="preserve"></text>`,
		`fill="` + palette[1] + `">` + "\u2717</tspan>",
	} {
		if !strings.Contains(picture, want) {
			t.Errorf("the picture lacks %s:\n%s", want, picture)
		}
	}
	if regexp.MustCompile(`(href|src|@import|url\()`).MatchString(picture) {
		t.Error("the picture loads something from elsewhere")
	}
}

// Commands run on a terminal; one that goes on is ended when the screen shows what it waits for.
func TestRun(t *testing.T) {
	term := newTerminal(40)
	for _, command := range []string{"test -t 1 && echo on a terminal", "echo begun; sleep 600 ^C begun"} {
		if err := term.run(command); err != nil {
			t.Fatal(err)
		}
	}
	shown := term.screen.String()
	for _, want := range []string{"$ test -t 1 && echo on a terminal", "\non a terminal", "\nbegun", "^C"} {
		if !strings.Contains(shown, want) {
			t.Errorf("the terminal lacks %q:\n%s", want, shown)
		}
	}
	if err := term.run("exit 3"); err == nil {
		t.Error("a command that fails is drawn")
	}
}

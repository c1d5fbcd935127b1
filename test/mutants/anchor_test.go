// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
)

const sample = `package sample

type box[T any] struct{ value T }

func (b *box[T]) get() T { return b.value }

func get() int { return 1 }

var (
	limits = map[string]int{
		"low":  1,
		"high": 2,
	}
	names = []string{"low"}
)

func choose(a, b, c int) int {
	sum := a + b // The sum.
	if sum > limits["high"] {
		sum = limits["high"]
	}
	switch {
	case a*b*c == 0:
	case a == b:
		return max(
			a,
			c,
		)
	}
	return sum
}
`

func parseSample(t *testing.T) *sourceFile {
	t.Helper()
	file, err := parseFile("sample.go", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	file.siblings = []*sourceFile{file}
	return file
}

func TestAnchorIsFound(t *testing.T) {
	for name, test := range map[string]struct{ declaration, find, text string }{
		"expression":           {"choose", "a == b", "a == b"},
		"statement":            {"choose", "return sum", "return sum"},
		"statements":           {"choose", "return max(a, c)", "return max(\n\t\t\ta,\n\t\t\tc,\n\t\t)"},
		"other white space":    {"choose", "case a==b:return max( a,c )", "case a == b:\n\t\treturn max(\n\t\t\ta,\n\t\t\tc,\n\t\t)"},
		"comment":              {"choose", "sum := /* all */ a + b", "sum := a + b"},
		"case without body":    {"choose", "case a*b*c == 0:", "case a*b*c == 0:"},
		"arguments":            {"choose", "a, c", "a,\n\t\t\tc"},
		"element of a literal": {"limits", `"high": 2`, `"high": 2`},
		"comma at the end":     {"limits", `"low": 1,`, `"low":  1`},
		"method":               {"box.get", "b.value", "b.value"},
		"function of the name": {"get", "return 1", "return 1"},
		"type":                 {"box", "value T", "value T"},
	} {
		t.Run(name, func(t *testing.T) {
			file := parseSample(t)
			_, declaration, err := findDeclaration(file.siblings, test.declaration)
			if err != nil {
				t.Fatal(err)
			}
			place, err := findAnchor(file, declaration, test.find)
			if err != nil {
				t.Fatal(err)
			}
			if text := sample[place.start:place.end]; text != test.text {
				t.Errorf("found %q, want %q", text, test.text)
			}
		})
	}
}

func TestAnchorIsNotFound(t *testing.T) {
	for name, test := range map[string]struct{ declaration, find, message string }{
		"missing":                    {"choose", "a != b", "found 0 times, and has to be found once: a != b"},
		"ambiguous":                  {"choose", `limits["high"]`, `found 2 times, and has to be found once: limits["high"]`},
		"in another declaration":     {"choose", "b.value", "found 0 times, and has to be found once: b.value"},
		"a part of an expression":    {"choose", "b*c", "found 0 times, and has to be found once: b*c"},
		"a part of a statement":      {"choose", "if sum > limits", "found 0 times, and has to be found once: if sum > limits"},
		"nothing":                    {"choose", " // Nothing.\n", "there is nothing to find"},
		"no Go":                      {"choose", "a == '", "1:6: rune literal not terminated"},
		"element of another literal": {"names", `"high": 2`, `found 0 times, and has to be found once: "high": 2`},
	} {
		t.Run(name, func(t *testing.T) {
			file := parseSample(t)
			_, declaration, err := findDeclaration(file.siblings, test.declaration)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := findAnchor(file, declaration, test.find); err == nil || err.Error() != test.message {
				t.Errorf("the error is %v, want %s", err, test.message)
			}
		})
	}
}

func TestDeclarationIsNotFound(t *testing.T) {
	file := parseSample(t)
	_, _, err := findDeclaration(file.siblings, "box.put")
	const message = "box.put is declared 0 times, and has to be declared once"
	if err == nil || err.Error() != message {
		t.Errorf("the error is %v, want %s", err, message)
	}
}

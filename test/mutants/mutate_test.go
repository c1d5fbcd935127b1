// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

const price = `package shop

import "fmt"

func price(apples, pears int) (int, error) {
	if apples < 0 {
		return 0, fmt.Errorf("%d apples", apples)
	}
	return sum(2*apples, 3*pears), nil
}
`

const sum = `package shop

import (
	"errors"
	str "strings"
)

var errClosed = errors.New(str.ToLower("CLOSED"))

func sum(a, b int) int { return a + b }
`

var shopFiles = map[string]string{"shop/price.go": price, "shop/sum.go": sum, "shop/price_test.go": "package shop_test"}

// editPrice is an edit of the function price.
func editPrice(find, replace string) Edit {
	return Edit{Package: "shop", Func: "price", Find: find, Replace: replace}
}

func TestMutateSources(t *testing.T) {
	for name, test := range map[string]struct {
		edits []Edit
		want  string
	}{
		"an expression is replaced": {[]Edit{editPrice("apples < 0", "apples<0||pears<0")}, "if apples < 0 || pears < 0 {"},
		"a statement is deleted": {
			[]Edit{editPrice(`return 0, fmt.Errorf("%d apples", apples)`, "")},
			"if apples < 0 {\n\n\t}\n\treturn sum(2*apples, 3*pears), nil",
		},
		"an argument is deleted with the comma after it":        {[]Edit{editPrice("2*apples", "")}, "sum(3 * pears)"},
		"the last argument is deleted with the comma before it": {[]Edit{editPrice("3*pears", "")}, "sum(2 * apples)"},
		"two edits are made in one function": {
			[]Edit{editPrice("3*pears", "5*pears"), editPrice("2*apples", "3*apples")}, "sum(3*apples, 5*pears)",
		},
		"an import that is not used any more becomes blank": {
			[]Edit{editPrice(`fmt.Errorf("%d apples", apples)`, "nil")}, "import _ \"fmt\"",
		},
		"an import that another file has is added": {
			[]Edit{editPrice("2*apples", `len(str.Repeat("a", apples))`)}, "import str \"strings\"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := writeFiles(t, shopFiles)
			mutated, err := mutateSources(root, Fault{Edits: test.edits})
			if err != nil {
				t.Fatal(err)
			}
			text := string(mutated[filepath.Join(root, "shop", "price.go")])
			if len(mutated) != 1 || !strings.Contains(text, test.want) {
				t.Errorf("%d files are mutated; there is no %q in\n%s", len(mutated), test.want, text)
			}
		})
	}
}

func TestMutateSourcesRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		edits   []Edit
		message string
	}{
		"a missing anchor":    {[]Edit{editPrice("plums", "0")}, "shop, price: found 0 times, and has to be found once: plums"},
		"an ambiguous anchor": {[]Edit{editPrice("apples", "0")}, "shop, price: found 4 times, and has to be found once: apples"},
		"edits that overlap":  {[]Edit{editPrice("2*apples", "0"), editPrice("2*apples, 3*pears", "0")}, "two edits overlap"},
		"an unchanged file":   {[]Edit{editPrice("apples < 0", "apples<0")}, "the edits change nothing"},
		"no Go":               {[]Edit{editPrice("apples < 0", "apples <")}, "expected operand, found '{'"},
		"a missing folder":    {[]Edit{{Package: "cellar"}}, "has no Go files"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mutateSources(writeFiles(t, shopFiles), Fault{Edits: test.edits})
			if err == nil || !strings.Contains(err.Error(), test.message) {
				t.Errorf("the error is %v, want %s", err, test.message)
			}
		})
	}
}

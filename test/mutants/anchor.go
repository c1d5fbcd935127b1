// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/scanner"
	"go/token"
	"slices"
)

// span is a piece of a text, in bytes: from start up to, and without, end.
type span struct {
	start, end int
}

// findAnchor returns where in the declaration the source text stands. It has to stand there exactly once, as a whole piece of
// syntax: "b" is found in "a(b)", and "b * c" is not found in "a * b * c".
func findAnchor(file *sourceFile, declaration ast.Node, text string) (span, error) {
	wanted, err := scanTokens([]byte(text))
	if err != nil {
		return span{}, err
	}
	if len(wanted) == 0 {
		return span{}, errors.New("there is nothing to find")
	}
	tokens, err := scanTokens(file.text)
	if err != nil {
		return span{}, err
	}
	var found []span
	for i := 0; i+len(wanted) <= len(tokens); i++ {
		candidate := tokens[i : i+len(wanted)]
		place := span{candidate[0].start, candidate[len(candidate)-1].end}
		if slices.EqualFunc(candidate, wanted, isSameToken) && isWholeSyntax(file, declaration, place) {
			found = append(found, place)
		}
	}
	if len(found) != 1 {
		return span{}, fmt.Errorf("found %d times, and has to be found once: %s", len(found), text)
	}
	return found[0], nil
}

// lexeme is a token of Go with its place in the text.
type lexeme struct {
	span
	token   token.Token
	literal string
}

func isSameToken(a, b lexeme) bool {
	return a.token == b.token && a.literal == b.literal
}

// scanTokens returns the tokens of a text, without those that depend on where its lines break: semicolons, and a comma after
// the last element of a list.
func scanTokens(text []byte) ([]lexeme, error) {
	var tokens []lexeme
	var failure error
	file := token.NewFileSet().AddFile("", -1, len(text))
	var reader scanner.Scanner
	reader.Init(file, text, func(at token.Position, message string) {
		failure = fmt.Errorf("%d:%d: %s", at.Line, at.Column, message)
	}, 0)
	for {
		position, kind, literal := reader.Scan()
		if isListEnd(kind) && len(tokens) > 0 && tokens[len(tokens)-1].token == token.COMMA {
			tokens = tokens[:len(tokens)-1]
		}
		if kind == token.EOF {
			return tokens, failure
		}
		if kind == token.SEMICOLON {
			continue
		}
		start := file.Offset(position)
		length := len(literal)
		if !kind.IsLiteral() && !kind.IsKeyword() {
			length = len(kind.String())
		}
		tokens = append(tokens, lexeme{span{start, start + length}, kind, literal})
	}
}

// isListEnd reports whether a comma before the token is optional.
func isListEnd(kind token.Token) bool {
	return kind == token.RPAREN || kind == token.RBRACE || kind == token.RBRACK || kind == token.EOF
}

// isWholeSyntax reports whether a piece of the declaration is one node of the syntax tree, or several that follow one another
// in the same node.
func isWholeSyntax(file *sourceFile, declaration ast.Node, place span) bool {
	whole := false
	ast.Inspect(declaration, func(node ast.Node) bool {
		if whole || node == nil || file.offset(node.Pos()) > place.start || file.offset(node.End()) < place.end {
			return false
		}
		whole = isRun(file, []ast.Node{node}, place) || isRun(file, listChildren(node), place)
		return true
	})
	return whole
}

// isRun reports whether one of the nodes begins where the span does, and one of them ends where the span does.
func isRun(file *sourceFile, nodes []ast.Node, place span) bool {
	return slices.ContainsFunc(nodes, func(n ast.Node) bool { return file.offset(n.Pos()) == place.start }) &&
		slices.ContainsFunc(nodes, func(n ast.Node) bool { return file.offset(n.End()) == place.end })
}

// listChildren returns the nodes that are directly below a node.
func listChildren(parent ast.Node) []ast.Node {
	var children []ast.Node
	ast.Inspect(parent, func(node ast.Node) bool {
		if node == nil || node == parent {
			return node == parent
		}
		children = append(children, node)
		return false
	})
	return children
}

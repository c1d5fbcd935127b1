// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package monitoring

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// findUnserved returns what of a query is not among the samples: metrics, and labels by which it selects, groups or matches that no series
// of the metrics has.
func findUnserved(expr parser.Expr, s samples) []string {
	var problems []string
	known := map[string]bool{model.MetricNameLabel: true}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		served := s.labelNames(selector.Name)
		if served == nil {
			problems = append(problems, "there is no metric "+selector.Name)
		}
		for _, m := range selector.LabelMatchers {
			if served != nil && !served[m.Name] {
				problems = append(problems, fmt.Sprintf("%s has no label %s", selector.Name, m.Name))
			}
		}
		maps.Copy(known, served)
		return nil
	})
	for _, name := range groupingLabels(expr) {
		if !known[name] {
			problems = append(problems, "no metric of it has the label "+name)
		}
	}
	return problems
}

// groupingLabels returns the labels by which a query groups and matches.
func groupingLabels(expr parser.Expr) []string {
	var found []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.AggregateExpr:
			found = append(found, n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				found = append(slices.Concat(found, n.VectorMatching.MatchingLabels), n.VectorMatching.Include...)
			}
		}
		return nil
	})
	return found
}

// measuredParts returns what a query compares: a comparison gives nothing while all is well, but what is compared has to be there.
func measuredParts(expr parser.Expr) []parser.Expr {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return measuredParts(e.Expr)
	case *parser.BinaryExpr:
		if e.Op.IsComparisonOperator() || e.Op.IsSetOperator() {
			return append(measuredParts(e.LHS), measuredParts(e.RHS)...)
		}
	case *parser.Call:
		if e.Func.Name == "absent" {
			return measuredParts(e.Args[0])
		}
	case *parser.NumberLiteral:
		return nil
	}
	return []parser.Expr{expr}
}

func parse(t *testing.T, query string) parser.Expr {
	t.Helper()
	expr, err := promQL.ParseExpr(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return expr
}

func TestMeasuredParts(t *testing.T) {
	for query, want := range map[string][]string{
		"a":                             {"a"},
		"a > 1":                         {"a"},
		"(a / b) > 0.5 and sum(c) > 10": {"a / b", "sum(c)"},
		"max(a) unless max(b) == 1":     {"max(a)", "max(b)"},
		"absent(a)":                     {"a"},
		"1 < a < bool 2 or b":           {"a", "b"},
	} {
		var got []string
		for _, part := range measuredParts(parse(t, query)) {
			got = append(got, part.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

func TestFindUnserved(t *testing.T) {
	s := samples{}
	s.addPoint(labels.FromStrings(model.MetricNameLabel, "a", "x", "1"), promql.FPoint{})
	s.addPoint(labels.FromStrings(model.MetricNameLabel, "a", "y", "1"), promql.FPoint{})
	s.addPoint(labels.FromStrings(model.MetricNameLabel, "b"), promql.FPoint{})
	for query, want := range map[string][]string{
		`a{x="1", y!="2"}`:              nil,
		`sum by (x) (rate(a[5m]))`:      nil,
		`a / on (x) group_left (y) a`:   nil,
		`c`:                             {"there is no metric c"},
		`absent(c{x="1"})`:              {"there is no metric c"},
		`b{x="1"}`:                      {"b has no label x"},
		`sum by (x) (b)`:                {"no metric of it has the label x"},
		`sum without (z) (a)`:           {"no metric of it has the label z"},
		`a / ignoring (z) a`:            {"no metric of it has the label z"},
		`a * on (x) group_left (z) a`:   {"no metric of it has the label z"},
		`max_over_time(c[1d]) unless a`: {"there is no metric c"},
	} {
		if diff := cmp.Diff(want, findUnserved(parse(t, query), s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

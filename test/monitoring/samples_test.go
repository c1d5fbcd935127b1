// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package monitoring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// samples are what was scraped: the series by their labels.
type samples map[string]*promql.Series

// add adds a page of metrics that was scraped at a time. Each series gets the labels that Prometheus adds to those of a target.
func (s samples) add(page []byte, at time.Time, target labels.Labels) error {
	p := textparse.NewPromParser(page, labels.NewSymbolTable(), false)
	for {
		entry, err := p.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case entry != textparse.EntrySeries:
			continue
		}
		var series labels.Labels
		p.Labels(&series)
		_, _, value := p.Series()
		builder := labels.NewBuilder(series)
		target.Range(func(l labels.Label) { builder.Set(l.Name, l.Value) })
		s.addPoint(builder.Labels(), promql.FPoint{T: at.UnixMilli(), F: value})
	}
}

func (s samples) addPoint(series labels.Labels, point promql.FPoint) {
	key := series.String()
	if s[key] == nil {
		s[key] = &promql.Series{Metric: series}
	}
	s[key].Floats = append(s[key].Floats, point)
}

// labelNames returns the labels that the series of a metric have, or nil if there are none.
func (s samples) labelNames(metric string) map[string]bool {
	var found map[string]bool
	for _, series := range s {
		if series.Metric.Get(model.MetricNameLabel) != metric {
			continue
		}
		if found == nil {
			found = map[string]bool{}
		}
		series.Metric.Range(func(l labels.Label) { found[l.Name] = true })
	}
	return found
}

// Querier makes the samples a storage of Prometheus.
func (s samples) Querier(int64, int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		var selected []storage.Series
		for _, series := range s {
			if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(series.Metric.Get(m.Name)) }) {
				selected = append(selected, promql.NewStorageSeries(*series))
			}
		}
		slices.SortFunc(selected, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
		return &seriesSet{series: selected}
	}}, nil
}

// seriesSet goes through series. At is that of the last Next.
type seriesSet struct {
	series []storage.Series
	at     storage.Series
}

func (s *seriesSet) Next() bool {
	if len(s.series) == 0 {
		return false
	}
	s.at, s.series = s.series[0], s.series[1:]
	return true
}

func (s *seriesSet) At() storage.Series                { return s.at }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

var promQL = parser.NewParser(parser.Options{})

// evaluate returns what a query gives at a time. Values that are no numbers are left out.
func (s samples) evaluate(ctx context.Context, query string, at time.Time) (promql.Vector, error) {
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: promQL})
	defer func() { _ = engine.Close() }()
	q, err := engine.NewInstantQuery(ctx, s, nil, query, at)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	result := q.Exec(ctx)
	if result.Err != nil {
		return nil, result.Err
	}
	vector, ok := result.Value.(promql.Vector)
	if !ok {
		return nil, fmt.Errorf("it gives a %s", result.Value.Type())
	}
	kept := make(promql.Vector, 0, len(vector))
	for _, sample := range vector {
		if !math.IsNaN(sample.F) {
			kept = append(kept, sample)
		}
	}
	return kept, nil
}

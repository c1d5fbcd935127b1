// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

// The metrics of several shards are added up, and those of the replicas of one shard are not.
func TestMetricsHaveTheShardAsLabel(t *testing.T) {
	sharded, plain := &flags{}, &flags{}
	if err := sharded.shard.Set("1/2"); err != nil {
		t.Fatal(err)
	}
	for f, name := range map[*flags]string{sharded: "test_sharded", plain: "test_plain"} {
		f.registerer().MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: "Of a test."}))
	}
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "test_") {
			for _, label := range family.GetMetric()[0].GetLabel() {
				got[family.GetName()] += label.GetName() + "=" + label.GetValue()
			}
		}
	}
	if got["test_sharded"] != "shard=1/2" || got["test_plain"] != "" {
		t.Errorf("the labels are %v", got)
	}
}

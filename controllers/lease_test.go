// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

// The names are fixed: replicas of two releases must agree on them while one replaces the other, and so must the roles in config/.
func TestWhichLeaseAnOperatorHolds(t *testing.T) {
	longNames := Namespaces{}
	for c := 'a'; c <= 'z'; c++ {
		name := ""
		for len(name) < validation.DNS1123LabelMaxLength {
			name += string(c)
		}
		longNames = append(longNames, name)
	}
	for _, tt := range []struct {
		name       string
		shard      string
		namespaces Namespaces
		want       string
	}{
		{name: "all namespaces", want: "haltline.pipelines.haltline.dev"},
		{name: "the only shard", shard: "0/1", want: "haltline-0-of-1.pipelines.haltline.dev"},
		{name: "a shard", shard: "1/2", want: "haltline-1-of-2.pipelines.haltline.dev"},
		{name: "the last shard", shard: "99/100", want: "haltline-99-of-100.pipelines.haltline.dev"},
		{name: "a namespace", namespaces: Namespaces{"team-a"}, want: "haltline-96c2886c51d1dfb4.pipelines.haltline.dev"},
		{name: "another namespace", namespaces: Namespaces{"team-b"}, want: "haltline-e618ceaa77728baa.pipelines.haltline.dev"},
		{name: "both", namespaces: Namespaces{"team-a", "team-b"}, want: "haltline-183efbe2b206205b.pipelines.haltline.dev"},
		{name: "both in another order", namespaces: Namespaces{"team-b", "team-a"}, want: "haltline-183efbe2b206205b.pipelines.haltline.dev"},
		{name: "names that join to the same letters", namespaces: Namespaces{"team", "a-team-b"}, want: "haltline-eea620eee37d97be.pipelines.haltline.dev"},
		{name: "names that are longer together than a name may be", namespaces: longNames, want: "haltline-b9513ab0b3dab7d7.pipelines.haltline.dev"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var shard Shard
			if tt.shard != "" {
				shard = mustShard(t, tt.shard)
			}
			got := LeaseName(shard, tt.namespaces)
			if got != tt.want {
				t.Errorf("the lease is %s, want %s", got, tt.want)
			}
			if problems := validation.IsDNS1123Subdomain(got); len(problems) > 0 {
				t.Errorf("%s is no name of a lease: %v", got, problems)
			}
		})
	}
}

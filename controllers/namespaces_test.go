// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"flag"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

func TestNamespacesOfTheFlag(t *testing.T) {
	for _, tt := range []struct {
		name      string
		arguments []string
		want      Namespaces
		isRefused bool
	}{
		{"none is all", nil, nil, false},
		{"one", []string{"--namespaces=team-a"}, Namespaces{"team-a"}, false},
		{"commas", []string{"--namespaces=team-a, team-b"}, Namespaces{"team-a", "team-b"}, false},
		{"repeated", []string{"--namespaces=team-a", "--namespaces=team-b,team-a"}, Namespaces{"team-a", "team-b"}, false},
		{"empty, such as of a variable that is not set, is not all", []string{"--namespaces="}, nil, true},
		{"a comma too many", []string{"--namespaces=team-a,"}, Namespaces{"team-a"}, true},
		{"no name of a namespace", []string{"--namespaces=Team_A"}, nil, true},
		{"no pattern", []string{"--namespaces=*"}, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got Namespaces
			flags := flag.NewFlagSet("test", flag.ContinueOnError)
			flags.SetOutput(io.Discard)
			flags.Var(&got, "namespaces", "")
			err := flags.Parse(tt.arguments)
			if (err != nil) != tt.isRefused {
				t.Errorf("the error is %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheCacheHoldsOnlyTheNamespacesOfTheFlag(t *testing.T) {
	if got := InNamespaces(CacheOptions(), nil).DefaultNamespaces; got != nil {
		t.Errorf("without the flag the cache is limited to %v", got)
	}
	want := map[string]cache.Config{"team-a": {}, "team-b": {}}
	options := InNamespaces(CacheOptions(), Namespaces{"team-a", "team-b"})
	if diff := cmp.Diff(want, options.DefaultNamespaces); diff != "" {
		t.Error(diff)
	}
	for object, of := range options.ByObject {
		if of.Namespaces != nil {
			t.Errorf("the cache of %T is of %v", object, of.Namespaces)
		}
	}
}

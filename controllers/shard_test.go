// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"
)

func parseShard(values ...string) (Shard, error) {
	var shard Shard
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Var(&shard, "shard", "")
	var arguments []string
	for _, value := range values {
		arguments = append(arguments, "--shard="+value)
	}
	return shard, flags.Parse(arguments)
}

// mustShard returns the shard of a flag.
func mustShard(t *testing.T, value string) Shard {
	t.Helper()
	shard := Shard{}
	if err := shard.Set(value); err != nil {
		t.Fatal(err)
	}
	return shard
}

// A shard that cannot be is refused, and the message has the flag, what was found, and what to do.
func TestShardsThatCannotBe(t *testing.T) {
	for _, tt := range []struct {
		values []string
		do     string
	}{
		{[]string{""}, "such as 0/2"},
		{[]string{"1"}, "such as 0/2"},
		{[]string{"a/b"}, "such as 0/2"},
		{[]string{"-1/2"}, "such as 0/2"},
		{[]string{"+1/2"}, "such as 0/2"},
		{[]string{"0 / 2"}, "such as 0/2"},
		{[]string{"01/2"}, "such as 0/2"},
		{[]string{"0/2/3"}, "such as 0/2"},
		{[]string{"0/2,1/2"}, "such as 0/2"},
		{[]string{"0/99999999999999999999"}, "such as 0/2"},
		{[]string{"0/0"}, "1 to 100"},
		{[]string{"0/101"}, "1 to 100"},
		{[]string{"2/2"}, "the last one is 1/2"},
		{[]string{"0/2", "1/2"}, "run another operator"},
	} {
		_, err := parseShard(tt.values...)
		if err == nil {
			t.Errorf("%q is taken", tt.values)
			continue
		}
		for _, part := range []string{"-shard", fmt.Sprintf("%q", tt.values[len(tt.values)-1]), tt.do} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the message about %q lacks %s: %v", tt.values, part, err)
			}
		}
	}
}

func TestShardsThatCanBe(t *testing.T) {
	for _, value := range []string{"0/1", "1/2", "99/100"} {
		shard, err := parseShard(value)
		if err != nil || shard.String() != value || !shard.IsSet() {
			t.Errorf("%q becomes %q, and the error %v", value, shard.String(), err)
		}
	}
	none, err := parseShard()
	if err != nil || none.String() != "" || none.IsSet() || !none.Serves("any") {
		t.Errorf("without the flag it is %q, and the error %v", none.String(), err)
	}
}

func TestFlagsThatDoNotGoWithAShard(t *testing.T) {
	shard, none := mustShard(t, "0/2"), Shard{}
	for _, tt := range []struct {
		shard       Shard
		namespaces  Namespaces
		leaderElect bool
		want        []string
	}{
		{shard, nil, true, nil},
		{none, Namespaces{"team-a"}, false, nil},
		{shard, Namespaces{"team-a", "team-b"}, true, []string{"--shard=0/2", "--namespaces=team-a,team-b", "leave one of them out"}},
		{shard, nil, false, []string{"--shard=0/2", "add --leader-elect"}},
	} {
		err := tt.shard.CheckFlags(tt.namespaces, tt.leaderElect)
		if (err == nil) != (tt.want == nil) {
			t.Errorf("%v: the error is %v", tt, err)
		}
		for _, part := range tt.want {
			if !strings.Contains(fmt.Sprint(err), part) {
				t.Errorf("the message lacks %q: %v", part, err)
			}
		}
	}
}

// A namespace never moves: the operators of two releases must agree, and so must whoever computes it as docs/scaling.md does.
func TestWhichNamespacesAShardServes(t *testing.T) {
	for namespace, want := range map[string]string{"default": "0/3", "team-a": "0/3", "team-c": "2/3", "team-e": "1/3"} {
		for index := range 3 {
			value := fmt.Sprintf("%d/3", index)
			shard := mustShard(t, value)
			if shard.Serves(namespace) != (value == want) {
				t.Errorf("%s serves %s: %v, want it to be of %s", value, namespace, value != want, want)
			}
		}
	}
}

// Each namespace has exactly one shard, and shards have about the same number of them, also if their names differ in a character.
func TestShardsDivideTheNamespaces(t *testing.T) {
	const count, namespaces = 4, 1000
	served := map[string]int{}
	for n := range namespaces {
		shards := 0
		for index := range count {
			shard := mustShard(t, fmt.Sprintf("%d/%d", index, count))
			if shard.Serves(fmt.Sprintf("team-%d", n)) {
				shards++
				served[shard.String()]++
			}
		}
		if shards != 1 {
			t.Errorf("the namespace team-%d has %d shards", n, shards)
		}
	}
	for shard, n := range served {
		if n < namespaces/count*3/4 || n > namespaces/count*5/4 {
			t.Errorf("shard %s serves %d of %d namespaces", shard, n, namespaces)
		}
	}
}

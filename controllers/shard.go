// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// maxShards bounds how many shards there are. Each holds watches of the whole cluster.
const maxShards = 100

// Shard is the part of the namespaces that an operator works in, if several divide them. It is a flag, INDEX/COUNT. The zero value is
// no shard: all namespaces.
type Shard struct {
	// index counts from 0 and is less than count.
	index, count uint32
}

var shardPattern = regexp.MustCompile(`^(0|[1-9]\d{0,8})/(0|[1-9]\d{0,8})$`)

// IsSet reports whether it is a shard.
func (s *Shard) IsSet() bool { return s.count > 0 }

// String returns INDEX/COUNT, or nothing if it is no shard.
func (s *Shard) String() string {
	if !s.IsSet() {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.index, s.count)
}

// Set reads INDEX/COUNT. It returns an error if that is no shard, or if the flag was given before.
func (s *Shard) Set(value string) error {
	parts := shardPattern.FindStringSubmatch(value)
	if parts == nil {
		return fmt.Errorf("%q is no shard: give its index and the number of shards, such as 0/2 for one operator and 1/2 for the other", value)
	}
	// Nine digits fit.
	index, _ := strconv.ParseUint(parts[1], 10, 32)
	count, _ := strconv.ParseUint(parts[2], 10, 32)
	switch {
	case s.IsSet():
		return fmt.Errorf("%q comes after %s: an operator serves one shard; run another operator for the other one", value, s)
	case count == 0 || count > maxShards:
		return fmt.Errorf("%q has %d shards: there can be 1 to %d; divide the namespaces over several clusters if that is too few", value, count, maxShards)
	case index >= count:
		return fmt.Errorf("%q has no such index: it counts from 0, so of %d shards the last one is %d/%d", value, count, count-1, count)
	}
	s.index, s.count = uint32(index), uint32(count)
	return nil
}

// CheckFlags returns an error if other flags do not go with a shard.
func (s *Shard) CheckFlags(namespaces Namespaces, leaderElect bool) error {
	switch {
	case !s.IsSet():
		return nil
	case len(namespaces) > 0:
		return fmt.Errorf("--shard=%s and --namespaces=%s: both say where the operator works; leave one of them out", s, strings.Join(namespaces, ","))
	case !leaderElect:
		return fmt.Errorf("--shard=%s without --leader-elect: add --leader-elect, so that one replica at a time works on the shard", s)
	}
	return nil
}

// Serves reports whether a namespace belongs to the shard: the first 32 bits of the SHA-256 sum of its name, modulo the number of
// shards, are its index. So names that differ in one character are divided as evenly as others, and anybody can compute it.
func (s *Shard) Serves(namespace string) bool {
	if !s.IsSet() {
		return true
	}
	sum := sha256.Sum256([]byte(namespace))
	return binary.BigEndian.Uint32(sum[:])%s.count == s.index
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Seconds is a flag for a length of time in whole seconds, such as 90, 90s or 10m. It is nil until it is set.
type Seconds struct {
	// Value is the number of seconds, 0 or more.
	Value *int64
}

// String implements pflag.Value.
func (s *Seconds) String() string {
	if s.Value == nil {
		return ""
	}
	return strconv.FormatInt(*s.Value, 10) + "s"
}

// Set implements pflag.Value.
func (s *Seconds) Set(text string) error {
	seconds, err := parseSeconds(text)
	if err != nil {
		return err
	}
	s.Value = &seconds
	return nil
}

// Type implements pflag.Value.
func (s *Seconds) Type() string { return "duration" }

func parseSeconds(text string) (int64, error) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && seconds >= 0 {
		return seconds, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || math.Mod(d.Seconds(), 1) != 0 {
		return 0, fmt.Errorf("found %q; want whole seconds, such as 90, 90s or 10m", text)
	}
	return int64(d.Seconds()), nil
}

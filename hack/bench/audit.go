// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// auditLog reads what the API server logged of the requests to it.
type auditLog struct {
	path   string
	offset int64
}

// census is who asked the API server for what, for each of a number of things that were done.
type census struct {
	Of    string `json:"of"`
	Lines []line `json:"lines"`
}

type line struct {
	Who  string  `json:"who"`
	What string  `json:"what"`
	Each float64 `json:"each"`
}

// auditEvent is what is read of a line of the log.
type auditEvent struct {
	Verb string `json:"verb"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	ImpersonatedUser struct {
		Username string `json:"username"`
	} `json:"impersonatedUser"`
	UserAgent string `json:"userAgent"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
}

// skip goes to the end of the log.
func (a *auditLog) skip() error {
	info, err := os.Stat(a.path)
	if err != nil {
		return err
	}
	a.offset = info.Size()
	return nil
}

// count counts the requests since the last call, for each of n things.
func (a *auditLog) count(of string, n int) (census, error) {
	file, err := os.Open(a.path)
	if err != nil {
		return census{}, err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(a.offset, io.SeekStart); err != nil {
		return census{}, err
	}
	lines, read, err := countRequests(file)
	a.offset += read
	c := census{Of: of, Lines: lines}
	for i := range c.Lines {
		c.Lines[i].Each /= float64(n)
	}
	return c, err
}

// countRequests counts the complete lines of a log, the most frequent requests of everybody first, and returns how many bytes they have.
func countRequests(log io.Reader) (lines []line, read int64, err error) {
	type key struct{ who, what string }
	counted := map[key]int{}
	r := bufio.NewReader(log)
	for {
		raw, err := r.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, read, err
		}
		read += int64(len(raw))
		var e auditEvent
		if err := json.Unmarshal(bytes.TrimSpace(raw), &e); err != nil {
			return nil, read, fmt.Errorf("reading the audit log: %w", err)
		}
		counted[key{e.who(), e.what()}]++
	}
	for k, n := range counted {
		lines = append(lines, line{k.who, k.what, float64(n)})
	}
	slices.SortFunc(lines, func(a, b line) int {
		if a.Who != b.Who {
			return strings.Compare(a.Who, b.Who)
		}
		if a.Each != b.Each {
			return int(b.Each - a.Each)
		}
		return strings.Compare(a.What, b.What)
	})
	return lines, read, nil
}

// operatorName is how the operator is called in a census.
const operatorName = "operator"

func (e *auditEvent) who() string {
	switch {
	case strings.HasSuffix(e.ImpersonatedUser.Username, ":haltline-manager"):
		return operatorName
	case strings.HasPrefix(e.UserAgent, userAgent):
		return "people"
	case strings.HasPrefix(e.UserAgent, "kwok"):
		return "node"
	case strings.HasPrefix(e.User.Username, "system:serviceaccount:kube-system:"):
		return strings.TrimPrefix(e.User.Username, "system:serviceaccount:kube-system:")
	}
	return e.User.Username
}

func (e *auditEvent) what() string {
	what := e.Verb + " " + e.ObjectRef.Resource
	if e.ObjectRef.Subresource != "" {
		what += "/" + e.ObjectRef.Subresource
	}
	return what
}

// total returns how many requests the operator made for each: of these kinds, or of all if none is given.
func (c census) total(what ...string) float64 {
	sum := 0.0
	for _, l := range c.Lines {
		if l.Who == operatorName && (len(what) == 0 || slices.Contains(what, l.What)) {
			sum += l.Each
		}
	}
	return sum
}

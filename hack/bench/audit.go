// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
)

// auditEntry is a line of the audit log (audit.k8s.io/v1 Event), with the fields that are counted.
type auditEntry struct {
	Verb      string `json:"verb"`
	User      struct{ Username string }
	ObjectRef struct{ Resource, Subresource string }
}

// requestCounts are numbers of requests by "VERB RESOURCE", of the operator and of everybody else.
type requestCounts struct {
	Operator map[string]int `json:"operator"`
	Others   map[string]int `json:"others"`
}

// countRequests counts the requests of an audit log. Watches and requests for no resource, such as leases' and probes', are left
// out: they do not depend on what is measured.
func countRequests(log io.Reader) (requestCounts, error) {
	counts := requestCounts{Operator: map[string]int{}, Others: map[string]int{}}
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var entry auditEntry
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			return counts, err
		}
		resource := entry.ObjectRef.Resource
		if resource == "" || resource == "leases" || entry.Verb == "watch" {
			continue
		}
		if entry.ObjectRef.Subresource != "" {
			resource += "/" + entry.ObjectRef.Subresource
		}
		if entry.User.Username == operatorUser {
			counts.Operator[entry.Verb+" "+resource]++
		} else {
			counts.Others[entry.Verb+" "+resource]++
		}
	}
	return counts, lines.Err()
}

func (c *cluster) auditLog() string { return filepath.Join(c.folder, "logs", "audit.log") }

// auditMark returns a place in the audit log.
func (c *cluster) auditMark() (int64, error) {
	info, err := os.Stat(c.auditLog())
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// countSince counts the requests that were answered since a mark.
func (c *cluster) countSince(mark int64) (requestCounts, error) {
	file, err := os.Open(c.auditLog())
	if err != nil {
		return requestCounts{}, err
	}
	defer file.Close()
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return requestCounts{}, err
	}
	return countRequests(io.NewSectionReader(file, mark, end-mark))
}

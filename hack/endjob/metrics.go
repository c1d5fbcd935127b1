// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"regexp"
	"strconv"
	"time"
)

// writeCounts counts writes by resource, subresources included.
type writeCounts map[string]int

var (
	requestLine      = regexp.MustCompile(`^apiserver_request_total\{(.*)\} (\S+)$`)
	labelPair        = regexp.MustCompile(`(\w+)="([^"]*)"`)
	writingVerbs     = map[string]bool{"POST": true, "PUT": true, "PATCH": true, "APPLY": true, "DELETE": true, "DELETECOLLECTION": true}
	countedResources = []string{"jobs", "pods", "events"}
)

// countWrites calls do, lets the cluster come to rest for the pause, and returns what everybody wrote in the meantime.
func (c *testCluster) countWrites(ctx context.Context, pause time.Duration, do func() error) (writeCounts, error) {
	before, err := c.readWriteCounts(ctx)
	if err != nil {
		return nil, err
	}
	if err := do(); err != nil {
		return nil, err
	}
	if err := sleepFor(ctx, pause); err != nil {
		return nil, err
	}
	counts, err := c.readWriteCounts(ctx)
	if err != nil {
		return nil, err
	}
	for resource := range counts {
		counts[resource] -= before[resource]
	}
	return counts, nil
}

// readWriteCounts reads the API server's own metric of requests. It returns the sums since the API server started.
func (c *testCluster) readWriteCounts(ctx context.Context) (writeCounts, error) {
	metrics, err := c.client.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	counts := writeCounts{}
	lines := bufio.NewScanner(bytes.NewReader(metrics))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		match := requestLine.FindStringSubmatch(lines.Text())
		if match == nil {
			continue
		}
		labels := map[string]string{}
		for _, pair := range labelPair.FindAllStringSubmatch(match[1], -1) {
			labels[pair[1]] = pair[2]
		}
		count, err := strconv.ParseFloat(match[2], 64)
		if err != nil {
			return nil, err
		}
		if writingVerbs[labels["verb"]] {
			counts[labels["resource"]] += int(count)
		}
	}
	return counts, lines.Err()
}

func addWrites(a, b writeCounts) writeCounts {
	sum := writeCounts{}
	for _, resource := range countedResources {
		sum[resource] = a[resource] + b[resource]
	}
	return sum
}

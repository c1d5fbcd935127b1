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

// writes counts what was written, by resource.
type writes map[string]int

var (
	requestLine = regexp.MustCompile(`^apiserver_request_total\{(.*)\} (\S+)$`)
	label       = regexp.MustCompile(`(\w+)="([^"]*)"`)
	mutating    = map[string]bool{"POST": true, "PUT": true, "PATCH": true, "APPLY": true, "DELETE": true, "DELETECOLLECTION": true}
	resources   = []string{"jobs", "pods", "events"}
)

// counting returns how much was written to Jobs, pods and events, subresources included, while something was done, and
// until the cluster is at rest again.
func (c *cluster) counting(ctx context.Context, pause time.Duration, do func() error) (writes, error) {
	before, err := c.written(ctx)
	if err != nil {
		return nil, err
	}
	if err := do(); err != nil {
		return nil, err
	}
	if err := sleep(ctx, pause); err != nil {
		return nil, err
	}
	after, err := c.written(ctx)
	if err != nil {
		return nil, err
	}
	for resource := range after {
		after[resource] -= before[resource]
	}
	return after, nil
}

// written reads the API server's own count of requests.
func (c *cluster) written(ctx context.Context) (writes, error) {
	metrics, err := c.client.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	total := writes{}
	lines := bufio.NewScanner(bytes.NewReader(metrics))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		match := requestLine.FindStringSubmatch(lines.Text())
		if match == nil {
			continue
		}
		labels := map[string]string{}
		for _, pair := range label.FindAllStringSubmatch(match[1], -1) {
			labels[pair[1]] = pair[2]
		}
		count, err := strconv.ParseFloat(match[2], 64)
		if err != nil {
			return nil, err
		}
		if mutating[labels["verb"]] {
			total[labels["resource"]] += int(count)
		}
	}
	return total, lines.Err()
}

func (w writes) plus(another writes) writes {
	sum := writes{}
	for _, resource := range resources {
		sum[resource] = w[resource] + another[resource]
	}
	return sum
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

// checkProgress is how far the check of one generation of a Pipeline is. It is kept in memory: after a restart the check of a Pipeline
// that is not Valid begins again.
type checkProgress struct {
	uid        types.UID
	generation int64
	// passed is how many of the Job templates the API server would take, in the order of listTemplates.
	passed int
	// warnings are about those.
	warnings warningTexts
	// last is what the check came to; nil while it goes on.
	last *checkResult
	// retryAt is when it is worth asking again; zero if only a change of the Pipeline can lift what was found.
	retryAt time.Time
	// retries is how often it was asked again.
	retries int
}

// finish records what a check came to, and when the API server is asked again.
func (p *checkProgress) finish(result checkResult, canPass bool, now time.Time) checkResult {
	p.retryAt = time.Time{}
	if canPass {
		result.retryAfter = retryDelay(p.retries)
		p.retryAt = now.Add(result.retryAfter)
		p.retries++
	}
	p.last = &result
	return result
}

// lastResult returns what the check came to, unless it is time to ask again.
func (p *checkProgress) lastResult(now time.Time) (checkResult, bool) {
	if p.last == nil || !p.retryAt.IsZero() && !now.Before(p.retryAt) {
		return checkResult{}, false
	}
	result := *p.last
	if !p.retryAt.IsZero() {
		result.retryAfter = p.retryAt.Sub(now)
	}
	return result, true
}

// Bounds of how long after a refusal that can pass a Pipeline is tried again.
const (
	minRetryDelay = 10 * time.Second
	maxRetryDelay = 10 * time.Minute
)

// retryDelay returns after how long a Pipeline is tried again that was tried again some times before: twice as long each time.
func retryDelay(retries int) time.Duration {
	delay := minRetryDelay
	for range retries {
		if delay *= 2; delay >= maxRetryDelay {
			return maxRetryDelay
		}
	}
	return delay
}

// checkProgresses are those of all Pipelines whose check has not ended well.
type checkProgresses struct {
	lock  sync.Mutex
	byKey map[types.NamespacedName]*checkProgress
}

// of returns the progress of a Pipeline at its generation. Nobody else works on the Pipeline meanwhile.
func (c *checkProgresses) of(pipeline *v1alpha1.Pipeline) *checkProgress {
	key := types.NamespacedName{Namespace: pipeline.Namespace, Name: pipeline.Name}
	c.lock.Lock()
	defer c.lock.Unlock()
	if p := c.byKey[key]; p != nil && p.uid == pipeline.UID && p.generation == pipeline.Generation {
		return p
	}
	if c.byKey == nil {
		c.byKey = map[types.NamespacedName]*checkProgress{}
	}
	p := &checkProgress{uid: pipeline.UID, generation: pipeline.Generation}
	c.byKey[key] = p
	return p
}

func (c *checkProgresses) forget(key types.NamespacedName) {
	c.lock.Lock()
	defer c.lock.Unlock()
	delete(c.byKey, key)
}

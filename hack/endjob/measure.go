// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log"
	"slices"
	"sync"
	"time"
)

// maxWait bounds the wait for a single Job.
const maxWait = 2 * time.Minute

// round holds a number of Jobs that were ended in one way, and the writes of the whole system in the meantime.
type round struct {
	jobs    []*trackedJob
	counted int // how many of the Jobs the writes belong to
	writes  writeCounts
}

// measureOneByOne ends a Job of each way in turn, so that all ways share the conditions. Each turn begins with another way.
// It returns a round for each way.
func (c *testCluster) measureOneByOne(ctx context.Context, opts options) ([]round, error) {
	ways := allWays()
	rounds := make([]round, len(ways))
	for turn := range opts.single {
		log.Printf("one at a time: %d of %d", turn+1, opts.single)
		jobs, err := c.startRunningJobs(ctx, len(ways), opts.pause)
		if err != nil {
			return nil, err
		}
		for i, job := range jobs {
			index := (turn + i) % len(ways)
			ended := round{jobs: jobs[i : i+1]}
			end := func() error { return c.endJob(ctx, &ways[index], job) }
			if turn < opts.counted {
				ended.counted = 1
				ended.writes, err = c.countWrites(ctx, opts.pause, end)
			} else {
				err = end()
			}
			if err != nil {
				return nil, err
			}
			rounds[index] = addRounds(rounds[index], ended)
		}
	}
	return rounds, nil
}

// measureAllAtOnce ends many Jobs at once, one way after the other, several times. It returns the rounds of each way.
func (c *testCluster) measureAllAtOnce(ctx context.Context, opts options) ([][]round, error) {
	ways := allWays()
	rounds := make([][]round, len(ways))
	for turn := range opts.rounds {
		for i := range ways {
			index := (turn*2 + i) % len(ways)
			log.Printf("all at once, round %d of %d: %s", turn+1, opts.rounds, ways[index].name)
			jobs, err := c.startRunningJobs(ctx, opts.atOnce, opts.pause)
			if err != nil {
				return nil, err
			}
			ended := round{jobs: jobs, counted: len(jobs)}
			ended.writes, err = c.countWrites(ctx, opts.pause, func() error { return c.endJobs(ctx, &ways[index], jobs, opts.senders) })
			if err != nil {
				return nil, err
			}
			rounds[index] = append(rounds[index], ended)
		}
	}
	return rounds, nil
}

func addRounds(a, b round) round {
	return round{
		jobs:    slices.Concat(a.jobs, b.jobs),
		counted: a.counted + b.counted,
		writes:  addWrites(a.writes, b.writes),
	}
}

// startRunningJobs starts Jobs, waits until each reports that its pod runs, and then until the cluster is at rest.
func (c *testCluster) startRunningJobs(ctx context.Context, count int, pause time.Duration) ([]*trackedJob, error) {
	jobs := make([]*trackedJob, count)
	err := runInParallel(count, 32, func(i int) (err error) {
		jobs[i], err = c.createJob(ctx, jobOptions{})
		return err
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	for _, job := range jobs {
		if err := job.waitUntil(ctx, "its pod runs", job.isRunning); err != nil {
			return nil, err
		}
	}
	return jobs, sleepFor(ctx, pause)
}

// endJobs ends Jobs, with so many senders under way at a time. All their times count from when it is called.
func (c *testCluster) endJobs(ctx context.Context, way *endingWay, jobs []*trackedJob, senders int) error {
	began := time.Now()
	requestEnd := func(i int) error { return c.requestEnd(ctx, way, jobs[i], began) }
	confirmEnd := func(i int) error { return c.confirmEnd(ctx, jobs[i]) }
	return runInParallel(len(jobs), len(jobs), limitFirstStep(senders, requestEnd, confirmEnd))
}

func (c *testCluster) endJob(ctx context.Context, way *endingWay, tracked *trackedJob) error {
	if err := c.requestEnd(ctx, way, tracked, time.Now()); err != nil {
		return err
	}
	return c.confirmEnd(ctx, tracked)
}

func (c *testCluster) requestEnd(ctx context.Context, way *endingWay, tracked *trackedJob, began time.Time) error {
	c.tracker.Lock()
	tracked.way, tracked.beganAt = way, began
	c.tracker.Unlock()
	return way.requestEnd(ctx, c, tracked)
}

// confirmEnd waits until the Job reports its end and the watch shows no pod, and until a live list shows no pod either.
// Nothing of the Job runs any more after that.
func (c *testCluster) confirmEnd(ctx context.Context, tracked *trackedJob) error {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	for {
		err := tracked.waitUntil(ctx, "it has ended", func() bool {
			return !tracked.reportedAt.IsZero() && !tracked.hasRemainingPods()
		})
		if err != nil {
			return err
		}
		tracked.requests++
		remaining, _, err := c.countPods(ctx, tracked)
		if err != nil {
			return err
		}
		if remaining == 0 {
			tracked.confirmedAt = time.Now()
			return nil
		}
		if err := sleepFor(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// limitFirstStep returns a function that runs both steps. It limits how many calls run the first step at a time.
func limitFirstStep(limit int, first, second func(int) error) func(int) error {
	places := make(chan struct{}, limit)
	return func(i int) error {
		places <- struct{}{}
		err := first(i)
		<-places
		if err != nil {
			return err
		}
		return second(i)
	}
}

// runInParallel calls do with 0 to count-1, limit of them at a time. It waits for all of them and returns the first error.
func runInParallel(count, limit int, do func(int) error) error {
	errs := make(chan error, count)
	places := make(chan struct{}, limit)
	var group sync.WaitGroup
	for i := range count {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			if err := do(i); err != nil {
				errs <- err
			}
		})
	}
	group.Wait()
	close(errs)
	return <-errs
}

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log"
	"sync"
	"time"
)

// maxWait bounds the wait for a single Job.
const maxWait = 2 * time.Minute

// round is a number of Jobs that were ended in one way, and the writes of the whole system meanwhile.
type round struct {
	subjects []*subject
	counted  int // Jobs that the writes are of
	writes   writes
}

// oneAtATime ends a Job of each way in turn, so that all ways share the conditions. Each turn begins with another way.
func oneAtATime(ctx context.Context, c *cluster, b *board, o options) ([]round, error) {
	all := ways()
	rounds := make([]round, len(all))
	for turn := range o.single {
		log.Printf("one at a time: %d of %d", turn+1, o.single)
		subjects, err := startRunning(ctx, c, b, len(all), o.pause)
		if err != nil {
			return nil, err
		}
		for i := range all {
			w := (turn + i) % len(all)
			r := round{subjects: subjects[i : i+1]}
			end := func() error { return c.endOne(ctx, &all[w], subjects[i], time.Now()) }
			if turn < o.counted {
				r.counted = 1
				r.writes, err = c.counting(ctx, o.pause, end)
			} else {
				err = end()
			}
			if err != nil {
				return nil, err
			}
			rounds[w].add(r)
		}
	}
	return rounds, nil
}

// allAtOnce ends many Jobs at once, one way after the other, several times over.
func allAtOnce(ctx context.Context, c *cluster, b *board, o options) ([][]round, error) {
	all := ways()
	rounds := make([][]round, len(all))
	for turn := range o.rounds {
		for i := range all {
			w := (turn*2 + i) % len(all)
			log.Printf("all at once, round %d of %d: %s", turn+1, o.rounds, all[w].name)
			subjects, err := startRunning(ctx, c, b, o.atOnce, o.pause)
			if err != nil {
				return nil, err
			}
			r := round{subjects: subjects, counted: len(subjects)}
			r.writes, err = c.counting(ctx, o.pause, func() error { return c.endAll(ctx, &all[w], subjects, o.sends) })
			if err != nil {
				return nil, err
			}
			rounds[w] = append(rounds[w], r)
		}
	}
	return rounds, nil
}

func (r *round) add(another round) {
	r.subjects = append(r.subjects, another.subjects...)
	r.counted += another.counted
	r.writes = r.writes.plus(another.writes)
}

// startRunning starts Jobs and waits until they say that their pods run, and then until the cluster is at rest.
func startRunning(ctx context.Context, c *cluster, b *board, n int, pause time.Duration) ([]*subject, error) {
	subjects := make([]*subject, n)
	err := inParallel(n, 32, func(i int) error {
		created, err := c.start(ctx, kind{})
		if err == nil {
			subjects[i] = b.adopt(created)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	for _, s := range subjects {
		if err := s.until(ctx, "its pod runs", s.runs); err != nil {
			return nil, err
		}
	}
	return subjects, sleep(ctx, pause)
}

// runs is called with the board locked.
func (s *subject) runs() bool {
	return s.job != nil && s.job.Status.Ready != nil && *s.job.Status.Ready == 1
}

func (c *cluster) endAll(ctx context.Context, w *way, subjects []*subject, senders int) error {
	begun := time.Now()
	return inParallel(len(subjects), len(subjects), limited(senders, func(i int) error {
		return c.beginEnd(ctx, w, subjects[i], begun)
	}, func(i int) error {
		return c.proveEnd(ctx, subjects[i])
	}))
}

func (c *cluster) endOne(ctx context.Context, w *way, s *subject, begun time.Time) error {
	if err := c.beginEnd(ctx, w, s, begun); err != nil {
		return err
	}
	return c.proveEnd(ctx, s)
}

func (c *cluster) beginEnd(ctx context.Context, w *way, s *subject, begun time.Time) error {
	s.board.Lock()
	s.way, s.begun = w, begun
	s.board.Unlock()
	return w.begin(ctx, c, s)
}

// proveEnd waits until the Job says that it has ended and the watch shows no pod, and asks the API server itself whether
// that is so. Then nothing of it runs any more.
func (c *cluster) proveEnd(ctx context.Context, s *subject) error {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	for {
		err := s.until(ctx, "it has ended", func() bool { return !s.saidSo.IsZero() && s.noPodLeft() })
		if err != nil {
			return err
		}
		s.requests++
		left, _, err := c.podsLeft(ctx, s)
		if err != nil {
			return err
		}
		if left == 0 {
			s.proved = time.Now()
			return nil
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// limited runs first with a limit on how many run at once, and then without it.
func limited(limit int, first, then func(int) error) func(int) error {
	places := make(chan struct{}, limit)
	return func(i int) error {
		places <- struct{}{}
		err := first(i)
		<-places
		if err != nil {
			return err
		}
		return then(i)
	}
}

// inParallel returns the first error, when all have ended.
func inParallel(n, limit int, do func(int) error) error {
	errs := make(chan error, n)
	places := make(chan struct{}, limit)
	var group sync.WaitGroup
	for i := range n {
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

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// measureNextAction measures how long after the Job of an action is complete the Job of the next one is there, as a watch shows both.
func (b *bench) measureNextAction(ctx context.Context) error {
	ns, t, err := b.prepare(ctx, "next")
	if err != nil {
		return err
	}
	if err := b.createPipeline(ctx, ns, "1"); err != nil {
		return err
	}
	var took samples
	for _, name := range makeNames("next", min(b.single, 30)) {
		id, err := b.createExecution(ctx, ns, name)
		if err != nil {
			return err
		}
		next, first := []string{string(id) + "/deploy"}, []string{string(id) + "/build"}
		if err := t.wait(ctx, created, next); err != nil {
			return err
		}
		ended, ok := t.at(complete, first[0])
		if !ok {
			return fmt.Errorf("the first Job of %s was not seen to end", name)
		}
		took = append(took, t.since(ended, created, next)...)
	}
	b.report.addTimes("next action", "an action's end to the next action's Job", took, nil, nil)
	return nil
}

// measureRestart restarts the operator beside n executions that run, and measures when it answers its first request.
func (b *bench) measureRestart(ctx context.Context, ns string, t *timeline, n int) error {
	const name = "restarted"
	id, err := b.createExecution(ctx, ns, name)
	if err != nil {
		return err
	}
	if err := t.wait(ctx, started, []string{name}); err != nil {
		return err
	}
	if err := b.operator.stop(); err != nil {
		return err
	}
	if err := b.stop(ctx, ns, name, id, true); err != nil {
		return err
	}
	began := time.Now()
	if err := b.operator.start(ctx); err != nil {
		return err
	}
	if err := t.wait(ctx, done, []string{name}); err != nil {
		return err
	}
	b.report.add("restart", fmt.Sprintf("the start of the operator beside %d running executions, until it answers", n),
		t.since(began, accepted, []string{name}).percentile(100).Seconds(), "s", nil)
	u, err := b.operator.usage()
	b.report.add("restart", "peak memory of the operator after it", float64(u.peak)/(1<<20), "MiB", nil)
	return errors.Join(err, pause(ctx, b.rest))
}

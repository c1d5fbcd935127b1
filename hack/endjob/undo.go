// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// undoing is what somebody else may do to undo a way to end a Job.
type undoing struct {
	way    string
	by     string
	change jobChange
}

// The moments at which an undoing is tried.
const (
	momentAtOnce = iota
	momentWhilePodEnds
	momentAfterwards
)

// moments are the columns of the table, by moment.
var moments = []string{momentAtOnce: "at once", momentWhilePodEnds: "while the pod ends", momentAfterwards: "when all has ended"}

func allUndoings() []undoing {
	return []undoing{
		{wayDeleteForeground, "a second delete, background", deleteJob(metav1.DeletePropagationBackground)},
		{wayDeleteForeground, "a second delete, orphan", deleteJob(metav1.DeletePropagationOrphan)},
		{wayDeleteForeground, "the finalizer removed", patchMetadata(`"finalizers":null`)},
		{wayDeleteBackground, "a second delete, orphan", deleteJob(metav1.DeletePropagationOrphan)},
		{waySuspend, "`suspend: false`", patchSpec(`"suspend":false`)},
		{waySuspendAndDelete, "`suspend: false`", patchSpec(`"suspend":false`)},
		{waySuspendAndZero, "`suspend: false`", patchSpec(`"suspend":false`)},
		{waySuspendAndZero, "both set back", patchSpec(`"suspend":false,"parallelism":1`)},
		{wayShortDeadline, "a longer deadline", patchSpec(`"activeDeadlineSeconds":86400`)},
	}
}

// tryUndoings returns a row of the table for each undoing.
func (c *testCluster) tryUndoings(ctx context.Context) ([][]string, error) {
	undoings := allUndoings()
	rows := make([][]string, len(undoings))
	log.Printf("trying to undo")
	err := runInParallel(len(undoings), len(undoings), func(i int) error {
		rows[i] = []string{undoings[i].way, undoings[i].by}
		for moment := range moments {
			answer, err := c.tryUndoing(ctx, undoings[i], moment)
			if err != nil {
				return err
			}
			rows[i] = append(rows[i], answer)
		}
		return nil
	})
	return rows, err
}

// tryUndoing returns the answer to the change, and what is left of the Job long after it.
func (c *testCluster) tryUndoing(ctx context.Context, tried undoing, moment int) (string, error) {
	tracked, err := c.startRunningJob(ctx, jobOptions{lingers: true})
	if err != nil {
		return "", err
	}
	way := allWays()[indexOfWay(tried.way)]
	if err := c.requestEnd(ctx, &way, tracked, time.Now()); err != nil {
		return "", err
	}
	switch moment {
	case momentWhilePodEnds:
		err = sleepFor(ctx, 2*time.Second)
	case momentAfterwards:
		err = c.confirmEnd(ctx, tracked)
	}
	if err != nil {
		return "", err
	}
	changeErr := tried.change(ctx, c, tracked)
	if err := sleepFor(ctx, 2*aftermath); err != nil {
		return "", err
	}
	running, err := c.countRunningPods(ctx, tracked)
	if err != nil {
		return "", err
	}
	state, err := c.describeJob(ctx, tracked)
	return fmt.Sprintf("%s; Job %s, pods that run: %d", describeAnswer(changeErr), state, running), err
}

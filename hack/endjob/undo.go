// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// undo is what another may do about the end of a Job.
type undo struct {
	way  string
	by   string
	does func(ctx context.Context, c *cluster, s *subject) error
}

// moments are when it is done.
var moments = []string{"at once", "while the pod ends", "when all has ended"}

func undos() []undo {
	again := func(policy metav1.DeletionPropagation) func(context.Context, *cluster, *subject) error {
		return func(ctx context.Context, c *cluster, s *subject) error { return remove(policy)(ctx, c, s) }
	}
	return []undo{
		{"delete, foreground", "a second delete, background", again(metav1.DeletePropagationBackground)},
		{"delete, foreground", "a second delete, orphan", again(metav1.DeletePropagationOrphan)},
		{"delete, foreground", "the finalizer taken off", patchMetadata(`"finalizers":null`)},
		{"delete, background", "a second delete, orphan", again(metav1.DeletePropagationOrphan)},
		{"`suspend`", "`suspend: false`", patch(`"suspend":false`)},
		{"`suspend`, and the ender deletes the pods", "`suspend: false`", patch(`"suspend":false`)},
		{"`suspend` and `parallelism: 0`", "`suspend: false`", patch(`"suspend":false`)},
		{"`suspend` and `parallelism: 0`", "`suspend: false` and `parallelism: 1`", patch(`"suspend":false,"parallelism":1`)},
		{"`activeDeadlineSeconds: 1`", "`activeDeadlineSeconds: 86400`", patch(`"activeDeadlineSeconds":86400`)},
	}
}

func undoAll(ctx context.Context, c *cluster, b *board) ([][]string, error) {
	t := &trying{cluster: c, board: b}
	all := undos()
	rows := make([][]string, len(all))
	log.Printf("trying to undo")
	err := inParallel(len(all), len(all), func(i int) error {
		rows[i] = []string{all[i].way, all[i].by}
		for moment := range moments {
			answer, err := t.undo(ctx, all[i], moment)
			if err != nil {
				return err
			}
			rows[i] = append(rows[i], answer)
		}
		return nil
	})
	return rows, err
}

func (t *trying) undo(ctx context.Context, u undo, moment int) (string, error) {
	s, err := t.running(ctx, kind{lingers: true})
	if err != nil {
		return "", err
	}
	w := ways()[indexOf(u.way)]
	if err := t.beginEnd(ctx, &w, s, time.Now()); err != nil {
		return "", err
	}
	switch moment {
	case 1:
		err = sleep(ctx, 2*time.Second)
	case 2:
		err = t.proveEnd(ctx, s)
	}
	if err != nil {
		return "", err
	}
	undone := u.does(ctx, t.cluster, s)
	if err := sleep(ctx, 2*aftermath); err != nil {
		return "", err
	}
	running, err := t.runningNow(ctx, s)
	if err != nil {
		return "", err
	}
	state, err := t.state(ctx, s)
	return fmt.Sprintf("%s; Job %s, pods that run: %d", outcome(undone), strings.ToLower(state), running), err
}

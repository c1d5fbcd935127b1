// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// subject is a Job that is to be ended, and what was seen of it and when.
type subject struct {
	name     string
	uid      types.UID
	requests int // by the ender

	board   *board
	changed chan struct{}          // closed, and replaced, whenever the watches show something of it
	job     *batchv1.Job           // as the watch last showed it; nil when it is gone
	pods    map[string]*corev1.Pod // that the watch shows
	created int                    // pods that there ever were
	way     *way                   // once it is being ended

	begun, podGone, saidSo, proved time.Time
}

// board is what the watches of Jobs and pods show.
type board struct {
	sync.Mutex
	subjects map[types.UID]*subject
}

// watchAll uses informers, which take a watch up again where the API server ends it.
func watchAll(ctx context.Context, c *cluster) (*board, error) {
	b := &board{subjects: map[types.UID]*subject{}}
	factory := informers.NewSharedInformerFactoryWithOptions(c.client, 0, informers.WithNamespace(c.namespace))
	_, err := factory.Batch().V1().Jobs().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(job any) { b.seeJob(job, false) },
		UpdateFunc: func(_, job any) { b.seeJob(job, false) },
		DeleteFunc: func(job any) { b.seeJob(job, true) },
	})
	if err != nil {
		return nil, err
	}
	_, err = factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(pod any) { b.seePod(pod, false) },
		UpdateFunc: func(_, pod any) { b.seePod(pod, false) },
		DeleteFunc: func(pod any) { b.seePod(pod, true) },
	})
	if err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return b, nil
}

// last returns an object, or how it was last seen before the watch missed its end.
func last[T any](object any) T {
	if missed, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = missed.Obj
	}
	return object.(T)
}

func (b *board) seeJob(object any, gone bool) {
	job := last[*batchv1.Job](object)
	b.Lock()
	defer b.Unlock()
	s := b.of(job.UID)
	defer s.wake()
	s.job = job
	if gone {
		s.job = nil
	}
	if s.way != nil && s.saidSo.IsZero() && s.way.said(s.job) {
		s.saidSo = time.Now()
	}
}

func (b *board) seePod(object any, gone bool) {
	pod := last[*corev1.Pod](object)
	b.Lock()
	defer b.Unlock()
	s := b.of(types.UID(pod.Labels[batchv1.ControllerUidLabel]))
	defer s.wake()
	if gone {
		delete(s.pods, pod.Name)
		s.podGone = time.Now()
		return
	}
	if s.pods[pod.Name] == nil {
		s.created++
	}
	s.pods[pod.Name] = pod
}

func (s *subject) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// of returns what is known of a Job, also where its pod is seen before the answer to its creation.
func (b *board) of(uid types.UID) *subject {
	if b.subjects[uid] == nil {
		b.subjects[uid] = &subject{uid: uid, board: b, changed: make(chan struct{}), pods: map[string]*corev1.Pod{}}
	}
	return b.subjects[uid]
}

// adopt returns the subject of a Job that was created.
func (b *board) adopt(created *subject) *subject {
	b.Lock()
	defer b.Unlock()
	s := b.of(created.uid)
	s.name = created.name
	return s
}

// podsLeft returns the pods that the watch shows, but for those that have ended and are kept.
func (s *subject) podsLeft() []*corev1.Pod {
	s.board.Lock()
	defer s.board.Unlock()
	return slices.DeleteFunc(slices.Collect(maps.Values(s.pods)), isRecord)
}

// isRecord reports whether a pod had ended before anybody deleted it.
func isRecord(pod *corev1.Pod) bool {
	ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	return ended && pod.DeletionTimestamp == nil
}

// noPodLeft is called with the board locked.
func (s *subject) noPodLeft() bool {
	for _, pod := range s.pods {
		if !isRecord(pod) {
			return false
		}
	}
	return true
}

// until waits for what the watches show of a Job.
func (s *subject) until(ctx context.Context, what string, holds func() bool) error {
	for {
		s.board.Lock()
		done, changed := holds(), s.changed
		s.board.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: Job %s: %w", what, s.name, ctx.Err())
		}
	}
}

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
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// trackedJob is a Job of this run, with what the watches showed of it and when.
type trackedJob struct {
	name     string
	uid      types.UID
	requests int // of the ender

	tracker     *jobTracker
	changed     chan struct{}          // closed and replaced at each event of the watches about the Job or its pods
	job         *batchv1.Job           // from the last event; nil when the Job is gone
	pods        map[string]*corev1.Pod // from the last events
	podsCreated int                    // including pods that are gone
	way         *endingWay             // nil until the end is requested

	beganAt, podGoneAt, reportedAt, confirmedAt time.Time
}

// jobTracker holds what the watches of Jobs and pods showed. Its lock guards the fields of its Jobs.
type jobTracker struct {
	sync.Mutex
	byUID map[types.UID]*trackedJob
}

// startTracker uses informers, because they resume a watch that the API server ends.
func startTracker(ctx context.Context, client kubernetes.Interface, namespace string) (*jobTracker, error) {
	tracker := &jobTracker{byUID: map[types.UID]*trackedJob{}}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
	_, err := factory.Batch().V1().Jobs().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(job any) { tracker.recordJob(job, false) },
		UpdateFunc: func(_, job any) { tracker.recordJob(job, false) },
		DeleteFunc: func(job any) { tracker.recordJob(job, true) },
	})
	if err != nil {
		return nil, err
	}
	_, err = factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(pod any) { tracker.recordPod(pod, false) },
		UpdateFunc: func(_, pod any) { tracker.recordPod(pod, false) },
		DeleteFunc: func(pod any) { tracker.recordPod(pod, true) },
	})
	if err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return tracker, nil
}

// unwrapDeleted returns the object of an event. If the watch missed the deletion, that is the last object it showed.
func unwrapDeleted[T any](object any) T {
	if missed, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = missed.Obj
	}
	return object.(T)
}

func (t *jobTracker) recordJob(object any, isGone bool) {
	job := unwrapDeleted[*batchv1.Job](object)
	t.Lock()
	defer t.Unlock()
	tracked := t.findOrAdd(job.UID)
	defer tracked.notifyWaiters()
	tracked.job = job
	if isGone {
		tracked.job = nil
	}
	if tracked.way != nil && tracked.reportedAt.IsZero() && tracked.way.hasReported(tracked.job) {
		tracked.reportedAt = time.Now()
	}
}

func (t *jobTracker) recordPod(object any, isGone bool) {
	pod := unwrapDeleted[*corev1.Pod](object)
	t.Lock()
	defer t.Unlock()
	tracked := t.findOrAdd(types.UID(pod.Labels[batchv1.ControllerUidLabel]))
	defer tracked.notifyWaiters()
	if isGone {
		delete(tracked.pods, pod.Name)
		tracked.podGoneAt = time.Now()
		return
	}
	if tracked.pods[pod.Name] == nil {
		tracked.podsCreated++
	}
	tracked.pods[pod.Name] = pod
}

// findOrAdd adds a Job that is not known yet: an event may come before the answer to the Job's creation. The caller holds
// the lock.
func (t *jobTracker) findOrAdd(uid types.UID) *trackedJob {
	if t.byUID[uid] == nil {
		t.byUID[uid] = &trackedJob{uid: uid, tracker: t, changed: make(chan struct{}), pods: map[string]*corev1.Pod{}}
	}
	return t.byUID[uid]
}

func (t *jobTracker) trackJob(created *batchv1.Job) *trackedJob {
	t.Lock()
	defer t.Unlock()
	tracked := t.findOrAdd(created.UID)
	tracked.name = created.Name
	return tracked
}

// notifyWaiters lets every waitUntil look again. The caller holds the lock.
func (j *trackedJob) notifyWaiters() {
	close(j.changed)
	j.changed = make(chan struct{})
}

// remainingPods returns the pods that the watch shows, except those that had ended by themselves.
func (j *trackedJob) remainingPods() []*corev1.Pod {
	j.tracker.Lock()
	defer j.tracker.Unlock()
	return slices.DeleteFunc(slices.Collect(maps.Values(j.pods)), hasEndedByItself)
}

// hasEndedByItself reports whether a pod had ended before anybody deleted it.
func hasEndedByItself(pod *corev1.Pod) bool {
	hasEnded := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	return hasEnded && pod.DeletionTimestamp == nil
}

// hasRemainingPods reports whether remainingPods would return any. The caller holds the lock.
func (j *trackedJob) hasRemainingPods() bool {
	for _, pod := range j.pods {
		if !hasEndedByItself(pod) {
			return true
		}
	}
	return false
}

// isRunning reports whether the Job's status counts its pod as ready. The caller holds the lock.
func (j *trackedJob) isRunning() bool {
	return j.job != nil && j.job.Status.Ready != nil && *j.job.Status.Ready == 1
}

func (j *trackedJob) countCreatedPods() int {
	j.tracker.Lock()
	defer j.tracker.Unlock()
	return j.podsCreated
}

// waitUntil waits until isMet returns true, for maxWait at most. It calls isMet with the lock held.
func (j *trackedJob) waitUntil(ctx context.Context, condition string, isMet func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	for {
		j.tracker.Lock()
		done, changed := isMet(), j.changed
		j.tracker.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: Job %s: %w", condition, j.name, ctx.Err())
		}
	}
}

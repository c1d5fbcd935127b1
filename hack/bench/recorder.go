// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// mark is something that happens once to an execution, or to a plain Job.
type mark string

const (
	asked    mark = "asked"    // just before the client's write
	running  mark = "running"  // its first pod runs
	podGone  mark = "pod gone" // its first pod is deleted
	stopping mark = "Stopping" // the state of the execution
	stopped  mark = "Stopped"  // the state of the execution
	accepted mark = "Accepted" // the verdict on the StopRequest
	rejected mark = "rejected" // the verdict on the StopRequest
)

// recorder notes when watches of a namespace showed what, by this program's clock. Executions and Jobs are known by their UID.
type recorder struct {
	sync.Mutex
	marks   map[types.UID]map[mark]time.Time
	changed chan struct{} // closed and replaced at each new mark
	failed  error
	stop    context.CancelFunc
}

// startRecorder watches a namespace in which nothing has happened yet.
func (c *cluster) startRecorder(ctx context.Context, namespace string) (*recorder, error) {
	ctx, cancel := context.WithCancel(ctx)
	r := &recorder{marks: map[types.UID]map[mark]time.Time{}, changed: make(chan struct{}), stop: cancel}
	lists := []client.ObjectList{&v1alpha1.PipelineExecutionList{}, &v1alpha1.StopRequestList{}, &corev1.PodList{}}
	for _, list := range lists {
		if err := c.k8s.List(ctx, list, client.InNamespace(namespace), client.Limit(1)); err != nil {
			cancel()
			return nil, err
		}
		go func() { r.fail(c.follow(ctx, r, list, namespace)) }()
	}
	return r, nil
}

// follow watches from the version of a list on. The API server ends a watch that cannot keep up with it; the next one goes on from
// the last event. It returns the error that ended it.
func (c *cluster) follow(ctx context.Context, r *recorder, list client.ObjectList, namespace string) error {
	version := list.GetResourceVersion()
	for {
		w, err := c.k8s.Watch(ctx, list, client.InNamespace(namespace), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: version}})
		if err != nil {
			return err
		}
		for event := range w.ResultChan() {
			now := time.Now()
			if event.Type == watch.Error {
				return fmt.Errorf("a watch failed: %v", event.Object)
			}
			uid, marks := observe(event)
			for _, m := range marks {
				r.note(uid, m, now)
			}
			if object, err := meta.Accessor(event.Object); err == nil {
				version = object.GetResourceVersion()
			}
		}
	}
}

// observe returns whom an event of a watch is about, and what it shows.
func observe(event watch.Event) (types.UID, []mark) {
	switch object := event.Object.(type) {
	case *corev1.Pod:
		uid := types.UID(object.Labels[v1alpha1.LabelExecutionID])
		if uid == "" {
			uid = types.UID(object.Labels[batchv1.ControllerUidLabel])
		}
		switch {
		case event.Type == watch.Deleted:
			return uid, []mark{podGone}
		case object.Status.Phase == corev1.PodRunning:
			return uid, []mark{running}
		}
		return uid, nil
	case *v1alpha1.PipelineExecution:
		switch object.Status.State {
		case v1alpha1.ExecutionStopping:
			return object.UID, []mark{stopping}
		case v1alpha1.ExecutionStopped:
			// A stop of what has ended by itself goes straight to its end.
			return object.UID, []mark{stopping, stopped}
		}
	case *v1alpha1.StopRequest:
		uid := types.UID(object.Spec.PipelineExecutionID)
		condition := meta.FindStatusCondition(object.Status.Conditions, v1alpha1.ConditionAccepted)
		switch {
		case condition == nil:
		case condition.Status == "True":
			return uid, []mark{accepted}
		default:
			return uid, []mark{rejected}
		}
	}
	return "", nil
}

// note keeps the first time of a mark.
func (r *recorder) note(uid types.UID, m mark, at time.Time) {
	r.Lock()
	defer r.Unlock()
	if r.marks[uid] == nil {
		r.marks[uid] = map[mark]time.Time{}
	}
	if _, known := r.marks[uid][m]; known {
		return
	}
	r.marks[uid][m] = at
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *recorder) fail(err error) {
	r.Lock()
	defer r.Unlock()
	r.failed = err
	close(r.changed)
	r.changed = make(chan struct{})
}

// wait waits until each of the objects has a mark. It returns an error that counts those which have it if patience ends first.
func (r *recorder) wait(ctx context.Context, patience time.Duration, uids []types.UID, m mark) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	reached := 0
	for {
		r.Lock()
		// What has its mark keeps it, so that the next look goes on from there.
		for reached < len(uids) && !r.marks[uids[reached]][m].IsZero() {
			reached++
		}
		changed, failed := r.changed, r.failed
		r.Unlock()
		if failed != nil {
			return failed
		}
		if reached == len(uids) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("only the first %d of %d are %s: %w", reached, len(uids), m, ctx.Err())
		}
	}
}

// since returns how long it took each object to get from one mark to another.
func (r *recorder) since(uids []types.UID, from, to mark) []time.Duration {
	r.Lock()
	defer r.Unlock()
	durations := make([]time.Duration, len(uids))
	for i, uid := range uids {
		durations[i] = r.marks[uid][to].Sub(r.marks[uid][from])
	}
	return durations
}

// span returns the time from the first mark of one kind to the last of another.
func (r *recorder) span(uids []types.UID, from, to mark) time.Duration {
	r.Lock()
	defer r.Unlock()
	var first, last time.Time
	for _, uid := range uids {
		if at := r.marks[uid][from]; first.IsZero() || at.Before(first) {
			first = at
		}
		if at := r.marks[uid][to]; at.After(last) {
			last = at
		}
	}
	return last.Sub(first)
}

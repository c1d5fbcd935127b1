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
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// moment is something that happens to an object once.
type moment string

const (
	// Of an execution, by its name.
	started  moment = "started"  // its first action was confirmed
	stopping moment = "Stopping" // a stop was published
	final    moment = "final"    // its state is final
	// Of a StopRequest, by its name.
	accepted moment = "Accepted"
	rejected moment = "rejected"
	done     moment = "done" // the request reads that its stop has ended
	// Of the pods of a Job, by the name of the Job.
	running moment = "running"
	gone    moment = "gone"
	// Of the Job of an action, by the id of the execution and the name of the action.
	created  moment = "created"
	complete moment = "complete"
)

// timeline knows when something happened to the objects of a namespace, as a watch showed it.
type timeline struct {
	mu      sync.Mutex
	seen    map[moment]map[string]time.Time
	latest  time.Time
	changed chan struct{}
}

// watch follows a namespace until the context ends.
func (c *cluster) watch(ctx context.Context, namespace string) (*timeline, error) {
	t := &timeline{seen: map[moment]map[string]time.Time{}, changed: make(chan struct{}, 1)}
	informers, err := cache.New(c.config, cache.Options{
		Scheme: c.Scheme(), DefaultNamespaces: map[string]cache.Config{namespace: {}}, DefaultTransform: cache.TransformStripManagedFields(),
	})
	if err != nil {
		return nil, err
	}
	for _, o := range []client.Object{&v1alpha1.PipelineExecution{}, &v1alpha1.StopRequest{}, &corev1.Pod{}, &batchv1.Job{}} {
		informer, err := informers.GetInformer(ctx, o, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, err
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: t.noteObject, UpdateFunc: func(_, o any) { t.noteObject(o) }, DeleteFunc: t.noteDeletion,
		}); err != nil {
			return nil, err
		}
	}
	go func() { _ = informers.Start(ctx) }()
	if !informers.WaitForCacheSync(ctx) {
		return nil, fmt.Errorf("the watch of namespace %s has not started", namespace)
	}
	return t, nil
}

func (t *timeline) noteObject(o any) {
	switch o := o.(type) {
	case *v1alpha1.PipelineExecution:
		t.noteExecution(o)
	case *v1alpha1.StopRequest:
		t.noteRequest(o)
	case *batchv1.Job:
		name := o.Labels[v1alpha1.LabelExecutionID] + "/" + o.Labels[v1alpha1.LabelAction]
		t.note(created, name)
		if o.Status.CompletionTime != nil {
			t.note(complete, name)
		}
	case *corev1.Pod:
		if o.Status.Phase == corev1.PodRunning {
			t.note(running, o.Labels[batchv1.JobNameLabel])
		}
	}
}

func (t *timeline) noteExecution(e *v1alpha1.PipelineExecution) {
	if len(e.Status.Stages) > 0 && e.Status.Stages[0].Actions[0].Workload.UID != "" {
		t.note(started, e.Name)
	}
	if e.Status.State == v1alpha1.ExecutionStopping {
		t.note(stopping, e.Name)
	}
	if e.Status.State.IsFinal() {
		t.note(final, e.Name)
	}
}

func (t *timeline) noteRequest(sr *v1alpha1.StopRequest) {
	switch c := meta.FindStatusCondition(sr.Status.Conditions, v1alpha1.ConditionAccepted); {
	case c == nil:
	case c.Status == metav1.ConditionTrue:
		t.note(accepted, sr.Name)
	case c.Status == metav1.ConditionFalse:
		t.note(rejected, sr.Name)
	}
	if meta.IsStatusConditionTrue(sr.Status.Conditions, v1alpha1.ConditionFinished) {
		t.note(done, sr.Name)
	}
}

func (t *timeline) noteDeletion(o any) {
	if pod, ok := o.(*corev1.Pod); ok {
		t.note(gone, pod.Labels[batchv1.JobNameLabel])
	}
}

func (t *timeline) note(m moment, name string) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen[m] == nil {
		t.seen[m] = map[string]time.Time{}
	}
	if _, known := t.seen[m][name]; known {
		return
	}
	t.seen[m][name], t.latest = now, now
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// lastChange returns when something was last seen to happen.
func (t *timeline) lastChange() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.latest
}

// at returns when something happened to an object.
func (t *timeline) at(m moment, name string) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.seen[m][name]
	return at, ok
}

// stallLimit is how long nothing may happen to any object that is watched. What takes longer is taken for lost.
const stallLimit = 2 * time.Minute

// wait waits until something has happened to all objects of these names. It returns an error if nothing happens at all for stallLimit.
func (t *timeline) wait(ctx context.Context, m moment, names []string) error {
	next, began := 0, time.Now()
	for {
		for next < len(names) {
			if _, ok := t.at(m, names[next]); !ok {
				break
			}
			next++
		}
		if next == len(names) {
			return nil
		}
		if min(time.Since(began), time.Since(t.lastChange())) > stallLimit {
			return fmt.Errorf("%s is not %s, and %d more perhaps, after %s", names[next], m, len(names)-next-1, stallLimit)
		}
		select {
		case <-t.changed:
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// since returns how long after a time something happened to the objects of these names.
func (t *timeline) since(began time.Time, m moment, names []string) samples {
	var all samples
	for _, name := range names {
		if at, ok := t.at(m, name); ok {
			all = append(all, at.Sub(began))
		}
	}
	return all
}

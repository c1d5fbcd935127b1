// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

// Follower follows the logs of an execution: those of the containers that run, and of those that start later.
type Follower struct {
	Printer *Printer
	Wish    Wish
	// Prefix returns how what tells the logs apart is put before each line.
	Prefix func(string) string
	// Notice is told at the end why there is no log of an action.
	Notice func(string)
	// Failed is told what went wrong with one log. The others go on.
	Failed func(error)

	mu        sync.Mutex
	execution *v1alpha1.PipelineExecution
	pods      []corev1.Pod
	known     map[sourceKey]bool
	reading   sync.WaitGroup
}

type sourceKey struct {
	pod       types.UID
	container string
	restarts  int32
}

func (s Source) key() sourceKey { return sourceKey{s.PodUID, s.Container, s.Restarts} }

// See takes in how the execution and its pods are, and begins to read logs that were not read before. Nil leaves either as it was.
func (f *Follower) See(ctx context.Context, execution *v1alpha1.PipelineExecution, pods []corev1.Pod) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if execution != nil {
		f.execution = execution
	}
	if pods != nil {
		f.pods = pods
	}
	if f.execution == nil || f.pods == nil {
		return
	}
	sources := Choose(f.execution, f.pods, f.Wish).Sources
	prefixes := Prefixes(sources, true)
	for i, s := range sources {
		f.begin(ctx, s, prefixes[i])
	}
}

func (f *Follower) begin(ctx context.Context, s Source, prefix string) {
	if f.known == nil {
		f.known = map[sourceKey]bool{}
	}
	if f.known[s.key()] {
		return
	}
	f.known[s.key()] = true
	f.reading.Add(1)
	go func() {
		defer f.reading.Done()
		if err := f.Printer.Print(ctx, s, f.Prefix(prefix), func() bool { return f.isRunning(s) }); err != nil && ctx.Err() == nil {
			f.Failed(err)
		}
	}()
}

// isRunning reports whether a container runs, as far as is known, and was not started again.
func (f *Follower) isRunning(s Source) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, now := range Choose(f.execution, f.pods, Wish{}).Sources {
		if now.key() == s.key() {
			return now.IsRunning
		}
	}
	return false
}

// Finish reads what has not been read, given all pods that there are now that no more come, and tells what has no log. It returns when all has
// been read.
func (f *Follower) Finish(ctx context.Context, pods []corev1.Pod) {
	f.See(ctx, nil, pods)
	f.reading.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.execution == nil {
		return
	}
	for _, notice := range Choose(f.execution, f.pods, f.Wish).Notices {
		f.Notice(notice)
	}
}

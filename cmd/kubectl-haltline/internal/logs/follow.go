// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// Follower follows the logs of an execution: those of the containers that run, and of those that start later.
type Follower struct {
	Printer *Printer
	Wish    Wish
	// Prefix returns how what tells the logs apart is put before each line.
	Prefix func(string) string
	// Notice is told why there is no log of an action, once for each.
	Notice func(string)
	// Failed is told what went wrong with one log. The others go on.
	Failed func(error)

	mu        sync.Mutex
	execution *v1alpha1.PipelineExecution
	pods      []corev1.Pod
	known     map[sourceKey]bool
	told      map[string]bool
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
	choice := Choose(f.execution, f.pods, f.Wish)
	prefixes := Prefixes(choice.Sources, true)
	for i, s := range choice.Sources {
		f.begin(ctx, s, prefixes[i])
	}
	if view.IsFinished(f.execution) {
		// Before its end, what is not there yet may still come.
		f.tell(choice.Notices)
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

func (f *Follower) tell(notices []string) {
	if f.told == nil {
		f.told = map[string]bool{}
	}
	for _, n := range notices {
		if !f.told[n] {
			f.told[n] = true
			f.Notice(n)
		}
	}
}

// Wait returns when all logs that were begun have been read.
func (f *Follower) Wait() { f.reading.Wait() }

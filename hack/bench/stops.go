// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// arena is a namespace with a pipeline, whose executions a recorder follows.
type arena struct {
	*bench
	*recorder
	namespace  string
	executions []types.UID
}

func (b *bench) newArena(ctx context.Context, namespace string) (*arena, error) {
	pipeline, err := newPipeline(namespace)
	if err == nil {
		err = errors.Join(b.createNamespace(ctx, namespace), b.k8s.Create(ctx, pipeline))
	}
	if err != nil {
		return nil, err
	}
	r, err := b.startRecorder(ctx, namespace)
	return &arena{bench: b, recorder: r, namespace: namespace}, err
}

// startExecutions starts so many more executions, and returns when a pod of each runs.
func (a *arena) startExecutions(ctx context.Context, n int) ([]types.UID, error) {
	from := len(a.executions)
	a.executions = append(a.executions, make([]types.UID, n)...)
	uids := a.executions[from:]
	_, _, err := inParallel(n, a.writers, func(i int) error {
		execution := newExecution(a.namespace, pipelineName, from+i)
		began := time.Now()
		err := a.k8s.Create(ctx, execution)
		uids[i] = execution.UID
		a.note(execution.UID, asked, began)
		return err
	})
	if err != nil {
		return nil, err
	}
	return uids, a.wait(ctx, a.patience, uids, running)
}

// stopExecutions abandons executions from so many writers, and returns when they are Stopped and their requests answered.
func (a *arena) stopExecutions(ctx context.Context, uids []types.UID, writers int) error {
	a.forgetAsked(uids)
	_, _, err := inParallel(len(uids), writers, func(i int) error {
		a.note(uids[i], asked, time.Now())
		return a.k8s.Create(ctx, newStopRequest(a.namespace, "stop-"+string(uids[i]), string(uids[i]), true))
	})
	if err != nil {
		return err
	}
	for _, m := range []mark{accepted, stopped} {
		if err := a.wait(ctx, a.patience, uids, m); err != nil {
			return err
		}
	}
	return a.requirePodsGone(uids)
}

// requirePodsGone returns an error if the watch has not shown that the pod of each execution was deleted: Stopped means that nothing
// runs. The watch of pods may be a moment behind that of executions.
func (a *arena) requirePodsGone(uids []types.UID) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return a.wait(ctx, time.Minute, uids, podGone)
}

// forgetAsked forgets when the executions were asked for, before something else is asked of them.
func (a *arena) forgetAsked(uids []types.UID) {
	a.Lock()
	defer a.Unlock()
	for _, uid := range uids {
		delete(a.marks[uid], asked)
	}
}

// measureOneByOne stops executions one after the other, while nothing else goes on.
func (b *bench) measureOneByOne(ctx context.Context) error {
	a, err := b.newArena(ctx, "one")
	if err != nil {
		return err
	}
	defer a.stop()
	uids, err := a.startExecutions(ctx, b.single)
	if err != nil {
		return err
	}
	for i := range uids {
		if err := a.stopExecutions(ctx, uids[i:i+1], 1); err != nil {
			return err
		}
	}
	for _, m := range []mark{stopping, accepted, stopped} {
		b.results.addTimes(fmt.Sprintf("one stop at a time: %s", m), a.since(uids, asked, m))
	}
	return b.measureRejections(ctx, a, uids)
}

// measureRejections asks for a second stop of what is Stopped.
func (b *bench) measureRejections(ctx context.Context, a *arena, uids []types.UID) error {
	// What follows the last stop, such as its event, is not of the rejections.
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	before, err := b.auditMark()
	if err != nil {
		return err
	}
	_, _, err = inParallel(len(uids), b.writers, func(i int) error {
		return b.k8s.Create(ctx, newStopRequest(a.namespace, "late-"+string(uids[i]), string(uids[i]), true))
	})
	if err != nil {
		return err
	}
	if err := a.wait(ctx, b.patience, uids, rejected); err != nil {
		return err
	}
	return b.countAfter(ctx, "rejection", len(uids), before)
}

// measureStorms starts so many executions at once and stops them at once, for each size.
func (b *bench) measureStorms(ctx context.Context, op *operator) error {
	for i, size := range b.storms {
		if err := b.measureStorm(ctx, op, size, b.profile && i == 0); err != nil {
			return fmt.Errorf("%d: %w", size, err)
		}
	}
	return nil
}

func (b *bench) measureStorm(ctx context.Context, op *operator, size int, profile bool) error {
	a, err := b.newArena(ctx, fmt.Sprintf("storm-%d", size))
	if err != nil {
		return err
	}
	defer a.stop()
	before, err := b.auditMark()
	if err != nil {
		return err
	}
	uids, err := a.startExecutions(ctx, size)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("storm of %d", size)
	b.results.add(name+" starts: all run", perSecond(size, a.span(uids, asked, running)), "/s")
	if err := b.countAfter(ctx, fmt.Sprintf("start, of %d at once", size), size, before); err != nil {
		return err
	}
	if before, err = b.auditMark(); err != nil {
		return err
	}
	used, err := op.usage()
	if err != nil {
		return err
	}
	profiles := b.startProfiles(ctx, profile)
	if err := a.stopExecutions(ctx, uids, b.writers); err != nil {
		return err
	}
	b.results.add(name+" stops: all Accepted", perSecond(size, a.span(uids, asked, accepted)), "/s")
	b.results.add(name+" stops: all Stopped", perSecond(size, a.span(uids, asked, stopped)), "/s")
	if err := b.countAfter(ctx, fmt.Sprintf("stop, of %d at once", size), size, before); err != nil {
		return err
	}
	return errors.Join(b.addUsage(op, name, used), <-profiles)
}

// addUsage adds what the operator has used since an earlier time.
func (b *bench) addUsage(op *operator, name string, before usage) error {
	after, err := op.usage()
	if err != nil {
		return err
	}
	b.results.add(name+" stops: processor time of the operator", after.CPUSeconds-before.CPUSeconds, "s")
	b.results.add(name+" stops: peak memory of the operator", float64(after.PeakKiB)/1024, "MiB")
	return nil
}

// countAfter adds the requests for each of n objects, once what follows the last answer, such as events, has been written.
func (b *bench) countAfter(ctx context.Context, name string, n int, mark int64) error {
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	counts, err := b.countSince(mark)
	if err != nil {
		return err
	}
	b.results.addRequests(name, n, counts)
	return nil
}

// pause returns an error if the context ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

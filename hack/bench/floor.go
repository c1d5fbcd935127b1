// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// measureFloor measures what the cluster can do without the operator.
func (b *bench) measureFloor(ctx context.Context) error {
	if err := b.createNamespace(ctx, "floor"); err != nil {
		return err
	}
	if err := b.measureWrites(ctx, "raw-1", b.creates/4, 1); err != nil {
		return err
	}
	if err := b.measureWrites(ctx, "raw-n", b.creates, b.writers); err != nil {
		return err
	}
	return b.measurePlainJobs(ctx)
}

// measureWrites measures creations and status updates of StopRequests: the smallest object that the operator writes, with the
// admission policies and the validation rules that it has.
func (b *bench) measureWrites(ctx context.Context, prefix string, n, writers int) error {
	requests := make([]*v1alpha1.StopRequest, n)
	for i := range requests {
		requests[i] = newStopRequest("floor", fmt.Sprintf("%s-%d", prefix, i), unknownID, true)
	}
	each, all, err := inParallel(n, writers, func(i int) error { return b.k8s.Create(ctx, requests[i]) })
	if err != nil {
		return err
	}
	b.results.addWrites("create", writers, each, all)
	each, all, err = inParallel(n, writers, func(i int) error {
		requests[i].Status.ObservedGeneration, requests[i].Status.State = 1, v1alpha1.ExecutionStopping
		return b.k8s.Status().Update(ctx, requests[i])
	})
	if err != nil {
		return err
	}
	b.results.addWrites("update status", writers, each, all)
	// The operator would answer them when it starts.
	_, _, err = inParallel(n, b.writers, func(i int) error { return b.k8s.Delete(ctx, requests[i]) })
	return err
}

// suspendPatch is how the operator ends a Job.
var suspendPatch = client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":true,"parallelism":0}}`))

// measurePlainJobs starts Jobs at once and ends them at once, and then ends Jobs one at a time.
func (b *bench) measurePlainJobs(ctx context.Context) error {
	r, err := b.startRecorder(ctx, "floor")
	if err != nil {
		return err
	}
	defer r.stop()
	uids, err := b.createJobs(ctx, r, 0, b.atOnce)
	if err != nil {
		return err
	}
	took := r.span(uids, asked, running)
	b.results.add("plain Jobs at once: all run", perSecond(b.atOnce, took), "/s")
	ended, err := b.suspendJobs(ctx, r, 0, uids, b.writers)
	if err != nil {
		return err
	}
	b.results.add("plain Jobs at once: pods of all gone", perSecond(b.atOnce, ended), "/s")
	if uids, err = b.createJobs(ctx, r, b.atOnce, b.single); err != nil {
		return err
	}
	times := make([]time.Duration, b.single)
	for i := range uids {
		if times[i], err = b.suspendJobs(ctx, r, b.atOnce+i, uids[i:i+1], 1); err != nil {
			return err
		}
	}
	b.results.addTimes("plain Job, one at a time: pod gone", times)
	return nil
}

// createJobs creates Jobs with names from a number on, and waits until their pods run.
func (b *bench) createJobs(ctx context.Context, r *recorder, from, n int) ([]types.UID, error) {
	uids := make([]types.UID, n)
	_, _, err := inParallel(n, b.writers, func(i int) error {
		job := newJob("floor", from+i)
		began := time.Now()
		err := b.k8s.Create(ctx, job)
		uids[i] = job.UID
		r.note(job.UID, asked, began)
		return err
	})
	if err != nil {
		return nil, err
	}
	return uids, r.wait(ctx, b.patience, uids, running)
}

// suspendJobs suspends the Jobs that createJobs created, and returns how long it takes until their pods are gone.
func (b *bench) suspendJobs(ctx context.Context, r *recorder, from int, uids []types.UID, writers int) (time.Duration, error) {
	began := time.Now()
	_, _, err := inParallel(len(uids), writers, func(i int) error { return b.k8s.Patch(ctx, newJob("floor", from+i), suspendPatch) })
	if err != nil {
		return 0, err
	}
	if err := r.wait(ctx, b.patience, uids, podGone); err != nil {
		return 0, err
	}
	r.Lock()
	defer r.Unlock()
	last := began
	for _, uid := range uids {
		if at := r.marks[uid][podGone]; at.After(last) {
			last = at
		}
	}
	return last.Sub(began), nil
}

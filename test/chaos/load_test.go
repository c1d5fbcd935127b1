// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// load starts and stops executions in a namespace. It calls the API server directly and tries again until it succeeds.
type load struct {
	k8s       client.Client
	namespace string
	counts    *counts
	pipelines []*v1alpha1.Pipeline
	scripts   []stopScript
	// foreign is true if somebody else now and then creates a Job under the name of the workload of an action.
	foreign bool
	// prefix begins the names of executions.
	prefix string
}

// run starts a number of executions, spread over the window, and returns when every script is at its end.
func (l *load) run(ctx context.Context, executions int, window time.Duration, r *rand.Rand) error {
	var wg sync.WaitGroup
	errs := make(chan error, executions)
	pipelines, scripts := newShuffle(r, len(l.pipelines)), newShuffle(r, len(l.scripts))
	for i := range executions {
		p, s := l.pipelines[pipelines.next()], l.scripts[scripts.next()]
		own := rand.New(rand.NewPCG(r.Uint64(), r.Uint64()))
		at := window * time.Duration(i) / time.Duration(executions)
		wg.Go(func() {
			if pause(ctx, at) {
				errs <- l.runScript(ctx, fmt.Sprintf("%s-%03d", l.prefix, i), p, s, own)
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// runScript starts an execution and makes the stop requests of a script.
func (l *load) runScript(ctx context.Context, name string, p *v1alpha1.Pipeline, s stopScript, r *rand.Rand) error {
	e := &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: l.namespace, Name: name},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: p.Name},
	}
	if err := l.create(ctx, e); err != nil {
		return err
	}
	l.counts.add("executions")
	if l.foreign && r.IntN(10) == 0 {
		if err := l.create(ctx, l.newForeignJob(e)); err != nil {
			return err
		}
		l.counts.add("foreign Jobs")
	}
	for i, a := range s {
		if a.atWork {
			l.waitForWork(ctx, e)
		}
		if !pause(ctx, randomDuration(r, a.low, a.high)) {
			return ctx.Err()
		}
		sr := a.newStopRequest(e)
		sr.Name = fmt.Sprintf("%s-stop-%d", name, i)
		if err := l.create(ctx, sr); err != nil {
			return err
		}
		l.counts.add("stop requests")
	}
	return nil
}

// waitForWork waits until an action of an execution is in progress. It waits no longer than the window is: a fault may keep the
// execution from starting at all.
func (l *load) waitForWork(ctx context.Context, e *v1alpha1.PipelineExecution) {
	limited, cancel := context.WithTimeout(ctx, run.window)
	defer cancel()
	for current := (&v1alpha1.PipelineExecution{}); pause(limited, 200*time.Millisecond); {
		if l.k8s.Get(limited, client.ObjectKeyFromObject(e), current) == nil && len(current.Status.Stages) > 0 {
			return
		}
	}
}

// newForeignJob returns a Job that no execution controls, under the name of the Job of the second stage.
func (l *load) newForeignJob(e *v1alpha1.PipelineExecution) *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: l.namespace, Name: plan.WorkloadName(e, plan.ActionKey{Stage: "Deploy", Action: "roll-out"}, 1, "")},
		Spec: batchv1.JobSpec{
			Suspend: ptr.To(true),
			Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				RestartPolicy: corev1.RestartPolicyNever,
				Containers:    []corev1.Container{{Name: "main", Image: "example"}},
			}},
		},
	}
}

// create creates an object, however long the API server is away. If it exists already, an earlier try created it and was not
// answered.
func (l *load) create(ctx context.Context, o client.Object) error {
	return retry(ctx, func(ctx context.Context) error {
		o.SetResourceVersion("")
		err := l.k8s.Create(ctx, o)
		if apierrors.IsAlreadyExists(err) {
			err = l.k8s.Get(ctx, client.ObjectKeyFromObject(o), o)
		}
		return err
	})
}

// retry tries until it succeeds, unless the error is one that does not pass.
func retry(ctx context.Context, try func(context.Context) error) error {
	for {
		limited, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := try(limited)
		cancel()
		if err == nil || apierrors.IsInvalid(err) || apierrors.IsNotFound(err) {
			return err
		}
		if !pause(ctx, 200*time.Millisecond) {
			return fmt.Errorf("giving up: %w", err)
		}
	}
}

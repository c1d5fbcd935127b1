// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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
	// approver is somebody else than the user of k8s, who starts the executions.
	approver  client.Client
	pipelines []*v1alpha1.Pipeline
	scripts   []stopScript
	// decides is true if people decide the approvals of executions that are drawn.
	decides bool
	// foreign is true if somebody else now and then creates a Job under the name of the workload of an action.
	foreign bool
	// certain are starts that every load makes, beside those that are drawn.
	certain []start
	// prefix begins the names of executions.
	prefix string
}

// start is an execution of a pipeline, and what people ask of it.
type start struct {
	pipeline *v1alpha1.Pipeline
	script   stopScript
	// results decide its approvals, beside the stop requests.
	results resultScript
	// before is how many other executions of the pipeline are started right before it.
	before int
	// isHeld is true if it waits for a transition, which somebody enables then.
	isHeld bool
}

// run starts a number of executions and those that are certain, spread over the window, and returns when every script is at its end.
func (l *load) run(ctx context.Context, executions int, window time.Duration, r *rand.Rand) error {
	var wg sync.WaitGroup
	starts := l.drawStarts(executions, r)
	errs := make(chan error, len(starts))
	for i, s := range starts {
		own := rand.New(rand.NewPCG(r.Uint64(), r.Uint64()))
		at := window * time.Duration(i) / time.Duration(len(starts))
		wg.Go(func() {
			if pause(ctx, at) {
				errs <- l.runStart(ctx, fmt.Sprintf("%s-%03d", l.prefix, i), s, own)
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

// drawStarts draws a number of starts, and puts those that are certain among them.
func (l *load) drawStarts(executions int, r *rand.Rand) []start {
	pipelines, scripts, results := newShuffle(r, len(l.pipelines)), newShuffle(r, len(l.scripts)), newShuffle(r, len(resultScripts))
	starts := slices.Clone(l.certain)
	for range executions {
		s := start{pipeline: l.pipelines[pipelines.next()], script: l.scripts[scripts.next()]}
		if l.decides && s.pipeline.Name == approvingName {
			s.results = resultScripts[results.next()]
		}
		starts = append(starts, s)
	}
	r.Shuffle(len(starts), func(i, j int) { starts[i], starts[j] = starts[j], starts[i] })
	return starts
}

// runStart starts an execution, and does what people ask of it. Those who approve and those who stop do not wait for each other.
func (l *load) runStart(ctx context.Context, name string, s start, r *rand.Rand) error {
	for i := range s.before {
		if _, err := l.createExecution(ctx, fmt.Sprintf("%s-before-%d", name, i), s.pipeline); err != nil {
			return err
		}
	}
	e, err := l.createExecution(ctx, name, s.pipeline)
	if err != nil {
		return err
	}
	approvers := rand.New(rand.NewPCG(r.Uint64(), r.Uint64()))
	approved := make(chan error, 1)
	go func() { approved <- l.runResults(ctx, e, s.results, approvers) }()
	if s.isHeld {
		l.waitFor(ctx, e, isWaitingBeforeStage)
		err = l.enableTransitions(ctx, s.pipeline)
	}
	return errors.Join(err, l.runStops(ctx, e, s.script, r), <-approved)
}

func (l *load) createExecution(ctx context.Context, name string, p *v1alpha1.Pipeline) (*v1alpha1.PipelineExecution, error) {
	e := &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: l.namespace, Name: name},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: p.Name},
	}
	if err := l.create(ctx, e); err != nil {
		return nil, err
	}
	l.counts.add("executions")
	return e, nil
}

// enableTransitions enables the transitions of a Pipeline.
func (l *load) enableTransitions(ctx context.Context, p *v1alpha1.Pipeline) error {
	err := retry(ctx, func(ctx context.Context) error {
		current := &v1alpha1.Pipeline{}
		if err := l.k8s.Get(ctx, client.ObjectKeyFromObject(p), current); err != nil {
			return err
		}
		for i := range current.Spec.Stages {
			current.Spec.Stages[i].Transition = nil
		}
		return l.k8s.Update(ctx, current)
	})
	l.counts.add("transitions enabled")
	return err
}

// runStops makes the stop requests of a script.
func (l *load) runStops(ctx context.Context, e *v1alpha1.PipelineExecution, s stopScript, r *rand.Rand) error {
	if l.foreign && r.IntN(10) == 0 {
		if err := l.create(ctx, l.newForeignJob(e)); err != nil {
			return err
		}
		l.counts.add("foreign Jobs")
	}
	for i, a := range s {
		if a.when != nil {
			l.waitFor(ctx, e, a.when)
		}
		if !pause(ctx, randomDuration(r, a.low, a.high)) {
			return ctx.Err()
		}
		sr := a.newStopRequest(e)
		sr.Name = fmt.Sprintf("%s-stop-%d", e.Name, i)
		if err := l.create(ctx, sr); err != nil {
			return err
		}
		l.counts.add("stop requests")
	}
	return nil
}

// moment is a time in the life of an execution at which people ask for something.
type moment func(*v1alpha1.PipelineExecution) bool

// waitFor waits until the moment of an execution has come, or the execution has ended without it. A fault may keep the execution from
// going on at all, so the moment may come only when the fault has ended.
func (l *load) waitFor(ctx context.Context, e *v1alpha1.PipelineExecution, has moment) {
	limited, cancel := context.WithTimeout(ctx, run.patience)
	defer cancel()
	for current := (&v1alpha1.PipelineExecution{}); pause(limited, 200*time.Millisecond); {
		if l.k8s.Get(limited, client.ObjectKeyFromObject(e), current) == nil && (has(current) || current.Status.State.IsFinal()) {
			return
		}
	}
}

func hasWorkload(a *v1alpha1.ActionStatus) bool { return a.Workload.UID != "" }

// isAtWork is when an execution has an action whose Job it knows.
func isAtWork(e *v1alpha1.PipelineExecution) bool { return hasAction(e, hasWorkload) }

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
func (l *load) create(ctx context.Context, o client.Object) error { return createAs(ctx, l.k8s, o) }

// createAs creates an object as create does, as another user.
func createAs(ctx context.Context, user client.Client, o client.Object) error {
	return retry(ctx, func(ctx context.Context) error {
		o.SetResourceVersion("")
		err := user.Create(ctx, o)
		if apierrors.IsAlreadyExists(err) {
			err = user.Get(ctx, client.ObjectKeyFromObject(o), o)
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

// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// The verbs delete are for owner references alone: where OwnerReferencesPermissionEnforcement is on, whoever changes those of
// an object must be allowed to delete it. Nothing here deletes anything.
// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=pipelineexecutions,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=pipelineexecutions/status,verbs=update
// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=pipelineexecutions/finalizers,verbs=update
// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=pipelines/finalizers,verbs=update
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;watch;create
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// PipelineExecutionReconciler runs and stops executions. It alone writes them.
type PipelineExecutionReconciler struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// Live reads from the API server.
	Live client.Reader
	// Runner carries out what the status asks for.
	Runner *action.Runner
	// Recorder tells of what was written.
	Recorder events.EventRecorder
	// Clock tells the time that is recorded.
	Clock clock.PassiveClock
}

// maxSteps bounds the status writes of one reconciliation. A healthy one needs three: the intent, the proof that it was
// carried out, and an end that came at once.
const maxSteps = 8

// Reconcile carries out what the status of an execution asks for, and writes what follows, until nothing new does.
func (r *PipelineExecutionReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	e := &v1alpha1.PipelineExecution{}
	if err := r.Client.Get(ctx, request.NamespacedName, e); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	for done := (carried{}); len(done) < maxSteps; {
		if e.Status.State.Final() {
			return ctrl.Result{}, nil
		}
		again, err := r.step(ctx, e, &done)
		if err != nil {
			return unlessOutdated(ctx, err)
		}
		if !again {
			return ctrl.Result{RequeueAfter: plan.Wake(&e.Status, r.now())}, nil
		}
	}
	return ctrl.Result{}, errors.New("the execution did not settle")
}

// carried are the tasks that were carried out in the steps of one reconciliation.
type carried []map[plan.Key]plan.Verb

// step carries out the tasks of the status, and writes the status that follows. It reports whether that one has new
// tasks.
func (r *PipelineExecutionReconciler) step(ctx context.Context, e *v1alpha1.PipelineExecution, done *carried) (bool, error) {
	f, err := r.gather(ctx, e)
	if err != nil {
		return false, err
	}
	asked := tasks(e, f.in.Pipeline)
	if plan.Creates(asked) && len(*done) == 0 {
		// Nothing is created on the word of the cache: it may be older than a stop.
		if current, err := r.isCurrent(ctx, e); err != nil || !current {
			return false, err
		}
	}
	observed, carryErr := r.carryOut(ctx, f.run, asked)
	f.in.Observed = observed
	carryErr = errors.Join(f.held, carryErr)
	next := plan.Next(f.in)
	if equality.Semantic.DeepEqual(next, e.Status) {
		return false, carryErr
	}
	told := plan.Events(&e.Status, &next)
	e.Status = next
	if err := r.Client.Status().Update(ctx, e, client.FieldOwner(action.FieldOwner)); err != nil {
		return false, errors.Join(carryErr, fmt.Errorf("writing the status: %w", err))
	}
	for _, event := range told {
		r.Recorder.Eventf(e, related(e, event), event.Type, event.Reason, event.Action, "%s", event.Note)
	}
	*done = append(*done, verbs(asked))
	return hasNew(tasks(e, f.in.Pipeline), *done), carryErr
}

// tasks are what the status of the execution asks for. Of one that is being deleted nothing more is started; what runs can
// still be stopped, since a finalizer of another may keep it for long.
func tasks(e *v1alpha1.PipelineExecution, pipeline *v1alpha1.PipelineSpec) []plan.Task {
	return slices.DeleteFunc(plan.Tasks(&e.Status, pipeline), func(t plan.Task) bool {
		return t.Verb == plan.Start && e.DeletionTimestamp != nil
	})
}

// related is the Job that an event is about, or nil. Two events of one reason and one object are taken for one.
func related(e *v1alpha1.PipelineExecution, event plan.Event) runtime.Object {
	if event.JobName == "" {
		return nil
	}
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: event.JobName, UID: types.UID(event.JobUID)}}
}

// isCurrent reports whether the execution is as the API server has it. Where it is not, its own event brings it back.
func (r *PipelineExecutionReconciler) isCurrent(ctx context.Context, e *v1alpha1.PipelineExecution) (bool, error) {
	live := &v1alpha1.PipelineExecution{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(e), live); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return live.UID == e.UID && live.ResourceVersion == e.ResourceVersion, nil
}

func (r *PipelineExecutionReconciler) carryOut(ctx context.Context, run action.Run, tasks []plan.Task) (map[plan.Key]plan.Observation, error) {
	observed := map[plan.Key]plan.Observation{}
	var errs []error
	for _, t := range tasks {
		o, err := r.Runner.Do(ctx, run, t)
		if o.Phase != 0 {
			observed[t.Key] = o
		}
		errs = append(errs, err)
	}
	return observed, errors.Join(errs...)
}

func verbs(tasks []plan.Task) map[plan.Key]plan.Verb {
	m := map[plan.Key]plan.Verb{}
	for _, t := range tasks {
		m[t.Key] = t.Verb
	}
	return m
}

// hasNew reports whether a task must be carried out that was not in the last step. A Job that was just created is
// observed when its own events come.
func hasNew(tasks []plan.Task, done carried) bool {
	last := done[len(done)-1]
	for _, t := range tasks {
		if t.Verb != plan.Observe && last[t.Key] != t.Verb {
			return true
		}
	}
	return false
}

func (r *PipelineExecutionReconciler) now() metav1.Time {
	return metav1.NewTime(r.Clock.Now())
}

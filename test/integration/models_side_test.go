// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// modelSide is where a script is played: the world of the explorer, or the cluster.
type modelSide struct {
	client.Client
	namespace string
	// setPhase and letGo are the kubelet's: it sets the phase of a pod, and lets one that is held in its grace period go.
	setPhase func(context.Context, *corev1.Pod, corev1.PodPhase) error
	letGo    func(context.Context, *corev1.Pod) error
	// terminate begins the deletion of the namespace.
	terminate func(context.Context) error
	// awaited waits until the controllers have written to a new object what they have to.
	awaited func(context.Context, client.Object) error
	// older is a version that an object had before.
	older string

	// names are the uids of what scripts created, and as what: the second Job "job" is "Job/job#2".
	names   map[types.UID]string
	created map[string]int
	// kinds are those of what is there to be looked at; Pods are where Jobs are.
	kinds map[string]bool
}

func newSide(c client.Client, ns string) *modelSide {
	return &modelSide{Client: c, namespace: ns, names: map[types.UID]string{}, created: map[string]int{}, kinds: map[string]bool{"Pod": true}}
}

// add creates an object and remembers it.
func (s *modelSide) add(ctx context.Context, o client.Object) error {
	o.SetNamespace(s.namespace)
	if err := s.Create(ctx, o); err != nil {
		return err
	}
	s.remember(o)
	return nil
}

func (s *modelSide) remember(o client.Object) {
	kind := kindName(o)
	name := kind + "/" + o.GetName()
	s.kinds[kind] = true
	s.created[name]++
	s.names[o.GetUID()] = fmt.Sprintf("%s#%d", name, s.created[name])
}

func kindName(o client.Object) string {
	switch o.(type) {
	case *batchv1.Job:
		return "Job"
	case *v1alpha1.PipelineExecution:
		return "PipelineExecution"
	case *appsv1.ControllerRevision:
		return "ControllerRevision"
	}
	panic(fmt.Sprintf("no script creates a %T", o))
}

// podsOf are the pods that a Job of that name made, whosever they are now.
func (s *modelSide) podsOf(ctx context.Context, job string) ([]corev1.Pod, error) {
	pods := &corev1.PodList{}
	err := s.List(ctx, pods, client.InNamespace(s.namespace), client.MatchingLabels{batchv1.JobNameLabel: job})
	return pods.Items, err
}

// observe describes all objects of the namespace, each on a line of its own.
func (s *modelSide) observe(ctx context.Context) (string, error) {
	var lines []string
	for kind, list := range map[string]client.ObjectList{
		"PipelineExecution": &v1alpha1.PipelineExecutionList{}, "ControllerRevision": &appsv1.ControllerRevisionList{},
		"Job": &batchv1.JobList{}, "Pod": &corev1.PodList{},
	} {
		if !s.kinds[kind] {
			continue
		}
		if err := s.List(ctx, list, client.InNamespace(s.namespace)); err != nil {
			return "", err
		}
		lines = append(lines, s.describeAll(list)...)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}

func (s *modelSide) describeAll(list client.ObjectList) []string {
	var lines []string
	switch l := list.(type) {
	case *v1alpha1.PipelineExecutionList:
		for i := range l.Items {
			lines = append(lines, s.describe(&l.Items[i]))
		}
	case *appsv1.ControllerRevisionList:
		for i := range l.Items {
			lines = append(lines, s.describe(&l.Items[i]))
		}
	case *batchv1.JobList:
		for i := range l.Items {
			lines = append(lines, s.describe(&l.Items[i])+describeJob(&l.Items[i]))
		}
	case *corev1.PodList:
		for i := range l.Items {
			lines = append(lines, s.describe(&l.Items[i])+" "+string(l.Items[i].Status.Phase))
		}
	}
	return lines
}

// describe is what is compared of every object. Pods have names of their own, so that they go by that of their Job.
func (s *modelSide) describe(o client.Object) string {
	name := s.names[o.GetUID()]
	if name == "" {
		name = "Pod of " + o.GetLabels()[batchv1.JobNameLabel]
	}
	deleted := ""
	if o.GetDeletionTimestamp() != nil {
		deleted = " deleted"
	}
	var owners []string
	for _, r := range o.GetOwnerReferences() {
		owners = append(owners, fmt.Sprintf("%s(controller %t, blocks %t)", cmp.Or(s.names[r.UID], "unknown"),
			ptr.Deref(r.Controller, false), ptr.Deref(r.BlockOwnerDeletion, false)))
	}
	return fmt.Sprintf("%s:%s generation %d, finalizers %v, owners %v;", name, deleted, o.GetGeneration(),
		slices.Sorted(slices.Values(o.GetFinalizers())), owners)
}

// describeJob leaves out times, messages, and what neither the model nor the operator knows: indexes.
func describeJob(job *batchv1.Job) string {
	var conditions []string
	for _, c := range job.Status.Conditions {
		conditions = append(conditions, fmt.Sprintf("%s=%s(%s)", c.Type, c.Status, c.Reason))
	}
	slices.Sort(conditions)
	is, u := job.Status, ptr.Deref(job.Status.UncountedTerminatedPods, batchv1.UncountedTerminatedPods{})
	return fmt.Sprintf(" suspend %t, parallelism %d, completions %d; %v; started %t, completed %t, active %d, ready %d, "+
		"terminating %d, succeeded %d+%d, failed %d+%d",
		ptr.Deref(job.Spec.Suspend, false), ptr.Deref(job.Spec.Parallelism, -1), ptr.Deref(job.Spec.Completions, -1), conditions,
		is.StartTime != nil, is.CompletionTime != nil, is.Active, ptr.Deref(is.Ready, -1), ptr.Deref(is.Terminating, -1),
		is.Succeeded, len(u.Succeeded), is.Failed, len(u.Failed))
}

// reference is an owner reference to what a script created last under a name, such as "Job/job"; where it created none, to
// what never was.
func (s *modelSide) reference(name string, controller, blocks bool) metav1.OwnerReference {
	kind, object, _ := strings.Cut(name, "/")
	versions := map[string]string{
		"Job": batchv1.SchemeGroupVersion.String(), "PipelineExecution": v1alpha1.GroupVersion.String(),
		"ControllerRevision": appsv1.SchemeGroupVersion.String(),
	}
	return metav1.OwnerReference{APIVersion: versions[kind], Kind: kind, Name: object, UID: s.uid(name),
		Controller: &controller, BlockOwnerDeletion: &blocks}
}

func (s *modelSide) uid(name string) types.UID {
	latest := fmt.Sprintf("%s#%d", name, s.created[name])
	for uid, is := range s.names {
		if is == latest {
			return uid
		}
	}
	return unknownID
}

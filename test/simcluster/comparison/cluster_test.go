// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package comparison

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
	"haltline.dev/haltline/test/builders"
)

// cluster is where a script is played: a simulated cluster, or a namespace of the real one.
type cluster struct {
	client.Client
	namespace string
	// setPodPhase and killPod do what a kubelet does. killPod ends a pod that is held in its grace period.
	setPodPhase func(context.Context, *corev1.Pod, corev1.PodPhase) error
	killPod     func(context.Context, *corev1.Pod) error
	// deleteNamespace begins the deletion of the namespace.
	deleteNamespace func(context.Context) error
	// waitForStatus waits until the controller of a new object has written its first status.
	waitForStatus func(context.Context, client.Object) error
	// olderVersion is a resourceVersion that the object of the last createWithHistory had before.
	olderVersion string

	// names of what was created, by its uid: the second Job "job" is "Job/job#2".
	names   map[types.UID]string
	created map[string]int
	// kinds that are compared.
	kinds map[string]bool
}

func newCluster(c client.Client, ns string) *cluster {
	return &cluster{Client: c, namespace: ns, names: map[types.UID]string{}, created: map[string]int{}, kinds: map[string]bool{"Pod": true}}
}

// createObject creates an object and remembers it.
func (c *cluster) createObject(ctx context.Context, object client.Object) error {
	object.SetNamespace(c.namespace)
	if err := c.Create(ctx, object); err != nil {
		return err
	}
	c.rememberObject(object)
	return nil
}

func (c *cluster) rememberObject(object client.Object) {
	kind := kindName(object)
	name := kind + "/" + object.GetName()
	c.kinds[kind] = true
	c.created[name]++
	c.names[object.GetUID()] = fmt.Sprintf("%s#%d", name, c.created[name])
}

func kindName(object client.Object) string {
	switch object.(type) {
	case *batchv1.Job:
		return "Job"
	case *v1alpha1.PipelineExecution:
		return "PipelineExecution"
	case *appsv1.ControllerRevision:
		return "ControllerRevision"
	}
	panic(fmt.Sprintf("no script creates a %T", object))
}

// listPods returns the pods that a Job of that name made, whoever owns them now.
func (c *cluster) listPods(ctx context.Context, job string) ([]corev1.Pod, error) {
	pods := &corev1.PodList{}
	err := c.List(ctx, pods, client.InNamespace(c.namespace), client.MatchingLabels{batchv1.JobNameLabel: job})
	return pods.Items, err
}

// describeNamespace describes all objects of the namespace, each on a line of its own.
func (c *cluster) describeNamespace(ctx context.Context) (string, error) {
	var lines []string
	for kind, list := range map[string]client.ObjectList{
		"PipelineExecution": &v1alpha1.PipelineExecutionList{}, "ControllerRevision": &appsv1.ControllerRevisionList{},
		"Job": &batchv1.JobList{}, "Pod": &corev1.PodList{},
	} {
		if !c.kinds[kind] {
			continue
		}
		if err := c.List(ctx, list, client.InNamespace(c.namespace)); err != nil {
			return "", err
		}
		lines = append(lines, c.describeList(list)...)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}

func (c *cluster) describeList(list client.ObjectList) []string {
	var lines []string
	switch typed := list.(type) {
	case *v1alpha1.PipelineExecutionList:
		for i := range typed.Items {
			lines = append(lines, c.describeObject(&typed.Items[i]))
		}
	case *appsv1.ControllerRevisionList:
		for i := range typed.Items {
			lines = append(lines, c.describeObject(&typed.Items[i]))
		}
	case *batchv1.JobList:
		for i := range typed.Items {
			lines = append(lines, c.describeObject(&typed.Items[i])+describeJob(&typed.Items[i]))
		}
	case *corev1.PodList:
		for i := range typed.Items {
			lines = append(lines, c.describeObject(&typed.Items[i])+" "+string(typed.Items[i].Status.Phase))
		}
	}
	return lines
}

// describeObject returns what is compared of every object. The name of a pod is random, so the name of its Job takes its place.
func (c *cluster) describeObject(object client.Object) string {
	name := c.names[object.GetUID()]
	if name == "" {
		name = "Pod of " + object.GetLabels()[batchv1.JobNameLabel]
	}
	deleted := ""
	if object.GetDeletionTimestamp() != nil {
		deleted = " deleted"
	}
	var owners []string
	for _, r := range object.GetOwnerReferences() {
		owners = append(owners, fmt.Sprintf("%s(controller %t, blocks %t)", cmp.Or(c.names[r.UID], "unknown"),
			ptr.Deref(r.Controller, false), ptr.Deref(r.BlockOwnerDeletion, false)))
	}
	return fmt.Sprintf("%s:%s generation %d, finalizers %v, owners %v;", name, deleted, object.GetGeneration(),
		slices.Sorted(slices.Values(object.GetFinalizers())), owners)
}

// describeJob returns what is compared of a Job. It leaves out times, messages and indexes.
func describeJob(job *batchv1.Job) string {
	var conditions []string
	for _, condition := range job.Status.Conditions {
		conditions = append(conditions, fmt.Sprintf("%s=%s(%s)", condition.Type, condition.Status, condition.Reason))
	}
	slices.Sort(conditions)
	status, uncounted := job.Status, ptr.Deref(job.Status.UncountedTerminatedPods, batchv1.UncountedTerminatedPods{})
	return fmt.Sprintf(" suspend %t, parallelism %d, completions %d; %v; started %t, completed %t, active %d, ready %d, "+
		"terminating %d, succeeded %d+%d, failed %d+%d",
		ptr.Deref(job.Spec.Suspend, false), ptr.Deref(job.Spec.Parallelism, -1), ptr.Deref(job.Spec.Completions, -1), conditions,
		status.StartTime != nil, status.CompletionTime != nil, status.Active, ptr.Deref(status.Ready, -1), ptr.Deref(status.Terminating, -1),
		status.Succeeded, len(uncounted.Succeeded), status.Failed, len(uncounted.Failed))
}

// ownerReference returns a reference to the object that was created last under a name, such as "Job/job". If there was none,
// the owner never existed.
func (c *cluster) ownerReference(name string, controller, blocks bool) metav1.OwnerReference {
	kind, objectName, _ := strings.Cut(name, "/")
	versions := map[string]string{
		"Job": batchv1.SchemeGroupVersion.String(), "PipelineExecution": v1alpha1.GroupVersion.String(),
		"ControllerRevision": appsv1.SchemeGroupVersion.String(),
	}
	return metav1.OwnerReference{APIVersion: versions[kind], Kind: kind, Name: objectName, UID: c.findUID(name),
		Controller: &controller, BlockOwnerDeletion: &blocks}
}

// findUID returns the uid of the object that was created last under a name, or the uid of no object.
func (c *cluster) findUID(name string) types.UID {
	latest := fmt.Sprintf("%s#%d", name, c.created[name])
	for uid, name := range c.names {
		if name == latest {
			return uid
		}
	}
	return builders.UnknownID
}

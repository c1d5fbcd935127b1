// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// Life is an object from its first version that is known to its removal.
type Life struct {
	UID  types.UID
	Kind simcluster.Kind
	Key  client.ObjectKey
	// Versions are in the order of their positions. There is at least one, unless only the removal is known.
	Versions []*Change
	// Removal is nil while the object is there.
	Removal *Change
}

// Lives returns the objects of a kind of which a version is known, in the order of their first versions.
func (h *History) Lives(kind simcluster.Kind) []*Life {
	return slices.DeleteFunc(slices.Clone(h.byKind[kind]), func(l *Life) bool { return len(l.Versions) == 0 })
}

// Execution returns the execution of an id, or nil.
func (h *History) Execution(id types.UID) *Life { return h.findLife(simcluster.Execution, id) }

func (h *History) findLife(kind simcluster.Kind, uid types.UID) *Life {
	l := h.lives[uid]
	if l == nil || l.Kind != kind || len(l.Versions) == 0 {
		return nil
	}
	return l
}

// First returns the first version.
func (l *Life) First() *Change { return l.Versions[0] }

// Last returns the last version.
func (l *Life) Last() *Change { return l.Versions[len(l.Versions)-1] }

// FindFirst returns the first version for which a predicate holds, or nil.
func (l *Life) FindFirst(holds func(client.Object) bool) *Change {
	for _, c := range l.Versions {
		if holds(c.New) {
			return c
		}
	}
	return nil
}

// IsBefore reports whether a predicate held for a version before a position.
func (l *Life) IsBefore(position uint64, holds func(client.Object) bool) bool {
	c := l.FindFirst(holds)
	return c != nil && c.Position < position
}

// versionAt returns the version at a position: the last one that is not later. It is nil before the first.
func (l *Life) versionAt(position uint64) *Change {
	var found *Change
	for _, c := range l.Versions {
		if c.Position > position {
			break
		}
		found = c
	}
	return found
}

// mayBeGone reports whether the object can have been removed before a position.
func (l *Life) mayBeGone(position uint64) bool { return l.Removal != nil && l.Removal.After < position }

// isGone reports whether the object was removed at a position or before.
func (l *Life) isGone(position uint64) bool {
	return l.Removal != nil && l.Removal.Position <= position
}

// ObjectAt returns the object at a position, or nil if it was not there.
func (l *Life) ObjectAt(position uint64) client.Object {
	c := l.versionAt(position)
	if c == nil || l.isGone(position) {
		return nil
	}
	return c.New
}

// isWhole reports whether every write of an object is known. The log does not have the name in a creation without an answer,
// so it may be that of any object whose creation is not known.
func (h *History) isWhole(l *Life) bool {
	created := len(l.Versions) > 0 && l.First().isCreation()
	return !slices.ContainsFunc(h.Lost, func(lost LostWrite) bool {
		if lost.Kind != l.Kind || lost.Key.Namespace != l.Key.Namespace {
			return false
		}
		return lost.Key.Name == l.Key.Name || lost.Key.Name == "" && lost.Verb == "create" && !created
	})
}

// ExecutionOf returns the id of the execution that an object is, is about, or belongs to.
func ExecutionOf(o client.Object) types.UID {
	switch o := o.(type) {
	case *v1alpha1.PipelineExecution:
		return o.UID
	case *v1alpha1.StopRequest:
		return types.UID(o.Spec.PipelineExecutionID)
	case *v1alpha1.ApprovalResult:
		return types.UID(o.Spec.PipelineExecutionID)
	}
	if isControlledByExecution(o) {
		return controllerOf(o)
	}
	return types.UID(o.GetLabels()[v1alpha1.LabelExecutionID])
}

// isControlledByExecution reports whether an execution is the controller of an object.
func isControlledByExecution(o client.Object) bool {
	owner := metav1.GetControllerOf(o)
	return owner != nil && owner.Kind == simcluster.Execution.String()
}

// controllerOf returns the uid of the controller of an object, or nothing.
func controllerOf(o client.Object) types.UID {
	if owner := metav1.GetControllerOf(o); owner != nil {
		return owner.UID
	}
	return ""
}

// jobOf returns the uid of the Job of a pod.
func jobOf(o client.Object) types.UID { return types.UID(o.GetLabels()[batchv1.ControllerUidLabel]) }

// jobsOf returns the Jobs of an execution.
func (h *History) jobsOf(execution types.UID) []*Life {
	return slices.DeleteFunc(h.Lives(simcluster.Job), func(l *Life) bool { return ExecutionOf(l.First().New) != execution })
}

// PodsOf returns the pods that had the label of a Job at any time.
func (h *History) PodsOf(job types.UID) []*Life {
	return slices.DeleteFunc(h.Lives(simcluster.Pod), func(l *Life) bool {
		return l.FindFirst(func(o client.Object) bool { return jobOf(o) == job }) == nil
	})
}

// IsPlaceholder reports whether a Job is one that only holds a name.
func IsPlaceholder(o client.Object) bool { return o.GetLabels()[v1alpha1.LabelPlaceholder] == "true" }

// IsOrphan reports whether a Job is marked as one that was left to go on.
func IsOrphan(o client.Object) bool { return o.GetLabels()[v1alpha1.LabelOrphaned] == "true" }

// IsJobFinished reports whether a Job is Complete or Failed.
func IsJobFinished(o client.Object) bool {
	return slices.ContainsFunc(o.(*batchv1.Job).Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
	})
}

// IsSuspended reports whether a Job is suspended.
func IsSuspended(job *batchv1.Job) bool { return job.Spec.Suspend != nil && *job.Spec.Suspend }

// isEmpty reports whether a Job has no pod even if somebody resumes it.
func isEmpty(job *batchv1.Job) bool {
	return job.Spec.Parallelism != nil && *job.Spec.Parallelism == 0 || job.Spec.Completions != nil && *job.Spec.Completions == 0
}

// HasPodEnded reports whether the containers of a pod have ended.
func HasPodEnded(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

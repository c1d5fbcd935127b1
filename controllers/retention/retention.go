// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package retention decides which finished objects are deleted, and when. It reads and writes nothing.
package retention

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

const (
	// MinAge is how long a finished object is kept in any case: whoever waits for its end has to see it.
	MinAge = time.Minute
	// DefaultHistory is how many finished executions of a pipeline are kept with each end, if its Pipeline does not say.
	DefaultHistory = 100
)

// Limits are how long the finished executions of a pipeline are kept.
type Limits struct {
	// History is how many are kept with each end.
	History map[v1alpha1.ExecutionState]int
	// TTL is how long each is kept that has no TTL of its own; nil if it is kept however old it is.
	TTL *int32
}

// LimitsOf returns the limits of a Pipeline. Those of one that is gone, which is nil, are the defaults.
func LimitsOf(pipeline *v1alpha1.Pipeline) Limits {
	spec := v1alpha1.PipelineSpec{}
	if pipeline != nil {
		spec = pipeline.Spec
	}
	history := ptr.Deref(spec.History, v1alpha1.ExecutionHistory{})
	return Limits{
		History: map[v1alpha1.ExecutionState]int{
			v1alpha1.ExecutionSucceeded: int(ptr.Deref(history.Succeeded, DefaultHistory)),
			v1alpha1.ExecutionFailed:    int(ptr.Deref(history.Failed, DefaultHistory)),
			v1alpha1.ExecutionStopped:   int(ptr.Deref(history.Stopped, DefaultHistory)),

			v1alpha1.ExecutionSuperseded: int(ptr.Deref(history.Superseded, DefaultHistory)),
		},
		TTL: spec.TTLSecondsAfterFinished,
	}
}

// Expired returns which of the executions of a pipeline are to be deleted now, the one that ended first in front, and after how long
// another one is; 0 if none will be without a change. Executions that have not finished, that are being deleted or kept by their
// annotation are passed over, and do not count.
func Expired(executions []*v1alpha1.PipelineExecution, limits Limits, now time.Time) (expired []*v1alpha1.PipelineExecution, next time.Duration) {
	finished := slices.DeleteFunc(slices.Clone(executions), func(e *v1alpha1.PipelineExecution) bool { return !canExpire(e) })
	slices.SortFunc(finished, func(a, b *v1alpha1.PipelineExecution) int {
		return cmp.Or(b.Status.CompletionTime.Compare(a.Status.CompletionTime.Time), cmp.Compare(b.Name, a.Name))
	})
	kept := map[v1alpha1.ExecutionState]int{}
	for _, e := range finished {
		kept[e.Status.State]++
		after, ends := keptFor(e, limits, kept[e.Status.State] > limits.History[e.Status.State])
		if !ends {
			continue
		}
		if left := after - now.Sub(e.Status.CompletionTime.Time); left <= 0 {
			expired = append(expired, e)
		} else if next == 0 || left < next {
			next = left
		}
	}
	slices.Reverse(expired)
	return expired, next
}

// canExpire reports whether an execution has finished, and nothing keeps it.
func canExpire(e *v1alpha1.PipelineExecution) bool {
	_, isKept := e.Annotations[v1alpha1.AnnotationKeep]
	return e.Status.State.IsFinal() && e.Status.CompletionTime != nil && e.DeletionTimestamp == nil && !isKept
}

// keptFor returns how long after its end an execution is kept, or false if it is kept however old it is.
func keptFor(e *v1alpha1.PipelineExecution, limits Limits, isTooMany bool) (time.Duration, bool) {
	if isTooMany {
		return MinAge, true
	}
	ttl := limits.TTL
	if e.Spec.TTLSecondsAfterFinished != nil {
		ttl = e.Spec.TTLSecondsAfterFinished
	}
	return lifetime(ttl)
}

// lifetime returns how long a TTL keeps an object, or false if there is none.
func lifetime(ttl *int32) (time.Duration, bool) {
	if ttl == nil {
		return 0, false
	}
	return max(time.Duration(*ttl)*time.Second, MinAge), true
}

// RequestExpiresAfter returns after how long a request with a TTL and conditions is to be deleted: 0 or less if it is now. It returns
// false if it is kept.
func RequestExpiresAfter(request metav1.Object, ttl *int32, conditions []metav1.Condition, now time.Time) (time.Duration, bool) {
	finished := meta.FindStatusCondition(conditions, v1alpha1.ConditionFinished)
	after, ends := lifetime(ttl)
	if finished == nil || finished.Status != metav1.ConditionTrue || !ends || request.GetDeletionTimestamp() != nil {
		return 0, false
	}
	return after - now.Sub(finished.LastTransitionTime.Time), true
}

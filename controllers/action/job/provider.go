// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package job runs actions as Jobs of batch/v1.
package job

import (
	"context"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/flowcontrol"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/internal/ownwrites"
	"haltline.dev/haltline/internal/slots"
)

// Provider runs actions as Jobs.
type Provider struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// APIReader reads from the API server.
	APIReader client.Reader
	// LargeReads bound how often whole pods or Jobs are read at the same time; nil does not bound it.
	LargeReads slots.Slots
	// Explanations bound how often it is begun to look why work goes on; nil does not bound it.
	Explanations flowcontrol.PassiveRateLimiter

	pods knownPods
	// shortened are the Jobs of whose pods the grace period was shortened.
	shortened shortenedJobs
	// written are the generations of Jobs that were created or changed.
	written ownwrites.Writes
}

var _ action.Provider = &Provider{}

// WorkloadKind is that of a Job.
func (p *Provider) WorkloadKind() plan.WorkloadKind {
	return plan.WorkloadKind{APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "Job"}
}

// Handles reports whether the action has a job to run.
func (p *Provider) Handles(definition *v1alpha1.Action) bool {
	return definition.Job != nil
}

// Watches returns Jobs without what is not read, and the metadata of pods, of which only the deletion brings an execution back: what
// else happens to a pod changes its Job.
func (p *Provider) Watches() []action.Watch {
	ofExecutions := action.SelectLabeled(v1alpha1.LabelExecutionID)
	return []action.Watch{
		{Object: &batchv1.Job{}, Cache: cache.ByObject{Label: ofExecutions, Transform: transformJob}, Follower: jobFollower{p}},
		{
			Object: newPodMetadata(), Cache: cache.ByObject{Label: ofExecutions, Transform: transformPodMetadata},
			Predicates: []predicate.Predicate{action.OnlyDeletes}, Follower: &p.pods,
		},
	}
}

// jobFollower forgets what is remembered of Jobs that are gone.
type jobFollower struct{ *Provider }

// Appeared does nothing.
func (jobFollower) Appeared(context.Context, client.Object) {}

// Vanished forgets a Job.
func (f jobFollower) Vanished(_ context.Context, o client.Object) {
	f.pods.forget(o.GetUID())
	f.shortened.forget(o.GetUID())
	f.written.Forget(o.GetUID())
}

// newPodMetadata returns an empty object that stands for pods of which only the metadata is read.
func newPodMetadata() *metav1.PartialObjectMetadata {
	pod := &metav1.PartialObjectMetadata{}
	pod.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	return pod
}

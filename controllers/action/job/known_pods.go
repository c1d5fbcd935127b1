// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"cmp"
	"context"
	"slices"
	"sync"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/controllers/action"
)

// knownPods remembers of each Job which of its pods the cache came to know, and which of them are not gone. A list by label has the
// API server look at every pod of the namespace, so that stopping one execution would cost the more the more others run. The zero
// value knows of none.
type knownPods struct {
	mu   sync.Mutex
	jobs map[types.UID]*podsOfJob
}

// podsOfJob takes little memory: it lives as long as the Job, and most Jobs have one pod.
type podsOfJob struct {
	// known are sorted by their uid.
	known []knownPod
	// remaining is how many of them are not known to be gone.
	remaining int
	// jobVanished is set when the cache lost the Job while it had pods of it. Nothing is told of them any more, since the Job may be there
	// without its label. They are remembered until the last is gone: an event of one of them must not look like the first pod of a Job.
	jobVanished bool
}

type knownPod struct {
	uid types.UID
	// name is empty if the pod is gone.
	name string
}

var _ action.Follower = &knownPods{}

// Appeared notes a pod of a Job.
func (k *knownPods) Appeared(_ context.Context, o client.Object) {
	jobUID, ok := controllerUIDOf(o)
	if !ok {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	pods := k.jobs[jobUID]
	if pods == nil {
		pods = &podsOfJob{}
		if k.jobs == nil {
			k.jobs = map[types.UID]*podsOfJob{}
		}
		k.jobs[jobUID] = pods
	}
	if i, found := pods.find(o.GetUID()); !found {
		pods.known = slices.Insert(pods.known, i, knownPod{o.GetUID(), o.GetName()})
		pods.remaining++
	}
}

// find returns where a pod is, or would be.
func (p *podsOfJob) find(uid types.UID) (int, bool) {
	return slices.BinarySearchFunc(p.known, uid, func(k knownPod, uid types.UID) int { return cmp.Compare(k.uid, uid) })
}

// setGone notes that a pod is gone, if it is known.
func (p *podsOfJob) setGone(uid types.UID) {
	if i, found := p.find(uid); found && p.known[i].name != "" {
		p.known[i].name = ""
		p.remaining--
	}
}

// Vanished notes that a pod is gone. A pod also leaves the cache when somebody takes a label off it, and then runs on: only one whose
// deletion was seen counts as gone.
func (k *knownPods) Vanished(_ context.Context, o client.Object) {
	jobUID, ok := controllerUIDOf(o)
	if !ok {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	pods := k.jobs[jobUID]
	if pods == nil || o.GetDeletionTimestamp() == nil && !pods.jobVanished {
		return
	}
	pods.setGone(o.GetUID())
	if pods.jobVanished && pods.remaining == 0 {
		delete(k.jobs, jobUID)
	}
}

// forget forgets the pods of a Job that the cache has lost, as soon as it has none of them.
func (k *knownPods) forget(job types.UID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	pods := k.jobs[job]
	if pods == nil || pods.remaining == 0 {
		delete(k.jobs, job)
		return
	}
	pods.jobVanished = true
}

// tell returns what is known of the pods of a Job, and the name of one that is not known to be gone. See whatIsKnown.
func (k *knownPods) tell(job *batchv1.Job) (knowledge podsKnowledge, name string, uid types.UID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	pods := k.jobs[job.UID]
	if pods == nil || pods.jobVanished {
		return podsUnknown, "", ""
	}
	for _, pod := range pods.known {
		if pod.name != "" && (name == "" || pod.name < name) {
			name, uid = pod.name, pod.uid
		}
	}
	return whatIsKnown(job, len(pods.known), pods.remaining), name, uid
}

// controllerUIDOf returns the uid of the Job that a pod was created for.
func controllerUIDOf(o client.Object) (types.UID, bool) {
	uid, ok := o.GetLabels()[batchv1.ControllerUidLabel]
	return types.UID(uid), ok
}

// tellPods returns what is known of the pods of a Job without a list. If it returns podsRemain, the cache has a pod of the Job, and an
// event comes when that pod is gone.
func (p *Provider) tellPods(ctx context.Context, job *batchv1.Job) (podsKnowledge, error) {
	knowledge, name, uid := p.pods.tell(job)
	if knowledge != podsRemain {
		return knowledge, nil
	}
	pod := newPodMetadata()
	err := p.Client.Get(ctx, client.ObjectKey{Namespace: job.Namespace, Name: name}, pod)
	if apierrors.IsNotFound(err) || err == nil && pod.UID != uid {
		return podsUnknown, nil
	}
	return podsRemain, err
}

// podsKnowledge is what is known of the pods of a Job without a list.
type podsKnowledge int

const (
	// podsUnknown: they have to be listed.
	podsUnknown podsKnowledge = iota
	// podsRemain: one is not gone.
	podsRemain
	// podsGone: none is left.
	podsGone
)

// whatIsKnown returns what is known of the pods of a Job, of which the cache came to know so many, and of which so many are not gone.
//
// The Job controller writes the condition Suspended together with how many pods the Job has, after it has deleted those that ran; it creates
// none from then on. Before a pod of a Job can be gone, the Job controller counts it, because of the finalizer
// batch.kubernetes.io/job-tracking. So if the cache came to know as many pods as are counted, it knows all of them. That does not
// hold for a Job that had been suspended before or has a policy by which pods are not counted. Nor does it if no pod of it is
// known: one of an earlier Job of the name may have been left, and events come in order, so that it is known before those of this one.
func whatIsKnown(job *batchv1.Job, known, remaining int) podsKnowledge {
	status := &job.Status
	switch {
	case !isConditionTrue(job, batchv1.JobSuspended), !wasSuspendedOnce(job), !isEmpty(job):
		return podsUnknown
	case job.Spec.PodFailurePolicy != nil, status.Terminating == nil, known == 0:
		return podsUnknown
	case known < countPods(status):
		return podsUnknown
	case remaining == 0:
		return podsGone
	case hasEndedPods(status):
		return podsUnknown // Those that remain may have ended.
	default:
		return podsRemain
	}
}

// wasSuspendedOnce reports whether the spec of a Job was changed once, which was when it was suspended.
func wasSuspendedOnce(job *batchv1.Job) bool {
	const created = 1
	return job.Generation == created+1 && isSuspended(job)
}

// countPods returns how many pods the Job controller has counted.
func countPods(status *batchv1.JobStatus) int {
	count := int(status.Active) + int(ptr.Deref(status.Terminating, 0)) + int(status.Succeeded) + int(status.Failed)
	if u := status.UncountedTerminatedPods; u != nil {
		count += len(u.Succeeded) + len(u.Failed)
	}
	return count
}

// hasEndedPods reports whether pods of a Job have ended, and may be kept.
func hasEndedPods(status *batchv1.JobStatus) bool {
	return countPods(status) > int(status.Active)+int(ptr.Deref(status.Terminating, 0))
}
